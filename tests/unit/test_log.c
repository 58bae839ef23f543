/* SPDX-License-Identifier: MIT */
/*
 * Records: what goes in, what comes out, in which order.
 */
#include <errno.h>

#include "log_help.h"

static void test_records(void)
{
	struct dn_log *log = start_log("records.db");
	struct dn_log_row row = row_of("ns:c", 1);
	struct seen seen;

	IS_NUM(put(log, &row, false), 0, "a record goes in");
	IS_NUM(put(log, &row, false), 0, "the same again is a success");
	IS_NUM(query("records.db", "SELECT count(*) FROM records"), 1,
	    "and is there once");
	row.value = DN_STR("{\"channel\":\"c\",\"data\":2}");
	IS_NUM(put(log, &row, false), -EEXIST,
	    "another record at its position is refused");
	row = row_of("ns:c", 2);
	row.epoch = DN_STR("e2");
	IS_NUM(put(log, &row, false), 0, "another epoch");
	row = row_of("ns:c", 2);
	row.request_id = DN_STR("r1");
	row.seq = 4;
	row.status = DN_STR("busy");
	row.value = DN_STR("{\"data\":{\"x\":[1,2]}}");
	IS_NUM(put(log, &row, false), 0, "the next one");
	seen = read_stream(log, "ns:c", 0, false, 10);
	IS_STR(seen.text, "e1:1 e1:2", "a stream is one epoch, in order");
	IS_NUM(query("records.db",
		   "SELECT json_extract(value,'$.data.x[1]') FROM records"
		   " WHERE request_id='r1' AND seq=4 AND status='busy'"
		   " AND tenant='t' AND channel='ns:c' AND offset=2"),
	    2, "sqlite3 can ask for the columns and into the value");
	IS_NUM(query("records.db",
		   "SELECT count(*) FROM records WHERE request_id IS NULL"
		   " AND seq IS NULL AND status IS NULL"),
	    2, "what is unset is NULL");
	dn_log_close(&log);
}

static int count_final(void *arg, const struct dn_log_row *row)
{
	return see(arg, row);
}

static void put_end(
    struct dn_log *log, uint64_t offset, int64_t seq, const char *status)
{
	struct dn_log_row row = row_of("c", offset);

	row.request_id = DN_STR("r");
	row.seq = seq;
	row.status = dn_str_of(status);
	IS_NUM(put(log, &row, false), 0, status);
}

static uint64_t final_offset(struct dn_log *log)
{
	struct seen seen = {.steps = true};
	int rc = dn_log_final(
	    log, DN_STR("t"), DN_STR("r"), count_final, &seen, &err);

	return rc == 1 ? seen.last : 0;
}

static void test_final(void)
{
	struct dn_log *log = start_log("final.db");
	struct dn_log_row row = row_of("c", 0);
	struct dn_log_undelivered u = failed("f1");

	put_end(log, 1, 3, "running");
	IS_NUM(final_offset(log), 0, "progress is no end");
	put_end(log, 2, 4, "done");
	IS_NUM(final_offset(log), 2, "done is");
	put_end(log, 3, 3, "failed");
	IS_NUM(final_offset(log), 2, "a lower seq does not replace it");
	put_end(log, 4, 4, "cancelled");
	IS_NUM(final_offset(log), 4, "an equal one does");
	put_end(log, 5, -1, "done");
	IS_NUM(final_offset(log), 5, "one without seq does");
	put_end(log, 6, 1, "done");
	IS_NUM(final_offset(log), 6, "any seq replaces one without");
	IS_NUM(query("final.db", "SELECT count(*) FROM final"), 1,
	    "one row a request");
	row.request_id = DN_STR("r2");
	row.status = DN_STR("failed");
	IS_NUM(put_undelivered(log, &row, &u), 0,
	    "an end that only undelivered has");
	IS_NUM(query("final.db",
		   "SELECT count(*) FROM final WHERE request_id='r2'"),
	    1, "is final, too");
	dn_log_close(&log);
}

