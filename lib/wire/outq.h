/* SPDX-License-Identifier: MIT */
/*
 * outq: what a connection still has to send: a ring of pointers to shared
 * frames, and a cursor into the first one.
 *
 * Pushes and replies are counted apart, because their policies differ: pushes
 * over the limit close a slow client, replies over theirs stop reading from
 * a greedy one.
 *
 * Ownership: holds a reference to each frame. An entry may carry a `track`
 *   (track.h), which is told once whether its bytes went out.
 * Limits: the caller compares push_bytes and the age of the head with its
 *   own.
 * Thread: one.
 */
#ifndef DN_OUTQ_H
#define DN_OUTQ_H

#include <sys/uio.h>

#include "wire/frame.h"
#include "wire/track.h"

struct dn_outq_entry {
	struct dn_frame *frame;
	struct dn_track *track; /* NULL: nobody asks */
	uint32_t since_ms;      /* of the monotonic clock, wraps */
	bool reply;
	bool tied; /* nothing may come between it and the next one */
};

struct dn_outq {
	struct dn_outq_entry *ring; /* NULL while empty */
	uint32_t cap;               /* power of two */
	uint32_t head;
	uint32_t count;
	uint32_t head_sent; /* bytes of the first frame that are out */
	bool pinned;        /* the first frame is being written and must stay */
	bool follows;       /* the one in front of it was tied to it */
	size_t push_bytes;
	size_t reply_bytes;
};

/* Takes a reference of its own. */
void dn_outq_push(struct dn_outq *q, struct dn_frame *frame,
    struct dn_track *track, bool reply, uint32_t now_ms);
/* Ties the last entry to the one that is pushed next: they go out together,
 * and are kept or dropped together. It does not count as a push of its own. */
void dn_outq_tie(struct dn_outq *q);
/* Takes the first entry out, which is the caller's now; false when empty. No
 * byte of it may have been sent. */
DN_MUST_CHECK bool dn_outq_take(struct dn_outq *q, struct dn_outq_entry *out);
/* Puts a control frame right behind the first frame when that one has begun,
 * else in front: control frames go between whole frames only. */
void dn_outq_push_control(
    struct dn_outq *q, struct dn_frame *frame, uint32_t now_ms);
/* Describes the next bytes; returns how many vectors were filled. */
unsigned dn_outq_vectors(
    const struct dn_outq *q, struct iovec *iov, unsigned max);
/* n bytes went out: finished frames leave, their tracks hear of it. Gives the
 * number of pushes that are out. */
uint32_t dn_outq_sent(struct dn_outq *q, size_t n);
/* Drops everything, or with keep_begun all but a first frame that has begun
 * or is pinned, and what is tied to it. The tracks hear `how`. Gives the number
 * of pushes dropped. */
uint32_t dn_outq_drop(
    struct dn_outq *q, bool keep_begun, enum dn_track_end how);
/* How long the first frame has waited. */
uint32_t dn_outq_age_ms(const struct dn_outq *q, uint32_t now_ms);

#endif
