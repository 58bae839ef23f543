/* SPDX-License-Identifier: MIT */
/*
 * rate: how much there was a second, in the last whole window of one to two
 * seconds.
 *
 * Ownership: the caller's struct; {0} has seen nothing.
 * Thread: one at a time.
 */
#ifndef DN_RATE_H
#define DN_RATE_H

#include "base/base.h"

enum { DN_RATE_WINDOW_MS = 1000 };

struct dn_rate {
	uint32_t since_ms; /* the window's start; the clock may wrap */
	uint64_t now;      /* in this window */
	uint64_t last;     /* a second, in the one before */
};

static inline void dn_rate_turn(struct dn_rate *r, uint32_t now_ms)
{
	uint32_t took = now_ms - r->since_ms;

	if (took < DN_RATE_WINDOW_MS)
		return;
	/* A longer window had a silence in it, the last second too. */
	r->last = took < 2 * DN_RATE_WINDOW_MS
		      ? r->now * DN_RATE_WINDOW_MS / took
		      : 0;
	r->now = 0;
	r->since_ms = now_ms;
}

static inline void dn_rate_add(struct dn_rate *r, uint64_t n, uint32_t now_ms)
{
	dn_rate_turn(r, now_ms);
	r->now += n;
}

static inline uint64_t dn_rate_get(struct dn_rate *r, uint32_t now_ms)
{
	dn_rate_turn(r, now_ms);
	return r->last;
}

#endif
