/* SPDX-License-Identifier: MIT */
/*
 * How it works: the order of the questions in dn_sweep_plan is the point.
 * What no longer needs delivery (taken, superseded) goes first, whatever its
 * age, so that it is never buried; then what nobody should try any more; only
 * then whether its time has come.
 *
 * How an answer can fail: the server is away or refuses for now (100, 111):
 * the row is as it was. The server refuses us (101, 103): the same, and the
 * operator is told. The server took nothing, or will never take such a record
 * (102, 107, ...): an attempt, until the row is buried with that reason. A
 * result without `taken` is no answer to build on: stop, it is a protocol
 * error.
 */
#include "tool/sweep.h"

#include "record/record.h"

#include "base/exit.h"

const char *dn_sweep_action_name(enum dn_sweep_action action)
{
	static const char *const names[] = {
	    [DN_SWEEP_LEAVE] = "left",
	    [DN_SWEEP_ALREADY] = "already",
	    [DN_SWEEP_SUPERSEDED] = "superseded",
	    [DN_SWEEP_BURY] = "dead",
	    [DN_SWEEP_PUBLISH] = "publish",
	    [DN_SWEEP_REDELIVER] = "redeliver",
	};

	DN_ASSERT((size_t)action < DN_ARRAY_LEN(names));
	return names[action];
}

bool dn_sweep_wants_final(const struct dn_log_row *row)
{
	return row->request_id.n > 0 && row->seq >= 0 &&
	       !dn_status_terminal(row->status);
}

static bool superseded(
    const struct dn_log_row *row, const struct dn_log_row *final)
{
	return final != NULL && dn_sweep_wants_final(row) &&
	       final->seq > row->seq && dn_status_terminal(final->status) &&
	       dn_str_eq(final->channel, row->channel);
}

/* A clock that was set back makes nothing older than it is. */
static int64_t age_us(const struct dn_log_row *row,
    const struct dn_log_undelivered *u, int64_t now_us)
{
	int64_t first = u->first_us > 0 ? u->first_us : row->ts_us;

	return now_us > first ? now_us - first : 0;
}

struct dn_sweep_plan dn_sweep_plan(const struct dn_sweep_rules *rules,
    const struct dn_log_row *row, const struct dn_log_undelivered *u,
    bool taken, const struct dn_log_row *final, int64_t now_us)
{
	int64_t age = age_us(row, u, now_us);

	if (taken)
		return (struct dn_sweep_plan){DN_SWEEP_ALREADY, "taken"};
	if (superseded(row, final))
		return (struct dn_sweep_plan){
		    DN_SWEEP_SUPERSEDED, "superseded"};
	if (age > rules->max_age_us)
		return (struct dn_sweep_plan){DN_SWEEP_BURY, "too_old"};
	if (u->attempts >= 0 && (uint64_t)u->attempts >= rules->max_attempts)
		return (struct dn_sweep_plan){DN_SWEEP_BURY, "too_often"};
	if (age < rules->min_age_us || u->first_us > rules->began_us)
		return (struct dn_sweep_plan){DN_SWEEP_LEAVE, "too_young"};
	if (now_us < u->not_before_us)
		return (struct dn_sweep_plan){DN_SWEEP_LEAVE, "not_due"};
	if (row->offset == 0)
		return (struct dn_sweep_plan){DN_SWEEP_PUBLISH, "no_position"};
	return (struct dn_sweep_plan){DN_SWEEP_REDELIVER, "due"};
}

static int64_t backoff_us(const struct dn_sweep_rules *rules, int64_t attempts)
{
	int64_t wait = rules->backoff_us;

	while (--attempts > 0 && wait > 0 && wait < DN_SWEEP_BACKOFF_MAX_US)
		wait *= 2;
	return wait < DN_SWEEP_BACKOFF_MAX_US ? wait : DN_SWEEP_BACKOFF_MAX_US;
}

