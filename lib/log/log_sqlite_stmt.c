/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_stmt: the statements of log_sqlite_sql.c, prepared when first
 * needed and kept, and transactions.
 *
 * A statement is taken with dn_sq_statement, bound, stepped, and is reset as
 * soon as it has given its last row, so that no read snapshot stays open.
 *
 * How it fails: another process holds the lock for more than a second, the
 * disk is full, the file system fails: -EAGAIN, as it may pass. The file is
 * damaged: -EIO. The row itself is refused: -EEXIST or -EINVAL. Anything
 * else is a wrong program and asserts.
 */
#include <errno.h>
#include <time.h>

#include "log/log_sqlite_impl.h"

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PROTOCOL:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_SCHEMA:
	case SQLITE_INTERRUPT:
		return -EAGAIN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_TOOBIG:
		return -EINVAL;
	case SQLITE_NOTADB:
		return -EPROTO;
	case SQLITE_NOMEM:
		dn_panic(__FILE__, __LINE__, "out of memory");
	case SQLITE_CORRUPT:
	default: /* SQLITE_ERROR: a table is missing or was changed */
		return -EIO;
	}
}

int dn_sq_error(struct dn_sq *sq, int rc, const char *doing, struct dn_err *err)
{
	DN_ASSERT(rc != SQLITE_MISUSE && rc != SQLITE_RANGE);
	sq->last_error = rc;
	return dn_err_set(err, code_of(rc), "log %s: %s: %s", sq->path, doing,
	    sq->db != NULL ? sqlite3_errmsg(sq->db) : sqlite3_errstr(rc));
}

/* SQLite's own waits grow to 100 ms, which a busy writer's gaps slip through;
 * this asks often, for one second in all. */
int dn_sq_busy(void *arg, int count)
{
	struct dn_sq *sq = arg;
	struct timespec pause = {0, 0};

	if (count == 0)
		sq->busy_since_us = dn_mono_us();
	else if (dn_mono_us() - sq->busy_since_us >= 1000000)
		return 0;
	pause.tv_nsec = 200000 + (long)dn_random_below(800000);
	nanosleep(&pause, NULL);
	return 1;
}

int dn_sq_exec(
    struct dn_sq *sq, const char *text, const char *doing, struct dn_err *err)
{
	int rc = sqlite3_exec(sq->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : dn_sq_error(sq, rc, doing, err);
}

int dn_sq_number(struct dn_sq *sq, const char *text, const char *doing,
    int64_t *out, struct dn_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sq->db, text, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else
		dn_sq_error(sq, rc, doing, err);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : err->code;
}

sqlite3_stmt *dn_sq_statement(
    struct dn_sq *sq, enum dn_sq_id id, struct dn_err *err)
{
	sqlite3_stmt **st = &sq->statements[id];
	int rc;

