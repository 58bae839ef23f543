/* SPDX-License-Identifier: MIT */
/*
 * The log on real files: what goes in, what comes out, who is kept out.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"
#include "log.h"
#include "log_value.h"
#include "tap.h"

static char folder[64];
static struct dn_err err;

/* "sqlite:FOLDER/name", in one of a few static buffers. */
static const char *url_of(const char *name)
{
	static char urls[4][160];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(urls[at], sizeof(urls[at]), "sqlite:%s/%s", folder, name);
	return urls[at];
}

static const char *path_of(const char *name)
{
	return url_of(name) + strlen("sqlite:");
}

static struct dn_log *open_log(const char *name, enum dn_log_mode mode)
{
	struct dn_log *log = NULL;
	int rc = dn_log_open(&log, url_of(name), NULL, mode, &err);

	if (rc != 0)
		printf("# open %s: %s\n", name, err.text);
	return log;
}

static struct dn_log *start_log(const char *name)
{
	struct dn_log *log = open_log(name, DN_LOG_SERVER);
	uint64_t restarted;
	bool clean;

	if (log != NULL && dn_log_start(log, true, &clean, &restarted, &err))
		printf("# start %s: %s\n", name, err.text);
	return log;
}

static int open_code(const char *url, enum dn_log_mode mode)
{
	struct dn_log *log = NULL;
	int rc = dn_log_open(&log, url, NULL, mode, &err);

	dn_log_close(&log);
	return rc;
}

