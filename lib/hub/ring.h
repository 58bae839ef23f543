/* SPDX-License-Identifier: MIT */
/*
 * ring: the history of a channel: its newest publications, bounded by number
 * and by age. Offsets in it are contiguous.
 *
 * Ownership: holds a reference to each frame.
 * Thread: the owner loop.
 */
#ifndef DN_RING_H
#define DN_RING_H

#include "wire/frame.h"

struct dn_flight;

/* Whether somebody took a publication, where that matters (fallback). */
enum dn_taken {
	DN_TAKEN,       /* taken, or nobody asks */
	DN_OPEN,        /* in flight, not judged yet */
	DN_UNDELIVERED, /* in the log's undelivered */
};

struct dn_ring_entry {
	struct dn_frame *frame;
	uint64_t offset;
	int64_t ts_us;
	enum dn_taken taken;
	struct dn_flight *flight; /* while OPEN */
};

struct dn_ring {
	struct dn_ring_entry *v;
	uint32_t cap; /* power of two, 0 while empty */
	uint32_t head;
	uint32_t count;
	size_t bytes;
};

void dn_ring_release(struct dn_ring *ring);
/* Appends (a reference of its own); the oldest beyond size leaves. */
struct dn_ring_entry *dn_ring_add(struct dn_ring *ring, uint32_t size,
    struct dn_frame *frame, uint64_t offset, int64_t ts_us);
/* Drops what is older than before_us. */
void dn_ring_expire(struct dn_ring *ring, int64_t before_us);
/* Drops the oldest; there must be one. */
void dn_ring_drop_first(struct dn_ring *ring);
void dn_ring_clear(struct dn_ring *ring);
/* NULL where it does not hold that offset. */
struct dn_ring_entry *dn_ring_find(const struct dn_ring *ring, uint64_t offset);
/* The oldest offset it holds; 0 when empty. */
uint64_t dn_ring_first(const struct dn_ring *ring);

#endif
