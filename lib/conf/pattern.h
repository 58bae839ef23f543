/* SPDX-License-Identifier: MIT */
/*
 * pattern: a regular expression of the configuration (PCRE2) for texts that
 * a peer chooses.
 *
 * Ownership: a pattern is made once and then shared read-only.
 * Limits: a match that takes too many steps has failed; how many depends on
 *   nothing that the peer can choose but the text.
 * Errors: -EINVAL, with what is wrong and where.
 * Thread: any.
 */
#ifndef DN_PATTERN_H
#define DN_PATTERN_H

#include "base/err.h"

struct dn_pattern;

DN_MUST_CHECK int dn_pattern_new(
    struct dn_pattern **pattern, const char *text, struct dn_err *err);
void dn_pattern_free(struct dn_pattern **pattern);
/* Whether it is found in the text ("^" and "$" tie it to its ends). */
DN_MUST_CHECK bool dn_pattern_matches(
    const struct dn_pattern *pattern, struct dn_str text);

#endif
