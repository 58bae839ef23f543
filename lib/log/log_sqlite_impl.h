/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_impl: what the files of log_sqlite share; only they include it.
 *
 *   log_sqlite.c        open and close, the table of operations
 *   log_sqlite_file.c   paths, lock files
 *   log_sqlite_schema.c tables, the schema's version
 *   log_sqlite_sql.c    the SQL, as data
 *   log_sqlite_stmt.c   prepared statements, transactions, error codes
 *   log_sqlite_write.c  the writes of a group
 *   log_sqlite_read.c   reads of records
 *   log_sqlite_keep.c   start, stop, positions
 *   log_sqlite_trim.c   retention, idle work
 *   log_sqlite_list.c   lists of undelivered and dead, a request's end
 *   log_sqlite_sweep.c  what becomes of undelivered and dead rows
 */
#ifndef DN_LOG_SQLITE_IMPL_H
#define DN_LOG_SQLITE_IMPL_H

#include <sqlite3.h>

#include "log/log_ops.h"
#include "log/log_sqlite.h"

/* The columns that all four public tables share, in the order in which
 * dn_sq_bind_row binds ?1..?9 and dn_sq_row reads. */
#define DN_SQ_COLUMNS \
	"tenant, channel, offset, epoch, request_id, seq, status, ts_us, " \
	"value"
#define DN_SQ_ROW "id, " DN_SQ_COLUMNS

enum dn_sq_id {
	DN_SQ_BEGIN,
	DN_SQ_COMMIT,
	DN_SQ_META_GET,
	DN_SQ_META_PUT,
	/* write */
	DN_SQ_RECORD_PUT,
	DN_SQ_RECORD_SAME,
	DN_SQ_OPEN_PUT,
	DN_SQ_OPEN_DEL,
	DN_SQ_FINAL_SEQ,
	DN_SQ_FINAL_PUT,
	DN_SQ_UNDELIVERED_PUT,
	DN_SQ_TAKEN_PUT,
	DN_SQ_REMOVED_PUT,
	DN_SQ_POSITION_PUT,
	DN_SQ_REVOKED_PUT,
	/* read */
	DN_SQ_REMOVED_GET,
	DN_SQ_READ_UP,
	DN_SQ_READ_DOWN,
	DN_SQ_EPOCH_NEXT,
	DN_SQ_EPOCH_FIRST,
	DN_SQ_EPOCH_SEEN,
	DN_SQ_EPOCH_LAST,
	DN_SQ_EPOCH_READ,
	DN_SQ_SCAN_FROM,
	DN_SQ_SCAN,
	/* keep */
	DN_SQ_OPEN_LIST,
	DN_SQ_OPEN_CLEAR,
	DN_SQ_POSITIONS,
	DN_SQ_TAKEN_LIST,
	DN_SQ_REVOKED_LIST,
	DN_SQ_TRIM_PICK,
	DN_SQ_TRIM_RECORD,
	DN_SQ_TRIM_FINAL,
	DN_SQ_TRIM_DEAD,
	DN_SQ_TRIM_TAKEN,
	DN_SQ_TRIM_POSITIONS,
	DN_SQ_TRIM_REVOKED,
	/* sweep */
	DN_SQ_UNDELIVERED_LIST,
	DN_SQ_UNDELIVERED_GET,
	DN_SQ_UNDELIVERED_SET,
	DN_SQ_UNDELIVERED_DEL,
	DN_SQ_TAKEN_DEL,
	DN_SQ_FINAL_GET,
	DN_SQ_DEAD_PUT,
	DN_SQ_DEAD_LIST,
	DN_SQ_DEAD_PICK,
	DN_SQ_DEAD_DEL,
	DN_SQ_STATEMENTS
};

struct dn_sq {
	struct dn_log log;
	sqlite3 *db;
	char *path; /* absolute */
	enum dn_log_mode mode;
	/* Opened as a file that nobody changes, for want of the right to
	 * write beside it; reopened once somebody writes. */
	bool immutable;
	int64_t schema; /* of the file; 0: it is empty */
	bool in_transaction;
	int last_error; /* SQLite's code behind the last dn_sq_error */
	int lock_fd;
	int sweep_fd;
	int64_t busy_since_us;
	/* Where the round of dn_log_trim has got to. */
	int64_t trim_ts_us, trim_id;
	int64_t rest_due_us; /* when it looks at the other tables again */
	sqlite3_stmt *statements[DN_SQ_STATEMENTS];
};

static inline struct dn_sq *dn_sq_of(struct dn_log *log)
{
	return DN_CONTAINER(log, struct dn_sq, log);
}

