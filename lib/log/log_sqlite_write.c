/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_write: the writes that make up a group, inside the caller's
 * transaction.
 *
 * A record goes into records; where its delivery is to be judged, its id
 * also into open, from which delivered and undelivered take it out; a
 * terminal one also into final. The same record may come again (its group
 * was tried again after a commit of unknown outcome): it is found by its
 * position, and nothing changes.
 *
 * How it fails: what SQLite says, see log_sqlite_stmt.c. A row that is
 * refused for its own sake (-EEXIST, -EINVAL) is refused before anything of
 * it was written.
 */
#include <errno.h>

#include "base/buf.h"
#include "log/log_sqlite_impl.h"
#include "log/log_value.h"
#include "record/record.h"

static int check_value(
    const struct dn_sq *sq, const struct dn_log_row *row, struct dn_err *err)
{
	DN_ASSERT(sq->in_transaction);
	if (row->value.n <= DN_LOG_VALUE_MAX)
		return 0;
	return dn_err_set(err, -EINVAL,
	    "log %s: a record of %zu bytes, at most %d are possible", sq->path,
	    row->value.n, DN_LOG_VALUE_MAX);
}

static bool terminal(const struct dn_log_row *row)
{
	return row->request_id.n > 0 && dn_status_terminal(row->status);
}

/* 1 when the terminal record that is there has a higher seq. */
static int final_is_newer(
    struct dn_sq *sq, const struct dn_log_row *row, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_FINAL_SEQ, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, row->tenant);
	dn_sq_bind_text(st, 2, row->request_id);
	rc = dn_sq_step(sq, st, "cannot look up a request's end", err);
	if (rc != 1)
		return rc;
	rc = row->seq >= 0 && sqlite3_column_type(st, 0) != SQLITE_NULL &&
	     sqlite3_column_int64(st, 0) > row->seq;
	dn_sq_end(st);
	return rc;
}

static int put_final(
    struct dn_sq *sq, const struct dn_log_row *row, struct dn_err *err)
{
	sqlite3_stmt *st;
	int rc = final_is_newer(sq, row, err);

	if (rc != 0)
		return rc == 1 ? 0 : rc;
	st = dn_sq_statement(sq, DN_SQ_FINAL_PUT, err);
	if (st == NULL)
		return err->code;
	dn_sq_bind_row(st, row);
	return dn_sq_run(sq, st, "cannot write a request's end", err);
}

/* The id of the record that has the row's position already, if it is the
 * same one. */
static int same_record(struct dn_sq *sq, const struct dn_log_row *row,
    int64_t *id, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_RECORD_SAME, err);
	bool same;
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_position(
	    st, 1, row->tenant, row->channel, row->epoch, row->offset);
	dn_sq_bind_text(st, 5, row->value);
	rc = dn_sq_step(sq, st, "cannot look up a record", err);
	if (rc < 0)
		return rc;
	DN_ASSERT(rc == 1);
	*id = sqlite3_column_int64(st, 0);
	same = sqlite3_column_int(st, 1) == 1;
	dn_sq_end(st);
	if (same)
		return 0;
	return dn_err_set(err, -EEXIST,
	    "log %s: channel %.*s has another record at offset %llu of epoch "
	    "%.*s",
	    sq->path, DN_FMT(row->channel), (unsigned long long)row->offset,
	    DN_FMT(row->epoch));
}

static int put_record(struct dn_sq *sq, const struct dn_log_row *row,
    int64_t *id, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_RECORD_PUT, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_row(st, row);
	rc = dn_sq_run(sq, st, "cannot write a record", err);
	if (rc != 0)
		return rc;
	if (sqlite3_changes(sq->db) == 0)
		return same_record(sq, row, id, err);
	*id = sqlite3_last_insert_rowid(sq->db);
	return 0;
}

static int put_open(struct dn_sq *sq, int64_t record, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_OPEN_PUT, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, record);
	return dn_sq_run(sq, st, "cannot note an open delivery", err);
}

int dn_sq_put(struct dn_log *log, const struct dn_log_row *row, bool open,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	int64_t id = 0;
	int rc = check_value(sq, row, err);

	if (rc == 0)
		rc = put_record(sq, row, &id, err);
	if (rc == 0 && open)
		rc = put_open(sq, id, err);
	if (rc == 0 && terminal(row))
		rc = put_final(sq, row, err);
	return rc;
}

