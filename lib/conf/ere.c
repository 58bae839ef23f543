/* SPDX-License-Identifier: MIT */
/*
 * How it works: a match walks over the text with the set of positions it may
 * be at (ere_impl.h); each byte leads to those that may follow one of them
 * and take it.
 *
 * How it fails: making one, see ere_read.c; matching never does.
 */
#include "conf/ere_impl.h"

#include <stdlib.h>

int dn_ere_new(struct dn_ere **ere, const char *pattern, struct dn_err *err)
{
	int rc;

	*ere = dn_xcalloc(1, sizeof(**ere));
	rc = dn_ere_read(*ere, pattern, err);
	if (rc != 0)
		dn_ere_free(ere);
	return rc;
}

void dn_ere_free(struct dn_ere **ere)
{
	free(*ere);
	*ere = NULL;
}

static bool sets_meet(const struct dn_ere_set *a, const struct dn_ere_set *b)
{
	uint64_t common = 0;
	size_t i;

	for (i = 0; i < DN_ERE_WORDS; i++)
		common |= a->w[i] & b->w[i];
	return common != 0;
}

/* The union of each member's set. */
static void or_each(struct dn_ere_set *to, const struct dn_ere_set *members,
    const struct dn_ere_set *sets)
{
	size_t i;

	for (i = 0; i < DN_ERE_WORDS; i++) {
		uint64_t rest = members->w[i];

		for (; rest != 0; rest &= rest - 1)
			dn_ere_or(
			    to, &sets[i * 64 + (size_t)__builtin_ctzll(rest)]);
	}
}

/* Where one may be after the symbol. A match may begin anywhere. */
static void step(
    const struct dn_ere *ere, struct dn_ere_set *at, unsigned symbol)
{
	struct dn_ere_set next = ere->first;
	size_t i;

	or_each(&next, at, ere->follow);
	for (i = 0; i < DN_ERE_WORDS; i++)
		at->w[i] = next.w[i] & ere->takes[symbol].w[i];
}

/* The ends of the text may be taken any number of times. */
static void step_end(
    const struct dn_ere *ere, struct dn_ere_set *at, unsigned symbol)
{
	struct dn_ere_set before, next = *at;

	do {
		before = next;
		step(ere, &next, symbol);
		dn_ere_or(&next, &before);
	} while (memcmp(&before, &next, sizeof(next)) != 0);
	*at = next;
}

bool dn_ere_match(const struct dn_ere *ere, struct dn_str text)
{
	struct dn_ere_set at = {{0}};
	bool found;
	size_t i;

	if (ere->nullable)
		return true;
	step_end(ere, &at, DN_ERE_BEGIN);
	found = sets_meet(&at, &ere->last);
	for (i = 0; i < text.n && !found; i++) {
		step(ere, &at, (unsigned char)text.p[i]);
		found = sets_meet(&at, &ere->last);
	}
	if (!found) {
		step_end(ere, &at, DN_ERE_END);
		found = sets_meet(&at, &ere->last);
	}
	return found;
}