/* log_sqlite_file.c */

/* The database's absolute path; `make` makes the folders of the default
 * place. The caller frees. */
DN_MUST_CHECK int dn_sq_path(char **out, const char *path, const char *base,
    bool make, struct dn_err *err);
/* Whether it is there, and (write) whether file and folder can be written. */
DN_MUST_CHECK int dn_sq_check_file(
    const char *path, bool create, struct dn_err *err);
/* Whether SQLite may write the file and files beside it. */
DN_MUST_CHECK bool dn_sq_writable(const char *path);
/* Whether there is a -wal with something in it. */
DN_MUST_CHECK bool dn_sq_has_wal(const char *path);
/* Locks PATH + suffix for `what`: *fd, or -EBUSY. */
DN_MUST_CHECK int dn_sq_lock(int *fd, const char *path, const char *suffix,
    const char *what, struct dn_err *err);

/* log_sqlite.c */

/* Before a read: an immutable database that has got a writer is opened
 * again. */
DN_MUST_CHECK int dn_sq_refresh(struct dn_sq *sq, struct dn_err *err);

/* log_sqlite_schema.c */

/* 1 a log of a version that can be read, 0 an empty database, or an error.
 * Sets sq->schema. */
DN_MUST_CHECK int dn_sq_schema_check(struct dn_sq *sq, struct dn_err *err);
/* Makes the tables that an empty database or an older log lacks, unless
 * another process just did. */
DN_MUST_CHECK int dn_sq_schema_make(struct dn_sq *sq, struct dn_err *err);

/* log_sqlite_sql.c */
const char *dn_sq_sql(enum dn_sq_id id);

/* log_sqlite_stmt.c */

/* Sets err from the database's last error; returns its code. */
int dn_sq_error(
    struct dn_sq *sq, int rc, const char *doing, struct dn_err *err);
DN_MUST_CHECK int dn_sq_exec(
    struct dn_sq *sq, const char *sql, const char *doing, struct dn_err *err);
/* SELECT or PRAGMA of one integer, which must be there. */
DN_MUST_CHECK int dn_sq_number(struct dn_sq *sq, const char *sql,
    const char *doing, int64_t *out, struct dn_err *err);
/* The prepared statement, reset and without bindings, or NULL (err is set).
 * One in use by a caller further up is a bug. */
DN_MUST_CHECK sqlite3_stmt *dn_sq_statement(
    struct dn_sq *sq, enum dn_sq_id id, struct dn_err *err);
/* Steps a statement: 1 a row, 0 done, or an error; but for a row it is
 * reset. */
DN_MUST_CHECK int dn_sq_step(
    struct dn_sq *sq, sqlite3_stmt *st, const char *doing, struct dn_err *err);
/* Steps a statement that gives no row. */
DN_MUST_CHECK int dn_sq_run(
    struct dn_sq *sq, sqlite3_stmt *st, const char *doing, struct dn_err *err);
/* Ends a statement early. */
void dn_sq_end(sqlite3_stmt *st);
void dn_sq_finalize(struct dn_sq *sq);
int dn_sq_busy(void *arg, int count);

/* Unset strings (n == 0) and numbers (0, -1) are bound as NULL where they
 * say so. The bytes are borrowed until the statement has run. */
void dn_sq_bind_str(sqlite3_stmt *st, int at, struct dn_str s);
void dn_sq_bind_text(sqlite3_stmt *st, int at, struct dn_str s); /* no NULL */
void dn_sq_bind_i64(sqlite3_stmt *st, int at, int64_t v);
void dn_sq_bind_u64(sqlite3_stmt *st, int at, uint64_t v); /* clamped */
void dn_sq_bind_position(sqlite3_stmt *st, int at, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset);
void dn_sq_bind_row(sqlite3_stmt *st, const struct dn_log_row *row);
struct dn_str dn_sq_text(sqlite3_stmt *st, int at);
uint64_t dn_sq_u64(sqlite3_stmt *st, int at);
/* Reads DN_SQ_ROW at columns 0..9. */
void dn_sq_row(sqlite3_stmt *st, struct dn_log_row *row);

DN_MUST_CHECK int dn_sq_begin(struct dn_log *log, struct dn_err *err);
DN_MUST_CHECK int dn_sq_commit(struct dn_log *log, struct dn_err *err);
void dn_sq_rollback(struct dn_log *log);
/* Commits when rc is 0, else rolls back and returns rc. */
DN_MUST_CHECK int dn_sq_finish(struct dn_log *log, int rc, struct dn_err *err);

