/* SPDX-License-Identifier: MIT */
/*
 * map: bytes to pointer, a hash table with open addressing.
 *
 * Ownership: keys are borrowed from the values, which therefore embed their
 *   key and outlive their entry; the map owns only its slots.
 * Limits: grows by doubling, shrinks when mostly empty.
 * Thread: one at a time.
 */
#ifndef DN_MAP_H
#define DN_MAP_H

#include "base/base.h"

struct dn_map_slot {
	uint64_t hash; /* 0: free */
	struct dn_str key;
	void *value;
};

struct dn_map {
	struct dn_map_slot *slots; /* NULL while empty */
	size_t cap;                /* power of two */
	size_t count;
};

void dn_map_release(struct dn_map *m);
void *dn_map_get(const struct dn_map *m, struct dn_str key);
/* The key must not be there yet. */
void dn_map_put(struct dn_map *m, struct dn_str key, void *value);
/* Gives the value that was there, or NULL. */
void *dn_map_remove(struct dn_map *m, struct dn_str key);
/* Some value, NULL when there is none: for emptying a map, each one taken out
 * before the next call. *at is 0 at first and then the map's. */
void *dn_map_any(const struct dn_map *m, size_t *at);
/* Visits each value: start with *at = 0; NULL at the end. Between two calls
 * the map must not change. */
void *dn_map_next(const struct dn_map *m, size_t *at);

#endif
