/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite: a log in one SQLite database.
 *
 * Opening: find the file, take the server's lock, open the database, look
 * whether it is a dnot log, make it one where it is empty and may be made (a
 * server also brings an older one up to date), set it up (WAL,
 * synchronous=FULL). A commit is on the disk when it
 * returns; a process that dies at any point loses only what was not
 * committed, and the next one that opens the file recovers it from the -wal.
 *
 * Reading: even for DN_LOG_READ the database is opened for writing where the
 * rights allow it, as only such a reader can recover after a crash and clean
 * up behind itself; query_only keeps it from changing anything. Without
 * rights it is opened read-only, and, when there is no -wal to read and none
 * can be made, as a file that nobody changes; dn_sq_refresh opens it again
 * once somebody does.
 *
 * How it fails: see log_sqlite_file.c for what is in the way before SQLite is
 * asked, log_sqlite_schema.c for other people's files. What SQLite cannot
 * open is -EACCES here, and -EAGAIN later, when it was open before.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "log/log_sqlite_impl.h"

enum how { HOW_WRITE, HOW_CREATE, HOW_READ, HOW_IMMUTABLE };

static void sq_close(struct dn_log *log)
{
	struct dn_sq *sq = dn_sq_of(log);

	dn_sq_rollback(log);
	dn_sq_finalize(sq);
	if (sq->db != NULL)
		DN_ASSERT(sqlite3_close(sq->db) == SQLITE_OK);
	if (sq->sweep_fd >= 0)
		close(sq->sweep_fd);
	if (sq->lock_fd >= 0)
		close(sq->lock_fd);
	free(sq->path);
	free(sq);
}

static const struct dn_log_ops sqlite_ops = {
    .close = sq_close,
    .begin = dn_sq_begin,
    .commit = dn_sq_commit,
    .rollback = dn_sq_rollback,
    .put = dn_sq_put,
    .put_undelivered = dn_sq_put_undelivered,
    .put_delivered = dn_sq_put_delivered,
    .put_taken = dn_sq_put_taken,
    .put_removed = dn_sq_put_removed,
    .put_position = dn_sq_put_position,
    .put_revoked = dn_sq_put_revoked,
    .read = dn_sq_read,
    .read_after = dn_sq_read_after,
    .scan = dn_sq_scan,
    .start = dn_sq_start,
    .stop = dn_sq_stop,
    .dev = dn_sq_dev,
    .positions = dn_sq_positions,
    .taken = dn_sq_taken,
    .revoked = dn_sq_revoked,
    .trim = dn_sq_trim,
    .idle = dn_sq_idle,
    .sweep_lock = dn_sq_sweep_lock,
    .undelivered = dn_sq_undelivered,
    .final = dn_sq_final,
    .sweep_done = dn_sq_sweep_done,
    .sweep_retry = dn_sq_sweep_retry,
    .sweep_bury = dn_sq_sweep_bury,
    .dead = dn_sq_dead,
    .requeue = dn_sq_requeue,
};

/* "file:PATH?immutable=1" */
static void immutable_uri(struct dn_buf *b, const char *path)
{
	dn_buf_lit(b, "file:");
	for (; *path != '\0'; path++) {
		if (strchr("%?#", *path) != NULL)
			dn_buf_printf(b, "%%%02X", (unsigned char)*path);
		else
			dn_buf_byte(b, *path);
	}
	dn_buf_lit(b, "?immutable=1");
	dn_buf_byte(b, '\0');
}

