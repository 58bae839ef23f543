/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_keep: what a server does at its start and stop.
 *
 * Start: marks the log as running, then turns what was still open into
 * undelivered, a slice a transaction. Stop: marks it as stopped, after the
 * positions were written. Whoever finds it still "running" knows that the
 * last server died.
 *
 * How it fails: see log_sqlite_stmt.c. A start that failed half-way is begun
 * again; each slice is complete in itself.
 */
#include <stdlib.h>

#include "log/log_sqlite_impl.h"
#include "log/log_value.h"

enum { RESTART_SLICE = 512 };

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

/* What was noted of a channel, brought up to what its records say: they go
 * on where the server died after that. */
static int position_now(struct dn_sq *sq, struct dn_log_position *pos,
    int64_t noted_us, char **epoch, struct dn_err *err)
{
	int64_t first_us = 0;
	uint64_t offset = 0;
	int rc = dn_sq_last_epoch(
	    sq, pos->tenant, pos->channel, epoch, &offset, &first_us, err);

	if (rc != 1)
		return rc;
	if (dn_str_is(pos->epoch, *epoch)) {
		if (offset > pos->offset)
			pos->offset = offset;
	} else if (first_us > noted_us) {
		pos->epoch = dn_str_of(*epoch);
		pos->offset = offset;
		pos->removed = 0;
	}
	return 0;
}

static int visit_position(struct dn_sq *sq, sqlite3_stmt *st,
    dn_log_position_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_log_position pos = {dn_sq_text(st, 0), dn_sq_text(st, 1),
	    dn_sq_text(st, 2), dn_sq_u64(st, 3), dn_sq_u64(st, 4)};
	char *epoch = NULL;
	int rc =
	    position_now(sq, &pos, sqlite3_column_int64(st, 5), &epoch, err);

	if (rc == 0)
		rc = fn(arg, &pos);
	free(epoch);
	return rc;
}

int dn_sq_positions(
    struct dn_log *log, dn_log_position_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_POSITIONS, err);
	int rc;

	if (st == NULL)
		return err->code;
	while ((rc = dn_sq_step(sq, st, "cannot read positions", err)) == 1) {
		rc = visit_position(sq, st, fn, arg, err);
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

int dn_sq_revoked(struct dn_log *log, int64_t now_s, dn_log_revoked_fn *fn,
    void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_REVOKED_LIST, err);
	struct dn_revocation r;
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, now_s);
	while ((rc = dn_sq_step(sq, st, "cannot read what is revoked", err)) ==
	       1) {
		r.tenant = dn_sq_text(st, 0);
		r.kind = dn_str_is(dn_sq_text(st, 1), "user")
			     ? DN_REVOKED_USER
			     : DN_REVOKED_TOKEN;
		r.subject = dn_sq_text(st, 2);
		r.issued_before_s = sqlite3_column_int64(st, 3);
		r.expire_at_s = sqlite3_column_int64(st, 4);
		rc = fn(arg, &r);
		if (rc != 0) {
			dn_sq_end(st);
			return rc;
		}
	}
	return rc;
}
