/* SPDX-License-Identifier: MIT */
/*
 * The ring doubles when full and goes away when empty, so that an idle
 * connection owns nothing.
 */
#include <stdlib.h>

#include "wire/outq.h"

static struct dn_outq_entry *entry_at(const struct dn_outq *q, uint32_t i)
{
	return &q->ring[(q->head + i) & (q->cap - 1)];
}

static size_t frame_size(const struct dn_frame *f)
{
	return f->end - f->start;
}

static bool begun(const struct dn_outq *q)
{
	return q->count > 0 && (q->head_sent > 0 || q->pinned || q->follows);
}

/* How many of the first ones belong to what has begun. */
static uint32_t begun_count(const struct dn_outq *q)
{
	uint32_t n = begun(q) ? 1 : 0;

	while (n > 0 && n < q->count && entry_at(q, n - 1)->tied)
		n++;
	return n;
}

static bool is_push(const struct dn_outq_entry *e)
{
	return !e->reply && !e->tied;
}

static void grow(struct dn_outq *q)
{
	uint32_t cap = q->cap == 0 ? 4 : q->cap * 2;
	struct dn_outq_entry *ring = dn_xmalloc(cap * sizeof(*ring));
	uint32_t i;

	for (i = 0; i < q->count; i++)
		ring[i] = *entry_at(q, i);
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
}

static void count_bytes(struct dn_outq *q, const struct dn_outq_entry *e)
{
	if (e->reply)
		q->reply_bytes += frame_size(e->frame);
	else
		q->push_bytes += frame_size(e->frame);
}

static void forget(struct dn_outq *q, uint32_t i, enum dn_track_end how)
{
	struct dn_outq_entry *e = entry_at(q, i);

	if (e->reply)
		q->reply_bytes -= frame_size(e->frame);
	else
		q->push_bytes -= frame_size(e->frame);
	if (e->track != NULL)
		dn_track_end(e->track, how);
	dn_frame_unref(&e->frame);
}

static void free_when_empty(struct dn_outq *q)
{
	if (q->count != 0)
		return;
	free(q->ring);
	q->ring = NULL;
	q->cap = 0;
	q->head = 0;
	q->head_sent = 0;
	q->follows = false;
}

void dn_outq_push(struct dn_outq *q, struct dn_frame *frame,
    struct dn_track *track, bool reply, uint32_t now_ms)
{
	struct dn_outq_entry *e;

	if (q->count == q->cap)
		grow(q);
	e = entry_at(q, q->count++);
	*e = (struct dn_outq_entry){
	    .frame = dn_frame_ref(frame),
	    .track = track,
	    .since_ms = now_ms,
	    .reply = reply,
	};
	count_bytes(q, e);
}

void dn_outq_tie(struct dn_outq *q)
{
	DN_ASSERT(q->count > 0);
	entry_at(q, q->count - 1)->tied = true;
}

void dn_outq_push_control(
    struct dn_outq *q, struct dn_frame *frame, uint32_t now_ms)
{
	uint32_t at = begun_count(q);
	uint32_t i;
	struct dn_outq_entry e;

	dn_outq_push(q, frame, NULL, true, now_ms);
	e = *entry_at(q, q->count - 1);
	for (i = q->count - 1; i > at; i--)
		*entry_at(q, i) = *entry_at(q, i - 1);
	*entry_at(q, at) = e;
}

unsigned dn_outq_vectors(
    const struct dn_outq *q, struct iovec *iov, unsigned max)
{
	unsigned n = q->count < max ? q->count : max;
	unsigned i;
	size_t skip = q->head_sent;

	for (i = 0; i < n; i++) {
		struct dn_str bytes = dn_frame_bytes(entry_at(q, i)->frame);

		/* sendmsg does not write through iov_base. */
		iov[i].iov_base = (void *)(uintptr_t)(bytes.p + skip);
		iov[i].iov_len = bytes.n - skip;
		skip = 0;
	}
	return n;
}

uint32_t dn_outq_sent(struct dn_outq *q, size_t n)
{
	uint32_t pushes = 0;

	while (n > 0) {
		size_t left;

		DN_ASSERT(q->count > 0);
		left = frame_size(entry_at(q, 0)->frame) - q->head_sent;
		if (n < left) {
			q->head_sent += (uint32_t)n;
			return pushes;
		}
		n -= left;
		pushes += is_push(entry_at(q, 0));
		q->follows = entry_at(q, 0)->tied;
		forget(q, 0, DN_TRACK_WRITTEN);
		q->head = (q->head + 1) & (q->cap - 1);
		q->count--;
		q->head_sent = 0;
	}
	free_when_empty(q);
	return pushes;
}

uint32_t dn_outq_drop(struct dn_outq *q, bool keep_begun, enum dn_track_end how)
{
	uint32_t keep = keep_begun ? begun_count(q) : 0;
	uint32_t pushes = 0;

	while (q->count > keep) {
		q->count--;
		pushes += is_push(entry_at(q, q->count));
		forget(q, q->count, how);
	}
	free_when_empty(q);
	return pushes;
}

uint32_t dn_outq_age_ms(const struct dn_outq *q, uint32_t now_ms)
{
	return q->count == 0 ? 0 : now_ms - entry_at(q, 0)->since_ms;
}

bool dn_outq_take(struct dn_outq *q, struct dn_outq_entry *out)
{
	if (q->count == 0)
		return false;
	DN_ASSERT(!begun(q));
	*out = *entry_at(q, 0);
	if (out->reply)
		q->reply_bytes -= frame_size(out->frame);
	else
		q->push_bytes -= frame_size(out->frame);
	q->head = (q->head + 1) & (q->cap - 1);
	q->count--;
	free_when_empty(q);
	return true;
}
