/* SPDX-License-Identifier: MIT */
#include "base/exit.h"
#include "tool/sweep.h"
#include "tap.h"

#define S INT64_C(1000000)
#define NOW (1000000 * S)

static const struct dn_sweep_rules rules = {
    .min_age_us = 5 * S,
    .max_age_us = 86400 * S,
    .backoff_us = 30 * S,
    .max_attempts = 10,
    .began_us = NOW,
};

static struct dn_log_row row_of(const char *status)
{
	return (struct dn_log_row){
	    .id = 1,
	    .tenant = DN_STR("dev"),
	    .channel = DN_STR("session:a"),
	    .offset = 7,
	    .epoch = DN_STR("ab12"),
	    .request_id = DN_STR("r1"),
	    .seq = 3,
	    .status = dn_str_of(status),
	    .ts_us = NOW - 60 * S,
	};
}

static struct dn_log_undelivered u_of(int64_t attempts)
{
	return (struct dn_log_undelivered){
	    .uid = DN_STR("u"),
	    .reason = DN_STR("no_subscriber"),
	    .attempts = attempts,
	    .first_us = NOW - 60 * S,
	};
}

static struct dn_log_row final_of(const char *channel, int64_t seq)
{
	struct dn_log_row final = row_of("done");

	final.channel = dn_str_of(channel);
	final.seq = seq;
	return final;
}

static void is_plan(struct dn_sweep_plan plan, enum dn_sweep_action action,
    const char *reason, const char *name)
{
	OK(plan.action == action, name);
	IS_STR(plan.reason, reason, name);
}

static void test_due(void)
{
	struct dn_log_row row = row_of("");
	struct dn_log_undelivered u = u_of(0);

	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "due: with a position");
	row.offset = 0;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_PUBLISH, "no_position", "due: without a position");
	u.not_before_us = NOW;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_PUBLISH, "no_position", "due: at its very time");
	u.not_before_us = NOW + 1;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_LEAVE, "not_due", "not due: one us before its time");
}

static void test_age(void)
{
	struct dn_log_row row = row_of("");
	struct dn_log_undelivered u = u_of(0);

	u.first_us = NOW - 5 * S;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "age: exactly --min-age");
	u.first_us = NOW - 5 * S + 1;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_LEAVE, "too_young", "age: one us younger");
	u.first_us = NOW + 100 * S;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_LEAVE, "too_young", "age: a clock that was set back");
	u.first_us = NOW - 86400 * S;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "age: exactly --max-age");
	u.first_us--;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_BURY, "too_old", "age: one us older");
	u.not_before_us = NOW + S;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_BURY, "too_old", "age: too old although not due");
	u.first_us = 0;
	u.not_before_us = 0;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "age: of the row without `first`");
}

static void test_pass_began(void)
{
	struct dn_sweep_rules r = rules;
	struct dn_log_row row = row_of("");
	struct dn_log_undelivered u = u_of(0);

	r.min_age_us = 0;
	r.began_us = NOW - 10 * S;
	u.first_us = r.began_us;
	is_plan(dn_sweep_plan(&r, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "began: failed as the pass began");
	u.first_us++;
	is_plan(dn_sweep_plan(&r, &row, &u, false, NULL, NOW), DN_SWEEP_LEAVE,
	    "too_young", "began: failed during the pass");
	is_plan(dn_sweep_plan(&r, &row, &u, true, NULL, NOW), DN_SWEEP_ALREADY,
	    "taken", "began: but taken is taken");
}

static void test_attempts(void)
{
	struct dn_log_row row = row_of("");
	struct dn_log_undelivered u = u_of(9);

	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_REDELIVER, "due", "attempts: one is left");
	u.attempts = 10;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_BURY, "too_often", "attempts: none is left");
	u.first_us = NOW;
	is_plan(dn_sweep_plan(&rules, &row, &u, false, NULL, NOW),
	    DN_SWEEP_BURY, "too_often", "attempts: none is left, and young");
}

static void test_taken(void)
{
	struct dn_log_row row = row_of("");
	struct dn_log_row final = final_of("session:a", 9);
	struct dn_log_undelivered u = u_of(99);

	u.first_us = 1;
	is_plan(dn_sweep_plan(&rules, &row, &u, true, &final, NOW),
	    DN_SWEEP_ALREADY, "taken", "taken: before anything else");
	u.first_us = NOW;
	is_plan(dn_sweep_plan(&rules, &row, &u, true, NULL, NOW),
	    DN_SWEEP_ALREADY, "taken", "taken: however young");
}

static enum dn_sweep_action against(
    struct dn_log_row row, struct dn_log_row final)
{
	struct dn_log_undelivered u = u_of(0);

	return dn_sweep_plan(&rules, &row, &u, false, &final, NOW).action;
}

