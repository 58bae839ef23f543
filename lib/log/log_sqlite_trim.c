/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_trim: retention.
 *
 * dn_sq_trim walks the records by age, a slice a call, and drops each that is
 * neither open nor undelivered; at the end of a round it begins anew, and
 * takes a slice of what else grows: final and dead rows, positions of
 * channels that are no longer used, taken ids whose row was swept, revoked
 * tokens that are over. Pages that
 * become free are used again; many of them are given back in idle time.
 *
 * How it fails: see log_sqlite_stmt.c; the round then begins anew.
 */
#include <stdlib.h>

#include "log/log_sqlite_impl.h"

/* What is not a record stays at least this long, however short the records'
 * retention is. */
#define KEEP_US (30 * (int64_t)86400 * 1000000)
#define REST_US (10 * (int64_t)1000000)
#define TAKEN_US ((int64_t)86400 * 1000000)

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
	int64_t now = dn_wall_us();
	int64_t keep = before_us < now - KEEP_US ? before_us : now - KEEP_US;
	const struct {
		enum dn_sq_id id;
		int64_t until;
	} rest[] = {
	    {DN_SQ_TRIM_FINAL, keep},
	    {DN_SQ_TRIM_DEAD, keep},
	    {DN_SQ_TRIM_POSITIONS, keep},
	    {DN_SQ_TRIM_TAKEN, now - TAKEN_US},
	    {DN_SQ_TRIM_REVOKED, now / 1000000},
	};

	for (size_t i = 0; i < DN_ARRAY_LEN(rest); i++) {
		sqlite3_stmt *st = dn_sq_statement(sq, rest[i].id, err);

		if (st == NULL)
			return err->code;
		dn_sq_bind_i64(st, 1, rest[i].until);
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
	if (rc != 0 || !*end || dn_mono_us() < sq->rest_due_us)
		return rc;
	sq->rest_due_us = dn_mono_us() + REST_US;
	return trim_rest(sq, before_us, slice, err);
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
