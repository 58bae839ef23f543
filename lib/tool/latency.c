/* SPDX-License-Identifier: MIT */
/*
 * How it works: record k is due k/rate after the start, whatever happened to
 * the ones before it; its latency is counted from there. Who sends late is
 * thus charged for it, and a stall of the server is seen by all records that
 * were due meanwhile and not only by the one that waited.
 *
 * A track is a bit ring of the last indexes: duplicates and stragglers are
 * told apart in O(1) and with 136 bytes a subscriber.
 *
 * How it fails: a payload that is none of ours is told to the caller; wrong
 * objectives are refused with what is expected.
 */
#include "tool/latency.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/duration.h"

enum { SECOND_US = 1000000 };

int64_t dn_latency_due_us(uint64_t k, uint64_t rate)
{
	DN_ASSERT(rate > 0);
	/* Whole seconds apart: k * 10^6 would overflow after some years. */
	return (int64_t)(k / rate) * SECOND_US +
	       (int64_t)(k % rate * SECOND_US / rate);
}

uint64_t dn_latency_due_count(int64_t elapsed_us, uint64_t rate)
{
	uint64_t k;

	if (elapsed_us < 0)
		return 0;
	k = (uint64_t)elapsed_us / SECOND_US * rate +
	    (uint64_t)elapsed_us % SECOND_US * rate / SECOND_US;
	/* due_us rounds down, so the next one may be due already. */
	while (dn_latency_due_us(k, rate) <= elapsed_us)
		k++;
	return k;
}

void dn_latency_payload(
    struct dn_buf *out, uint64_t k, int64_t planned_us, size_t size)
{
	static const char pad_open[] = ",\"pad\":\"";
	size_t start = out->n, used;

	dn_buf_lit(out, "{\"k\":");
	dn_buf_u64(out, k);
	dn_buf_lit(out, ",\"planned\":");
	dn_buf_i64(out, planned_us);
	used = out->n - start + 1;
	if (size >= used + sizeof(pad_open)) {
		size_t n = size - used - sizeof(pad_open);

		dn_buf_lit(out, pad_open);
		memset(dn_buf_reserve(out, n), 'x', n);
		out->n += n;
		dn_buf_byte(out, '"');
	} else {
		/* Too short for a member: white space is JSON, too. */
		for (; used < size; used++)
			dn_buf_byte(out, ' ');
	}
	dn_buf_byte(out, '}');
}

bool dn_latency_payload_read(
    struct dn_json data, uint64_t *k, int64_t *planned_us)
{
	return data.type == DN_JSON_OBJECT &&
	       dn_json_u64(dn_json_member(data, "k"), k) &&
	       dn_json_i64(dn_json_member(data, "planned"), planned_us);
}

static uint64_t *word_of(struct dn_latency_track *track, uint64_t index)
{
	return &track->seen[index % DN_LATENCY_WINDOW / 64];
}

static uint64_t bit_of(uint64_t index)
{
	return UINT64_C(1) << index % 64;
}

static void advance(struct dn_latency_track *track, uint64_t index)
{
	if (index - track->next >= DN_LATENCY_WINDOW) {
		memset(track->seen, 0, sizeof(track->seen));
		track->next = index;
	}
	for (; track->next <= index; track->next++)
		*word_of(track, track->next) &= ~bit_of(track->next);
}

enum dn_latency_seen dn_latency_see(
    struct dn_latency_track *track, uint64_t index)
{
	bool ahead = index >= track->next;

	DN_ASSERT(index < UINT64_MAX);
	if (ahead)
		advance(track, index);
	else if (track->next - index > DN_LATENCY_WINDOW ||
		 (*word_of(track, index) & bit_of(index)) != 0)
		return DN_LATENCY_DUPLICATE;
	*word_of(track, index) |= bit_of(index);
	return ahead ? DN_LATENCY_NEW : DN_LATENCY_REORDERED;
}

static int bad_objective(const char *expr, struct dn_err *err)
{
	return dn_err_set(err, -EINVAL,
	    "objective %s: expected pPERCENT=DURATION or max=DURATION, as in "
	    "p99.9=200ms",
	    expr);
}

int dn_latency_objective(
    struct dn_latency_objective *out, const char *expr, struct dn_err *err)
{
	const char *equals = strchr(expr, '=');
	char *end = NULL;
	int rc;

	*out = (struct dn_latency_objective){.expr = expr};
	if (equals == NULL)
		return bad_objective(expr, err);
	if (strncmp(expr, "max=", 4) == 0) {
		out->percent = 100;
	} else {
		/* Digits only: strtod also reads "inf" and hexadecimal. */
		if (expr[0] != 'p' || strspn(expr + 1, "0123456789.") !=
					  (size_t)(equals - expr) - 1)
			return bad_objective(expr, err);
		out->percent = strtod(expr + 1, &end);
		if (end != equals || end == expr + 1 || out->percent > 100)
			return bad_objective(expr, err);
	}
	rc = dn_duration_us(dn_str_of(equals + 1), &out->bound_us, err);
	return rc == 0 ? 0 : dn_err_wrap(err, "objective %s", expr);
}

bool dn_latency_met(const struct dn_latency_objective *objective,
    const struct dn_hist *h, uint64_t expected)
{
	uint64_t count = dn_hist_count(h);
	double share;

	if (count == 0 || expected == 0)
		return false;
	if (expected <= count)
		return dn_hist_percentile(h, objective->percent) <=
		       objective->bound_us;
	/* The same rank among those that arrived; beyond them is for ever. */
	share = objective->percent * (double)expected / (double)count;
	return share <= 100 &&
	       dn_hist_percentile(h, share) <= objective->bound_us;
}
