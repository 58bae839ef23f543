/* SPDX-License-Identifier: MIT */
/*
 * How it works: with three digits there are 2048 sub-buckets. Values below
 * 2048 have a slot each. A greater value v is shifted right by s until it is
 * in 1024..2047; its slot is that number in row s, and rows are 1024 slots,
 * because the lower half of each row's sub-buckets is told apart better by
 * the row before it. So slot = (s << 10) + (v >> s), which is also right for
 * s = 0, and the inverse needs no table.
 *
 * Nothing can fail: values outside the range are counted at its ends, which
 * keeps the counts complete; the exact lowest and highest are kept beside.
 */
#include "tool/hist.h"

#include <math.h>
#include <stdlib.h>

enum { HIST_MAGIC = 0x4449535a, HGRM_TICKS = 5 };

static unsigned shift_of(const struct dn_hist *h, uint64_t v)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);

	return bits > h->half_bits + 1 ? bits - (h->half_bits + 1) : 0;
}

static size_t slot_of(const struct dn_hist *h, int64_t value)
{
	uint64_t v = (uint64_t)value;
	unsigned s = shift_of(h, v);

	return ((size_t)s << h->half_bits) + (size_t)(v >> s);
}

/* The highest value that falls into the slot. */
static int64_t slot_top(const struct dn_hist *h, size_t slot)
{
	size_t row = slot >> h->half_bits;
	unsigned s = row > 1 ? (unsigned)row - 1 : 0;
	uint64_t base = slot - ((size_t)s << h->half_bits);

	return (int64_t)(((base + 1) << s) - 1);
}

/* The middle of the slot, for mean and deviation. */
static double slot_middle(const struct dn_hist *h, size_t slot)
{
	int64_t low = slot == 0 ? 0 : slot_top(h, slot - 1) + 1;

	return ((double)low + (double)slot_top(h, slot)) / 2;
}

void dn_hist_init(struct dn_hist *h, int64_t max, int digits)
{
	static const unsigned half_bits[] = {4, 7, 10}; /* 32, 256, 2048 */

	DN_ASSERT(digits >= 1 && digits <= 3);
	DN_ASSERT(max >= 1 && max <= INT64_MAX / 4);
	*h = (struct dn_hist){.magic = HIST_MAGIC, .max = max};
	h->half_bits = half_bits[digits - 1];
	h->slots = slot_of(h, max) + 1;
	h->counts = dn_xcalloc(h->slots, sizeof(*h->counts));
}

void dn_hist_release(struct dn_hist *h)
{
	DN_CHECK(h, HIST_MAGIC);
	free(h->counts);
	*h = (struct dn_hist){0};
}

void dn_hist_clear(struct dn_hist *h)
{
	DN_CHECK(h, HIST_MAGIC);
	memset(h->counts, 0, h->slots * sizeof(*h->counts));
	h->total = 0;
	h->lowest = h->highest = 0;
}

static void note_range(struct dn_hist *h, int64_t lowest, int64_t highest)
{
	if (h->total == 0 || lowest < h->lowest)
		h->lowest = lowest;
	if (h->total == 0 || highest > h->highest)
		h->highest = highest;
}

void dn_hist_add(struct dn_hist *h, int64_t value)
{
	DN_CHECK(h, HIST_MAGIC);
	if (value < 0)
		value = 0;
	note_range(h, value, value);
	h->counts[slot_of(h, value < h->max ? value : h->max)]++;
	h->total++;
}

