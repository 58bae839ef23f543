/* SPDX-License-Identifier: MIT */
/*
 * ere_impl: the automaton that ere_read.c makes of a pattern and ere.c walks,
 * for these two only.
 *
 * Each character of the pattern, once counts are written out, is a position.
 * BEGIN and END stand around every text, and "^" and "$" are positions that
 * take them.
 */
#ifndef DN_ERE_IMPL_H
#define DN_ERE_IMPL_H

#include "conf/ere.h"

enum {
	DN_ERE_POSITIONS_MAX = 512,
	DN_ERE_WORDS = DN_ERE_POSITIONS_MAX / 64,
	DN_ERE_BEGIN = 256,
	DN_ERE_END,
	DN_ERE_SYMBOLS
};

/* Of positions. */
struct dn_ere_set {
	uint64_t w[DN_ERE_WORDS];
};

struct dn_ere {
	struct dn_ere_set takes[DN_ERE_SYMBOLS]; /* who takes it */
	struct dn_ere_set follow[DN_ERE_POSITIONS_MAX];
	struct dn_ere_set first, last;
	bool nullable; /* matches without any character */
};

static inline void dn_ere_or(
    struct dn_ere_set *to, const struct dn_ere_set *from)
{
	size_t i;

	for (i = 0; i < DN_ERE_WORDS; i++)
		to->w[i] |= from->w[i];
}

/* Fills a zeroed one. */
DN_MUST_CHECK int dn_ere_read(
    struct dn_ere *ere, const char *pattern, struct dn_err *err);

#endif
