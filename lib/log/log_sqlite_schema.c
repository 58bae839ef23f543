/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_schema: the tables, and how a file is known to be a dnot log.
 *
 * The file carries application_id "dnot" and the schema's version in
 * user_version. Tables and both marks are made in one transaction, so a
 * process that dies in between leaves an empty database, which the next one
 * fills. A log of an older version is good for tools as it is; a server adds
 * what it lacks, in one transaction, too.
 *
 * How it fails: no SQLite database, one of somebody else, or a newer version
 * (-EPROTO): nothing is changed in it. So an older dnot does not open a log
 * whose revoked tokens it would let in again.
 */
#include <errno.h>
#include <unistd.h>

#include "base/diag.h"
#include "log/log_sqlite_impl.h"

#define COLUMNS \
	" tenant TEXT NOT NULL, channel TEXT NOT NULL, offset INTEGER," \
	" epoch TEXT, request_id TEXT, seq INTEGER, status TEXT," \
	" ts_us INTEGER NOT NULL, value TEXT NOT NULL"
#define FAILED \
	", uid TEXT NOT NULL UNIQUE, reason TEXT NOT NULL," \
	" attempts INTEGER NOT NULL, first_us INTEGER NOT NULL," \
	" key TEXT, history TEXT NOT NULL"

/* What each version of the schema adds to the one before. */
static const char *const steps[DN_LOG_SQLITE_SCHEMA] = {
    "CREATE TABLE records(id INTEGER PRIMARY KEY," COLUMNS ");"
    "CREATE UNIQUE INDEX records_position"
    " ON records(tenant, channel, epoch, offset);"
    "CREATE INDEX records_ts ON records(ts_us);"
    "CREATE TABLE final(id INTEGER PRIMARY KEY," COLUMNS ");"
    "CREATE UNIQUE INDEX final_request ON final(tenant, request_id);"
    /* An id of these two is never given out again: people name them. */
    "CREATE TABLE undelivered(id INTEGER PRIMARY KEY AUTOINCREMENT," COLUMNS
	FAILED ", not_before_us INTEGER NOT NULL);"
    "CREATE INDEX undelivered_tenant ON undelivered(tenant);"
    "CREATE INDEX undelivered_position"
    " ON undelivered(tenant, channel, epoch, offset);"
    "CREATE TABLE dead(id INTEGER PRIMARY KEY AUTOINCREMENT," COLUMNS FAILED
    ", buried_us INTEGER NOT NULL);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE positions(id INTEGER PRIMARY KEY, tenant TEXT NOT NULL,"
    " channel TEXT NOT NULL, epoch TEXT NOT NULL, offset INTEGER NOT NULL,"
    " removed INTEGER NOT NULL, ts_us INTEGER NOT NULL,"
    " UNIQUE(tenant, channel));"
    "CREATE TABLE open(record INTEGER PRIMARY KEY);"
    "CREATE TABLE taken(id INTEGER PRIMARY KEY, uid TEXT UNIQUE,"
    " tenant TEXT NOT NULL, channel TEXT NOT NULL, epoch TEXT,"
    " offset INTEGER, ts_us INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX taken_position"
    " ON taken(tenant, channel, epoch, offset) WHERE uid IS NULL;"
    "PRAGMA application_id = 1684959092;" /* DN_LOG_SQLITE_APPLICATION */
    "PRAGMA user_version = 1;",

    "CREATE TABLE revoked(id INTEGER PRIMARY KEY, tenant TEXT NOT NULL,"
    " kind TEXT NOT NULL, subject TEXT NOT NULL, issued_before INTEGER,"
    " expire_at INTEGER, ts_us INTEGER NOT NULL,"
    " UNIQUE(tenant, kind, subject));"
    "CREATE INDEX revoked_end ON revoked(expire_at)"
    " WHERE expire_at IS NOT NULL;"
    "PRAGMA user_version = 2;",
};

_Static_assert(
    DN_LOG_SQLITE_APPLICATION == 1684959092 && DN_LOG_SQLITE_SCHEMA == 2,
    "the pragmas above say the same");

static int mismatch(
    struct dn_sq *sq, int64_t application, int64_t version, struct dn_err *err)
{
	if (application != DN_LOG_SQLITE_APPLICATION)
		return dn_err_set(err, -EPROTO,
		    "log %s: a database, but no dnot log", sq->path);
	return dn_err_set(err, -EPROTO,
	    "log %s: has schema version %lld, this dnot (%s) reads versions "
	    "up to %d",
	    sq->path, (long long)version, DN_VERSION, DN_LOG_SQLITE_SCHEMA);
}

int dn_sq_schema_check(struct dn_sq *sq, struct dn_err *err)
{
	static const char doing[] = "cannot read";
	int64_t application, version, objects;
	int rc;

	rc =
	    dn_sq_number(sq, "PRAGMA application_id", doing, &application, err);
	if (rc == 0)
		rc = dn_sq_number(
		    sq, "PRAGMA user_version", doing, &version, err);
	if (rc == 0)
		rc = dn_sq_number(sq, "SELECT count(*) FROM sqlite_schema",
		    doing, &objects, err);
	if (rc != 0)
		return rc;
	if (application == 0 && version == 0 && objects == 0) {
		sq->schema = 0;
		return 0;
	}
	if (application != DN_LOG_SQLITE_APPLICATION || version < 1 ||
	    version > DN_LOG_SQLITE_SCHEMA)
		return mismatch(sq, application, version, err);
	sq->schema = version;
	return 1;
}

/* The steps that the file lacks. */
static int run_steps(struct dn_sq *sq, struct dn_err *err)
{
	int rc = dn_sq_schema_check(sq, err);

	while (rc >= 0 && sq->schema < DN_LOG_SQLITE_SCHEMA) {
		rc = dn_sq_exec(
		    sq, steps[sq->schema], "cannot create its tables", err);
		sq->schema++;
	}
	return rc < 0 ? rc : 0;
}

/* The first pragma counts only before the first table: it lets retention give
 * pages back. SQLite does not wait for others who switch to WAL at the same
 * time, so that is tried for as long as it waits elsewhere. */
static int begin_file(struct dn_sq *sq, struct dn_err *err)
{
	int64_t until = dn_mono_us() + 1000000;
	int rc;

	do {
		rc = dn_sq_exec(sq,
		    "PRAGMA auto_vacuum = INCREMENTAL;"
		    "PRAGMA journal_mode = WAL;",
		    "cannot create it", err);
	} while (rc == -EAGAIN && dn_mono_us() < until && usleep(5000) == 0);
	return rc;
}

int dn_sq_schema_make(struct dn_sq *sq, struct dn_err *err)
{
	int64_t was = sq->schema;
	int rc;

	rc = begin_file(sq, err);
	if (rc != 0)
		return rc;
	rc = dn_sq_begin(&sq->log, err);
	if (rc != 0)
		return rc;
	rc = dn_sq_finish(&sq->log, run_steps(sq, err), err);
	if (rc == 0 && was > 0)
		dn_diag(DN_INFO, NULL,
		    "log %s: its schema was version %lld and is %d now",
		    sq->path, (long long)was, DN_LOG_SQLITE_SCHEMA);
	return rc;
}
