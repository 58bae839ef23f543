/* SPDX-License-Identifier: MIT */
/*
 * dedup: which of the last N records were seen already.
 *
 * A record is known by a 128-bit keyed hash of its identity (request_id,
 * attempt, seq) or, where it has none, by its content (the publisher's stamp
 * and payload). The oldest is forgotten first.
 *
 * Ownership: the caller owns the struct; {0} then dn_dedup_init.
 * Limits: `max` entries of 48 bytes, allocated as they are used.
 * Thread: one at a time.
 */
#ifndef DN_DEDUP_H
#define DN_DEDUP_H

#include "record/record.h"

struct dn_dedup_key {
	uint64_t hash[2]; /* {0, 0}: the record has no such key */
};

struct dn_dedup_entry {
	struct dn_dedup_key key;
	uint64_t offset;     /* the caller's: where it was seen */
	uint32_t generation; /* the caller's: in which life of the stream */
	uint32_t live;       /* its slot of the ring is in use */
};

struct dn_dedup {
	struct dn_dedup_entry *ring;
	size_t ring_cap, max;
	size_t count, head; /* head: where the next one goes */
	uint32_t *index;    /* ring position + 1; 0 is free */
	size_t index_cap;   /* power of two */
};

void dn_dedup_init(struct dn_dedup *d, size_t max);
void dn_dedup_release(struct dn_dedup *d);

/* {0, 0} unless it has both request_id and seq. */
struct dn_dedup_key dn_dedup_identity(const struct dn_record *r);
/* What the publisher sent, 0 unless it has the publisher's stamp; and what the
 * server stored, its own stamp included. Hashes without a key, the same in
 * every process, so that a file can keep them: they tell honest records apart
 * and resist nobody. */
uint64_t dn_dedup_content(const struct dn_record *r);
uint64_t dn_dedup_proof(const struct dn_record *r);
/* {0, 0} for 0. */
struct dn_dedup_key dn_dedup_content_key(uint64_t content);
static inline bool dn_dedup_key_set(struct dn_dedup_key key)
{
	return (key.hash[0] | key.hash[1]) != 0;
}

/* NULL when it is not known; valid until the next add. */
const struct dn_dedup_entry *dn_dedup_find(
    const struct dn_dedup *d, struct dn_dedup_key key);
/* Remembers it; one that is known already gets the new place and keeps its
 * age. */
void dn_dedup_add(struct dn_dedup *d, struct dn_dedup_key key, uint64_t offset,
    uint32_t generation);

#endif
