/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_keep: what a server does at its start and stop, and retention.
 *
 * Start: marks the log as running, then turns what was still open into
 * undelivered, a slice a transaction. Stop: marks it as stopped, after the
 * positions were written. Whoever finds it still "running" knows that the
 * last server died.
 *
 * Retention: dn_sq_trim walks the records by age, a slice a call, and drops
 * each that is neither open nor undelivered; at the end of a round it begins
 * anew, and takes a slice of what else grows: final and dead rows, positions
 * of channels that are no longer used, taken ids whose row was swept.
 *
 * How it fails: see log_sqlite_stmt.c. A start that failed half-way is begun
 * again; each slice is complete in itself.
 */
#include <errno.h>
#include <stdlib.h>

#include "log_sqlite_impl.h"
#include "log_value.h"

enum { RESTART_SLICE = 512 };

/* What is not a record stays at least this long, however short the records'
 * retention is. */
#define KEEP_US (30 * (int64_t)86400 * 1000000)
#define TAKEN_US ((int64_t)86400 * 1000000)

static int put_meta(
    struct dn_sq *sq, const char *key, const char *value, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_META_PUT, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, dn_str_of(key));
	dn_sq_bind_text(st, 2, dn_str_of(value));
	return dn_sq_run(sq, st, "cannot write its state", err);
}

/* 1 when the key has that value, 0 when another; `absent` when it has none. */
static int meta_is(struct dn_sq *sq, const char *key, const char *value,
    int absent, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_META_GET, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, dn_str_of(key));
	rc = dn_sq_step(sq, st, "cannot read its state", err);
	if (rc != 1)
		return rc == 0 ? absent : rc;
	rc = dn_str_is(dn_sq_text(st, 0), value) ? 1 : 0;
	dn_sq_end(st);
	return rc;
}

static int mark_running(struct dn_sq *sq, bool dev, struct dn_err *err)
{
	int rc = dn_sq_begin(&sq->log, err);

	if (rc != 0)
		return rc;
	rc = put_meta(sq, "server", "running", err);
	if (rc == 0)
		rc = put_meta(sq, "dev", dev ? "yes" : "no", err);
	return dn_sq_finish(&sq->log, rc, err);
}

static int clear_open(struct dn_sq *sq, int64_t record, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_OPEN_CLEAR, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, record);
	return dn_sq_run(sq, st, "cannot clear an open delivery", err);
}

static int restart_one(
    struct dn_sq *sq, const struct dn_log_row *row, struct dn_err *err)
{
	const struct dn_str none = {NULL, 0};
	int64_t now = dn_wall_us();
	struct dn_buf story = {0};
	char uid[37];
	struct dn_log_undelivered u = {
	    .reason = DN_STR("restart"), .first_us = now, .not_before_us = now};
	int rc;

	dn_uuid(uid);
	u.uid = dn_str_of(uid);
	dn_log_value_story(&story, none, now, u.reason, 0);
	rc = dn_sq_insert_undelivered(sq, row, &u, dn_buf_view(&story), err);
	dn_buf_release(&story);
	return rc;
}

/* Turns up to a slice of open into undelivered; *after moves on, *n counts. */
static int restart_rows(
    struct dn_sq *sq, int64_t *after, uint64_t *n, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_OPEN_LIST, err);
	struct dn_log_row row;
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, *after);
	dn_sq_bind_i64(st, 2, RESTART_SLICE);
	while (
	    (rc = dn_sq_step(sq, st, "cannot read what is open", err)) == 1) {
		*after = sqlite3_column_int64(st, 10);
		if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
			dn_sq_row(st, &row);
			rc = restart_one(sq, &row, err);
			(*n)++;
		}
		if (rc >= 0)
			rc = clear_open(sq, *after, err);
		if (rc < 0) {
			dn_sq_end(st);
			break;
		}
	}
	return rc;
}

static int restart_open(
    struct dn_sq *sq, uint64_t *restarted, struct dn_err *err)
{
	int64_t after = 0, last;
	uint64_t n = 0;
	int rc;

