/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_list: undelivered and dead, listed, and a request's end.
 *
 * Rows are read a page at a time and copied before the callback sees them, so
 * that a callback may take its time (a network call) and may use the log: no
 * snapshot is open meanwhile.
 *
 * How it fails: see log_sqlite_stmt.c; whatever the callback returned.
 */
#include <stdlib.h>

#include "log/log_sqlite_impl.h"

enum { PAGE_ROWS = 256, PAGE_BYTES = 1 << 20 };

/* A copied row; its slices lie in bytes. */
struct item {
	struct dn_log_row row;
	struct dn_log_undelivered u;
	bool taken;
	char *bytes;
};

static void item_keep(struct item *item)
{
	struct dn_str *const slices[] = {&item->row.tenant, &item->row.channel,
	    &item->row.epoch, &item->row.request_id, &item->row.status,
	    &item->row.value, &item->u.uid, &item->u.reason, &item->u.key};
	size_t n = 1, at = 0;

	for (size_t i = 0; i < DN_ARRAY_LEN(slices); i++)
		n += slices[i]->n;
	item->bytes = dn_xmalloc(n);
	for (size_t i = 0; i < DN_ARRAY_LEN(slices); i++) {
		if (slices[i]->n == 0)
			continue;
		memcpy(item->bytes + at, slices[i]->p, slices[i]->n);
		slices[i]->p = item->bytes + at;
		at += slices[i]->n;
	}
}

void dn_sq_read_undelivered(sqlite3_stmt *st, struct dn_log_undelivered *u)
{
	u->uid = dn_sq_text(st, 10);
	u->reason = dn_sq_text(st, 11);
	u->key = dn_sq_text(st, 12);
	u->attempts = sqlite3_column_int64(st, 13);
	u->first_us = sqlite3_column_int64(st, 14);
	u->not_before_us = sqlite3_column_int64(st, 15);
}

/* What lists a table: rows behind `after`, at most `limit`. */
struct listing {
	enum dn_sq_id statement;
	struct dn_str tenant;
	int64_t after;
	uint64_t limit;
};

/* Copies the next page; *n == 0: there is none. */
static int read_page(struct dn_sq *sq, struct listing *list, struct item *items,
    size_t *n, struct dn_err *err)
{
	uint64_t rows = list->limit < PAGE_ROWS ? list->limit : PAGE_ROWS;
	bool undelivered = list->statement == DN_SQ_UNDELIVERED_LIST;
	sqlite3_stmt *st = dn_sq_statement(sq, list->statement, err);
	size_t bytes = 0;
	int rc;

	*n = 0;
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, list->tenant);
	dn_sq_bind_i64(st, 2, list->after);
	dn_sq_bind_u64(st, 3, rows);
	while ((rc = dn_sq_step(sq, st, "cannot list it", err)) == 1) {
		struct item *item = &items[(*n)++];

		memset(item, 0, sizeof(*item));
		dn_sq_row(st, &item->row);
		if (undelivered) {
			dn_sq_read_undelivered(st, &item->u);
			item->taken = sqlite3_column_int(st, 16) != 0;
		}
		item_keep(item);
		list->after = item->row.id;
		list->limit--;
		bytes += item->row.value.n;
		if (bytes >= PAGE_BYTES) {
			dn_sq_end(st);
			return 0;
		}
	}
	return rc;
}

struct visit {
	dn_log_row_fn *row;
	dn_log_undelivered_fn *undelivered;
	void *arg;
};

static int visit_page(
    const struct visit *visit, const struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct item *item = &items[i];
		int rc = visit->undelivered != NULL
			     ? visit->undelivered(visit->arg, &item->row,
				   &item->u, item->taken)
			     : visit->row(visit->arg, &item->row);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int visit_all(struct dn_sq *sq, struct listing *list,
    const struct visit *visit, struct dn_err *err)
{
	struct item *items = dn_xcalloc(PAGE_ROWS, sizeof(*items));
	size_t n;
	int rc;

	do {
		rc = dn_sq_refresh(sq, err);
		n = 0;
		if (rc == 0)
			rc = read_page(sq, list, items, &n, err);
		if (rc == 0)
			rc = visit_page(visit, items, n);
		for (size_t i = 0; i < n; i++)
			free(items[i].bytes);
	} while (rc == 0 && n > 0 && list->limit > 0);
	free(items);
	return rc;
}

int dn_sq_undelivered(struct dn_log *log, struct dn_str tenant, int64_t after,
    uint64_t limit, dn_log_undelivered_fn *fn, void *arg, struct dn_err *err)
{
	struct listing list = {DN_SQ_UNDELIVERED_LIST, tenant, after, limit};
	struct visit visit = {NULL, fn, arg};

	return visit_all(dn_sq_of(log), &list, &visit, err);
}

int dn_sq_dead(struct dn_log *log, struct dn_str tenant, dn_log_row_fn *fn,
    void *arg, struct dn_err *err)
{
	struct listing list = {DN_SQ_DEAD_LIST, tenant, 0, UINT64_MAX};
	struct visit visit = {fn, NULL, arg};

	return visit_all(dn_sq_of(log), &list, &visit, err);
}

int dn_sq_final(struct dn_log *log, struct dn_str tenant,
    struct dn_str request_id, dn_log_row_fn *fn, void *arg, struct dn_err *err)
{
	struct dn_sq *sq = dn_sq_of(log);
	struct dn_log_row row;
	sqlite3_stmt *st;
	int rc = dn_sq_refresh(sq, err);

	if (rc != 0)
		return rc;
	st = dn_sq_statement(sq, DN_SQ_FINAL_GET, err);
	if (st == NULL)
		return err->code;
	dn_sq_bind_text(st, 1, tenant);
	dn_sq_bind_text(st, 2, request_id);
	rc = dn_sq_step(sq, st, "cannot read a request's end", err);
	if (rc != 1)
		return rc;
	dn_sq_row(st, &row);
	rc = fn(arg, &row);
	dn_sq_end(st);
	return rc == 0 ? 1 : rc;
}
