/* SPDX-License-Identifier: MIT */
/*
 * ere: POSIX extended regular expressions over bytes, for texts that a peer
 * chooses: matching takes no memory, no lock, and time that grows with the
 * text alone. The C library's keeps memory for each new text, and gets slower
 * with it, where a pattern has many ways to match ("-[0-9a-f-]{36}$").
 *
 * It has alternatives, groups, "* + ?", counts, brackets with ranges and
 * classes, ".", "^" and "$", and "\" before a character that is not a letter
 * or digit. What POSIX leaves undefined is refused, but for empty
 * alternatives, which match nothing at all.
 *
 * Ownership: an ere is one allocation, immutable from then on.
 * Limits: a pattern of 1024 bytes, groups 32 deep, 512 characters once counts
 *   are written out.
 * Errors: -EINVAL, with what is wrong and where.
 * Thread: any, at the same time.
 */
#ifndef DN_ERE_H
#define DN_ERE_H

#include "base/err.h"

struct dn_ere;

DN_MUST_CHECK int dn_ere_new(
    struct dn_ere **ere, const char *pattern, struct dn_err *err);
/* Whether the pattern is found in the text ("^" and "$" tie it to its ends).
 */
bool dn_ere_match(const struct dn_ere *ere, struct dn_str text);
void dn_ere_free(struct dn_ere **ere);

#endif
