/* SPDX-License-Identifier: MIT */
/*
 * A list is an array in the order of serials, so that a place in it is found
 * by halving, whatever came and went since it was noted. Who leaves makes a
 * hole; when half of the array is holes they are closed.
 */
#include "session/roster.h"

#include <stdlib.h>

#include "session/session.h"

enum { HOLES_MIN = 8 };

struct entry {
	uint64_t serial;
	struct dn_session *session; /* NULL: a hole */
};

struct list {
	struct entry *entries;
	size_t n, cap, live;
	struct dn_str key;
	char bytes[];
};

/* --- one list ------------------------------------------------------------ */

/* The first place whose serial is at least that. */
static size_t place_of(const struct list *list, uint64_t serial)
{
	size_t from = 0, to = list->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (list->entries[middle].serial < serial)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct list *list_get(struct dn_roster *roster, struct dn_str key)
{
	struct list *list = dn_map_get(&roster->lists, key);

	if (list != NULL)
		return list;
	list = dn_xcalloc(1, sizeof(*list) + key.n);
	memcpy(list->bytes, key.p, key.n);
	list->key = (struct dn_str){list->bytes, key.n};
	dn_map_put(&roster->lists, list->key, list);
	return list;
}

static void list_add(
    struct dn_roster *roster, struct dn_str key, struct dn_session *s)
{
	struct list *list = list_get(roster, key);

	DN_ASSERT(
	    list->n == 0 || list->entries[list->n - 1].serial < s->serial);
	if (list->n == list->cap) {
		list->cap = list->cap == 0 ? 1 : list->cap * 2;
		list->entries = dn_xrealloc(
		    list->entries, list->cap * sizeof(*list->entries));
	}
	list->entries[list->n++] = (struct entry){s->serial, s};
	list->live++;
}

static void close_holes(struct list *list)
{
	size_t i, n = 0;

	for (i = 0; i < list->n; i++)
		if (list->entries[i].session != NULL)
			list->entries[n++] = list->entries[i];
	list->n = list->cap = n;
	list->entries = dn_xrealloc(list->entries, n * sizeof(*list->entries));
}

static void list_remove(
    struct dn_roster *roster, struct dn_str key, const struct dn_session *s)
{
	struct list *list = dn_map_get(&roster->lists, key);
	size_t i;

	DN_ASSERT(list != NULL);
	i = place_of(list, s->serial);
	DN_ASSERT(i < list->n && list->entries[i].session == s);
	list->entries[i].session = NULL;
	if (--list->live == 0) {
		dn_map_remove(&roster->lists, key);
		free(list->entries);
		free(list);
	} else if (list->n > list->live * 2 + HOLES_MIN) {
		close_holes(list);
	}
}

/* --- the roster ---------------------------------------------------------- */

void dn_roster_tenant_key(struct dn_buf *key, struct dn_str tenant)
{
	key->n = 0;
	dn_buf_str(key, tenant);
}

void dn_roster_user_key(
    struct dn_buf *key, struct dn_str tenant, struct dn_str user)
{
	dn_roster_tenant_key(key, tenant);
	dn_buf_byte(key, '\0'); /* no tenant's name has one */
	dn_buf_str(key, user);
}

void dn_roster_enter(struct dn_roster *roster, struct dn_session *s)
{
	struct dn_str tenant = dn_str_of(s->tenant->name);
	struct dn_buf key = {0};

	DN_ASSERT(s->serial > 0);
	dn_map_put(&roster->clients, dn_str_of(s->client), s);
	dn_roster_tenant_key(&key, tenant);
	list_add(roster, dn_buf_view(&key), s);
	dn_roster_user_key(&key, tenant, s->user);
	list_add(roster, dn_buf_view(&key), s);
	dn_buf_release(&key);
}

void dn_roster_leave(struct dn_roster *roster, struct dn_session *s)
{
	struct dn_buf key = {0};
	struct dn_str tenant;

	if (s->serial == 0)
		return;
	tenant = dn_str_of(s->tenant->name);
	dn_map_remove(&roster->clients, dn_str_of(s->client));
	dn_roster_tenant_key(&key, tenant);
	list_remove(roster, dn_buf_view(&key), s);
	dn_roster_user_key(&key, tenant, s->user);
	list_remove(roster, dn_buf_view(&key), s);
	dn_buf_release(&key);
	s->serial = 0;
}

void dn_roster_release(struct dn_roster *roster)
{
	DN_ASSERT(roster->clients.count == 0 && roster->lists.count == 0);
	dn_map_release(&roster->clients);
	dn_map_release(&roster->lists);
}

struct dn_session *dn_roster_client(
    const struct dn_roster *roster, struct dn_str client)
{
	return dn_map_get(&roster->clients, client);
}

struct dn_session *dn_roster_next(
    const struct dn_roster *roster, struct dn_str key, uint64_t after)
{
	const struct list *list = dn_map_get(&roster->lists, key);
	size_t i;

	if (list == NULL)
		return NULL;
	for (i = place_of(list, after + 1); i < list->n; i++)
		if (list->entries[i].session != NULL)
			return list->entries[i].session;
	return NULL;
}

size_t dn_roster_count(const struct dn_roster *roster, struct dn_str key)
{
	const struct list *list = dn_map_get(&roster->lists, key);

	return list != NULL ? list->live : 0;
}
