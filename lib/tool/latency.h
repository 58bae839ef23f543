/* SPDX-License-Identifier: MIT */
/*
 * latency: what dnot-latency computes. Pure: the schedule, the payload that
 * carries the planned time, what was seen already, objectives.
 *
 * Ownership: borrows what it is given; a track is plain memory.
 * Limits: a track tells apart the last DN_LATENCY_WINDOW indexes of one
 *   stream; what comes later than that counts as a duplicate, so that nothing
 *   is ever called received that may not have been.
 * Errors: -EINVAL with a text for the user.
 * Thread: any.
 */
#ifndef DN_LATENCY_H
#define DN_LATENCY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "tool/hist.h"

enum { DN_LATENCY_WINDOW = 1024 };

/* When record k is due, from the start on; and how many are due before
 * `elapsed_us` (one at 0). rate is in records per second, > 0. */
int64_t dn_latency_due_us(uint64_t k, uint64_t rate);
uint64_t dn_latency_due_count(int64_t elapsed_us, uint64_t rate);

/* The payload of record k: JSON of exactly `size` bytes where that many are
 * enough, else as short as it gets. */
void dn_latency_payload(
    struct dn_buf *out, uint64_t k, int64_t planned_us, size_t size);
/* False for a payload that is none of ours. */
bool dn_latency_payload_read(
    struct dn_json data, uint64_t *k, int64_t *planned_us);

/* One stream of ascending indexes as one subscriber sees it. {0} is a new
 * one. */
struct dn_latency_track {
	uint64_t next; /* highest seen + 1 */
	uint64_t seen[DN_LATENCY_WINDOW / 64];
};

enum dn_latency_seen {
	DN_LATENCY_NEW,
	DN_LATENCY_DUPLICATE,
	DN_LATENCY_REORDERED, /* new, but a later one was here before it */
};

enum dn_latency_seen dn_latency_see(
    struct dn_latency_track *track, uint64_t index);

/* "p99.9=200ms" or "max=1s". */
struct dn_latency_objective {
	const char *expr; /* borrowed */
	double percent;
	int64_t bound_us;
};

DN_MUST_CHECK int dn_latency_objective(
    struct dn_latency_objective *out, const char *expr, struct dn_err *err);
/* Whether the objective holds for `expected` records of which the histogram
 * has those that arrived: one that did not arrive is slower than any bound.
 * No record at all meets nothing. */
bool dn_latency_met(const struct dn_latency_objective *objective,
    const struct dn_hist *h, uint64_t expected);

#endif
