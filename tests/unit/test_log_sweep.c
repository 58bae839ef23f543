/* SPDX-License-Identifier: MIT */
/*
 * Undelivered and dead: rows, values and stories in step.
 */
#include <errno.h>

#include "log_help.h"
#include "base/json.h"
#include "log/log_value.h"

static void test_undelivered(void)
{
	struct dn_log *log = start_log("undelivered.db");
	struct dn_log_row row = row_of("c", 1);
	struct dn_log_undelivered u = failed("u1");

	IS_NUM(put(log, &row, true), 0, "an open one");
	IS_NUM(
	    query("undelivered.db", "SELECT count(*) FROM open"), 1, "is open");
	u.key = DN_STR("k\"1");
	IS_NUM(put_undelivered(log, &row, &u), 0, "fails");
	IS_NUM(query("undelivered.db", "SELECT count(*) FROM open"), 0,
	    "and is no longer open");
	u.reason = DN_STR("slow");
	IS_NUM(put_undelivered(log, &row, &u), 0, "the same uid again");
	IS_NUM(query("undelivered.db",
		   "SELECT count(*) FROM undelivered"
		   " WHERE reason='no_subscriber'"
		   " AND json_extract(value,'$.undelivered.id')='u1'"
		   " AND json_extract(value,'$.undelivered.reason')=reason"
		   " AND json_extract(value,'$.undelivered.attempts')=0"
		   " AND json_extract(value,'$.undelivered.first')=5000"
		   " AND json_extract(value,'$.undelivered.not_before')=6000"
		   " AND json_extract(value,'$.undelivered.key')='k\"1'"
		   " AND json_extract(value,'$.data')=1"),
	    1, "changes nothing; its value tells the failure");
	row = row_of("c", 2);
	IS_NUM(put(log, &row, true), 0, "another open one");
	OK(dn_log_begin(log, &err) == 0 &&
		dn_log_put_delivered(log, row.tenant, row.channel, row.epoch,
		    row.offset, &err) == 0 &&
		dn_log_commit(log, &err) == 0,
	    "is delivered");
	IS_NUM(query("undelivered.db", "SELECT count(*) FROM open"), 0,
	    "and no longer open");
	row.value = DN_STR("[1]");
	u = failed("u2");
	IS_NUM(put_undelivered(log, &row, &u), -EINVAL,
	    "a value that is no object is refused");
	dn_log_close(&log);
}

struct swept {
	size_t n;
	int64_t ids[16];
	bool taken[16];
	struct dn_log *log; /* finish each at once, when set */
	char uid[64];
	int64_t attempts, first_us, not_before_us;
	char reason[64];
};

static int sweep_row(void *arg, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, bool taken)
{
	struct swept *swept = arg;

	if (swept->n < 16) {
		swept->ids[swept->n] = row->id;
		swept->taken[swept->n] = taken;
	}
	swept->n++;
	snprintf(swept->uid, sizeof(swept->uid), "%.*s", DN_FMT(u->uid));
	snprintf(
	    swept->reason, sizeof(swept->reason), "%.*s", DN_FMT(u->reason));
	swept->attempts = u->attempts;
	swept->first_us = u->first_us;
	swept->not_before_us = u->not_before_us;
	if (swept->log != NULL)
		return dn_log_sweep_done(swept->log, row->id, &err);
	return 0;
}

static struct swept sweep(struct dn_log *log, struct dn_log *finish)
{
	struct swept swept = {.log = finish};
	int rc = dn_log_undelivered(
	    log, DN_STR("t"), 0, 100000, sweep_row, &swept, &err);

	if (rc != 0)
		printf("# sweep: %s\n", err.text);
	return swept;
}

static void test_taken(void)
{
	struct dn_log *log = start_log("taken.db");
	struct swept swept;

	fill_undelivered(log, 3);
	IS_NUM(put_taken(log, "u1", "c", 1), 0, "one taken by its uid");
	IS_NUM(put_taken(log, "", "c", 3), 0, "one by its position");
	IS_NUM(put_taken(log, "", "c", 3), 0, "twice");
	swept = sweep(log, NULL);
	IS_NUM(swept.n, 3, "the sweep sees them all");
	OK(swept.taken[0] && !swept.taken[1] && swept.taken[2],
	    "and which were taken");
	IS_NUM(dn_log_sweep_done(log, swept.ids[0], &err), 0, "done");
	IS_NUM(dn_log_sweep_done(log, swept.ids[2], &err), 0, "and done");
	IS_NUM(dn_log_sweep_done(log, swept.ids[2], &err), 0,
	    "once more is a success");
	IS_NUM(query("taken.db", "SELECT count(*) FROM taken"), 0,
	    "what was remembered of them is gone");
	swept = sweep(log, NULL);
	IS_STR(swept.uid, "u2", "the other one is still there");
	dn_log_close(&log);
}

