/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tool/hist.h"
#include "tap.h"

/* Against the truth: all values kept and sorted. */
enum { RANDOM_N = 20000 };
static int64_t truth[RANDOM_N];

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void test_empty(void)
{
	struct dn_hist h;
	struct dn_buf out = {0};

	dn_hist_init(&h, DN_HIST_HOUR_US, 3);
	IS_NUM(dn_hist_count(&h), 0, "empty: no values");
	IS_NUM(dn_hist_percentile(&h, 99), 0, "empty: percentile is 0");
	IS_NUM(dn_hist_min(&h), 0, "empty: min is 0");
	IS_NUM(dn_hist_max(&h), 0, "empty: max is 0");
	IS_NUM(dn_hist_below(&h, 10), 0, "empty: nothing below");
	OK(dn_hist_mean(&h) == 0 && dn_hist_stddev(&h) == 0, "empty: mean");
	dn_hist_write_hgrm(&h, 1000, &out);
	dn_buf_byte(&out, '\0');
	OK(strstr(out.p, "Total count    =            0]") != NULL,
	    "empty: the distribution has its footer");
	dn_buf_release(&out);
	dn_hist_release(&h);
}

static void test_layout(void)
{
	static const struct {
		int64_t max;
		int digits;
		size_t slots;
	} cases[] = {
	    {2047, 3, 2048},
	    {2048, 3, 2049},
	    {4095, 3, 3072},
	    {31, 1, 32},
	    {255, 2, 256},
	};
	struct dn_hist h;

	for (size_t i = 0; i < DN_ARRAY_LEN(cases); i++) {
		dn_hist_init(&h, cases[i].max, cases[i].digits);
		IS_NUM(h.slots, cases[i].slots, "layout: number of slots");
		dn_hist_release(&h);
	}
	dn_hist_init(&h, DN_HIST_HOUR_US, 3);
	OK(h.slots * sizeof(*h.counts) <= 188416,
	    "layout: three digits up to an hour fit 184 KiB");
	dn_hist_release(&h);
}

/* Each value alone comes back within the digits, and exactly where slots are
 * one wide. */
static void test_precision(void)
{
	static const int64_t error_per_mille[] = {63, 8, 1};
	struct dn_hist h;

	for (int digits = 1; digits <= 3; digits++) {
		bool close = true, exact = true;
		int64_t exact_to = digits == 3 ? 2048 : digits == 2 ? 256 : 32;

		dn_hist_init(&h, DN_HIST_HOUR_US, digits);
		for (int64_t v = 0; v < DN_HIST_HOUR_US;
		     v = v < 5000 ? v + 1 : v + v / 97) {
			int64_t got;

			dn_hist_clear(&h);
			dn_hist_add(&h, v);
			/* A greater one, so that max does not mend the slot. */
			dn_hist_add(&h, DN_HIST_HOUR_US);
			got = dn_hist_percentile(&h, 50);
			close =
			    close && got >= v &&
			    (got - v) * 1000 <= v * error_per_mille[digits - 1];
			exact = exact && (v >= exact_to || got == v);
		}
		OK(close, "precision: within the digits, never below");
		OK(exact, "precision: exact where slots are one wide");
		dn_hist_release(&h);
	}
}

static void test_percentile(void)
{
	struct dn_hist h;

	dn_hist_init(&h, DN_HIST_HOUR_US, 3);
	for (int64_t v = 1; v <= 1000; v++)
		dn_hist_add(&h, v);
	IS_NUM(dn_hist_percentile(&h, 0), 1, "percentile: 0 is the lowest");
	IS_NUM(dn_hist_percentile(&h, 50), 500, "percentile: p50");
	IS_NUM(dn_hist_percentile(&h, 90), 900, "percentile: p90");
	IS_NUM(dn_hist_percentile(&h, 99), 990, "percentile: p99");
	IS_NUM(dn_hist_percentile(&h, 99.9), 999, "percentile: p99.9");
	IS_NUM(dn_hist_percentile(&h, 99.99), 1000, "percentile: p99.99");
	IS_NUM(dn_hist_percentile(&h, 100), 1000, "percentile: the highest");
	OK(dn_hist_mean(&h) == 500.5, "percentile: the mean is exact here");
	dn_hist_release(&h);
}

static void test_random(void)
{
	struct dn_hist a, b, all;
	double percents[] = {1, 25, 50, 90, 99, 99.9, 99.99};
	bool close = true, below = true;

	dn_hist_init(&a, DN_HIST_HOUR_US, 3);
	dn_hist_init(&b, DN_HIST_HOUR_US, 3);
	dn_hist_init(&all, DN_HIST_HOUR_US, 3);
	srand(7);
	for (size_t i = 0; i < RANDOM_N; i++) {
		int64_t v = (rand() % 1000) * (int64_t)(1 << (rand() % 20));

		truth[i] = v;
		dn_hist_add(i % 2 ? &a : &b, v);
	}
	qsort(truth, RANDOM_N, sizeof(truth[0]), by_value);
	dn_hist_merge(&all, &a);
	dn_hist_merge(&all, &b);
	IS_NUM(dn_hist_count(&all), RANDOM_N, "merge: every value counts");
	IS_NUM(dn_hist_min(&all), truth[0], "merge: min");
	IS_NUM(dn_hist_max(&all), truth[RANDOM_N - 1], "merge: max");
	for (size_t i = 0; i < DN_ARRAY_LEN(percents); i++) {
		int64_t got = dn_hist_percentile(&all, percents[i]);
		size_t at = (size_t)(percents[i] / 100 * RANDOM_N + 0.5) - 1;

		close = close && got >= truth[at] &&
			(got - truth[at]) * 1000 <= truth[at];
	}
	OK(close, "merge: percentiles are those of the sorted values");
	for (int64_t bound = 1; bound < DN_HIST_HOUR_US; bound *= 3) {
		uint64_t low = 0, high = 0;

		for (size_t i = 0; i < RANDOM_N; i++) {
			low += truth[i] <= bound;
			high += truth[i] <= bound + bound / 1000;
		}
		below = below && dn_hist_below(&all, bound) >= low &&
			dn_hist_below(&all, bound) <= high;
	}
	OK(below, "below: cumulative counts within the digits");
	dn_hist_release(&a);
	dn_hist_release(&b);
	dn_hist_release(&all);
}

