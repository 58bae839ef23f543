/* SPDX-License-Identifier: MIT */
/*
 * How it works: linear probing over a power of two of slots, at most three
 * quarters full. A removal moves later entries of the same run back into the
 * hole, so there are no tombstones and a lookup ends at the first free slot.
 * The hash sits in the slot: growing does not touch the keys.
 *
 * How it fails: putting a key twice is a bug of the caller.
 */
#include "base/map.h"

#include <stdlib.h>

enum { MAP_MIN = 8 };

static uint64_t hash_of(struct dn_str key)
{
	uint64_t h = dn_hash(key.p, key.n, 0);

	return h != 0 ? h : 1;
}

void dn_map_release(struct dn_map *m)
{
	free(m->slots);
	*m = (struct dn_map){0};
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find(const struct dn_map *m, uint64_t hash, struct dn_str key)
{
	size_t i = (size_t)hash & (m->cap - 1);

	while (m->slots[i].hash != 0) {
		if (m->slots[i].hash == hash && dn_str_eq(m->slots[i].key, key))
			break;
		i = (i + 1) & (m->cap - 1);
	}
	return i;
}

static void resize(struct dn_map *m, size_t cap)
{
	struct dn_map_slot *old = m->slots;
	size_t i, old_cap = m->cap;

	m->slots = dn_xcalloc(cap, sizeof(*m->slots));
	m->cap = cap;
	for (i = 0; i < old_cap; i++) {
		size_t to;

		if (old[i].hash == 0)
			continue;
		to = (size_t)old[i].hash & (cap - 1);
		while (m->slots[to].hash != 0)
			to = (to + 1) & (cap - 1);
		m->slots[to] = old[i];
	}
	free(old);
}

void *dn_map_get(const struct dn_map *m, struct dn_str key)
{
	if (m->count == 0)
		return NULL;
	return m->slots[find(m, hash_of(key), key)].value;
}

void dn_map_put(struct dn_map *m, struct dn_str key, void *value)
{
	uint64_t hash = hash_of(key);
	size_t i;

	DN_ASSERT(value != NULL);
	if (m->cap == 0)
		resize(m, MAP_MIN);
	else if (m->count + 1 > m->cap / 4 * 3)
		resize(m, m->cap * 2);
	i = find(m, hash, key);
	DN_ASSERT(m->slots[i].hash == 0);
	m->slots[i] = (struct dn_map_slot){hash, key, value};
	m->count++;
}

/* Fills the hole at i with whatever may move there without passing its own
 * first slot. */
static void close_hole(struct dn_map *m, size_t hole)
{
	size_t mask = m->cap - 1, i = hole;

	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (m->slots[i].hash == 0)
			break;
		home = (size_t)m->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct dn_map_slot){0};
}

void *dn_map_remove(struct dn_map *m, struct dn_str key)
{
	void *value;
	size_t i;

	if (m->count == 0)
		return NULL;
	i = find(m, hash_of(key), key);
	if (m->slots[i].hash == 0)
		return NULL;
	value = m->slots[i].value;
	close_hole(m, i);
	m->count--;
	if (m->count == 0)
		dn_map_release(m);
	else if (m->cap > MAP_MIN && m->count < m->cap / 8)
		resize(m, m->cap / 2);
	return value;
}

void *dn_map_next(const struct dn_map *m, size_t *at)
{
	while (*at < m->cap) {
		const struct dn_map_slot *slot = &m->slots[(*at)++];

		if (slot->hash != 0)
			return slot->value;
	}
	return NULL;
}

void *dn_map_any(const struct dn_map *m, size_t *at)
{
	if (m->count == 0)
		return NULL;
	/* From where the last one was, so that emptying is linear. */
	for (*at &= m->cap - 1; m->slots[*at].hash == 0;)
		*at = (*at + 1) & (m->cap - 1);
	return m->slots[*at].value;
}