static void test_superseded(void)
{
	struct dn_log_row row = row_of("delta");
	struct dn_log_row done = final_of("session:a", 4);
	struct dn_log_undelivered u = u_of(50);

	OK(against(row, done) == DN_SWEEP_SUPERSEDED, "superseded");
	is_plan(dn_sweep_plan(&rules, &row, &u, false, &done, NOW),
	    DN_SWEEP_SUPERSEDED, "superseded", "superseded: not buried");
	row.offset = 0;
	OK(against(row, done) == DN_SWEEP_SUPERSEDED,
	    "superseded: without a position, too");
	row.offset = 7;
	OK(against(row, final_of("session:a", 3)) == DN_SWEEP_REDELIVER,
	    "superseded: not by the same seq");
	OK(against(row, final_of("session:a", 2)) == DN_SWEEP_REDELIVER,
	    "superseded: not by a lower seq");
	OK(against(row, final_of("session:a", -1)) == DN_SWEEP_REDELIVER,
	    "superseded: not by one without seq");
	OK(against(row, final_of("session:b", 4)) == DN_SWEEP_REDELIVER,
	    "superseded: not from another channel");
	done.status = DN_STR("delta");
	OK(against(row, done) == DN_SWEEP_REDELIVER,
	    "superseded: not by progress");
	done.status = DN_STR("cancelled");
	OK(against(row, done) == DN_SWEEP_SUPERSEDED,
	    "superseded: by a cancelled one");
	row.seq = -1;
	OK(against(row, done) == DN_SWEEP_REDELIVER,
	    "superseded: not one without seq");
	row.seq = 3;
	row.request_id = DN_STR("");
	OK(against(row, done) == DN_SWEEP_REDELIVER,
	    "superseded: not one without request");
}

static void test_terminal(void)
{
	static const char *const words[] = {"done", "failed", "cancelled"};
	struct dn_log_row done = final_of("session:a", 99);

	for (size_t i = 0; i < DN_ARRAY_LEN(words); i++) {
		struct dn_log_row row = row_of(words[i]);

		OK(!dn_sweep_wants_final(&row), "terminal: no look needed");
		OK(against(row, done) == DN_SWEEP_REDELIVER,
		    "terminal: never superseded");
	}
	OK(dn_sweep_wants_final(
	       &(struct dn_log_row){.request_id = DN_STR("r"), .seq = 0}),
	    "progress: a look is needed");
}

static struct dn_sweep_verdict judge(enum dn_sweep_action action,
    int64_t attempts, unsigned code, const char *result)
{
	struct dn_log_undelivered u = u_of(attempts);
	struct dn_sweep_answer answer = {.code = code};

	if (result != NULL)
		OK(dn_json_parse(dn_str_of(result), &answer.result, NULL) == 0,
		    result);
	return dn_sweep_judge(&rules, action, &u, &answer, NOW);
}

static void test_answers(void)
{
	struct dn_sweep_verdict v;

	v = judge(DN_SWEEP_REDELIVER, 0, 0, "{\"taken\":true}");
	OK(v.outcome == DN_SWEEP_DELIVERED, "answer: taken");
	v = judge(
	    DN_SWEEP_REDELIVER, 0, 0, "{\"taken\":true,\"already\":true}");
	OK(v.outcome == DN_SWEEP_REPEATED, "answer: taken before");
	v = judge(DN_SWEEP_REDELIVER, 0, 0,
	    "{\"taken\":false,\"reason\":\"no_subscriber\"}");
	OK(v.outcome == DN_SWEEP_RETRY, "answer: not taken");
	IS_SLICE(v.reason, "no_subscriber", "answer: with its reason");
	IS_NUM(v.attempts, 1, "answer: one attempt more");
	IS_NUM(v.not_before_us, NOW + 30 * S, "answer: later again");
	v = judge(DN_SWEEP_REDELIVER, 0, 0, "{\"taken\":false}");
	IS_SLICE(v.reason, "not_taken", "answer: no reason given");
	v = judge(DN_SWEEP_REDELIVER, 0, 0,
	    "{\"taken\":false,\"reason\":\"a\\\"b\"}");
	IS_SLICE(v.reason, "not_taken", "answer: a reason with escapes");
	v = judge(DN_SWEEP_REDELIVER, 0, 0, "{\"taken\":false,\"reason\":7}");
	IS_SLICE(v.reason, "not_taken", "answer: a reason that is no text");
	v = judge(DN_SWEEP_REDELIVER, 9, 0, "{\"taken\":false}");
	OK(v.outcome == DN_SWEEP_GIVE_UP, "answer: the last attempt");
	IS_NUM(v.attempts, 10, "answer: all attempts are used");
	v = judge(DN_SWEEP_PUBLISH, 0, 0, "{\"offset\":3}");
	OK(v.outcome == DN_SWEEP_DELIVERED, "answer: accepted");
	v = judge(DN_SWEEP_PUBLISH, 0, 0, "{\"offset\":3,\"duplicate\":true}");
	OK(v.outcome == DN_SWEEP_REPEATED, "answer: accepted before");
}