static void test_range(void)
{
	struct dn_hist h, other;

	dn_hist_init(&h, 1000, 3);
	dn_hist_add(&h, -5);
	dn_hist_add(&h, 5000);
	IS_NUM(dn_hist_count(&h), 2, "range: both ends are counted");
	IS_NUM(dn_hist_min(&h), 0, "range: negative is 0");
	IS_NUM(dn_hist_max(&h), 5000, "range: max stays exact");
	IS_NUM(dn_hist_percentile(&h, 100), 5000, "range: and is reported");
	IS_NUM(dn_hist_percentile(&h, 50), 0, "range: the lower half");
	IS_NUM(dn_hist_below(&h, 5000), 2, "range: all are below the max");
	IS_NUM(dn_hist_below(&h, -1), 0, "range: nothing is below 0");
	dn_hist_init(&other, 1000, 3);
	dn_hist_merge(&other, &h);
	dn_hist_clear(&h);
	IS_NUM(dn_hist_count(&h), 0, "clear: forgets the values");
	IS_NUM(dn_hist_max(&h), 0, "clear: forgets the max");
	dn_hist_merge(&other, &h);
	IS_NUM(dn_hist_count(&other), 2, "merge: an empty one adds nothing");
	IS_NUM(dn_hist_max(&other), 5000, "merge: nor moves the max");
	dn_hist_release(&h);
	dn_hist_release(&other);
}

/* The text as the plotter reads it: four columns, shares and counts ascend,
 * the last line is the maximum. */
static void check_lines(char *text, uint64_t total)
{
	double value, share, inverse, last_value = 0, last_share = -1;
	unsigned long long count, last_count = 0;
	bool ascends = true, inverts = true;
	size_t lines = 0;
	char *line = strstr(text, "\n\n") + 2;

	for (; *line != '#'; line = strchr(line, '\n') + 1, lines++) {
		if (sscanf(line, "%lf %lf %llu %lf", &value, &share, &count,
			&inverse) != 4) {
			ascends = false;
			break;
		}
		ascends = ascends && value >= last_value &&
			  share > last_share && count >= last_count;
		inverts = inverts &&
			  (share == 1 ||
			      (inverse - 1 / (1 - share)) / inverse < 0.01);
		last_value = value;
		last_share = share;
		last_count = count;
	}
	OK(ascends, "hgrm: four columns, all ascend");
	OK(inverts, "hgrm: the fourth is 1/(1-share)");
	OK(last_share == 1 && last_count == total, "hgrm: ends at 100 %");
	OK(lines > 20 && lines < 200, "hgrm: as many lines as steps");
}

static void test_hgrm(void)
{
	struct dn_hist h;
	struct dn_buf out = {0};

	dn_hist_init(&h, DN_HIST_HOUR_US, 3);
	for (int64_t v = 1; v <= 100000; v++)
		dn_hist_add(&h, v);
	dn_hist_write_hgrm(&h, 1000, &out);
	dn_buf_byte(&out, '\0');
	OK(strncmp(out.p,
	       "       Value     Percentile TotalCount 1/(1-Percentile)\n\n",
	       57) == 0,
	    "hgrm: the heading");
	check_lines(out.p, 100000);
	OK(strstr(out.p, "#[Mean    =       50.0") != NULL, "hgrm: mean");
	OK(strstr(out.p, "#[Max     =      100.000, Total count    =       "
			 "100000]\n") != NULL,
	    "hgrm: max and count");
	OK(strstr(out.p, "#[Buckets =           22, SubBuckets     =         "
			 "2048]\n") != NULL,
	    "hgrm: layout as in HdrHistogram");
	dn_buf_reset(&out, 0);
	dn_hist_clear(&h);
	dn_hist_add(&h, 1500);
	dn_hist_write_hgrm(&h, 1000, &out);
	dn_buf_byte(&out, '\0');
	OK(strstr(out.p, "       1.500 0.000000000000          1") != NULL,
	    "hgrm: one value has a line for 0");
	OK(strstr(out.p, "       1.500 1.000000000000          1") != NULL,
	    "hgrm: and one for 100 %");
	dn_buf_release(&out);
	dn_hist_release(&h);
}

int main(void)
{
	test_empty();
	test_layout();
	test_precision();
	test_percentile();
	test_random();
	test_range();
	test_hgrm();
	return tap_done();
}