static int taken_uid(void *arg, struct dn_str uid, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%.*s %.*s %.*s %.*s %llu;", DN_FMT(uid),
	    DN_FMT(tenant), DN_FMT(channel), DN_FMT(epoch),
	    (unsigned long long)offset);
	return 0;
}

static void test_taken_list(void)
{
	struct dn_log *log = start_log("takenlist.db");
	char text[256] = "";

	fill_undelivered(log, 2);
	IS_NUM(put_taken(log, "u9", "c", 0), 0, "a uid");
	IS_NUM(put_taken(log, "", "c", 2), 0, "a position");
	IS_NUM(dn_log_taken(log, taken_uid, text, &err), 0, "are listed");
	IS_STR(text, "u9 t c e1 0;u2 t c e1 2;",
	    "a position with the uid of its row");
	dn_log_close(&log);
}

static void test_retry_and_bury(void)
{
	static const char story[] =
	    "SELECT json_array_length(value,'$.undelivered.history')"
	    " FROM dead WHERE uid='u1'";
	struct dn_log *log = start_log("bury.db");
	struct swept swept;
	uint64_t moved;

	fill_undelivered(log, 2);
	swept = sweep(log, NULL);
	IS_NUM(
	    dn_log_sweep_retry(log, swept.ids[0], 1, 777, DN_STR("slow"), &err),
	    0, "a try that failed");
	IS_NUM(query("bury.db",
		   "SELECT attempts=1 AND reason='slow' AND not_before_us=777"
		   " AND json_extract(value,'$.undelivered.attempts')=1"
		   " AND json_extract(value,'$.undelivered.not_before')=777"
		   " AND json_extract(value,'$.undelivered.reason')='slow'"
		   " AND json_type(value,'$.undelivered.history') IS NULL"
		   " FROM undelivered WHERE uid='u1'"),
	    1, "row and value are in step");
	IS_NUM(dn_log_sweep_retry(log, swept.ids[0], 2, 888, DN_STR(""), &err),
	    0, "without a reason the old one stays");
	IS_NUM(dn_log_sweep_bury(log, swept.ids[0], DN_STR("too_old"), &err), 0,
	    "buried");
	IS_NUM(query("bury.db", "SELECT count(*) FROM undelivered"), 1,
	    "it left undelivered");
	IS_NUM(query("bury.db", story), 4, "with the whole story");
	IS_NUM(
	    query("bury.db",
		"SELECT json_extract(value,'$.undelivered.history[0].reason')"
		"='no_subscriber' AND"
		" json_extract(value,'$.undelivered.history[2].reason')"
		"='slow' AND"
		" json_extract(value,'$.undelivered.history[3].reason')"
		"='too_old' AND"
		" json_extract(value,'$.undelivered.history[1].attempt')=1"
		" AND json_extract(value,'$.undelivered.history[3].at_us')"
		" > 1600000000000000"
		" AND json_extract(value,'$.undelivered.reason')='too_old'"
		" AND json_extract(value,'$.undelivered.attempts')=2"
		" FROM dead WHERE uid='u1'"),
	    1, "that says when, why and how often");
	IS_NUM(dn_log_requeue(log, DN_STR("other"), 0, &moved, &err), 0,
	    "another tenant's requeue");
	IS_NUM(moved, 0, "moves nothing");
	IS_NUM(dn_log_requeue(log, DN_STR("t"), 99, &moved, &err), 0,
	    "an id that is not there");
	IS_NUM(moved, 0, "moves nothing");
	IS_NUM(dn_log_requeue(log, DN_STR("t"),
		   query("bury.db", "SELECT id FROM dead"), &moved, &err),
	    0, "put back");
	IS_NUM(moved, 1, "one");
	swept = sweep(log, NULL);
	IS_NUM(swept.n, 2, "it is undelivered again");
	IS_STR(swept.uid, "u1", "under its uid, at the end");
	IS_NUM(swept.attempts, 0, "with no attempts");
	OK(dn_wall_us() - swept.first_us < 60000000, "young again");
	IS_NUM(
	    query("bury.db", "SELECT count(*) FROM dead"), 0, "it left dead");
	IS_NUM(query("bury.db",
		   "SELECT count(*) FROM undelivered WHERE uid='u1' AND"
		   " json_type(value,'$.undelivered.history') IS NULL AND"
		   " json_array_length(history) = 5"),
	    1, "its story goes on");
	dn_log_close(&log);
}