static void test_removed(void)
{
	struct dn_log *log = start_log("removed.db");
	struct seen seen;

	for (uint64_t i = 1; i <= 6; i++) {
		struct dn_log_row row = row_of("c", i);

		if (put(log, &row, false) != 0)
			printf("# %s\n", err.text);
	}
	IS_NUM(put_removed(log, "c", "e1", 4), 0, "history is removed");
	seen = read_stream(log, "c", 0, false, 10);
	IS_STR(seen.text, "e1:5 e1:6", "and not read up");
	seen = read_stream(log, "c", 0, true, 10);
	IS_STR(seen.text, "e1:6 e1:5", "nor down");
	IS_NUM(put_removed(log, "c", "e1", 2), 0, "an older removal");
	seen = read_stream(log, "c", 0, false, 10);
	IS_NUM(seen.n, 2, "brings nothing back");
	IS_NUM(put_removed(log, "c", "e2", 1), 0, "a new epoch");
	seen = read_stream(log, "c", 0, false, 10);
	IS_NUM(seen.n, 6, "has its own");
	IS_NUM(query("removed.db", "SELECT count(*) FROM records"), 6,
	    "the records stay");
	dn_log_close(&log);
}

static void test_limits(void)
{
	struct dn_log *log = start_log("limits.db");
	struct seen seen = {.steps = true, .stop_at = 2};
	int rc;

	for (uint64_t i = 1; i <= 6; i++) {
		struct dn_log_row row = row_of("c", i);

		if (put(log, &row, false) != 0)
			printf("# %s\n", err.text);
	}
	IS_NUM(read_stream(log, "c", UINT64_MAX, false, 10).n, 0,
	    "a position beyond all numbers");
	IS_NUM(read_stream(log, "c", UINT64_MAX, true, UINT64_MAX).n, 6,
	    "and limits beyond all numbers");
	IS_NUM(read_stream(log, "c", 0, false, 0).n, 0, "limit 0 is none");
	IS_STR(read_stream(log, "c", 4, true, 2).text, "e1:3 e1:2",
	    "down from before a position");
	rc = dn_log_read(log, DN_STR("t"), DN_STR("c"), DN_STR("e1"), 0, false,
	    10, see, &seen, &err);
	IS_NUM(rc, 7, "the callback's word is returned");
	IS_NUM(seen.n, 2, "and stops the read");
	IS_NUM(
	    read_stream(log, "c", 0, false, 10).n, 6, "the next read is whole");
	dn_log_close(&log);
}

static void put_epoch(struct dn_log *log, const char *epoch, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		struct dn_log_row row = row_of("c", i);

		row.epoch = dn_str_of(epoch);
		row.ts_us = dn_wall_us();
		if (put(log, &row, false) != 0)
			printf("# %s\n", err.text);
	}
}

static const char *read_after(struct dn_log *log, const char *epoch,
    uint64_t offset, int64_t since_us, uint64_t limit)
{
	static struct seen seen;
	int rc;

	seen = (struct seen){.steps = true};
	rc = dn_log_read_after(log, DN_STR("t"), DN_STR("c"), dn_str_of(epoch),
	    offset, since_us, limit, see, &seen, &err);
	if (rc != 0)
		snprintf(seen.text, sizeof(seen.text), "error %d", rc);
	return seen.text;
}

static void test_epochs(void)
{
	struct dn_log *log = start_log("epochs.db");
	int64_t middle_us;

	put_epoch(log, "zz", 2);
	put_epoch(log, "mm", 2);
	middle_us = dn_wall_us();
	put_epoch(log, "aa", 1);
	IS_STR(read_after(log, "", 0, 0, 100), "zz:1 zz:2 mm:1 mm:2 aa:1",
	    "epochs follow in the log's order");
	IS_STR(read_after(log, "", 9, 0, 2), "zz:1 zz:2", "up to the limit");
	IS_STR(read_after(log, "zz", 1, 0, 100), "zz:2 mm:1 mm:2 aa:1",
	    "from a position on");
	IS_STR(read_after(log, "mm", 2, middle_us, 100), "aa:1",
	    "over the end of an epoch");
	IS_STR(read_after(log, "aa", 1, 0, 100), "", "at the end nothing");
	IS_STR(read_after(log, "", 0, middle_us, 100), "aa:1", "since a time");
	IS_STR(read_after(log, "xx", 1, 0, 100), "error -2",
	    "an epoch nobody saw");
	IS_NUM(put_removed(log, "c", "nn", 5), 0, "an epoch without records");
	IS_STR(read_after(log, "nn", 5, 0, 100), "", "was seen");
	put_epoch(log, "bb", 1);
	IS_STR(read_after(log, "nn", 5, 0, 100), "bb:1",
	    "and what began after it follows");
	dn_log_close(&log);
}