static int open_file(struct dn_sq *sq, enum how how)
{
	static const int flags[] = {
	    [HOW_WRITE] = SQLITE_OPEN_READWRITE,
	    [HOW_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	    [HOW_READ] = SQLITE_OPEN_READONLY,
	    [HOW_IMMUTABLE] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
	};
	struct dn_buf uri = {0};
	const char *name = sq->path;
	int rc;

	if (how == HOW_IMMUTABLE) {
		immutable_uri(&uri, sq->path);
		name = uri.p;
	}
	rc = sqlite3_open_v2(
	    name, &sq->db, flags[how] | SQLITE_OPEN_NOMUTEX, NULL);
	dn_buf_release(&uri);
	if (rc != SQLITE_OK)
		return rc;
	sq->immutable = how == HOW_IMMUTABLE;
	sqlite3_extended_result_codes(sq->db, 1);
	return sqlite3_busy_handler(sq->db, dn_sq_busy, sq);
}

static void close_file(struct dn_sq *sq)
{
	dn_sq_finalize(sq);
	if (sq->db != NULL)
		DN_ASSERT(sqlite3_close(sq->db) == SQLITE_OK);
	sq->db = NULL;
}

/* While opening, "cannot open" is a matter of rights. */
static int opening(struct dn_sq *sq, struct dn_err *err)
{
	switch (sq->last_error & 0xff) {
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		err->code = -EACCES;
		break;
	case SQLITE_NOTADB:
		dn_err_set(err, -EPROTO,
		    "log %s: no SQLite database, so no dnot log", sq->path);
		break;
	default:
		break;
	}
	return err->code;
}

/* Opens the file and looks what it is: 1 a log, 0 empty, or an error. */
static int try_open(struct dn_sq *sq, enum how how, struct dn_err *err)
{
	int rc;

	sq->last_error = SQLITE_OK;
	rc = open_file(sq, how);
	rc = rc == SQLITE_OK ? dn_sq_schema_check(sq, err)
			     : dn_sq_error(sq, rc, "cannot open it", err);
	return rc < 0 ? opening(sq, err) : rc;
}

static int try_read(struct dn_sq *sq, struct dn_err *err)
{
	bool write = dn_sq_writable(sq->path);
	int rc = try_open(sq, write ? HOW_WRITE : HOW_READ, err);

	if (rc != -EACCES || dn_sq_has_wal(sq->path))
		return rc;
	close_file(sq);
	return try_open(sq, HOW_IMMUTABLE, err);
}

static int set_up_reader(struct dn_sq *sq, struct dn_err *err)
{
	int rc = try_read(sq, err);

	if (rc == 0)
		return dn_err_set(
		    err, -EPROTO, "log %s: empty, no dnot log", sq->path);
	return rc < 0 ? rc
		      : dn_sq_exec(
			    sq, "PRAGMA query_only = 1", "cannot open it", err);
}

static int set_up_writer(struct dn_sq *sq, struct dn_err *err)
{
	bool create = sq->mode != DN_LOG_TOOL;
	int rc = try_open(sq, create ? HOW_CREATE : HOW_WRITE, err);

	if (rc < 0)
		return rc;
	if (sqlite3_db_readonly(sq->db, "main") == 1)
		return dn_err_set(
		    err, -EACCES, "log %s: cannot write it", sq->path);
	if (rc == 0 && !create)
		return dn_err_set(
		    err, -EPROTO, "log %s: empty, no dnot log", sq->path);
	if (rc == 0 ||
	    (sq->mode == DN_LOG_SERVER && sq->schema < DN_LOG_SQLITE_SCHEMA))
		rc = dn_sq_schema_make(sq, err);
	else
		rc = dn_sq_exec(sq, "PRAGMA journal_mode = WAL",
		    "cannot switch to WAL", err);
	if (rc < 0)
		return opening(sq, err);
	return dn_sq_exec(sq,
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA journal_size_limit = 67108864;"
	    "PRAGMA cache_size = -16384;",
	    "cannot set it up", err);
}

int dn_sq_refresh(struct dn_sq *sq, struct dn_err *err)
{
	int rc;

	if (sq->db != NULL && (!sq->immutable || !dn_sq_has_wal(sq->path)))
		return 0;
	close_file(sq);
	rc = set_up_reader(sq, err);
	if (rc != 0)
		close_file(sq); /* tried again with the next read */
	return rc;
}

static int sq_open(struct dn_sq *sq, struct dn_err *err)
{
	bool create = sq->mode == DN_LOG_SERVER || sq->mode == DN_LOG_CREATE;
	int rc = dn_sq_check_file(sq->path, create, err);

	if (rc == 0 && sq->mode == DN_LOG_SERVER)
		rc = dn_sq_lock(
		    &sq->lock_fd, sq->path, ".lock", "dnot-serve", err);
	if (rc != 0)
		return rc;
	return sq->mode == DN_LOG_READ ? set_up_reader(sq, err)
				       : set_up_writer(sq, err);
}

int dn_log_sqlite_open(struct dn_log **out, const char *path, const char *base,
    enum dn_log_mode mode, struct dn_err *err)
{
	struct dn_sq *sq = dn_xcalloc(1, sizeof(*sq));
	bool create = mode == DN_LOG_SERVER || mode == DN_LOG_CREATE;
	int rc;

	sq->log.magic = DN_LOG_MAGIC;
	sq->log.ops = &sqlite_ops;
	sq->mode = mode;
	sq->lock_fd = -1;
	sq->sweep_fd = -1;
	sq->trim_ts_us = INT64_MIN;
	rc = dn_sq_path(&sq->path, path, base, create, err);
	if (rc == 0)
		rc = sq_open(sq, err);
	if (rc != 0) {
		sq_close(&sq->log);
		return rc;
	}
	*out = &sq->log;
	return 0;
}
