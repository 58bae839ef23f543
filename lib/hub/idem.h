/* SPDX-License-Identifier: MIT */
/*
 * idem: the idempotency window: which publications of a channel were accepted
 * not long ago, and with what result.
 *
 * Keys hang in their channel's map and, oldest first, in their tenant's list,
 * which is what bounds them.
 *
 * Thread: the owner loop.
 */
#ifndef DN_IDEM_H
#define DN_IDEM_H

#include "base/map.h"
#include "record/record.h"

struct dn_flight;

struct dn_idem {
	struct dn_idem *next, *prev; /* the tenant's list */
	struct dn_map *map;          /* its channel's */
	struct dn_flight *flight;    /* while its story goes on */
	struct dn_idem **holder;     /* the flight's pointer to this, nulled
					when the key goes; NULL: none */
	struct dn_str key;
	int64_t until_us;
	uint64_t offset;
	uint32_t matched;
	bool logged;
	bool fallen;
	char bytes[];
};

struct dn_idem_list {
	struct dn_idem *first, *last;
	size_t count;
};

/* The key under which a record is known: its idempotency_key, else request_id
 * and seq (with delivery.attempt) where both are there, else nothing. */
void dn_idem_key(struct dn_buf *key, const struct dn_record *r);

/* NULL where it is not known or its window is over. */
struct dn_idem *dn_idem_find(
    const struct dn_map *map, struct dn_str key, int64_t now_us);
/* The key must not be there (dn_idem_find said so). Drops what is expired
 * and, above max, the oldest: *cut counts keys dropped before their time. */
DN_MUST_CHECK struct dn_idem *dn_idem_add(struct dn_idem_list *list,
    struct dn_map *map, struct dn_str key, int64_t now_us, int64_t window_us,
    size_t max, uint64_t *cut);
void dn_idem_remove(struct dn_idem_list *list, struct dn_idem *idem);
/* Drops what is expired, from the oldest on. */
void dn_idem_expire(struct dn_idem_list *list, int64_t now_us);
#endif