static void test_no_answer(void)
{
	static const char *const bad[] = {
	    "{}", "{\"taken\":1}", "{\"taken\":\"true\"}", "[]", "null"};
	struct dn_log_undelivered u = u_of(9);
	struct dn_sweep_answer answer = {.lost = true};
	struct dn_sweep_verdict v;

	v = dn_sweep_judge(&rules, DN_SWEEP_REDELIVER, &u, &answer, NOW);
	OK(v.outcome == DN_SWEEP_STOP, "lost: counts no attempt");
	IS_NUM(v.exit_code, DN_EXIT_UNAVAILABLE, "lost: unreachable");
	for (size_t i = 0; i < DN_ARRAY_LEN(bad); i++) {
		v = judge(DN_SWEEP_REDELIVER, 9, 0, bad[i]);
		OK(v.outcome == DN_SWEEP_STOP, "no answer: stop");
		IS_NUM(v.exit_code, DN_EXIT_PROTOCOL, "no answer: protocol");
	}
}

static void test_errors(void)
{
	static const struct {
		unsigned code;
		enum dn_sweep_outcome outcome;
		int exit_code;
		const char *reason;
	} cases[] = {
	    {100, DN_SWEEP_STOP, DN_EXIT_AGAIN, ""},
	    {111, DN_SWEEP_STOP, DN_EXIT_AGAIN, ""},
	    {101, DN_SWEEP_STOP, DN_EXIT_REFUSED, ""},
	    {103, DN_SWEEP_STOP, DN_EXIT_REFUSED, ""},
	    {104, DN_SWEEP_STOP, DN_EXIT_PROTOCOL, ""},
	    {102, DN_SWEEP_RETRY, 0, "unknown_channel"},
	    {107, DN_SWEEP_RETRY, 0, "bad_request"},
	    {108, DN_SWEEP_RETRY, 0, "not_available"},
	    {113, DN_SWEEP_RETRY, 0, "conflict"},
	    {400, DN_SWEEP_RETRY, 0, "refused"},
	};
	enum dn_sweep_action both[] = {DN_SWEEP_PUBLISH, DN_SWEEP_REDELIVER};
	struct dn_sweep_answer busy = {.code = 450, .temporary = true};
	struct dn_log_undelivered u = u_of(0);
	struct dn_sweep_verdict v;

	for (size_t i = 0; i < 2 * DN_ARRAY_LEN(cases); i++) {
		v = judge(both[i % 2], 0, cases[i / 2].code, NULL);
		OK(v.outcome == cases[i / 2].outcome, "error: outcome");
		IS_NUM(v.exit_code, cases[i / 2].exit_code, "error: exit");
		OK(dn_str_is(v.reason, cases[i / 2].reason), "error: reason");
	}
	v = judge(DN_SWEEP_PUBLISH, 9, 107, NULL);
	OK(v.outcome == DN_SWEEP_GIVE_UP, "error: the last attempt");
	v = dn_sweep_judge(&rules, DN_SWEEP_PUBLISH, &u, &busy, NOW);
	IS_NUM(v.exit_code, DN_EXIT_AGAIN, "error: temporary");
}

static int64_t wait_after(int64_t backoff_us, int64_t attempts)
{
	struct dn_sweep_rules r = rules;
	struct dn_log_undelivered u = u_of(attempts - 1);

	r.backoff_us = backoff_us;
	r.max_attempts = UINT64_MAX;
	return dn_sweep_failed(&r, &u, "x", NOW).not_before_us - NOW;
}

static void test_backoff(void)
{
	IS_NUM(wait_after(30 * S, 1), 30 * S, "backoff: first");
	IS_NUM(wait_after(30 * S, 2), 60 * S, "backoff: doubles");
	IS_NUM(wait_after(30 * S, 7), 1920 * S, "backoff: goes on");
	IS_NUM(wait_after(30 * S, 8), 3600 * S, "backoff: at most an hour");
	IS_NUM(wait_after(30 * S, 1000000), 3600 * S, "backoff: for ever");
	IS_NUM(wait_after(7200 * S, 1), 3600 * S, "backoff: also a long one");
	IS_NUM(wait_after(0, 1), 0, "backoff: none");
	IS_NUM(wait_after(0, INT64_MAX), 0, "backoff: none, for ever");
}

static void test_names(void)
{
	IS_STR(dn_sweep_action_name(DN_SWEEP_LEAVE), "left", "name");
	IS_STR(dn_sweep_action_name(DN_SWEEP_BURY), "dead", "name");
	IS_STR(dn_sweep_action_name(DN_SWEEP_REDELIVER), "redeliver", "name");
}

int main(void)
{
	test_due();
	test_age();
	test_pass_began();
	test_attempts();
	test_taken();
	test_superseded();
	test_terminal();
	test_answers();
	test_no_answer();
	test_errors();
	test_backoff();
	test_names();
	return tap_done();
}
