/* SPDX-License-Identifier: MIT */
/*
 * log_help: what the tests of the log share: a folder of real files, short
 * ways to write a row and to see what a read gives.
 */
#ifndef LOG_HELP_H
#define LOG_HELP_H

#include "base/buf.h"
#include "log/log.h"
#include "tap.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct dn_err err;

/* "sqlite:FOLDER/name", in one of a few static buffers. */
static inline const char *url_of(const char *name)
{
	static char urls[4][160];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(urls[at], sizeof(urls[at]), "sqlite:%s/%s", folder, name);
	return urls[at];
}

static inline const char *path_of(const char *name)
{
	return url_of(name) + strlen("sqlite:");
}

static inline struct dn_log *open_log(const char *name, enum dn_log_mode mode)
{
	struct dn_log *log = NULL;
	int rc = dn_log_open(&log, url_of(name), NULL, mode, &err);

	if (rc != 0)
		printf("# open %s: %s\n", name, err.text);
	return log;
}

static inline struct dn_log *start_log(const char *name)
{
	struct dn_log *log = open_log(name, DN_LOG_SERVER);
	uint64_t restarted;
	bool clean;

	if (log != NULL && dn_log_start(log, true, &clean, &restarted, &err))
		printf("# start %s: %s\n", name, err.text);
	return log;
}

static inline int open_code(const char *url, enum dn_log_mode mode)
{
	struct dn_log *log = NULL;
	int rc = dn_log_open(&log, url, NULL, mode, &err);

	dn_log_close(&log);
	return rc;
}

/* What the sqlite3 shell would answer with one number. */
static inline int64_t query(const char *name, const char *sql)
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

static inline struct dn_log_row row_of(const char *channel, uint64_t offset)
{
	return (struct dn_log_row){.tenant = DN_STR("t"),
	    .channel = dn_str_of(channel),
	    .offset = offset,
	    .epoch = DN_STR("e1"),
	    .seq = -1,
	    .ts_us = 1000 + (int64_t)offset,
	    .value = DN_STR("{\"channel\":\"c\",\"data\":1}")};
}

static inline struct dn_log_undelivered failed(const char *uid)
{
	return (struct dn_log_undelivered){.uid = dn_str_of(uid),
	    .reason = DN_STR("no_subscriber"),
	    .first_us = 5000,
	    .not_before_us = 6000};
}

static inline int put(
    struct dn_log *log, const struct dn_log_row *row, bool open)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put(log, row, open, &err);
	if (rc == 0)
		return dn_log_commit(log, &err);
	dn_log_rollback(log);
	return rc;
}

static inline int put_undelivered(struct dn_log *log,
    const struct dn_log_row *row, const struct dn_log_undelivered *u)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_undelivered(log, row, u, &err);
	if (rc == 0)
		return dn_log_commit(log, &err);
	dn_log_rollback(log);
	return rc;
}

static inline int put_taken(
    struct dn_log *log, const char *uid, const char *channel, uint64_t offset)
{
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_taken(log, dn_str_of(uid), DN_STR("t"),
		    dn_str_of(channel), DN_STR("e1"), offset, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

static inline int put_removed(
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

static inline int see(void *arg, const struct dn_log_row *row)
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

static inline struct seen read_stream(struct dn_log *log, const char *channel,
    uint64_t after, bool reverse, uint64_t limit)
{
	struct seen seen = {.steps = true};
	int rc = dn_log_read(log, DN_STR("t"), dn_str_of(channel), DN_STR("e1"),
	    after, reverse, limit, see, &seen, &err);

	if (rc != 0)
		printf("# read: %d %s\n", rc, err.text);
	return seen;
}

static inline void fill_undelivered(struct dn_log *log, int n)
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

static inline int put_position(struct dn_log *log, const char *channel,
    const char *epoch, uint64_t offset, uint64_t removed)
{
	struct dn_log_position pos = {
	    DN_STR("t"), dn_str_of(channel), dn_str_of(epoch), offset, removed};
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_position(log, &pos, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

static inline bool start_again(const char *name, bool stop, uint64_t *restarted)
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

static inline void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		printf("# cannot remove %s\n", folder);
}

static inline void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/dnot-test-log-XXXXXX");
	if (mkdtemp(folder) == NULL)
		abort();
	chmod(folder, 0755);
	atexit(remove_folder);
}

#endif