/* log_sqlite_write.c */
DN_MUST_CHECK int dn_sq_put(struct dn_log *log, const struct dn_log_row *row,
    bool open, struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_undelivered(struct dn_log *log,
    const struct dn_log_row *row, const struct dn_log_undelivered *u,
    struct dn_err *err);
/* The row alone; story as log_value.h has it. */
DN_MUST_CHECK int dn_sq_insert_undelivered(struct dn_sq *sq,
    const struct dn_log_row *row, const struct dn_log_undelivered *u,
    struct dn_str story, struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_delivered(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_taken(struct dn_log *log, struct dn_str uid,
    struct dn_str tenant, struct dn_str channel, struct dn_str epoch,
    uint64_t offset, struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_removed(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_position(
    struct dn_log *log, const struct dn_log_position *pos, struct dn_err *err);
DN_MUST_CHECK int dn_sq_put_revoked(
    struct dn_log *log, const struct dn_revocation *r, struct dn_err *err);

/* log_sqlite_read.c */
DN_MUST_CHECK int dn_sq_read(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t after, bool reverse,
    uint64_t limit, dn_log_row_fn *fn, void *arg, struct dn_err *err);
DN_MUST_CHECK int dn_sq_read_after(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    int64_t since_us, uint64_t limit, dn_log_row_fn *fn, void *arg,
    struct dn_err *err);
DN_MUST_CHECK int dn_sq_scan(struct dn_log *log, int64_t since_us,
    dn_log_row_fn *fn, void *arg, struct dn_err *err);

/* The last epoch that the log has of a channel, with its last offset and the
 * time of its first record: 1, or 0 when there is none. The caller frees
 * *epoch. */
DN_MUST_CHECK int dn_sq_last_epoch(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, char **epoch, uint64_t *offset, int64_t *first_us,
    struct dn_err *err);

/* log_sqlite_keep.c */
DN_MUST_CHECK int dn_sq_start(struct dn_log *log, bool dev, bool *clean,
    uint64_t *restarted, struct dn_err *err);
DN_MUST_CHECK int dn_sq_stop(struct dn_log *log, struct dn_err *err);
DN_MUST_CHECK bool dn_sq_dev(struct dn_log *log);
DN_MUST_CHECK int dn_sq_positions(
    struct dn_log *log, dn_log_position_fn *fn, void *arg, struct dn_err *err);
DN_MUST_CHECK int dn_sq_taken(
    struct dn_log *log, dn_log_taken_fn *fn, void *arg, struct dn_err *err);
DN_MUST_CHECK int dn_sq_revoked(struct dn_log *log, int64_t now_s,
    dn_log_revoked_fn *fn, void *arg, struct dn_err *err);

/* log_sqlite_trim.c */
DN_MUST_CHECK int dn_sq_trim(struct dn_log *log, int64_t before_us,
    uint64_t max_bytes, uint64_t slice, uint64_t *removed, struct dn_err *err);
void dn_sq_idle(struct dn_log *log);

/* log_sqlite_list.c */
DN_MUST_CHECK int dn_sq_undelivered(struct dn_log *log, struct dn_str tenant,
    int64_t after, uint64_t limit, dn_log_undelivered_fn *fn, void *arg,
    struct dn_err *err);
DN_MUST_CHECK int dn_sq_final(struct dn_log *log, struct dn_str tenant,
    struct dn_str request_id, dn_log_row_fn *fn, void *arg, struct dn_err *err);
DN_MUST_CHECK int dn_sq_dead(struct dn_log *log, struct dn_str tenant,
    dn_log_row_fn *fn, void *arg, struct dn_err *err);
/* Columns 10..15 of DN_SQ_UNDELIVERED_LIST and _GET. */
void dn_sq_read_undelivered(sqlite3_stmt *st, struct dn_log_undelivered *u);

/* log_sqlite_sweep.c */
DN_MUST_CHECK int dn_sq_sweep_lock(
    struct dn_log *log, struct dn_str tenant, struct dn_err *err);
DN_MUST_CHECK int dn_sq_sweep_done(
    struct dn_log *log, int64_t id, struct dn_err *err);
DN_MUST_CHECK int dn_sq_sweep_retry(struct dn_log *log, int64_t id,
    int64_t attempts, int64_t not_before_us, struct dn_str reason,
    struct dn_err *err);
DN_MUST_CHECK int dn_sq_sweep_bury(
    struct dn_log *log, int64_t id, struct dn_str reason, struct dn_err *err);
DN_MUST_CHECK int dn_sq_requeue(struct dn_log *log, struct dn_str tenant,
    int64_t id, uint64_t *moved, struct dn_err *err);

#endif