static struct dn_sweep_verdict failed(const struct dn_sweep_rules *rules,
    const struct dn_log_undelivered *u, struct dn_str reason, int64_t now_us)
{
	int64_t attempts = u->attempts < 0 ? 1 : u->attempts + 1;
	bool last = (uint64_t)attempts >= rules->max_attempts;

	return (struct dn_sweep_verdict){
	    .outcome = last ? DN_SWEEP_GIVE_UP : DN_SWEEP_RETRY,
	    .reason = reason,
	    .attempts = attempts,
	    .not_before_us = now_us + backoff_us(rules, attempts)};
}

struct dn_sweep_verdict dn_sweep_failed(const struct dn_sweep_rules *rules,
    const struct dn_log_undelivered *u, const char *reason, int64_t now_us)
{
	return failed(rules, u, dn_str_of(reason), now_us);
}

static struct dn_sweep_verdict stop(enum dn_exit code)
{
	return (struct dn_sweep_verdict){
	    .outcome = DN_SWEEP_STOP, .exit_code = code};
}

/* The words of server errors that say something about the record. */
static const char *error_reason(unsigned code)
{
	switch (code) {
	case 102:
		return "unknown_channel";
	case 107:
		return "bad_request";
	case 108:
		return "not_available";
	case 113:
		return "conflict";
	default:
		return "refused";
	}
}

static struct dn_sweep_verdict judge_error(const struct dn_sweep_rules *rules,
    const struct dn_log_undelivered *u, const struct dn_sweep_answer *answer,
    int64_t now_us)
{
	switch (answer->code) {
	case 100:
	case 111:
		return stop(DN_EXIT_AGAIN);
	case 101:
	case 103:
		return stop(DN_EXIT_REFUSED);
	case 104: /* a server without this method */
		return stop(DN_EXIT_PROTOCOL);
	default:
		break;
	}
	if (answer->temporary)
		return stop(DN_EXIT_AGAIN);
	return failed(rules, u, dn_str_of(error_reason(answer->code)), now_us);
}

static bool flag(struct dn_json result, const char *name)
{
	bool value = false;

	return dn_json_bool(dn_json_member(result, name), &value) && value;
}

static struct dn_sweep_verdict judge_redelivery(
    const struct dn_sweep_rules *rules, const struct dn_log_undelivered *u,
    struct dn_json result, int64_t now_us)
{
	struct dn_json reason;
	bool taken;

	if (result.type != DN_JSON_OBJECT ||
	    !dn_json_bool(dn_json_member(result, "taken"), &taken))
		return stop(DN_EXIT_PROTOCOL);
	if (taken)
		return (struct dn_sweep_verdict){
		    .outcome = flag(result, "already") ? DN_SWEEP_REPEATED
						       : DN_SWEEP_DELIVERED};
	/* The server's reasons are plain words; anything else is not worth
	 * an unescape. */
	reason = dn_json_member(result, "reason");
	if (reason.type != DN_JSON_STRING || reason.raw.n <= 2 ||
	    memchr(reason.raw.p, '\\', reason.raw.n) != NULL)
		return failed(rules, u, DN_STR("not_taken"), now_us);
	return failed(rules, u,
	    (struct dn_str){reason.raw.p + 1, reason.raw.n - 2}, now_us);
}

struct dn_sweep_verdict dn_sweep_judge(const struct dn_sweep_rules *rules,
    enum dn_sweep_action action, const struct dn_log_undelivered *u,
    const struct dn_sweep_answer *answer, int64_t now_us)
{
	DN_ASSERT(action == DN_SWEEP_PUBLISH || action == DN_SWEEP_REDELIVER);
	if (answer->lost)
		return stop(DN_EXIT_UNAVAILABLE);
	if (answer->code != 0)
		return judge_error(rules, u, answer, now_us);
	if (action == DN_SWEEP_REDELIVER)
		return judge_redelivery(rules, u, answer->result, now_us);
	/* Accepted is enough for one that never had a position: from here on
	 * the server answers for it. */
	return (struct dn_sweep_verdict){
	    .outcome = flag(answer->result, "duplicate") ? DN_SWEEP_REPEATED
							 : DN_SWEEP_DELIVERED};
}
