/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_sweep: what becomes of undelivered and dead rows.
 *
 * Each outcome is one short transaction in which the row's columns, its value
 * and its story change together.
 *
 * How it fails: another sweep has the tenant's lock (-EBUSY); else as
 * log_sqlite_stmt.c says. A sweep that dies between two outcomes leaves the
 * rest as it was.
 */
#include <unistd.h>

#include "base/buf.h"
#include "log/log_sqlite_impl.h"
#include "log/log_value.h"

enum { REQUEUE_SLICE = 256 };

int dn_sq_sweep_lock(
    struct dn_log *log, struct dn_str tenant, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	struct dn_buf suffix = {0};
	int rc;

	if (sq->sweep_fd >= 0)
		close(sq->sweep_fd);
	sq->sweep_fd = -1;
	dn_buf_lit(&suffix, ".sweep-");
	for (size_t i = 0; i < tenant.n; i++) {
		unsigned char c = (unsigned char)tenant.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_')
			dn_buf_byte(&suffix, (char)c);
		else
			dn_buf_printf(&suffix, "%%%02X", c);
	}
	dn_buf_add(&suffix, ".lock", sizeof(".lock"));
	rc = dn_sq_lock(&sq->sweep_fd, sq->path, suffix.p, "sweep", err);
	dn_buf_release(&suffix);
	return rc;
}

/* One statement about one id. */
static int run_id(struct dn_sq *sq, enum dn_sq_id id, int64_t row,
    const char *doing, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, id, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, row);
	return dn_sq_run(sq, st, doing, err);
}

/* The row and what was remembered of it. */
static int remove_undelivered(struct dn_sq *sq, int64_t id, struct dn_err *err)
{
	static const char doing[] = "cannot remove an undelivered record";
	int rc = run_id(sq, DN_SQ_TAKEN_DEL, id, doing, err);

	return rc == 0 ? run_id(sq, DN_SQ_UNDELIVERED_DEL, id, doing, err) : rc;
}

int dn_sq_sweep_done(struct dn_log *log, int64_t id, struct dn_err *err)
{
	int rc = dn_sq_begin(log, err);

	if (rc != 0)
		return rc;
	return dn_sq_finish(
	    log, remove_undelivered(dn_sq_of(log), id, err), err);
}

/* A failed try: what the row becomes. */
struct failure {
	int64_t attempts;
	int64_t not_before_us;
	struct dn_str reason;
};

static int set_undelivered(struct dn_sq *sq, int64_t id, struct dn_str value,
    const struct dn_log_undelivered *u, struct dn_str story, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_UNDELIVERED_SET, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, id);
	dn_sq_bind_text(st, 2, value);
	dn_sq_bind_text(st, 3, u->reason);
	dn_sq_bind_i64(st, 4, u->attempts);
	dn_sq_bind_i64(st, 5, u->not_before_us);
	dn_sq_bind_text(st, 6, story);
	return dn_sq_run(sq, st, "cannot update an undelivered record", err);
}

static int insert_dead(struct dn_sq *sq, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, struct dn_str story, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_DEAD_PUT, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_row(st, row);
	dn_sq_bind_text(st, 10, u->uid);
	dn_sq_bind_text(st, 11, u->reason);
	dn_sq_bind_i64(st, 12, u->attempts);
	dn_sq_bind_i64(st, 13, u->first_us);
	dn_sq_bind_str(st, 14, u->key);
	dn_sq_bind_text(st, 15, story);
	dn_sq_bind_i64(st, 16, dn_wall_us());
	return dn_sq_run(sq, st, "cannot bury a record", err);
}

/* With the statement standing on the row: writes what becomes of it. */
static int fail_row(struct dn_sq *sq, sqlite3_stmt *st,
    const struct failure *failure, bool bury, struct dn_err *err)
{
	const struct dn_str none = {NULL, 0};
	struct dn_buf value = {0}, story = {0};
	struct dn_log_undelivered u;
	struct dn_log_row row;
	int rc;

	dn_sq_row(st, &row);
	dn_sq_read_undelivered(st, &u);
	if (failure->reason.n > 0)
		u.reason = failure->reason;
	if (!bury) {
		u.attempts = failure->attempts;
		u.not_before_us = failure->not_before_us;
	}
	dn_log_value_story(
	    &story, dn_sq_text(st, 16), dn_wall_us(), u.reason, u.attempts);
	rc = dn_log_value_undelivered(
	    &value, row.value, &u, bury ? dn_buf_view(&story) : none, err);
	row.value = dn_buf_view(&value);
	if (rc == 0 && bury)
		rc = insert_dead(sq, &row, &u, dn_buf_view(&story), err);
	else if (rc == 0)
		rc = set_undelivered(
		    sq, row.id, row.value, &u, dn_buf_view(&story), err);
	dn_buf_release(&value);
	dn_buf_release(&story);
	return rc;
}

