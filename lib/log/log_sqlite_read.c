/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_read: reads of records.
 *
 * Within a channel and an epoch the log's order is that of the offsets; the
 * epochs of a channel follow one another. So the one index over (tenant,
 * channel, epoch, offset) serves both the read of a stream and the read over
 * all epochs, which asks for the epochs first and sorts them by the id of
 * their first record.
 *
 * A read is a snapshot: the statement ends with its last row, or when the
 * callback stops it.
 *
 * How it fails: see log_sqlite_stmt.c; whatever the callback returned.
 */
#include <errno.h>
#include <stdlib.h>

#include "log/log_sqlite_impl.h"

static int each_row(struct dn_sq *sq, sqlite3_stmt *st, uint64_t *limit,
    dn_log_row_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_log_row row;
	int rc;

	while ((rc = dn_sq_step(sq, st, "cannot read records", err)) == 1) {
		dn_sq_row(st, &row);
		rc = fn(arg, &row);
		(*limit)--;
		if (rc != 0) {
			dn_sq_end(st);
			return rc;
		}
	}
	return rc;
}

static int removed_until(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t *removed,
    struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_REMOVED_GET, err);
	int rc;

	*removed = 0;
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, epoch);
	rc = dn_sq_step(sq, st, "cannot read a position", err);
	if (rc != 1)
		return rc;
	*removed = dn_sq_u64(st, 0);
	dn_sq_end(st);
	return 0;
}

int dn_sq_read(struct dn_log *log, struct dn_str tenant, struct dn_str channel,
    struct dn_str epoch, uint64_t after, bool reverse, uint64_t limit,
    dn_log_row_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	sqlite3_stmt *st;
	uint64_t removed;
	int rc = dn_sq_refresh(sq, err);

	if (rc == 0)
		rc = removed_until(sq, tenant, channel, epoch, &removed, err);
	if (rc != 0)
		return rc;
	st =
	    dn_sq_statement(sq, reverse ? DN_SQ_READ_DOWN : DN_SQ_READ_UP, err);
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, epoch);
	if (reverse) {
		dn_sq_bind_u64(st, 4, after == 0 ? UINT64_MAX : after);
		dn_sq_bind_u64(st, 6, removed);
	} else {
		dn_sq_bind_u64(st, 4, after > removed ? after : removed);
	}
	dn_sq_bind_u64(st, 5, limit);
	return each_row(sq, st, &limit, fn, arg, err);
}

/* The epochs of a channel that have records. */
struct epochs {
	struct epoch {
		char *name;
		int64_t id, ts_us; /* of its first record */
	} * of;
	size_t n;
};

static void epochs_release(struct epochs *epochs)
{
	for (size_t i = 0; i < epochs->n; i++)
		free(epochs->of[i].name);
	free(epochs->of);
}

static int by_first(const void *a, const void *b)
{
	const struct epoch *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The next epoch's name by the alphabet: 1 (the caller frees), 0 none. */
static int next_epoch(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, struct dn_str name, char **out, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_EPOCH_NEXT, err);
	struct dn_str found;
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, name);
	rc = dn_sq_step(sq, st, "cannot read the epochs", err);
	if (rc != 1)
		return rc;
	found = dn_sq_text(st, 0);
	*out = dn_xstrndup(found.p, found.n);
	dn_sq_end(st);
	return 1;
}

static int first_of(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, struct epoch *epoch, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_EPOCH_FIRST, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, dn_str_of(epoch->name));
	rc = dn_sq_step(sq, st, "cannot read the epochs", err);
	if (rc != 1)
		return rc; /* 0: retention took the last one meanwhile */
	epoch->id = sqlite3_column_int64(st, 0);
	epoch->ts_us = sqlite3_column_int64(st, 1);
	dn_sq_end(st);
	return 0;
}

static int read_epochs(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, struct epochs *epochs, struct dn_err *err)
{
	struct dn_str last = {"", 0};
	char *name = NULL;
	int rc;

	while ((rc = next_epoch(sq, tenant, channel, last, &name, err)) == 1) {
		epochs->of = dn_xrealloc(
		    epochs->of, (epochs->n + 1) * sizeof(*epochs->of));
		epochs->of[epochs->n] = (struct epoch){name, 0, 0};
		last = dn_str_of(name);
		rc = first_of(
		    sq, tenant, channel, &epochs->of[epochs->n++], err);
		if (rc != 0)
			return rc;
	}
	if (rc == 0 && epochs->n > 1)
		qsort(epochs->of, epochs->n, sizeof(*epochs->of), by_first);
	return rc;
}

/* The highest offset of an epoch that has records. */
static int last_offset(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, const char *epoch, uint64_t *offset,
    struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_EPOCH_LAST, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, dn_str_of(epoch));
	rc = dn_sq_step(sq, st, "cannot read an epoch's end", err);
	if (rc != 1)
		return rc;
	*offset = dn_sq_u64(st, 0);
	dn_sq_end(st);
	return 0;
}