	if (*st != NULL) {
		DN_ASSERT(!sqlite3_stmt_busy(*st));
		return *st;
	}
	rc = sqlite3_prepare_v3(
	    sq->db, dn_sq_sql(id), -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
	if (rc == SQLITE_OK)
		return *st;
	dn_sq_error(sq, rc, "cannot prepare a statement", err);
	*st = NULL;
	return NULL;
}

void dn_sq_end(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int dn_sq_step(
    struct dn_sq *sq, sqlite3_stmt *st, const char *doing, struct dn_err *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	rc = rc == SQLITE_DONE ? 0 : dn_sq_error(sq, rc, doing, err);
	dn_sq_end(st);
	return rc;
}

int dn_sq_run(
    struct dn_sq *sq, sqlite3_stmt *st, const char *doing, struct dn_err *err)
{
	int rc = dn_sq_step(sq, st, doing, err);

	DN_ASSERT(rc <= 0);
	return rc;
}

void dn_sq_finalize(struct dn_sq *sq)
{
	for (size_t i = 0; i < DN_SQ_STATEMENTS; i++) {
		sqlite3_finalize(sq->statements[i]);
		sq->statements[i] = NULL;
	}
}

void dn_sq_bind_text(sqlite3_stmt *st, int at, struct dn_str s)
{
	int rc = sqlite3_bind_text64(
	    st, at, s.n > 0 ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);

	DN_ASSERT(rc == SQLITE_OK);
}

void dn_sq_bind_str(sqlite3_stmt *st, int at, struct dn_str s)
{
	if (s.n > 0)
		dn_sq_bind_text(st, at, s);
	else
		DN_ASSERT(sqlite3_bind_null(st, at) == SQLITE_OK);
}

void dn_sq_bind_i64(sqlite3_stmt *st, int at, int64_t v)
{
	int rc = sqlite3_bind_int64(st, at, v);

	DN_ASSERT(rc == SQLITE_OK);
}

void dn_sq_bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
	dn_sq_bind_i64(st, at, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void dn_sq_bind_position(sqlite3_stmt *st, int at, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset)
{
	dn_sq_bind_text(st, at, tenant);
	dn_sq_bind_text(st, at + 1, channel);
	dn_sq_bind_str(st, at + 2, epoch);
	if (offset > 0)
		dn_sq_bind_u64(st, at + 3, offset);
	else
		DN_ASSERT(sqlite3_bind_null(st, at + 3) == SQLITE_OK);
}

void dn_sq_bind_row(sqlite3_stmt *st, const struct dn_log_row *row)
{
	dn_sq_bind_text(st, 1, row->tenant);
	dn_sq_bind_text(st, 2, row->channel);
	if (row->offset > 0)
		dn_sq_bind_u64(st, 3, row->offset);
	else
		DN_ASSERT(sqlite3_bind_null(st, 3) == SQLITE_OK);
	dn_sq_bind_str(st, 4, row->epoch);
	dn_sq_bind_str(st, 5, row->request_id);
	if (row->seq >= 0)
		dn_sq_bind_i64(st, 6, row->seq);
	else
		DN_ASSERT(sqlite3_bind_null(st, 6) == SQLITE_OK);
	dn_sq_bind_str(st, 7, row->status);
	dn_sq_bind_i64(st, 8, row->ts_us);
	dn_sq_bind_text(st, 9, row->value);
}

struct dn_str dn_sq_text(sqlite3_stmt *st, int at)
{
	const unsigned char *p = sqlite3_column_text(st, at);

	if (p == NULL)
		return (struct dn_str){NULL, 0};
	return (struct dn_str){
	    (const char *)p, (size_t)sqlite3_column_bytes(st, at)};
}

uint64_t dn_sq_u64(sqlite3_stmt *st, int at)
{
	int64_t v = sqlite3_column_int64(st, at);

	return v < 0 ? 0 : (uint64_t)v;
}

void dn_sq_row(sqlite3_stmt *st, struct dn_log_row *row)
{
	row->id = sqlite3_column_int64(st, 0);
	row->tenant = dn_sq_text(st, 1);
	row->channel = dn_sq_text(st, 2);
	row->offset = dn_sq_u64(st, 3);
	row->epoch = dn_sq_text(st, 4);
	row->request_id = dn_sq_text(st, 5);
	row->seq = sqlite3_column_type(st, 6) == SQLITE_NULL
		       ? -1
		       : sqlite3_column_int64(st, 6);
	row->status = dn_sq_text(st, 7);
	row->ts_us = sqlite3_column_int64(st, 8);
	row->value = dn_sq_text(st, 9);
}

int dn_sq_begin(struct dn_log *log, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st;
	int rc;

	DN_ASSERT(!sq->in_transaction && sq->mode != DN_LOG_READ);
	st = dn_sq_statement(sq, DN_SQ_BEGIN, err);
	if (st == NULL)
		return err->code;
	rc = dn_sq_run(sq, st, "cannot begin to write", err);
	sq->in_transaction = rc == 0;
	return rc;
}

int dn_sq_commit(struct dn_log *log, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st;

	DN_ASSERT(sq->in_transaction);
	st = dn_sq_statement(sq, DN_SQ_COMMIT, err);
	if (st == NULL || dn_sq_run(sq, st, "cannot commit", err) != 0) {
		dn_sq_rollback(log);
		return err->code;
	}
	sq->in_transaction = false;
	return 0;
}

void dn_sq_rollback(struct dn_log *log)
{
	struct dn_sq *sq = dn_sq_of(log);

	/* A full disk or a failed write has rolled back by itself. */
	if (sq->in_transaction && !sqlite3_get_autocommit(sq->db))
		sqlite3_exec(sq->db, "ROLLBACK", NULL, NULL, NULL);
	sq->in_transaction = false;
}

int dn_sq_finish(struct dn_log *log, int rc, struct dn_err *err)
{
	if (rc == 0)
		return dn_sq_commit(log, err);
	dn_sq_rollback(log);
	return rc;
}