/* What the sqlite3 shell would answer with one number. */
static int64_t query(const char *name, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t n = -1;

	if (sqlite3_open(path_of(name), &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	else
		printf("# %s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static struct dn_log_row row_of(const char *channel, uint64_t offset)
{
	return (struct dn_log_row){.tenant = DN_STR("t"),
	    .channel = dn_str_of(channel),
	    .offset = offset,
	    .epoch = DN_STR("e1"),
	    .seq = -1,
	    .ts_us = 1000 + (int64_t)offset,
	    .value = DN_STR("{\"channel\":\"c\",\"data\":1}")};
}

static struct dn_log_undelivered failed(const char *uid)
{
	return (struct dn_log_undelivered){.uid = dn_str_of(uid),
	    .reason = DN_STR("no_subscriber"),
	    .first_us = 5000,
	    .not_before_us = 6000};
}

static int put(struct dn_log *log, const struct dn_log_row *row, bool open)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put(log, row, open, &err);
	if (rc == 0)
		return dn_log_commit(log, &err);
	dn_log_rollback(log);
	return rc;
}

static int put_undelivered(struct dn_log *log, const struct dn_log_row *row,
    const struct dn_log_undelivered *u)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_undelivered(log, row, u, &err);
	if (rc == 0)
		return dn_log_commit(log, &err);
	dn_log_rollback(log);
	return rc;
}

static int put_taken(
    struct dn_log *log, const char *uid, const char *channel, uint64_t offset)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_taken(log, dn_str_of(uid), DN_STR("t"),
		    dn_str_of(channel), DN_STR("e1"), offset, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

static int put_removed(
    struct dn_log *log, const char *channel, const char *epoch, uint64_t offset)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_removed(log, DN_STR("t"), dn_str_of(channel),
		    dn_str_of(epoch), offset, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

/* Collects what a read gives: count, first and last offset, whether each is
 * one step from the one before. */
struct seen {
	uint64_t n, first, last, stop_at;
	bool steps;
	char text[4096]; /* epoch:offset of each, while there is room */
	char value[4096];
};

static int see(void *arg, const struct dn_log_row *row)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);

	if (seen->n == 0)
		seen->first = row->offset;
	else if (row->offset != seen->last + 1 && row->offset + 1 != seen->last)
		seen->steps = false;
	seen->last = row->offset;
	seen->n++;
	snprintf(seen->text + at, sizeof(seen->text) - at, "%s%.*s:%llu",
	    at > 0 ? " " : "", DN_FMT(row->epoch),
	    (unsigned long long)row->offset);
	snprintf(seen->value, sizeof(seen->value), "%.*s", DN_FMT(row->value));
	return seen->n == seen->stop_at ? 7 : 0;
}

static struct seen read_stream(struct dn_log *log, const char *channel,
    uint64_t after, bool reverse, uint64_t limit)
{
	struct seen seen = {.steps = true};
	int rc = dn_log_read(log, DN_STR("t"), dn_str_of(channel), DN_STR("e1"),
	    after, reverse, limit, see, &seen, &err);

	if (rc != 0)
		printf("# read: %d %s\n", rc, err.text);
	return seen;
}

static void test_urls(void)
{
	OK(dn_log_check_url("sqlite:", &err) == 0, "the default place");
	OK(dn_log_check_url("sqlite:/a/b.db", &err) == 0, "a path");
	OK(dn_log_check_url("none", &err) == 0, "no log at all");
	IS_NUM(dn_log_check_url("kafka://h:1/p", &err), -EINVAL,
	    "Kafka is refused");
	OK(strstr(err.text, "not built into this version") != NULL,
	    "and the refusal says why");
	IS_NUM(dn_log_check_url("mysql:x", &err), -EINVAL, "no such kind");
	IS_NUM(dn_log_check_url("sqlite://h/x", &err), -EINVAL,
	    "no host in the path");
	IS_NUM(dn_log_check_url("sqlite:/a/", &err), -EINVAL, "no folder");
	IS_NUM(
	    open_code("none", DN_LOG_SERVER), -EINVAL, "none cannot be opened");
}

static void test_places(void)
{
	struct dn_log *log = NULL;
	char state[128];

	snprintf(state, sizeof(state), "%s/state/deep", folder);
	setenv("XDG_STATE_HOME", state, 1);
	IS_NUM(open_code("sqlite:", DN_LOG_TOOL), -ENOENT,
	    "a tool makes no default log");
	OK(access(state, F_OK) != 0, "nor its folders");
	IS_NUM(open_code("sqlite:", DN_LOG_SERVER), 0, "a server does");
	OK(access(path_of("state/deep/dnot/log.db"), F_OK) == 0,
	    "in XDG_STATE_HOME/dnot");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", folder, 1);
	IS_NUM(open_code("sqlite:", DN_LOG_CREATE), 0, "without it in HOME");
	OK(access(path_of(".local/state/dnot/log.db"), F_OK) == 0,
	    "at .local/state/dnot");
	unsetenv("HOME");
	IS_NUM(open_code("sqlite:", DN_LOG_CREATE), -EINVAL,
	    "and nowhere without that");
	IS_NUM(dn_log_open(&log, "sqlite:rel.db", folder, DN_LOG_SERVER, &err),
	    0, "a relative path");
	OK(access(path_of("rel.db"), F_OK) == 0, "lies in the base folder");
	dn_log_close(&log);
	OK(log == NULL, "close clears the pointer");
}

static void test_missing(void)
{
	IS_NUM(open_code(url_of("missing.db"), DN_LOG_TOOL), -ENOENT,
	    "a tool needs a log");
	IS_NUM(open_code(url_of("missing.db"), DN_LOG_READ), -ENOENT,
	    "so does a reader");
	OK(access(path_of("missing.db"), F_OK) != 0, "and none is made");
	OK(access(path_of("missing.db-wal"), F_OK) != 0, "no -wal either");
	OK(access(path_of("missing.db-shm"), F_OK) != 0, "no -shm either");
	IS_NUM(open_code(url_of("no/folder.db"), DN_LOG_SERVER), -EACCES,
	    "a folder is not made for a given path");
	OK(strstr(err.text, "no/folder.db") != NULL, "the error names it");
	IS_NUM(open_code(url_of("state"), DN_LOG_SERVER), -EACCES,
	    "a folder is no log");
}

static void make_database(const char *name, const char *sql)
{
	sqlite3 *db = NULL;

	OK(sqlite3_open(path_of(name), &db) == SQLITE_OK &&
		sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK,
	    "a foreign database");
	sqlite3_close(db);
}

static void test_foreign(void)
{
	int fd = open(path_of("text.db"), O_CREAT | O_WRONLY, 0644);
	enum dn_log_mode modes[] = {
	    DN_LOG_SERVER, DN_LOG_CREATE, DN_LOG_TOOL, DN_LOG_READ};

	OK(fd >= 0 && write(fd, folder, sizeof(folder)) > 0, "a text file");
	for (int i = 0; i < 100; i++)
		OK(write(fd, folder, sizeof(folder)) > 0 || i >= 0, "grows");
	close(fd);
	make_database("other.db", "CREATE TABLE x(y)");
	make_database("old.db",
	    "PRAGMA application_id=1684959092; PRAGMA user_version=7;"
	    "CREATE TABLE x(y)");
	for (size_t i = 0; i < DN_ARRAY_LEN(modes); i++) {
		IS_NUM(open_code(url_of("text.db"), modes[i]), -EPROTO,
		    "text is no log");
		IS_NUM(open_code(url_of("other.db"), modes[i]), -EPROTO,
		    "somebody's database is no log");
		IS_NUM(open_code(url_of("old.db"), modes[i]), -EPROTO,
		    "another version is refused");
		OK(strstr(err.text, "version 7") != NULL &&
			strstr(err.text, "version 1") != NULL,
		    "naming both versions");
	}
	IS_NUM(query("other.db", "SELECT count(*) FROM sqlite_schema"), 1,
	    "nothing was put into it");
}

static void test_empty_file(void)
{
	int fd = open(path_of("empty.db"), O_CREAT | O_WRONLY, 0644);

	close(fd);
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_TOOL), -EPROTO,
	    "an empty file is no log for a tool");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_READ), -EPROTO,
	    "nor for a reader");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_SERVER), 0,
	    "a server that died while it made it left one: made now");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_TOOL), 0,
	    "then a tool opens it");
}