static void test_requeue_all(void)
{
	struct dn_log *log = start_log("requeue.db");
	struct seen seen = {.steps = true};
	struct swept swept;
	uint64_t moved;

	fill_undelivered(log, 600);
	swept = sweep(log, NULL);
	IS_NUM(swept.n, 600, "many undelivered");
	for (int64_t id = 1; id <= 600; id++)
		if (dn_log_sweep_bury(log, id, DN_STR("x"), &err) != 0)
			printf("# %s\n", err.text);
	IS_NUM(dn_log_dead(log, DN_STR("t"), see, &seen, &err), 0, "list");
	IS_NUM(seen.n, 600, "all are dead");
	OK(seen.steps && seen.first == 1, "in the order of their burial");
	IS_NUM(dn_log_requeue(log, DN_STR("t"), 0, &moved, &err), 0, "all");
	IS_NUM(moved, 600, "are put back");
	swept = sweep(log, log);
	IS_NUM(swept.n, 600, "the callback may use the log");
	IS_NUM(query("requeue.db", "SELECT count(*) FROM undelivered"), 0,
	    "and finish each while it is listed");
	dn_log_close(&log);
}

static void test_story_is_bounded(void)
{
	struct dn_buf story = {0}, next = {0};
	struct dn_json array, item;
	struct dn_json_iter it;
	struct dn_str key;
	int n = 0;

	for (int i = 0; i < 500; i++) {
		dn_log_value_story(
		    &next, dn_buf_view(&story), i, DN_STR("slow"), i);
		dn_buf_reset(&story, 1 << 20);
		dn_buf_str(&story, dn_buf_view(&next));
		dn_buf_reset(&next, 1 << 20);
	}
	OK(dn_json_parse(dn_buf_view(&story), &array, &err) == 0, "is JSON");
	dn_json_iter_init(&it, array);
	while (dn_json_next(&it, &key, &item)) {
		int64_t at = -1;

		OK(dn_json_i64(dn_json_member(item, "at_us"), &at) &&
			at == (n == 0 ? 0 : 400 + n),
		    "the first and the last ones");
		n++;
	}
	IS_NUM(n, DN_LOG_STORY_MAX, "are all that stays");
	dn_buf_release(&story);
	dn_buf_release(&next);
}

static void test_value_replaces(void)
{
	struct dn_log_undelivered u = failed("n");
	struct dn_buf out = {0};

	OK(dn_log_value_undelivered(&out,
	       DN_STR("{\"undelivered\":{\"id\":\"o\"},\"data\":1}"), &u,
	       DN_STR(""), &err) == 0,
	    "a value that has a member `undelivered`");
	dn_buf_byte(&out, '\0');
	IS_STR(out.p,
	    "{\"data\":1,\"undelivered\":{\"id\":\"n\",\"reason\":"
	    "\"no_subscriber\",\"attempts\":0,\"first\":5000,"
	    "\"not_before\":6000}}",
	    "gets the new one in its place");
	dn_buf_reset(&out, 0);
	OK(dn_log_value_undelivered(&out, DN_STR("{}"), &u, DN_STR(""), &err) ==
		    0 &&
		strncmp(out.p, "{\"undelivered\"", 14) == 0,
	    "an empty object works, too");
	dn_buf_release(&out);
}

int main(void)
{
	make_folder();
	test_undelivered();
	test_taken();
	test_taken_list();
	test_retry_and_bury();
	test_requeue_all();
	test_story_is_bounded();
	test_value_replaces();
	return tap_done();
}
