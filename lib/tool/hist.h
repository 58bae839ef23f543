/* SPDX-License-Identifier: MIT */
/*
 * hist: a histogram with a bounded relative error, in HdrHistogram's layout.
 *
 * Values are counted in slots whose width is one up to 2^n (n by the wanted
 * digits) and doubles with each power of two above, so that a slot is never
 * wider than 1/10^digits of what it holds. Recording is O(1), takes no
 * memory and no lock.
 *
 * Ownership: the caller owns the struct; dn_hist_release frees the slots.
 * Limits: values 0..max; a negative one (two clocks disagree) counts as 0,
 *   one above max counts as max, and `max` of the results stays exact.
 *   Memory: 8 bytes a slot: three digits up to one hour in us are 184 KiB, two
 *   are 26 KiB, one 3.6 KiB.
 * Errors: none; a wrong range is a bug.
 * Thread: one at a time.
 */
#ifndef DN_HIST_H
#define DN_HIST_H

#include "base/buf.h"

/* One hour in us: what the programs use. */
#define DN_HIST_HOUR_US INT64_C(3600000000)

struct dn_hist {
	uint32_t magic;
	unsigned half_bits; /* log2 of half of the sub-buckets */
	int64_t max;        /* highest value told apart */
	size_t slots;
	uint64_t *counts;
	uint64_t total;
	int64_t lowest; /* exact, as recorded; both 0 while empty */
	int64_t highest;
};

/* digits 1..3; max >= 1. */
void dn_hist_init(struct dn_hist *h, int64_t max, int digits);
void dn_hist_release(struct dn_hist *h);
/* Forgets every value and keeps the memory. */
void dn_hist_clear(struct dn_hist *h);

void dn_hist_add(struct dn_hist *h, int64_t value);
/* Both must have been initialised alike. */
void dn_hist_merge(struct dn_hist *into, const struct dn_hist *from);

static inline uint64_t dn_hist_count(const struct dn_hist *h)
{
	return h->total;
}

/* The lowest and highest recorded value, exact; 0 while empty. */
int64_t dn_hist_min(const struct dn_hist *h);
int64_t dn_hist_max(const struct dn_hist *h);
double dn_hist_mean(const struct dn_hist *h);
double dn_hist_stddev(const struct dn_hist *h);

/* The smallest value that at least that share of the values (0..100) does not
 * exceed, as the upper end of its slot and never above dn_hist_max; 0 while
 * empty. */
int64_t dn_hist_percentile(const struct dn_hist *h, double percent);

/* How many values are <= bound: the cumulative buckets of Prometheus. Values
 * in the slot that holds bound count, so that the error stays within the
 * digits. */
uint64_t dn_hist_below(const struct dn_hist *h, int64_t bound);

/* Appends the percentile distribution as HdrHistogram prints it and its
 * plotter reads it; values are divided by scale (1000: us become ms). */
void dn_hist_write_hgrm(
    const struct dn_hist *h, double scale, struct dn_buf *out);

#endif
