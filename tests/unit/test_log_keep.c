/* SPDX-License-Identifier: MIT */
/*
 * Start, stop, positions and retention.
 */

#include "log_help.h"

static int position(void *arg, const struct dn_log_position *pos)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%.*s/%.*s %.*s:%llu-%llu;",
	    DN_FMT(pos->tenant), DN_FMT(pos->channel), DN_FMT(pos->epoch),
	    (unsigned long long)pos->offset, (unsigned long long)pos->removed);
	return 0;
}

static void test_start(void)
{
	uint64_t restarted;

	OK(start_again("start.db", false, &restarted), "a new log is clean");
	OK(!start_again("start.db", true, &restarted), "no stop, not clean");
	OK(start_again("start.db", false, &restarted), "a stop, clean");
	OK(!start_again("start.db", true, &restarted), "no stop again");
}

static void test_positions(void)
{
	struct dn_log *log = start_log("positions.db");
	char text[256] = "";

	IS_NUM(put_position(log, "a", "e1", 7, 3), 0, "a position");
	IS_NUM(put_position(log, "b", "e1", 8, 0), 0, "another");
	IS_NUM(put_position(log, "a", "e2", 1, 0), 0, "replaced");
	IS_NUM(dn_log_positions(log, position, text, &err), 0, "are listed");
	IS_STR(text, "t/b e1:8-0;t/a e2:1-0;", "one a channel");
	OK(dn_log_dev(log), "the log knows it was a --dev server's");
	dn_log_close(&log);
}

static int put_at(
    struct dn_log *log, const char *channel, const char *epoch, uint64_t offset)
{
	struct dn_log_row row = row_of(channel, offset);

	row.epoch = dn_str_of(epoch);
	row.ts_us = dn_wall_us();
	return put(log, &row, false);
}

static void test_positions_follow(void)
{
	struct dn_log *log = start_log("follow.db");
	char text[256] = "";

	IS_NUM(put_at(log, "a", "e0", 1), 0, "an epoch that is over");
	IS_NUM(put_position(log, "a", "e1", 7, 3), 0, "a position");
	IS_NUM(put_position(log, "b", "e1", 7, 3), 0, "another");
	IS_NUM(put_position(log, "c", "e1", 7, 3), 0, "a third");
	IS_NUM(put_at(log, "b", "e1", 9), 0, "records go on in its epoch");
	IS_NUM(put_at(log, "c", "e9", 1), 0, "and in a new one");
	IS_NUM(put_at(log, "c", "e2", 2), 0, "and in the newest");
	IS_NUM(dn_log_positions(log, position, text, &err), 0, "are listed");
	IS_STR(text, "t/a e1:7-3;t/b e1:9-3;t/c e2:2-0;",
	    "a position goes on with the records after it");
	dn_log_close(&log);
}

static void test_restart(void)
{
	struct dn_log *log = start_log("restart.db");
	uint64_t restarted = 0;

	for (uint64_t i = 1; i <= 1300; i++) {
		struct dn_log_row row = row_of("c", i);

		if (put(log, &row, i > 100) != 0)
			printf("# %s\n", err.text);
	}
	dn_log_close(&log);
	OK(!start_again("restart.db", true, &restarted), "after a crash");
	IS_NUM(restarted, 1200, "what was open");
	IS_NUM(query("restart.db",
		   "SELECT count(*) FROM undelivered WHERE reason='restart'"
		   " AND length(uid)=36 AND attempts=0 AND offset > 100"
		   " AND first_us = not_before_us"
		   " AND json_extract(value,'$.undelivered.id')=uid"),
	    1200, "is undelivered");
	IS_NUM(query("restart.db", "SELECT count(*) FROM open"), 0,
	    "and nothing is open");
	OK(start_again("restart.db", true, &restarted), "the next start");
	IS_NUM(restarted, 0, "has nothing to do");
}

static void test_trim(void)
{
	struct dn_log *log = start_log("trim.db");
	struct dn_log_undelivered u = failed("u1");
	uint64_t removed, all = 0, calls = 0;
	int rc;

	for (uint64_t i = 1; i <= 1000; i++) {
		struct dn_log_row row = row_of("c", i);

		row.ts_us = (int64_t)i;
		if (put(log, &row, i == 10) != 0)
			printf("# %s\n", err.text);
		if (i == 20 && put_undelivered(log, &row, &u) != 0)
			printf("# %s\n", err.text);
	}
	do {
		rc = dn_log_trim(log, 501, 0, 64, &removed, &err);
		OK(removed <= 64, "a slice at a time");
		all += removed;
		calls++;
	} while (rc == 1 && calls < 100);
	IS_NUM(rc, 0, "comes to its end");
	IS_NUM(all, 498, "the old ones go");
	IS_NUM(query("trim.db",
		   "SELECT count(*) FROM records WHERE offset IN (10, 20)"),
	    2, "but for the open and the undelivered one");
	IS_NUM(query("trim.db", "SELECT count(*) FROM records"), 502,
	    "the young ones stay");
	IS_NUM(
	    dn_log_trim(log, 501, 0, 64, &removed, &err), 0, "the next round");
	IS_NUM(removed, 0, "has nothing to do");
	dn_log_close(&log);
}

