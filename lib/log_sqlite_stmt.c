/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_stmt: every SQL statement of the log, prepared when it is first
 * needed and kept.
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

#include "log_sqlite_impl.h"

#define POSITION_IS(t) \
	t "tenant = ?1 AND " t "channel = ?2 AND " t "epoch = ?3 AND " t \
	  "offset = ?4"
#define SAME_POSITION(a, b) \
	a ".tenant = " b ".tenant AND " a ".channel = " b ".channel AND " a \
	  ".epoch = " b ".epoch AND " a ".offset = " b ".offset"

static const char *const sql[DN_SQ_STATEMENTS] = {
    [DN_SQ_BEGIN] = "BEGIN IMMEDIATE",
    [DN_SQ_COMMIT] = "COMMIT",
    [DN_SQ_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [DN_SQ_META_PUT] = "REPLACE INTO meta(key, value) VALUES(?1, ?2)",

    [DN_SQ_RECORD_PUT] = "INSERT INTO records(" DN_SQ_COLUMNS ")"
			 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
			 " ON CONFLICT DO NOTHING",
    [DN_SQ_RECORD_SAME] = "SELECT id, value = ?5 FROM records"
			  " WHERE " POSITION_IS(""),
    [DN_SQ_OPEN_PUT] = "INSERT OR IGNORE INTO open(record) VALUES(?1)",
    [DN_SQ_OPEN_DEL] = "DELETE FROM open WHERE record ="
		       " (SELECT id FROM records WHERE " POSITION_IS("") ")",
    [DN_SQ_FINAL_SEQ] = "SELECT seq FROM final"
			" WHERE tenant = ?1 AND request_id = ?2",
    /* The newest goes to the end, as in a compacted topic. */
    [DN_SQ_FINAL_PUT] = "REPLACE INTO final(" DN_SQ_COLUMNS ")"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [DN_SQ_UNDELIVERED_PUT] =
	"INSERT INTO undelivered(" DN_SQ_COLUMNS ", uid, reason, attempts,"
	" first_us, not_before_us, key, history)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	" ?15, ?16) ON CONFLICT DO NOTHING",
    [DN_SQ_TAKEN_PUT] = "INSERT OR IGNORE INTO"
			" taken(tenant, channel, epoch, offset, uid, ts_us)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [DN_SQ_REMOVED_PUT] =
	"INSERT INTO positions(tenant, channel, epoch, offset, removed, ts_us)"
	" VALUES(?1, ?2, ?3, ?4, ?4, ?5)"
	" ON CONFLICT(tenant, channel) DO UPDATE SET"
	" offset = CASE WHEN epoch = ?3 THEN max(offset, ?4) ELSE ?4 END,"
	" removed = CASE WHEN epoch = ?3 THEN max(removed, ?4) ELSE ?4 END,"
	" epoch = ?3, ts_us = ?5",
    [DN_SQ_POSITION_PUT] =
	"REPLACE INTO positions(tenant, channel, epoch, offset, removed, ts_us)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",

    [DN_SQ_REMOVED_GET] = "SELECT removed FROM positions"
			  " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3",
    [DN_SQ_READ_UP] = "SELECT " DN_SQ_ROW " FROM records"
		      " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
		      " AND offset > ?4 ORDER BY offset LIMIT ?5",
    [DN_SQ_READ_DOWN] =
	"SELECT " DN_SQ_ROW " FROM records"
	" WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
	" AND offset > ?6 AND offset < ?4 ORDER BY offset DESC LIMIT ?5",
    [DN_SQ_EPOCH_NEXT] = "SELECT epoch FROM records"
			 " WHERE tenant = ?1 AND channel = ?2 AND epoch > ?3"
			 " ORDER BY epoch LIMIT 1",
    [DN_SQ_EPOCH_FIRST] = "SELECT id, ts_us FROM records"
			  " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
			  " ORDER BY offset LIMIT 1",
    [DN_SQ_EPOCH_SEEN] = "SELECT ts_us FROM positions"
			 " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3",
    [DN_SQ_EPOCH_READ] =
	"SELECT " DN_SQ_ROW " FROM records"
	" WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
	" AND offset > ?4 AND ts_us >= ?6 ORDER BY offset LIMIT ?5",
    [DN_SQ_SCAN_FROM] = "SELECT min(id) FROM records WHERE ts_us >= ?1",
    [DN_SQ_SCAN] = "SELECT " DN_SQ_ROW " FROM records"
		   " WHERE id >= ?1 AND +ts_us >= ?2 ORDER BY id",

    [DN_SQ_OPEN_LIST] =
	"SELECT r.id, r.tenant, r.channel, r.offset, r.epoch, r.request_id,"
	" r.seq, r.status, r.ts_us, r.value, o.record"
	" FROM open o LEFT JOIN records r ON r.id = o.record"
	" WHERE o.record > ?1 ORDER BY o.record LIMIT ?2",
    [DN_SQ_OPEN_CLEAR] = "DELETE FROM open WHERE record = ?1",
    [DN_SQ_POSITIONS] = "SELECT tenant, channel, epoch, offset, removed"
			" FROM positions ORDER BY id",
    [DN_SQ_TAKEN_LIST] =
	"SELECT coalesce(t.uid, u.uid), t.tenant, t.channel, t.epoch, t.offset"
	" FROM taken t LEFT JOIN undelivered u"
	" ON t.uid IS NULL AND " SAME_POSITION("u", "t") " ORDER BY t.id",
    [DN_SQ_TRIM_PICK] = "SELECT id, ts_us FROM records"
			" WHERE (ts_us, id) > (?1, ?2) AND ts_us < ?3"
			" ORDER BY ts_us, id LIMIT ?4",
    [DN_SQ_TRIM_RECORD] =
	"DELETE FROM records AS r WHERE id = ?1"
	" AND NOT EXISTS (SELECT 1 FROM open o WHERE o.record = r.id)"
	" AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE " SAME_POSITION("u", "r") ")",
    /* The ids of these ascend with their time. */
    [DN_SQ_TRIM_FINAL] = "DELETE FROM final WHERE ts_us < ?1 AND id IN"
			 " (SELECT id FROM final ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_DEAD] = "DELETE FROM dead WHERE buried_us < ?1 AND id IN"
			" (SELECT id FROM dead ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_POSITIONS] = "DELETE FROM positions WHERE ts_us < ?1 AND id IN"
			     " (SELECT id FROM positions ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_TAKEN] =
	"DELETE FROM taken WHERE id IN (SELECT id FROM taken t"
	" WHERE ts_us < ?1 AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE u.uid = t.uid) AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE t.uid IS NULL AND " SAME_POSITION("u", "t") ") LIMIT ?2)",

    [DN_SQ_UNDELIVERED_LIST] =
	"SELECT " DN_SQ_ROW ", uid, reason, key, attempts, first_us,"
	" not_before_us, EXISTS (SELECT 1 FROM taken t WHERE t.uid = u.uid)"
	" OR EXISTS (SELECT 1 FROM taken t WHERE t.uid IS NULL"
	" AND " SAME_POSITION(
	    "t", "u") ")"
		      " FROM undelivered u WHERE tenant = ?1 AND id > ?2"
		      " ORDER BY id LIMIT ?3",
    [DN_SQ_UNDELIVERED_GET] =
	"SELECT " DN_SQ_ROW ", uid, reason, key, attempts, first_us,"
	" not_before_us, history FROM undelivered WHERE id = ?1",
    [DN_SQ_UNDELIVERED_SET] =
	"UPDATE undelivered SET value = ?2, reason = ?3, attempts = ?4,"
	" not_before_us = ?5, history = ?6 WHERE id = ?1",
    [DN_SQ_UNDELIVERED_DEL] = "DELETE FROM undelivered WHERE id = ?1",
    [DN_SQ_TAKEN_DEL] =
	"DELETE FROM taken WHERE id IN (SELECT t.id FROM undelivered u, taken t"
	" WHERE u.id = ?1 AND t.uid = u.uid UNION ALL"
	" SELECT t.id FROM undelivered u, taken t WHERE u.id = ?1"
	" AND t.uid IS NULL AND " SAME_POSITION("t", "u") ")",
    [DN_SQ_FINAL_GET] = "SELECT " DN_SQ_ROW " FROM final"
			" WHERE tenant = ?1 AND request_id = ?2",
    [DN_SQ_DEAD_PUT] =
	"INSERT INTO dead(" DN_SQ_COLUMNS ", uid, reason, attempts,"
	" first_us, key, history, buried_us)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	" ?15, ?16)",
    [DN_SQ_DEAD_LIST] = "SELECT " DN_SQ_ROW " FROM dead"
			" WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    [DN_SQ_DEAD_PICK] = "SELECT " DN_SQ_ROW ", uid, key, history FROM dead"
			" WHERE tenant = ?1 AND id > ?2 AND id <= ?3"
			" ORDER BY id LIMIT ?4",
    [DN_SQ_DEAD_DEL] = "DELETE FROM dead WHERE id = ?1",
};

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
	    sq->db, sql[id], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
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
