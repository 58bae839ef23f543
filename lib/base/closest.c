/* SPDX-License-Identifier: MIT */
#include "base/closest.h"

#include <stdint.h>
#include <string.h>

/* Optimal string alignment distance, for words of a flag's length. */
static size_t distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	size_t d[MAX + 1][MAX + 1];
	size_t an = strlen(a), bn = strlen(b), i, j, best;

	if (an > MAX || bn > MAX)
		return SIZE_MAX;
	for (i = 0; i <= an; i++)
		d[i][0] = i;
	for (j = 0; j <= bn; j++)
		d[0][j] = j;
	for (i = 1; i <= an; i++) {
		for (j = 1; j <= bn; j++) {
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[an][bn];
}

const char *dn_closest(const char *word, const char *const *words, size_t n)
{
	const char *closest = NULL;
	size_t best = strlen(word) / 3 + 1;
	size_t i, d;

	for (i = 0; i < n; i++) {
		d = distance(word, words[i]);
		if (d <= best && d < strlen(words[i])) {
			if (closest != NULL && d == best)
				continue; /* the first of equals */
			closest = words[i];
			best = d;
		}
	}
	return closest;
}