static int trim_all(struct dn_log *log, int64_t before_us, uint64_t max_bytes)
{
	uint64_t removed;
	int rc, calls = 0;

	do {
		rc =
		    dn_log_trim(log, before_us, max_bytes, 256, &removed, &err);
	} while (rc == 1 && ++calls < 10000);
	return rc;
}

static void test_trim_bytes(void)
{
	struct dn_log *log = start_log("bytes.db");
	static char value[2000];
	uint64_t size;

	memset(value, 'x', sizeof(value));
	memcpy(value, "{\"data\":\"", 9);
	memcpy(value + sizeof(value) - 2, "\"}", 2);
	OK(dn_log_begin(log, &err) == 0, "a group");
	for (uint64_t i = 1; i <= 2000; i++) {
		struct dn_log_row row = row_of("c", i);

		row.ts_us = dn_wall_us();
		row.value = (struct dn_str){value, sizeof(value)};
		if (dn_log_put(log, &row, false, &err) != 0)
			printf("# %s\n", err.text);
	}
	OK(dn_log_commit(log, &err) == 0, "of 4 MB");
	IS_NUM(trim_all(log, INT64_MIN, 8 << 20), 0, "8 MB are allowed");
	IS_NUM(query("bytes.db", "SELECT count(*) FROM records"), 2000,
	    "all stay");
	IS_NUM(trim_all(log, INT64_MIN, 1 << 20), 0, "1 MB is");
	OK(query("bytes.db", "SELECT count(*) FROM records") > 100,
	    "some stay");
	IS_NUM(query("bytes.db", "SELECT max(offset) FROM records"), 2000,
	    "the newest");
	for (int i = 0; i < 20; i++)
		dn_log_idle(log);
	size =
	    (uint64_t)query("bytes.db", "SELECT page_count * page_size FROM"
					" pragma_page_count, pragma_page_size");
	OK(size < 2 << 20, "and the file shrinks in idle time");
	dn_log_close(&log);
}

static void test_trim_rest(void)
{
	struct dn_log *log = start_log("rest.db");
	struct dn_log_row row = row_of("c", 1);
	int64_t old = dn_wall_us() - (int64_t)40 * 86400 * 1000000;
	sqlite3 *db = NULL;

	fill_undelivered(log, 1);
	row.request_id = DN_STR("old");
	row.status = DN_STR("done");
	row.ts_us = old;
	IS_NUM(put(log, &row, false), 0, "an old end");
	row = row_of("c", 2);
	row.request_id = DN_STR("new");
	row.status = DN_STR("done");
	row.ts_us = dn_wall_us();
	IS_NUM(put(log, &row, false), 0, "a new end");
	IS_NUM(put_position(log, "a", "e", 1, 0), 0, "an old position");
	IS_NUM(put_position(log, "b", "e", 1, 0), 0, "a new position");
	IS_NUM(put_taken(log, "u1", "c", 0), 0, "taken, its row is there");
	IS_NUM(put_taken(log, "gone", "c", 0), 0, "taken, its row is gone");
	sqlite3_open(path_of("rest.db"), &db);
	OK(sqlite3_exec(db,
	       "UPDATE positions SET ts_us = 5 WHERE channel = 'a';"
	       "UPDATE taken SET ts_us = 5",
	       NULL, NULL, NULL) == SQLITE_OK,
	    "some time later");
	sqlite3_close(db);
	IS_NUM(trim_all(log, dn_wall_us() - 1000000, 0), 0, "retention");
	IS_NUM(query("rest.db", "SELECT count(*) FROM final"), 1,
	    "the end of a month ago goes, the new one stays");
	IS_NUM(query("rest.db", "SELECT count(*) FROM positions"), 1,
	    "so do positions");
	IS_NUM(query("rest.db", "SELECT count(*) FROM taken WHERE uid='u1'"), 1,
	    "taken stays with its row");
	IS_NUM(query("rest.db", "SELECT count(*) FROM taken"), 1,
	    "and goes without");
	dn_log_close(&log);
}

int main(void)
{
	make_folder();
	test_start();
	test_positions();
	test_positions_follow();
	test_restart();
	test_trim();
	test_trim_bytes();
	test_trim_rest();
	return tap_done();
}