static int fail_one(struct dn_sq *sq, int64_t id, const struct failure *failure,
    bool bury, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_UNDELIVERED_GET, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, id);
	rc = dn_sq_step(sq, st, "cannot read an undelivered record", err);
	if (rc != 1)
		return rc;
	rc = fail_row(sq, st, failure, bury, err);
	dn_sq_end(st);
	return rc == 0 && bury ? remove_undelivered(sq, id, err) : rc;
}

static int fail(struct dn_log *log, int64_t id, const struct failure *failure,
    bool bury, struct dn_err *err)
{
	int rc = dn_sq_begin(log, err);

	if (rc != 0)
		return rc;
	rc = fail_one(dn_sq_of(log), id, failure, bury, err);
	return dn_sq_finish(log, rc, err);
}

int dn_sq_sweep_retry(struct dn_log *log, int64_t id, int64_t attempts,
    int64_t not_before_us, struct dn_str reason, struct dn_err *err)
{
	struct failure failure = {attempts, not_before_us, reason};

	return fail(log, id, &failure, false, err);
}

int dn_sq_sweep_bury(
    struct dn_log *log, int64_t id, struct dn_str reason, struct dn_err *err)
{
	struct failure failure = {0, 0, reason};

	return fail(log, id, &failure, true, err);
}

/* With the statement standing on a dead row: the same as undelivered. */
static int requeue_row(struct dn_sq *sq, sqlite3_stmt *st, struct dn_err *err)
{
	int64_t now = dn_wall_us();
	struct dn_buf story = {0};
	struct dn_log_row row;
	struct dn_log_undelivered u = {.uid = dn_sq_text(st, 10),
	    .reason = DN_STR("requeued"),
	    .key = dn_sq_text(st, 11),
	    .first_us = now,
	    .not_before_us = now};
	int rc;

	dn_sq_row(st, &row);
	dn_log_value_story(&story, dn_sq_text(st, 12), now, u.reason, 0);
	rc = dn_sq_insert_undelivered(sq, &row, &u, dn_buf_view(&story), err);
	dn_buf_release(&story);
	return rc;
}

/* A slice of the rows from id `from` to `to`; *from moves on. */
static int requeue_slice(struct dn_sq *sq, struct dn_str tenant, int64_t *from,
    int64_t to, uint64_t *moved, struct dn_err *err)
{
	static const char doing[] = "cannot put a dead record back";
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_DEAD_PICK, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_i64(st, 2, *from - 1);
	dn_sq_bind_i64(st, 3, to);
	dn_sq_bind_i64(st, 4, REQUEUE_SLICE);
	while ((rc = dn_sq_step(sq, st, doing, err)) == 1) {
		int64_t id = sqlite3_column_int64(st, 0);

		rc = requeue_row(sq, st, err);
		if (rc == 0)
			rc = run_id(sq, DN_SQ_DEAD_DEL, id, doing, err);
		if (rc != 0) {
			dn_sq_end(st);
			return rc;
		}
		*from = id + 1;
		(*moved)++;
	}
	return rc;
}

int dn_sq_requeue(struct dn_log *log, struct dn_str tenant, int64_t id,
    uint64_t *moved, struct dn_err *err)
{
	int64_t from = id == 0 ? 1 : id, to = id == 0 ? INT64_MAX : id;
	uint64_t n;
	int rc;

	*moved = 0;
	do {
		n = 0;
		rc = dn_sq_begin(log, err);
		if (rc != 0)
			return rc;
		rc = requeue_slice(dn_sq_of(log), tenant, &from, to, &n, err);
		rc = dn_sq_finish(log, rc, err);
		if (rc == 0)
			*moved += n;
	} while (rc == 0 && n == REQUEUE_SLICE);
	return rc;
}
