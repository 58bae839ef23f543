/* SPDX-License-Identifier: MIT */
/*
 * sweep: what dnot-sweep decides. Pure: rows, the final state, the clock and
 * the server's answers come in, decisions go out.
 *
 * A row of `undelivered` is looked at twice: dn_sweep_plan says what to try,
 * dn_sweep_judge says what the server's answer makes of it. Nothing is
 * removed from the log before an answer says that it was taken, and an answer
 * that did not come counts no attempt; so a sweep may die anywhere.
 *
 * Ownership: borrows everything; reasons in results are constants or borrow
 *   from the answer.
 * Limits: the wait between attempts is at most DN_SWEEP_BACKOFF_MAX_US.
 * Errors: none.
 * Thread: any.
 */
#ifndef DN_SWEEP_H
#define DN_SWEEP_H

#include "base/json.h"
#include "log/log.h"

/* One hour. */
#define DN_SWEEP_BACKOFF_MAX_US INT64_C(3600000000)

struct dn_sweep_rules {
	int64_t min_age_us;
	int64_t max_age_us;
	int64_t backoff_us; /* before the second attempt; doubles */
	uint64_t max_attempts;
	/* When the pass began: what failed since then is too young for it,
	 * whatever min_age says, so that no pass chases its own failures. */
	int64_t began_us;
};

enum dn_sweep_action {
	DN_SWEEP_LEAVE,      /* too young, or the next attempt is not due */
	DN_SWEEP_ALREADY,    /* was taken meanwhile: remove the row */
	DN_SWEEP_SUPERSEDED, /* the request has ended since: remove it */
	DN_SWEEP_BURY,       /* too old or too often: into dead */
	DN_SWEEP_PUBLISH,    /* has no position: publish it under its key */
	DN_SWEEP_REDELIVER,  /* has one: redeliver */
};

struct dn_sweep_plan {
	enum dn_sweep_action action;
	const char *reason; /* a word: too_young, not_due, taken, ... */
};

/* The word for an action, as --dry-run prints it. */
const char *dn_sweep_action_name(enum dn_sweep_action action);

/* Whether a final state could supersede this row, that is whether a look into
 * `final` is worth it. */
bool dn_sweep_wants_final(const struct dn_log_row *row);

/* What to do with a row now. `taken` as dn_log_undelivered gave it; final is
 * the row of dn_log_final, NULL when there is none. */
struct dn_sweep_plan dn_sweep_plan(const struct dn_sweep_rules *rules,
    const struct dn_log_row *row, const struct dn_log_undelivered *u,
    bool taken, const struct dn_log_row *final, int64_t now_us);

/* The server's answer to one attempt. */
struct dn_sweep_answer {
	bool lost;     /* the connection went before it came */
	unsigned code; /* 0, or the server's error code */
	bool temporary;
	struct dn_json result; /* of code 0 */
};

enum dn_sweep_outcome {
	DN_SWEEP_DELIVERED, /* remove the row */
	DN_SWEEP_REPEATED,  /* had been taken before: remove the row */
	DN_SWEEP_RETRY,     /* one attempt more; later again */
	DN_SWEEP_GIVE_UP,   /* one attempt more, the last: into dead */
	DN_SWEEP_STOP,      /* counts no attempt; this pass is over */
};

struct dn_sweep_verdict {
	enum dn_sweep_outcome outcome;
	struct dn_str reason;  /* RETRY, GIVE_UP: for the row */
	int64_t attempts;      /* RETRY, GIVE_UP: what the row then has */
	int64_t not_before_us; /* RETRY */
	int exit_code;         /* STOP: DN_EXIT_* */
};

struct dn_sweep_verdict dn_sweep_judge(const struct dn_sweep_rules *rules,
    enum dn_sweep_action action, const struct dn_log_undelivered *u,
    const struct dn_sweep_answer *answer, int64_t now_us);

/* An attempt that failed before it reached the server, because the row itself
 * is wrong: RETRY or GIVE_UP. */
struct dn_sweep_verdict dn_sweep_failed(const struct dn_sweep_rules *rules,
    const struct dn_log_undelivered *u, const char *reason, int64_t now_us);

#endif
