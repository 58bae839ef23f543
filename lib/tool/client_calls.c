/* SPDX-License-Identifier: MIT */
/*
 * How it works: linear probing from the slot that the id's low bits name; a
 * removal moves later entries of the run back, so that no tombstones gather.
 * At half full it doubles.
 */
#include "tool/client_calls.h"

#include <stdlib.h>

enum { CAP_MIN = 64 };

void dn_client_calls_release(struct dn_client_calls *calls)
{
	free(calls->slots);
	memset(calls, 0, sizeof(*calls));
}

/* Where the id is, or the free slot where it would be. */
static size_t find(const struct dn_client_calls *calls, uint32_t id)
{
	size_t i = id & (calls->cap - 1);

	while (calls->slots[i].id != 0 && calls->slots[i].id != id)
		i = (i + 1) & (calls->cap - 1);
	return i;
}

static void grow(struct dn_client_calls *calls)
{
	struct dn_client_calls old = *calls;
	size_t i;

	calls->cap = old.cap != 0 ? old.cap * 2 : CAP_MIN;
	calls->slots = dn_xcalloc(calls->cap, sizeof(*calls->slots));
	for (i = 0; i < old.cap; i++)
		if (old.slots[i].id != 0)
			calls->slots[find(calls, old.slots[i].id)] =
			    old.slots[i];
	free(old.slots);
}

void dn_client_calls_put(struct dn_client_calls *calls, uint32_t id,
    dn_client_reply_fn *fn, void *arg)
{
	size_t i;

	DN_ASSERT(id != 0);
	if (calls->count * 2 >= calls->cap)
		grow(calls);
	i = find(calls, id);
	DN_ASSERT(calls->slots[i].id == 0);
	calls->slots[i] = (struct dn_client_wait){id, fn, arg};
	calls->count++;
}

/* Closes the hole at i: entries behind it that may move back do. */
static void close_hole(struct dn_client_calls *calls, size_t i)
{
	size_t mask = calls->cap - 1, j = i, home;

	for (;;) {
		j = (j + 1) & mask;
		if (calls->slots[j].id == 0)
			break;
		home = calls->slots[j].id & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue; /* its home lies behind the hole */
		calls->slots[i] = calls->slots[j];
		i = j;
	}
	calls->slots[i].id = 0;
}

bool dn_client_calls_take(
    struct dn_client_calls *calls, uint32_t id, struct dn_client_wait *out)
{
	size_t i;

	if (calls->count == 0 || id == 0)
		return false;
	i = find(calls, id);
	if (calls->slots[i].id == 0)
		return false;
	*out = calls->slots[i];
	close_hole(calls, i);
	calls->count--;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct dn_client_wait *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct dn_client_wait *dn_client_calls_take_all(
    struct dn_client_calls *calls, size_t *n)
{
	struct dn_client_wait *all = NULL;
	size_t i;

	*n = 0;
	if (calls->count > 0)
		all = dn_xcalloc(calls->count, sizeof(*all));
	for (i = 0; i < calls->cap; i++)
		if (calls->slots[i].id != 0)
			all[(*n)++] = calls->slots[i];
	DN_ASSERT(*n == calls->count);
	if (*n > 1)
		qsort(all, *n, sizeof(*all), by_id);
	dn_client_calls_release(calls);
	return all;
}
