/* SPDX-License-Identifier: MIT */
/*
 * logq_group: the writes of one group, and one read.
 *
 * All writes go into one transaction. Where a record and the news that it
 * was delivered are in the same group, the record is written as judged and
 * the news not at all: most deliveries so cost no write of their own.
 *
 * How it fails: the log is away: rolled back, the caller tries again. One
 * write is refused for its own sake: rolled back, and each write gets a
 * transaction of its own, so that it fails alone; that is slow, but happens
 * only by a mistake elsewhere.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "log/logq_impl.h"

static bool away(int rc)
{
	return rc == -EAGAIN || rc == -EIO || rc == -ENOSPC;
}

static bool same_position(
    const struct dn_log_row *a, const struct dn_log_row *b)
{
	return a->offset == b->offset && dn_str_eq(a->channel, b->channel) &&
	       dn_str_eq(a->tenant, b->tenant) && dn_str_eq(a->epoch, b->epoch);
}

/* The slot of the record at that position, or a free one. */
static uint16_t *slot_of(
    struct dn_logq_group *group, const struct dn_log_row *row)
{
	size_t mask = DN_ARRAY_LEN(group->slots) - 1;
	size_t at = dn_hash(row->channel.p, row->channel.n, row->offset);
	uint16_t *slot;

	for (;; at++) {
		slot = &group->slots[at & mask];
		if (*slot == 0 ||
		    same_position(&group->writes[*slot - 1].req->row, row))
			return slot;
	}
}

static void fold_one(struct dn_logq_group *group, size_t i)
{
	struct dn_logq_write *write = &group->writes[i];
	uint16_t *slot;

	if (write->req->row.offset == 0)
		return;
	switch (write->req->op) {
	case DN_LOGREQ_RECORD:
		if (write->open)
			*slot_of(group, &write->req->row) = (uint16_t)(i + 1);
		break;
	case DN_LOGREQ_DELIVERED:
	case DN_LOGREQ_UNDELIVERED:
		slot = slot_of(group, &write->req->row);
		if (*slot == 0)
			break;
		group->writes[*slot - 1].open = false;
		write->skip = write->req->op == DN_LOGREQ_DELIVERED;
		break;
	default:
		break;
	}
}

void dn_logq_group_fold(struct dn_logq_group *group)
{
	bool records = false, judged = false;

	for (size_t i = 0; i < group->n; i++) {
		struct dn_logq_write *write = &group->writes[i];

		write->skip = false;
		write->open =
		    write->req->op == DN_LOGREQ_RECORD && write->req->open;
		records = records || write->open;
		judged = judged || write->req->op == DN_LOGREQ_DELIVERED ||
			 write->req->op == DN_LOGREQ_UNDELIVERED;
	}
	if (!records || !judged)
		return;
	memset(group->slots, 0, sizeof(group->slots));
	for (size_t i = 0; i < group->n; i++)
		fold_one(group, i);
}

static int apply(
    struct dn_log *log, const struct dn_logq_write *write, struct dn_err *err)
{
	struct dn_logreq *req = write->req;
	const struct dn_log_row *row = &req->row;
	struct dn_log_position pos = {
	    row->tenant, row->channel, row->epoch, row->offset, req->removed};

	if (write->skip)
		return 0;
	if (req->prepare != NULL) {
		int rc = req->prepare(req, err);

		if (rc != 0)
			return rc;
		req->prepare = NULL;
	}
	switch (req->op) {
	case DN_LOGREQ_RECORD:
		return dn_log_put(log, row, write->open, err);
	case DN_LOGREQ_UNDELIVERED:
		return dn_log_put_undelivered(log, row, &req->undelivered, err);
	case DN_LOGREQ_DELIVERED:
		return dn_log_put_delivered(log, row->tenant, row->channel,
		    row->epoch, row->offset, err);
	case DN_LOGREQ_TAKEN:
		return dn_log_put_taken(log, req->undelivered.uid, row->tenant,
		    row->channel, row->epoch, row->offset, err);
	case DN_LOGREQ_REMOVED:
		return dn_log_put_removed(log, row->tenant, row->channel,
		    row->epoch, row->offset, err);
	case DN_LOGREQ_POSITION:
		return dn_log_put_position(log, &pos, err);
	case DN_LOGREQ_REVOKED:
		return dn_log_put_revoked(log, &req->revoked, err);
	case DN_LOGREQ_READ:
		break;
	}
	DN_ASSERT(!"a read among the writes");
	return -EINVAL;
}

/* One transaction around the writes [from, to). */
static int commit_range(struct dn_log *log, struct dn_logq_group *group,
    size_t from, size_t to, struct dn_err *err)
{
	int rc = dn_log_begin(log, err);

	if (rc != 0)
		return rc;
	for (size_t i = from; i < to; i++) {
		rc = apply(log, &group->writes[i], err);
		if (rc != 0) {
			dn_log_rollback(log);
			return rc;
		}
	}
	return dn_log_commit(log, err);
}

/* From *done on, each for itself. */
static int commit_singly(struct dn_log *log, struct dn_logq_group *group,
    size_t *done, struct dn_err *err)
{
	for (; *done < group->n; (*done)++) {
		int rc = commit_range(log, group, *done, *done + 1, err);

		if (away(rc))
			return rc;
		group->writes[*done].req->status = rc;
	}
	return 0;
}

int dn_logq_group_commit(struct dn_log *log, struct dn_logq_group *group,
    size_t *done, struct dn_err *err)
{
	int rc;

	/* Some were committed singly before the log went away: go on so. */
	if (*done > 0)
		return commit_singly(log, group, done, err);
	rc = commit_range(log, group, 0, group->n, err);
	if (away(rc))
		return rc;
	if (rc != 0)
		return commit_singly(log, group, done, err);
	for (size_t i = 0; i < group->n; i++)
		group->writes[i].req->status = 0;
	*done = group->n;
	return 0;
}

/* What a read has found so far; value.p is set at the end, as the bytes may
 * move until then. */
struct found {
	struct dn_logreq *req;
	size_t cap;
	struct dn_buf bytes;
};

static int found_row(void *arg, const struct dn_log_row *row)
{
	struct found *found = arg;
	struct dn_logreq *req = found->req;

	if (req->bytes_max > 0 && req->found_n > 0 &&
	    found->bytes.n + row->value.n > req->bytes_max)
		return 1;
	if (req->found_n == found->cap) {
		found->cap = found->cap > 0 ? 2 * found->cap : 16;
		req->found =
		    dn_xrealloc(req->found, found->cap * sizeof(*req->found));
	}
	req->found[req->found_n++] =
	    (struct dn_logrow){row->offset, row->ts_us, {NULL, row->value.n}};
	dn_buf_str(&found->bytes, row->value);
	return 0;
}

void dn_logq_read(struct dn_log *log, struct dn_logreq *req)
{
	struct found found = {.req = req};
	struct dn_err err;
	size_t at = 0;
	int rc =
	    dn_log_read(log, req->row.tenant, req->row.channel, req->row.epoch,
		req->after, req->reverse, req->limit, found_row, &found, &err);

	req->status = rc < 0 ? rc : 0;
	if (rc < 0)
		req->found_n = 0;
	req->found_bytes = found.bytes.p;
	for (size_t i = 0; i < req->found_n; i++) {
		req->found[i].value.p = req->found_bytes + at;
		at += req->found[i].value.n;
	}
}