static int insert_undelivered(struct dn_sq *sq, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, struct dn_str story, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_UNDELIVERED_PUT, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_row(st, row);
	dn_sq_bind_text(st, 10, u->uid);
	dn_sq_bind_text(st, 11, u->reason);
	dn_sq_bind_i64(st, 12, u->attempts);
	dn_sq_bind_i64(st, 13, u->first_us);
	dn_sq_bind_i64(st, 14, u->not_before_us);
	dn_sq_bind_str(st, 15, u->key);
	dn_sq_bind_text(st, 16, story);
	return dn_sq_run(sq, st, "cannot write an undelivered record", err);
}

int dn_sq_insert_undelivered(struct dn_sq *sq, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, struct dn_str story, struct dn_err *err)
{
	const struct dn_str none = {NULL, 0};
	struct dn_log_row with = *row;
	struct dn_buf value = {0};
	int rc = dn_log_value_undelivered(&value, row->value, u, none, err);

	with.value = dn_buf_view(&value);
	if (rc == 0)
		rc = insert_undelivered(sq, &with, u, story, err);
	dn_buf_release(&value);
	return rc;
}

int dn_sq_put_delivered(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_OPEN_DEL, err);

	DN_ASSERT(sq->in_transaction);
	if (st == NULL)
		return err->code;
	dn_sq_bind_position(st, 1, tenant, channel, epoch, offset);
	return dn_sq_run(sq, st, "cannot note a delivery", err);
}

int dn_sq_put_undelivered(struct dn_log *log, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, struct dn_err *err)
{
	const struct dn_str none = {NULL, 0};
	struct dn_sq *sq = dn_sq_of(log);
	struct dn_buf story = {0};
	int rc = check_value(sq, row, err);

	if (rc != 0)
		return rc;
	dn_log_value_story(&story, none, u->first_us, u->reason, u->attempts);
	rc = dn_sq_insert_undelivered(sq, row, u, dn_buf_view(&story), err);
	dn_buf_release(&story);
	if (rc == 0 && row->offset > 0)
		return dn_sq_put_delivered(log, row->tenant, row->channel,
		    row->epoch, row->offset, err);
	if (rc == 0 && terminal(row))
		return put_final(sq, row, err);
	return rc;
}

int dn_sq_put_taken(struct dn_log *log, struct dn_str uid, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_TAKEN_PUT, err);

	DN_ASSERT(sq->in_transaction);
	if (st == NULL)
		return err->code;
	dn_sq_bind_position(st, 1, tenant, channel, epoch, offset);
	dn_sq_bind_str(st, 5, uid);
	dn_sq_bind_i64(st, 6, dn_wall_us());
	return dn_sq_run(sq, st, "cannot note what was taken", err);
}

int dn_sq_put_removed(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_REMOVED_PUT, err);

	DN_ASSERT(sq->in_transaction);
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, epoch);
	dn_sq_bind_u64(st, 4, offset);
	dn_sq_bind_i64(st, 5, dn_wall_us());
	return dn_sq_run(sq, st, "cannot note a removed history", err);
}

int dn_sq_put_revoked(
    struct dn_log *log, const struct dn_revocation *r, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_REVOKED_PUT, err);
	bool user = r->kind == DN_REVOKED_USER;

	DN_ASSERT(sq->in_transaction);
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, r->tenant);
	dn_sq_bind_text(st, 2, dn_str_of(user ? "user" : "token"));
	dn_sq_bind_text(st, 3, r->subject);
	if (user)
		dn_sq_bind_i64(st, 4, r->issued_before_s);
	else
		DN_ASSERT(sqlite3_bind_null(st, 4) == SQLITE_OK);
	if (r->expire_at_s > 0)
		dn_sq_bind_i64(st, 5, r->expire_at_s);
	else
		DN_ASSERT(sqlite3_bind_null(st, 5) == SQLITE_OK);
	dn_sq_bind_i64(st, 6, dn_wall_us());
	return dn_sq_run(sq, st, "cannot write a revocation", err);
}

int dn_sq_put_position(
    struct dn_log *log, const struct dn_log_position *pos, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_POSITION_PUT, err);

	DN_ASSERT(sq->in_transaction);
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, pos->tenant);
	dn_sq_bind_text(st, 2, pos->channel);
	dn_sq_bind_text(st, 3, pos->epoch);
	dn_sq_bind_u64(st, 4, pos->offset);
	dn_sq_bind_u64(st, 5, pos->removed);
	dn_sq_bind_i64(st, 6, dn_wall_us());
	return dn_sq_run(sq, st, "cannot write a position", err);
}
