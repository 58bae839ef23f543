/* SPDX-License-Identifier: MIT */
/*
 * Windows of different namespaces may differ, so the list is not strictly
 * ordered by expiry: dn_idem_find looks at the key's own time, and the list
 * only decides when memory is given back.
 */
#include <stdlib.h>

#include "hub/idem.h"

void dn_idem_key(struct dn_buf *key, const struct dn_record *r)
{
	if (r->idempotency_key.n > 0) {
		dn_buf_byte(key, 'k');
		dn_buf_str(key, r->idempotency_key);
	} else if (r->request_id.n > 0 && r->seq >= 0) {
		dn_buf_byte(key, 'r');
		dn_buf_str(key, r->request_id);
		dn_buf_byte(key, '\0');
		dn_buf_i64(key, r->seq);
		dn_buf_byte(key, '\0');
		dn_buf_u64(key, dn_record_attempt(r));
	}
}

struct dn_idem *dn_idem_find(
    const struct dn_map *map, struct dn_str key, int64_t now_us)
{
	struct dn_idem *idem = dn_map_get(map, key);

	return idem != NULL && idem->until_us > now_us ? idem : NULL;
}

void dn_idem_remove(struct dn_idem_list *list, struct dn_idem *idem)
{
	DN_ASSERT(dn_map_remove(idem->map, idem->key) == idem);
	if (idem->prev != NULL)
		idem->prev->next = idem->next;
	else
		list->first = idem->next;
	if (idem->next != NULL)
		idem->next->prev = idem->prev;
	else
		list->last = idem->prev;
	list->count--;
	if (idem->holder != NULL)
		*idem->holder = NULL;
	free(idem);
}

void dn_idem_expire(struct dn_idem_list *list, int64_t now_us)
{
	while (list->first != NULL && list->first->until_us <= now_us)
		dn_idem_remove(list, list->first);
}

struct dn_idem *dn_idem_add(struct dn_idem_list *list, struct dn_map *map,
    struct dn_str key, int64_t now_us, int64_t window_us, size_t max,
    uint64_t *cut)
{
	struct dn_idem *stale = dn_map_get(map, key);
	struct dn_idem *idem = dn_xcalloc(1, sizeof(*idem) + key.n);

	if (stale != NULL)
		dn_idem_remove(list, stale);
	dn_idem_expire(list, now_us);
	while (list->count > 0 && list->count >= max) {
		dn_idem_remove(list, list->first);
		++*cut;
	}
	if (key.n > 0)
		memcpy(idem->bytes, key.p, key.n);
	idem->key = (struct dn_str){idem->bytes, key.n};
	idem->until_us = now_us + window_us;
	idem->map = map;
	idem->prev = list->last;
	if (list->last != NULL)
		list->last->next = idem;
	else
		list->first = idem;
	list->last = idem;
	list->count++;
	dn_map_put(map, idem->key, idem);
	return idem;
}