int dn_sq_last_epoch(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, char **epoch, uint64_t *offset, int64_t *first_us,
    struct dn_err *err)
{
	struct epochs epochs = {NULL, 0};
	int rc = read_epochs(sq, tenant, channel, &epochs, err);

	if (rc == 0 && epochs.n > 0) {
		const struct epoch *last = &epochs.of[epochs.n - 1];

		rc = last_offset(sq, tenant, channel, last->name, offset, err);
		*epoch = dn_xstrdup(last->name);
		*first_us = last->ts_us;
		rc = rc == 0 ? 1 : rc;
	}
	epochs_release(&epochs);
	return rc;
}

/* When the log saw the epoch last, though its records may be gone: 1, or 0
 * when it never did. */
static int epoch_seen(struct dn_sq *sq, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, int64_t *ts_us,
    struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_EPOCH_SEEN, err);
	int rc;

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, channel);
	dn_sq_bind_text(st, 3, epoch);
	rc = dn_sq_step(sq, st, "cannot read a position", err);
	if (rc != 1)
		return rc;
	*ts_us = sqlite3_column_int64(st, 0);
	dn_sq_end(st);
	return 1;
}

struct walk {
	struct dn_str tenant, channel;
	int64_t since_us;
	uint64_t limit;
	dn_log_row_fn *fn;
	void *arg;
};

static int read_epoch(struct dn_sq *sq, struct walk *walk, const char *epoch,
    uint64_t offset, struct dn_err *err)
{
	sqlite3_stmt *st = dn_sq_statement(sq, DN_SQ_EPOCH_READ, err);

	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, walk->tenant);
	dn_sq_bind_text(st, 2, walk->channel);
	dn_sq_bind_text(st, 3, dn_str_of(epoch));
	dn_sq_bind_u64(st, 4, offset);
	dn_sq_bind_u64(st, 5, walk->limit);
	dn_sq_bind_i64(st, 6, walk->since_us);
	return each_row(sq, st, &walk->limit, walk->fn, walk->arg, err);
}

/* Where to begin: the epoch's place in the list, or, where its records are
 * gone, the first epoch that began after it. */
static int start_at(struct dn_sq *sq, const struct walk *walk,
    const struct epochs *epochs, struct dn_str epoch, size_t *at,
    uint64_t *offset, struct dn_err *err)
{
	int64_t seen_us = 0;
	int rc;

	for (*at = 0; *at < epochs->n; (*at)++)
		if (dn_str_is(epoch, epochs->of[*at].name))
			return 0;
	rc = epoch_seen(sq, walk->tenant, walk->channel, epoch, &seen_us, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return dn_err_set(err, -ENOENT,
		    "log %s: channel %.*s never had epoch %.*s, or its "
		    "records are gone",
		    sq->path, DN_FMT(walk->channel), DN_FMT(epoch));
	*offset = 0;
	for (*at = 0; *at < epochs->n; (*at)++)
		if (epochs->of[*at].ts_us > seen_us)
			break;
	return 0;
}

static int walk_epochs(struct dn_sq *sq, struct walk *walk,
    const struct epochs *epochs, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	size_t at = 0;
	int rc = 0;

	if (epoch.n > 0)
		rc = start_at(sq, walk, epochs, epoch, &at, &offset, err);
	else
		offset = 0;
	for (; rc == 0 && at < epochs->n && walk->limit > 0; at++) {
		rc = read_epoch(sq, walk, epochs->of[at].name, offset, err);
		offset = 0;
	}
	return rc;
}

int dn_sq_read_after(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    int64_t since_us, uint64_t limit, dn_log_row_fn *fn, void *arg,
    struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	struct walk walk = {
	    tenant, channel, epoch.n > 0 ? 0 : since_us, limit, fn, arg};
	struct epochs epochs = {NULL, 0};
	int rc = dn_sq_refresh(sq, err);

	if (rc == 0)
		rc = read_epochs(sq, tenant, channel, &epochs, err);
	if (rc == 0)
		rc = walk_epochs(sq, &walk, &epochs, epoch, offset, err);
	epochs_release(&epochs);
	return rc;
}

int dn_sq_scan(struct dn_log *log, int64_t since_us, dn_log_row_fn *fn,
    void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	uint64_t limit = UINT64_MAX;
	sqlite3_stmt *st;
	int64_t from;
	int rc = dn_sq_refresh(sq, err);

	if (rc != 0)
		return rc;
	st = dn_sq_statement(sq, DN_SQ_SCAN_FROM, err);
	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, since_us);
	rc = dn_sq_step(sq, st, "cannot read records", err);
	if (rc != 1)
		return rc;
	from = sqlite3_column_type(st, 0) == SQLITE_NULL
		   ? INT64_MAX
		   : sqlite3_column_int64(st, 0);
	dn_sq_end(st);
	st = dn_sq_statement(sq, DN_SQ_SCAN, err);
	if (st == NULL)
		return err->code;
	dn_sq_bind_i64(st, 1, from);
	dn_sq_bind_i64(st, 2, since_us);
	return each_row(sq, st, &limit, fn, arg, err);
}
