/* SPDX-License-Identifier: MIT */
/*
 * latency_tool: what the files of dnot-latency share.
 *
 * Records come from a run (run.c: one publisher on its own thread, readers on
 * the main one) or from a pipe (piped.c); both fill a tally, which report.c
 * prints.
 *
 * Ownership: main owns the tool and the tally.
 * Errors: printed through dn_tool_fail, which keeps the exit code.
 * Thread: the main one; a steady clock is constant and read by both.
 */
#ifndef DN_LATENCY_TOOL_H
#define DN_LATENCY_TOOL_H

#include "tool/latency.h"
#include "tool/tool.h"

enum {
	LATE_MAX_US = 100000, /* worse is a missed schedule */
	TAIL_US = 5000000,    /* how long the last records are waited for */
	SIZE_MAX_BYTES = 63 << 10,
	SUBSCRIBERS_MAX = 1000000,
};

/* Wall-clock time that cannot jump during a run: it is read once, and goes on
 * with the monotonic clock. */
struct steady {
	int64_t wall_us, mono_us;
};

static inline int64_t steady_now(const struct steady *clock)
{
	return clock->wall_us + dn_mono_us() - clock->mono_us;
}

struct latency {
	struct dn_tool tool;
	uint64_t subscribers;
	uint64_t channels;
	uint64_t rate;
	uint64_t size;
	int64_t duration_us;
	const char *path;
	const char *channel;
	struct dn_opt_list objective_texts;
	const char *hgrm;
	bool json;
	bool piped;

	struct dn_latency_objective *objectives; /* of objective_texts */
	int hgrm_fd;
	struct steady clock;
};

struct tally {
	uint64_t planned, sent, expected;
	uint64_t received; /* each once */
	uint64_t duplicate, reordered;
	int64_t late_us;
	double rate; /* achieved, a second */
	bool has_clock_error;
	int64_t clock_error_us;
	struct dn_hist latency, actual, enqueued, processing, delivery;
};

void tally_init(struct tally *tally);
void tally_release(struct tally *tally);
uint64_t tally_lost(const struct tally *tally);

/* False: could not measure; reported. */
DN_MUST_CHECK bool latency_run(struct latency *l, struct tally *tally);
DN_MUST_CHECK bool latency_piped(struct latency *l, struct tally *tally);

/* Prints, writes the distribution, and sets exit 1 when an objective or the
 * schedule was missed. */
void latency_report(struct latency *l, const struct tally *tally);

#endif