/* Runs fn in a child process without root's rights; its result. */
static int as_nobody(int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(99);
		_exit(-fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000 - status;
}

static int open_unwritable_server(void)
{
	return open_code(url_of("ro/log.db"), DN_LOG_SERVER);
}

static int open_unwritable_tool(void)
{
	return open_code(url_of("ro/log.db"), DN_LOG_TOOL);
}

static int open_unwritable_new(void)
{
	return open_code(url_of("ro/new.db"), DN_LOG_CREATE);
}

static int read_unwritable(void)
{
	struct dn_log *log = open_log("ro/log.db", DN_LOG_READ);
	struct seen seen;

	if (log == NULL)
		return -98;
	seen = read_stream(log, "c", 0, false, 10);
	dn_log_close(&log);
	return seen.n == 1 ? 0 : -97;
}

static void test_unwritable(void)
{
	struct dn_log_row row = row_of("c", 1);
	struct dn_log *log;

	OK(mkdir(path_of("ro"), 0755) == 0, "a folder");
	log = open_log("ro/log.db", DN_LOG_SERVER);
	IS_NUM(put(log, &row, false), 0, "with a log");
	dn_log_close(&log);
	chmod(path_of("ro/log.db"), 0444);
	chmod(path_of("ro"), 0555);
	IS_NUM(as_nobody(open_unwritable_server), -EACCES,
	    "a server needs the right to write");
	IS_NUM(as_nobody(open_unwritable_tool), -EACCES, "so does a tool");
	IS_NUM(as_nobody(open_unwritable_new), -EACCES, "and a new log");
	IS_NUM(as_nobody(read_unwritable), 0,
	    "a reader reads without any, when nobody has it open");
	log = open_log("ro/log.db", DN_LOG_SERVER);
	IS_NUM(as_nobody(read_unwritable), 0, "and while a server has it");
	dn_log_close(&log);
	chmod(path_of("ro"), 0755);
}

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

static void fill_undelivered(struct dn_log *log, int n)
{
	char uid[32];

	for (int i = 1; i <= n; i++) {
		struct dn_log_row row = row_of("c", (uint64_t)i);
		struct dn_log_undelivered u;

		snprintf(uid, sizeof(uid), "u%d", i);
		u = failed(uid);
		if (put_undelivered(log, &row, &u) != 0)
			printf("# %s\n", err.text);
	}
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

static int position(void *arg, const struct dn_log_position *pos)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%.*s/%.*s %.*s:%llu-%llu;",
	    DN_FMT(pos->tenant), DN_FMT(pos->channel), DN_FMT(pos->epoch),
	    (unsigned long long)pos->offset, (unsigned long long)pos->removed);
	return 0;
}