static void test_scan(void)
{
	struct dn_log *log = start_log("scan.db");
	static struct seen seen;

	for (uint64_t i = 1; i <= 5; i++) {
		struct dn_log_row row = row_of(i % 2 ? "a" : "b", i);

		row.ts_us = i == 4 ? 10 : (int64_t)i * 100;
		if (i == 5)
			row.tenant = DN_STR("other");
		if (put(log, &row, false) != 0)
			printf("# %s\n", err.text);
	}
	seen = (struct seen){.steps = true};
	IS_NUM(dn_log_scan(log, 200, see, &seen, &err), 0, "scans");
	IS_STR(seen.text, "e1:2 e1:3 e1:5",
	    "every tenant, since a time, in the log's order");
	seen = (struct seen){.steps = true};
	IS_NUM(dn_log_scan(log, 501, see, &seen, &err), 0, "nothing so new");
	IS_NUM(seen.n, 0, "gives nothing");
	dn_log_close(&log);
}

static void test_rollback(void)
{
	struct dn_log *log = start_log("rollback.db");
	struct dn_log_row row = row_of("c", 1);

	OK(dn_log_begin(log, &err) == 0 &&
		dn_log_put(log, &row, true, &err) == 0,
	    "a write");
	dn_log_rollback(log);
	IS_NUM(read_stream(log, "c", 0, false, 1).n, 0, "is taken back");
	dn_log_rollback(log);
	IS_NUM(put(log, &row, true), 0, "and can be done again");
	OK(dn_log_begin(log, &err) == 0, "a write that is not finished");
	row = row_of("c", 2);
	IS_NUM(dn_log_put(log, &row, true, &err), 0, "goes in");
	dn_log_close(&log);
	IS_NUM(query("rollback.db", "SELECT count(*) FROM records"), 1,
	    "and is gone with the log's close");
}

static void test_many(void)
{
	enum { N = 100000 };
	struct dn_log *log = start_log("many.db");
	struct seen seen;
	uint64_t at = 0, n = 0;
	bool steps = true;

	for (uint64_t i = 1; i <= N; i++) {
		struct dn_log_row row =
		    row_of(i % 2 ? "odd" : "even", (i + 1) / 2);

		if (i % 10000 == 1 && dn_log_begin(log, &err) != 0)
			printf("# %s\n", err.text);
		if (dn_log_put(log, &row, false, &err) != 0)
			printf("# %s\n", err.text);
		if (i % 10000 == 0 && dn_log_commit(log, &err) != 0)
			printf("# %s\n", err.text);
	}
	do {
		seen = read_stream(log, "odd", at, false, 777);
		steps = steps && seen.steps &&
			(seen.n == 0 || seen.first == at + 1);
		at = seen.n > 0 ? seen.last : at;
		n += seen.n;
	} while (seen.n > 0);
	OK(steps && n == N / 2, "paging up visits each once, in order");
	n = at = 0;
	do {
		seen = read_stream(log, "even", at, true, 777);
		steps = steps && seen.steps &&
			(seen.n == 0 || at == 0 || seen.first == at - 1);
		at = seen.n > 0 ? seen.last : at;
		n += seen.n;
	} while (seen.n > 0);
	OK(steps && n == N / 2, "and so does paging down");
	dn_log_close(&log);
}

int main(void)
{
	make_folder();
	test_records();
	test_final();
	test_removed();
	test_limits();
	test_epochs();
	test_scan();
	test_rollback();
	test_many();
	return tap_done();
}
