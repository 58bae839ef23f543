/* SPDX-License-Identifier: MIT */
/*
 * publisher: sends the records of a run on their schedule, from a thread, a
 * loop and a connection of its own, so that nothing the readers do delays
 * it.
 *
 * Ownership: the options and the clock are borrowed until publisher_join; the
 *   publisher owns everything else.
 * Lifetime: new (connects) -> PUBLISHER_READY -> go -> PUBLISHER_DONE ->
 *   join. `notify` is sent on each change; PUBLISHER_DONE also comes when it
 *   cannot go on.
 * Errors: in the report, as an exit code with a reason.
 * Thread: the functions on the main one; the thread itself touches the report
 *   under a lock only.
 */
#ifndef DN_LATENCY_PUBLISHER_H
#define DN_LATENCY_PUBLISHER_H

#include "latency_tool.h"

enum publisher_phase {
	PUBLISHER_STARTING,
	PUBLISHER_READY, /* connected, the clock is measured */
	PUBLISHER_DONE,  /* nothing more will be sent */
};

struct publisher_report {
	enum publisher_phase phase;
	uint64_t planned; /* less than asked for where it was interrupted */
	uint64_t sent;    /* handed to the connection, refused ones too */
	uint64_t refused;
	uint64_t unanswered;
	int64_t late_us;
	int64_t first_us, last_us; /* actual sends, steady clock */
	bool has_clock;
	int64_t offset_us; /* the server's clock minus ours */
	int64_t error_us;
	int exit_code; /* 0, or why it ended before its time */
	char reason[DN_ERR_TEXT_MAX];
};

struct publisher;

struct publisher_options {
	const struct latency *tool;
	const char *prefix; /* channel k is PREFIX and k in decimal */
	uv_async_t *notify; /* of the main loop */
};

DN_MUST_CHECK struct publisher *publisher_new(
    const struct publisher_options *options);
/* The current report. */
void publisher_report(struct publisher *p, struct publisher_report *out);
/* Record 0 is due at start_us of the steady clock. */
void publisher_go(struct publisher *p, int64_t start_us);
/* Ends the schedule now; PUBLISHER_DONE follows. */
void publisher_stop(struct publisher *p);
/* How many records of channel k the server did not refuse. After
 * PUBLISHER_DONE. */
uint64_t publisher_sent_to(struct publisher *p, uint64_t channel);
void publisher_join(struct publisher **p);

#endif
