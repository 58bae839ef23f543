/* SPDX-License-Identifier: MIT */
/*
 * closest: what a misspelt word was probably meant to be, for error messages.
 *
 * Thread: any.
 */
#ifndef DN_CLOSEST_H
#define DN_CLOSEST_H

#include <stddef.h>

/* The closest of the words, or NULL when none is close. */
const char *dn_closest(const char *word, const char *const *words, size_t n);

#endif
