/* SPDX-License-Identifier: MIT */
/*
 * How it works: entries stand in a ring in the order of their coming; an
 * index with linear probing finds them by hash. When the ring is full the
 * oldest goes, and later entries of its probe run move back. Both double
 * until `max` is reached.
 */
#include "tool/dedup.h"

#include <stdlib.h>

enum { CAP_MIN = 64 };

enum { SEED_IDENTITY = 0x1d, SEED_CONTENT = 0xc0 };

void dn_dedup_init(struct dn_dedup *d, size_t max)
{
	DN_ASSERT(max > 0 && max < UINT32_MAX);
	memset(d, 0, sizeof(*d));
	d->max = max;
}

void dn_dedup_release(struct dn_dedup *d)
{
	free(d->ring);
	free(d->index);
	memset(d, 0, sizeof(*d));
}

struct dn_dedup_key dn_dedup_identity(const struct dn_record *r)
{
	uint64_t numbers[3] = {(uint64_t)r->seq, dn_record_attempt(r), 0};
	struct dn_dedup_key key = {{0, 0}};
	size_t i;

	if (r->request_id.n == 0 || r->seq < 0)
		return key;
	for (i = 0; i < 2; i++) {
		numbers[2] = dn_hash(
		    r->request_id.p, r->request_id.n, SEED_IDENTITY + i);
		key.hash[i] =
		    dn_hash(numbers, sizeof(numbers), SEED_IDENTITY + i);
	}
	key.hash[0] |= 1; /* {0, 0} means none */
	return key;
}

/* Eight bytes at a time; the length goes in with the last ones. */
static uint64_t mix(uint64_t h, struct dn_str text)
{
	uint64_t w;

	for (; text.n >= 8; text.p += 8, text.n -= 8) {
		memcpy(&w, text.p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	w = text.n;
	if (text.n > 0)
		memcpy((char *)&w + 1, text.p, text.n);
	h = (h ^ w) * 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

static uint64_t mix_number(uint64_t h, int64_t n)
{
	return mix(h, (struct dn_str){(const char *)&n, sizeof(n)});
}

static uint64_t sent(const struct dn_record *r)
{
	uint64_t h = mix(1, r->data);

	h = mix(h, r->data_b64);
	h = mix(h, r->ref);
	return mix_number(h, r->enqueued);
}

uint64_t dn_dedup_content(const struct dn_record *r)
{
	return r->enqueued == 0 ? 0 : sent(r) | 1;
}

uint64_t dn_dedup_proof(const struct dn_record *r)
{
	uint64_t h = mix(sent(r), r->request_id);

	h = mix_number(h, r->seq);
	return mix_number(h, r->accepted);
}

struct dn_dedup_key dn_dedup_content_key(uint64_t content)
{
	struct dn_dedup_key key = {{content, 0}};

	if (content != 0)
		key.hash[1] = dn_hash(&content, sizeof(content), SEED_CONTENT);
	return key;
}

/* The index slot that holds the key, or the free one where it would be. */
static size_t find_slot(const struct dn_dedup *d, struct dn_dedup_key key)
{
	size_t mask = d->index_cap - 1, i = key.hash[1] & mask;
	const struct dn_dedup_entry *e;

	for (; d->index[i] != 0; i = (i + 1) & mask) {
		e = &d->ring[d->index[i] - 1];
		if (e->key.hash[0] == key.hash[0] &&
		    e->key.hash[1] == key.hash[1])
			break;
	}
	return i;
}

const struct dn_dedup_entry *dn_dedup_find(
    const struct dn_dedup *d, struct dn_dedup_key key)
{
	size_t i;

	if (d->index == NULL || !dn_dedup_key_set(key))
		return NULL;
	i = find_slot(d, key);
	return d->index[i] != 0 ? &d->ring[d->index[i] - 1] : NULL;
}

/* Only while the ring has not wrapped: a ring at max never grows. */
static void grow(struct dn_dedup *d)
{
	size_t i, cap = d->ring_cap == 0 ? CAP_MIN : d->ring_cap * 2;

	if (cap > d->max)
		cap = d->max;
	d->ring = dn_xrealloc(d->ring, cap * sizeof(*d->ring));
	memset(
	    d->ring + d->ring_cap, 0, (cap - d->ring_cap) * sizeof(*d->ring));
	d->ring_cap = cap;
	d->head = d->count;
	for (d->index_cap = CAP_MIN; d->index_cap < cap * 2;)
		d->index_cap *= 2;
	free(d->index);
	d->index = dn_xcalloc(d->index_cap, sizeof(*d->index));
	for (i = 0; i < d->count; i++)
		d->index[find_slot(d, d->ring[i].key)] = (uint32_t)i + 1;
}

/* Takes the entry at the ring's head out of the index. */
static void forget(struct dn_dedup *d)
{
	size_t mask = d->index_cap - 1;
	size_t i = find_slot(d, d->ring[d->head].key), j = i, home;

	DN_ASSERT(d->index[i] == d->head + 1);
	for (;;) {
		j = (j + 1) & mask;
		if (d->index[j] == 0)
			break;
		home = d->ring[d->index[j] - 1].key.hash[1] & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue; /* its home lies behind the hole */
		d->index[i] = d->index[j];
		i = j;
	}
	d->index[i] = 0;
	d->ring[d->head].live = 0;
	d->count--;
}

void dn_dedup_add(struct dn_dedup *d, struct dn_dedup_key key, uint64_t offset,
    uint32_t generation)
{
	struct dn_dedup_entry *e;
	size_t i;

	if (!dn_dedup_key_set(key))
		return;
	if (d->count == d->ring_cap && d->ring_cap < d->max)
		grow(d);
	i = find_slot(d, key);
	if (d->index[i] != 0) {
		e = &d->ring[d->index[i] - 1];
		e->offset = offset;
		e->generation = generation;
		return;
	}
	if (d->ring[d->head].live) {
		forget(d);
		i = find_slot(d, key);
	}
	d->ring[d->head] = (struct dn_dedup_entry){key, offset, generation, 1};
	d->index[i] = (uint32_t)d->head + 1;
	d->head = (d->head + 1) % d->ring_cap;
	d->count++;
}