static int put_position(struct dn_log *log, const char *channel,
    const char *epoch, uint64_t offset, uint64_t removed)
{
	struct dn_log_position pos = {
	    DN_STR("t"), dn_str_of(channel), dn_str_of(epoch), offset, removed};
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_position(log, &pos, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

static bool start_again(const char *name, bool stop, uint64_t *restarted)
{
	struct dn_log *log = open_log(name, DN_LOG_SERVER);
	bool clean = false;

	OK(log != NULL &&
		dn_log_start(log, false, &clean, restarted, &err) == 0,
	    "a server starts");
	if (stop)
		OK(dn_log_stop(log, &err) == 0, "and stops");
	dn_log_close(&log);
	return clean;
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

/* In a child: tells through a pipe what it got, holds it until the pipe of
 * the parent closes. */
static pid_t holder(int (*fn)(void), int *got, int *hold)
{
	int report[2], wait[2];
	pid_t pid;

	if (pipe(report) != 0 || pipe(wait) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int rc;
		char c;

		close(wait[1]);
		rc = fn();
		if (write(report[1], &rc, sizeof(rc)) != sizeof(rc) ||
		    read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(0); /* as a kill would leave it */
	}
	close(report[1]);
	close(wait[0]);
	if (read(report[0], got, sizeof(*got)) != sizeof(*got))
		*got = -1;
	close(report[0]);
	*hold = wait[1];
	return pid;
}

static void release(pid_t pid, int hold)
{
	close(hold);
	waitpid(pid, NULL, 0);
}

static struct dn_log *held;

static int hold_server(void)
{
	held = start_log("locks.db");
	return held != NULL ? 0 : err.code;
}

static int hold_sweep(void)
{
	held = open_log("locks.db", DN_LOG_TOOL);
	if (held == NULL)
		return err.code;
	return dn_log_sweep_lock(held, DN_STR("a/b"), &err);
}

static void test_server_lock(void)
{
	int got, hold;
	pid_t pid = holder(hold_server, &got, &hold);
	struct dn_log *log;

	IS_NUM(got, 0, "another process is the server");
	IS_NUM(open_code(url_of("locks.db"), DN_LOG_SERVER), -EBUSY,
	    "a second server is kept out");
	OK(strstr(err.text, "process") != NULL, "told by whom");
	OK(symlink(path_of("locks.db"), path_of("alias.db")) == 0, "alias");
	IS_NUM(open_code(url_of("alias.db"), DN_LOG_SERVER), -EBUSY,
	    "also under another name of the file");
	log = open_log("locks.db", DN_LOG_TOOL);
	OK(log != NULL, "a tool may come");
	IS_NUM(put_taken(log, "x", "c", 1), 0, "and write");
	dn_log_close(&log);
	log = open_log("locks.db", DN_LOG_READ);
	IS_NUM(read_stream(log, "c", 0, false, 1).n, 0, "a reader reads");
	dn_log_close(&log);
	release(pid, hold);
	IS_NUM(open_code(url_of("locks.db"), DN_LOG_SERVER), 0,
	    "the lock goes with the process");
}

static void test_sweep_lock(void)
{
	struct dn_log *log;
	int got, hold;
	pid_t pid = holder(hold_sweep, &got, &hold);

	IS_NUM(got, 0, "another process sweeps");
	log = open_log("locks.db", DN_LOG_TOOL);
	IS_NUM(dn_log_sweep_lock(log, DN_STR("a/b"), &err), -EBUSY,
	    "a second sweep of the tenant is kept out");
	IS_NUM(dn_log_sweep_lock(log, DN_STR("ab"), &err), 0,
	    "one of another tenant is not");
	release(pid, hold);
	IS_NUM(dn_log_sweep_lock(log, DN_STR("a/b"), &err), 0,
	    "until the first is gone");
	dn_log_close(&log);
}

static void test_busy(void)
{
	struct dn_log *log = start_log("busy.db");
	struct dn_log_row row = row_of("c", 1);
	sqlite3 *db = NULL;
	int64_t us;

	sqlite3_open(path_of("busy.db"), &db);
	OK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK,
	    "somebody holds the database");
	us = dn_mono_us();
	IS_NUM(put(log, &row, false), -EAGAIN, "the log is away");
	us = dn_mono_us() - us;
	OK(us >= 900000 && us < 5000000, "after a second's patience");
	IS_NUM(read_stream(log, "c", 0, false, 1).n, 0, "reads go on");
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	IS_NUM(put(log, &row, false), 0, "then it is back");
	dn_log_close(&log);
}

/* Commits numbered groups and tells each one's last offset; the parent kills
 * it at some point. */
static void write_until_killed(int out)
{
	struct dn_log *log = start_log("kill.db");
	uint64_t at;

	at = (uint64_t)query(
	    "kill.db", "SELECT coalesce(max(offset),0) FROM records");
	for (;;) {
		if (dn_log_begin(log, &err) != 0)
			_exit(1);
		for (int i = 0; i < 20; i++) {
			struct dn_log_row row = row_of("c", ++at);

			if (dn_log_put(log, &row, true, &err) != 0)
				_exit(1);
		}
		if (dn_log_commit(log, &err) != 0 ||
		    write(out, &at, sizeof(at)) != sizeof(at))
			_exit(1);
	}
}

/* Lets a child write `groups` groups, kills it; the last offset it told. */
static uint64_t kill_writer(int groups)
{
	uint64_t at = 0, told = 0;
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		write_until_killed(fds[1]);
	}
	close(fds[1]);
	for (int i = 0; i < groups; i++)
		if (read(fds[0], &at, sizeof(at)) == sizeof(at))
			told = at;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(fds[0], &at, sizeof(at)) == sizeof(at))
		told = at;
	close(fds[0]);
	return told;
}

static void test_kill(void)
{
	for (int i = 1; i <= 10; i++) {
		uint64_t told = kill_writer(3 * i), restarted;
		struct dn_log *log = open_log("kill.db", DN_LOG_READ);
		struct seen seen;

		seen = read_stream(log, "c", 0, false, UINT64_MAX);
		OK(told > 0 && seen.steps && seen.first == 1 &&
			seen.last >= told,
		    "everything committed is there after kill -9");
		OK(seen.last % 20 == 0, "and only whole groups");
		dn_log_close(&log);
		OK(!start_again("kill.db", false, &restarted),
		    "and the log knows of the crash");
	}
	IS_NUM(query("kill.db", "SELECT (SELECT count(*) FROM records) ="
				" (SELECT count(*) FROM undelivered)"),
	    1, "what was open became undelivered");
}

static void test_creation_race(void)
{
	pid_t pids[4];
	int failed_n = 0, status;

	for (size_t i = 0; i < DN_ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct dn_log_undelivered u;
			struct dn_log_row row = row_of("c", 0);
			struct dn_log *log = open_log("race.db", DN_LOG_CREATE);
			char uid[37];

			dn_uuid(uid);
			u = failed(uid);
			_exit(
			    log == NULL || put_undelivered(log, &row, &u) != 0);
		}
	}
	for (size_t i = 0; i < DN_ARRAY_LEN(pids); i++) {
		waitpid(pids[i], &status, 0);
		failed_n += status != 0;
	}
	IS_NUM(failed_n, 0, "several processes may make the log at once");
	IS_NUM(query("race.db", "SELECT count(*) FROM undelivered"), 4,
	    "and each writes into the same");
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		printf("# cannot remove %s\n", folder);
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/dnot-test-log-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	chmod(folder, 0755);
	atexit(remove_folder);
	test_urls();
	test_places();
	test_missing();
	test_foreign();
	test_empty_file();
	test_unwritable();
	test_records();
	test_final();
	test_undelivered();
	test_taken();
	test_taken_list();
	test_retry_and_bury();
	test_requeue_all();
	test_story_is_bounded();
	test_value_replaces();
	test_removed();
	test_limits();
	test_epochs();
	test_scan();
	test_start();
	test_positions();
	test_restart();
	test_trim();
	test_trim_bytes();
	test_trim_rest();
	test_many();
	test_server_lock();
	test_sweep_lock();
	test_busy();
	test_kill();
	test_creation_race();
	return tap_done();
}