	do {
		last = after;
		rc = dn_sq_begin(&sq->log, err);
		if (rc != 0)
			return rc;
		rc = restart_rows(sq, &after, &n, err);
		rc = dn_sq_finish(&sq->log, rc, err);
	} while (rc == 0 && after != last);
	if (rc == 0)
		*restarted = n;
	return rc;
}

int dn_sq_start(struct dn_log *log, bool dev, bool *clean, uint64_t *restarted,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	int rc;

	DN_ASSERT(sq->mode == DN_LOG_SERVER);
	*restarted = 0;
	/* A log that no server has used yet was left clean. */
	rc = meta_is(sq, "server", "stopped", 1, err);
	if (rc < 0)
		return rc;
	*clean = rc == 1;
	rc = mark_running(sq, dev, err);
	return rc == 0 ? restart_open(sq, restarted, err) : rc;
}

int dn_sq_stop(struct dn_log *log, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	int rc;

	DN_ASSERT(sq->mode == DN_LOG_SERVER);
	rc = dn_sq_begin(log, err);
	if (rc != 0)
		return rc;
	return dn_sq_finish(log, put_meta(sq, "server", "stopped", err), err);
}

bool dn_sq_dev(struct dn_log *log)
{
	struct dn_sq *sq = dn_sq_of(log);
	struct dn_err err;

	return dn_sq_refresh(sq, &err) == 0 &&
	       meta_is(sq, "dev", "yes", 0, &err) == 1;
}

int dn_sq_positions(
    struct dn_log *log, dn_log_position_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_POSITIONS, err);
	struct dn_log_position pos;
	int rc;

	if (st == NULL)
		return err->code;
	while ((rc = dn_sq_step(sq, st, "cannot read positions", err)) == 1) {
		pos = (struct dn_log_position){dn_sq_text(st, 0),
		    dn_sq_text(st, 1), dn_sq_text(st, 2), dn_sq_u64(st, 3),
		    dn_sq_u64(st, 4)};
		rc = fn(arg, &pos);
		if (rc != 0) {
			dn_sq_end(st);
			return rc;
		}
	}
	return rc;
}

int dn_sq_taken(
    struct dn_log *log, dn_log_taken_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_TAKEN_LIST, err);
	int rc;

	if (st == NULL)
		return err->code;
	while (
	    (rc = dn_sq_step(sq, st, "cannot read what was taken", err)) == 1) {
		rc = fn(arg, dn_sq_text(st, 0), dn_sq_text(st, 1),
		    dn_sq_text(st, 2), dn_sq_text(st, 3), dn_sq_u64(st, 4));
		if (rc != 0) {
			dn_sq_end(st);
			return rc;
		}
	}
	return rc;
}

/* Bytes of the database in use. */
static int used_bytes(struct dn_sq *sq, uint64_t *bytes, struct dn_err *err)
{
	static const char doing[] = "cannot tell its size";
	int64_t pages, unused, size;
	int rc = dn_sq_number(sq, "PRAGMA page_count", doing, &pages, err);

	if (rc == 0)
		rc = dn_sq_number(
		    sq, "PRAGMA freelist_count", doing, &unused, err);
	if (rc == 0)
		rc = dn_sq_number(sq, "PRAGMA page_size", doing, &size, err);
	if (rc == 0)
		*bytes = (uint64_t)((pages - unused) * size);
	return rc;
}

/* The next ids by age; moves the round on. */
static int pick(struct dn_sq *sq, int64_t before_us, uint64_t slice,
    int64_t *ids, uint64_t *n, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_TRIM_PICK, err);
	int64_t ts_us = sq->trim_ts_us, id = sq->trim_id;
	int rc;

	*n = 0;
	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, ts_us);
	dn_sq_bind_i64(st, 2, id);
	dn_sq_bind_i64(st, 3, before_us);
	dn_sq_bind_u64(st, 4, slice);
	while ((rc = dn_sq_step(sq, st, "cannot find old records", err)) == 1) {
		id = sqlite3_column_int64(st, 0);
		ts_us = sqlite3_column_int64(st, 1);
		ids[(*n)++] = id;
	}
	if (rc == 0) {
		sq->trim_ts_us = ts_us;
		sq->trim_id = id;
	}
	return rc;
}