void dn_hist_merge(struct dn_hist *into, const struct dn_hist *from)
{
	DN_CHECK(into, HIST_MAGIC);
	DN_CHECK(from, HIST_MAGIC);
	DN_ASSERT(into->max == from->max);
	DN_ASSERT(into->half_bits == from->half_bits);
	if (from->total == 0)
		return;
	note_range(into, from->lowest, from->highest);
	for (size_t i = 0; i < from->slots; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
}

int64_t dn_hist_min(const struct dn_hist *h)
{
	DN_CHECK(h, HIST_MAGIC);
	return h->lowest;
}

int64_t dn_hist_max(const struct dn_hist *h)
{
	DN_CHECK(h, HIST_MAGIC);
	return h->highest;
}

double dn_hist_mean(const struct dn_hist *h)
{
	double sum = 0;

	DN_CHECK(h, HIST_MAGIC);
	if (h->total == 0)
		return 0;
	for (size_t i = 0; i < h->slots; i++)
		if (h->counts[i] != 0)
			sum += (double)h->counts[i] * slot_middle(h, i);
	return sum / (double)h->total;
}

double dn_hist_stddev(const struct dn_hist *h)
{
	double mean = dn_hist_mean(h);
	double sum = 0;

	if (h->total == 0)
		return 0;
	for (size_t i = 0; i < h->slots; i++) {
		double off = slot_middle(h, i) - mean;

		if (h->counts[i] != 0)
			sum += (double)h->counts[i] * off * off;
	}
	return sqrt(sum / (double)h->total);
}

/* What a slot reports: its upper end, but never more than was seen. The last
 * slot also holds what was above the range. */
static int64_t slot_value(const struct dn_hist *h, size_t slot)
{
	int64_t top = slot_top(h, slot);

	return top < h->highest && slot + 1 < h->slots ? top : h->highest;
}

/* The rank of a percentile, 1..total. A share like 99.9 has no exact double:
 * the next lower one keeps 99.9 % of 1000 from becoming 1000. */
static uint64_t rank_of(const struct dn_hist *h, double percent)
{
	double share = nextafter(percent < 100 ? percent : 100, 0);
	double rank = ceil(share / 100 * (double)h->total);

	if (percent >= 100 || rank >= (double)h->total)
		return h->total;
	return rank < 1 ? 1 : (uint64_t)rank;
}

int64_t dn_hist_percentile(const struct dn_hist *h, double percent)
{
	uint64_t rank, seen = 0;

	DN_CHECK(h, HIST_MAGIC);
	if (h->total == 0)
		return 0;
	rank = rank_of(h, percent);
	for (size_t i = 0; i < h->slots; i++) {
		seen += h->counts[i];
		if (seen >= rank)
			return slot_value(h, i);
	}
	DN_ASSERT(!"the slots hold fewer values than were recorded");
	return 0;
}

uint64_t dn_hist_below(const struct dn_hist *h, int64_t bound)
{
	uint64_t seen = 0;
	size_t last;

	DN_CHECK(h, HIST_MAGIC);
	if (bound < 0)
		return 0;
	if (bound >= h->highest)
		return h->total;
	last = slot_of(h, bound < h->max ? bound : h->max);
	for (size_t i = 0; i <= last; i++)
		seen += h->counts[i];
	return seen;
}

static void write_line(
    struct dn_buf *out, double value, double share, uint64_t count)
{
	dn_buf_printf(out, "%12.3f %2.12f %10llu", value, share,
	    (unsigned long long)count);
	if (share < 1)
		dn_buf_printf(out, " %14.2f\n", 1 / (1 - share));
	else
		dn_buf_lit(out, "            inf\n");
}

/* The next share to print: each halving of the distance to 100 % takes
 * HGRM_TICKS steps. */
static double next_share(double share)
{
	double halvings = floor(log2(1 / (1 - share))) + 1;

	return share + 1 / (HGRM_TICKS * exp2(halvings));
}

static void write_lines(
    const struct dn_hist *h, double scale, struct dn_buf *out)
{
	double share = 0;
	uint64_t seen = 0;

	for (size_t i = 0; i < h->slots && seen < h->total; i++) {
		double value = (double)slot_value(h, i) / scale;

		seen += h->counts[i];
		if (h->counts[i] == 0)
			continue;
		/* The last value ends the table; without a stop the steps
		 * towards 100 % would never end. */
		while (seen < h->total &&
		       (double)seen / (double)h->total >= share) {
			write_line(out, value, share, seen);
			share = next_share(share);
		}
		if (seen < h->total)
			continue;
		if (1 - share >= 1 / (double)h->total)
			write_line(out, value, share, seen);
		write_line(out, value, 1, seen);
	}
}

void dn_hist_write_hgrm(
    const struct dn_hist *h, double scale, struct dn_buf *out)
{
	size_t rows = (h->slots - 1) >> h->half_bits;

	DN_CHECK(h, HIST_MAGIC);
	dn_buf_printf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile",
	    "TotalCount", "1/(1-Percentile)");
	write_lines(h, scale, out);
	dn_buf_printf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
	    dn_hist_mean(h) / scale, dn_hist_stddev(h) / scale);
	dn_buf_printf(out, "#[Max     = %12.3f, Total count    = %12llu]\n",
	    (double)h->highest / scale, (unsigned long long)h->total);
	dn_buf_printf(out, "#[Buckets = %12zu, SubBuckets     = %12u]\n",
	    rows == 0 ? 1 : rows, 2u << h->half_bits);
}
