/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "hub/ring.h"

static struct dn_ring_entry *at(const struct dn_ring *ring, uint32_t i)
{
	return &ring->v[(ring->head + i) & (ring->cap - 1)];
}

static size_t cost(const struct dn_frame *frame)
{
	return frame->end - frame->start + sizeof(struct dn_ring_entry);
}

void dn_ring_drop_first(struct dn_ring *ring)
{
	struct dn_ring_entry *e = at(ring, 0);

	ring->bytes -= cost(e->frame);
	dn_frame_unref(&e->frame);
	ring->head = (ring->head + 1) & (ring->cap - 1);
	ring->count--;
	if (ring->count == 0) {
		free(ring->v);
		*ring = (struct dn_ring){0};
	}
}

static void grow(struct dn_ring *ring)
{
	uint32_t cap = ring->cap == 0 ? 4 : ring->cap * 2;
	struct dn_ring_entry *v = dn_xmalloc(cap * sizeof(*v));
	uint32_t i;

	for (i = 0; i < ring->count; i++)
		v[i] = *at(ring, i);
	free(ring->v);
	ring->v = v;
	ring->cap = cap;
	ring->head = 0;
}

void dn_ring_release(struct dn_ring *ring)
{
	dn_ring_clear(ring);
}

struct dn_ring_entry *dn_ring_add(struct dn_ring *ring, uint32_t size,
    struct dn_frame *frame, uint64_t offset, int64_t ts_us)
{
	struct dn_ring_entry *e;

	DN_ASSERT(size > 0);
	while (ring->count >= size)
		dn_ring_drop_first(ring);
	/* Offsets inside are contiguous: a jump starts the history anew. */
	if (ring->count > 0 && at(ring, ring->count - 1)->offset + 1 != offset)
		dn_ring_clear(ring);
	if (ring->count == ring->cap)
		grow(ring);
	e = at(ring, ring->count++);
	*e = (struct dn_ring_entry){
	    .frame = dn_frame_ref(frame), .offset = offset, .ts_us = ts_us};
	ring->bytes += cost(frame);
	return e;
}

void dn_ring_expire(struct dn_ring *ring, int64_t before_us)
{
	while (ring->count > 0 && at(ring, 0)->ts_us < before_us)
		dn_ring_drop_first(ring);
}

void dn_ring_clear(struct dn_ring *ring)
{
	while (ring->count > 0)
		dn_ring_drop_first(ring);
}

struct dn_ring_entry *dn_ring_find(const struct dn_ring *ring, uint64_t offset)
{
	uint64_t first = dn_ring_first(ring);

	if (ring->count == 0 || offset < first || offset - first >= ring->count)
		return NULL;
	return at(ring, (uint32_t)(offset - first));
}

uint64_t dn_ring_first(const struct dn_ring *ring)
{
	return ring->count == 0 ? 0 : at(ring, 0)->offset;
}