static int remove_records(struct dn_sq *sq, const int64_t *ids, uint64_t n,
    uint64_t *removed, struct dn_err *err)
{
	for (uint64_t i = 0; i < n; i++) {
		sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_TRIM_RECORD, err);

		if (st == NULL)
			return err->code;
		dn_sq_bind_i64(st, 1, ids[i]);
		if (dn_sq_run(sq, st, "cannot remove old records", err) != 0)
			return err->code;
		*removed += (uint64_t)sqlite3_changes(sq->db);
	}
	return 0;
}

/* A slice of what else grows. */
static int trim_rest(
    struct dn_sq *sq, int64_t before_us, uint64_t slice, struct dn_err *err)
{
	static const enum dn_sq_id ids[] = {DN_SQ_TRIM_FINAL, DN_SQ_TRIM_DEAD,
	    DN_SQ_TRIM_POSITIONS, DN_SQ_TRIM_TAKEN};
	int64_t now = dn_wall_us();
	int64_t keep = before_us < now - KEEP_US ? before_us : now - KEEP_US;

	for (size_t i = 0; i < DN_ARRAY_LEN(ids); i++) {
		sqlite3_stmt *st = dn_sq_statement(sq, ids[i], err);

		if (st == NULL)
			return err->code;
		dn_sq_bind_i64(
		    st, 1, ids[i] == DN_SQ_TRIM_TAKEN ? now - TAKEN_US : keep);
		dn_sq_bind_u64(st, 2, slice);
		if (dn_sq_run(sq, st, "cannot remove old rows", err) != 0)
			return err->code;
	}
	return 0;
}

static int trim_slice(struct dn_sq *sq, int64_t before_us, bool over,
    uint64_t slice, uint64_t *removed, bool *end, struct dn_err *err)
{
	int64_t *ids = dn_xcalloc(slice, sizeof(*ids));
	uint64_t n;
	int rc;

	rc = pick(sq, over ? INT64_MAX : before_us, slice, ids, &n, err);
	if (rc == 0)
		rc = remove_records(sq, ids, n, removed, err);
	free(ids);
	*end = n < slice;
	if (rc == 0 && *end)
		rc = trim_rest(sq, before_us, slice, err);
	return rc;
}

int dn_sq_trim(struct dn_log *log, int64_t before_us, uint64_t max_bytes,
    uint64_t slice, uint64_t *removed, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	bool over = false, end = true;
	uint64_t bytes = 0, n = 0;
	int rc = 0;

	DN_ASSERT(slice > 0 && slice <= 100000);
	*removed = 0;
	if (max_bytes > 0)
		rc = used_bytes(sq, &bytes, err);
	over = max_bytes > 0 && bytes > max_bytes;
	if (rc == 0)
		rc = dn_sq_begin(log, err);
	if (rc != 0)
		return rc;
	rc = trim_slice(sq, before_us, over, slice, &n, &end, err);
	rc = dn_sq_finish(log, rc, err);
	if (rc != 0 || end) {
		sq->trim_ts_us = INT64_MIN;
		sq->trim_id = 0;
	}
	if (rc != 0)
		return rc;
	*removed = n;
	return end ? 0 : 1;
}

void dn_sq_idle(struct dn_log *log)
{
	struct dn_sq *sq = dn_sq_of(log);
	int64_t pages, unused;
	struct dn_err err;

	if (dn_sq_number(sq, "PRAGMA page_count", "", &pages, &err) == 0 &&
	    dn_sq_number(sq, "PRAGMA freelist_count", "", &unused, &err) == 0 &&
	    unused > 256 && unused > pages / 4)
		sqlite3_exec(
		    sq->db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
	sqlite3_wal_checkpoint_v2(
	    sq->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}
