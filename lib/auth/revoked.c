/* SPDX-License-Identifier: MIT */
/*
 * How it works: one map by kind, tenant and subject, and a heap whose first
 * entry is the one that is over first, so that forgetting costs nothing while
 * nothing is over. A look-up compares the entry's end itself.
 *
 * How it fails: by -ENOSPC, after what is over was forgotten.
 */
#include "auth/revoked.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum {
	TENANT_MAX = 64,
	KEY_MAX = 1 + TENANT_MAX + 1 + DN_REVOKED_SUBJECT_MAX,
	EXPIRE_SLICE = 1000,
};

struct tenant {
	uint64_t entries;
	struct dn_str name;
	char bytes[];
};

struct entry {
	struct tenant *tenant;
	size_t at; /* in the heap, where it has an end */
	int64_t issued_before_s, expire_at_s;
	struct dn_str key;
	char bytes[];
};

struct dn_revoked {
	pthread_rwlock_t lock; /* for all that follows */
	struct dn_map entries;
	struct dn_map tenants;
	struct entry **heap;
	size_t heap_n, heap_cap;
};

struct dn_revoked *dn_revoked_new(void)
{
	struct dn_revoked *set = dn_xcalloc(1, sizeof(*set));

	DN_ASSERT(pthread_rwlock_init(&set->lock, NULL) == 0);
	return set;
}

void dn_revoked_free(struct dn_revoked **setp)
{
	struct dn_revoked *set = *setp;
	size_t at = 0;
	void *v;

	*setp = NULL;
	if (set == NULL)
		return;
	while ((v = dn_map_next(&set->entries, &at)) != NULL)
		free(v);
	at = 0;
	while ((v = dn_map_next(&set->tenants, &at)) != NULL)
		free(v);
	dn_map_release(&set->entries);
	dn_map_release(&set->tenants);
	free(set->heap);
	pthread_rwlock_destroy(&set->lock);
	free(set);
}

static void lock_to_read(struct dn_revoked *set)
{
	DN_ASSERT(pthread_rwlock_rdlock(&set->lock) == 0);
}

static void lock_to_write(struct dn_revoked *set)
{
	DN_ASSERT(pthread_rwlock_wrlock(&set->lock) == 0);
}

static void unlock(struct dn_revoked *set)
{
	DN_ASSERT(pthread_rwlock_unlock(&set->lock) == 0);
}

/* --- the heap: each entry is over before the two behind it ---------------- */

static void set_at(struct dn_revoked *set, size_t at, struct entry *entry)
{
	set->heap[at] = entry;
	entry->at = at;
}

static void sift_up(struct dn_revoked *set, struct entry *entry)
{
	size_t at = entry->at, up;

	for (; at > 0; at = up) {
		up = (at - 1) / 2;
		if (set->heap[up]->expire_at_s <= entry->expire_at_s)
			break;
		set_at(set, at, set->heap[up]);
	}
	set_at(set, at, entry);
}

static void sift_down(struct dn_revoked *set, struct entry *entry)
{
	size_t at = entry->at, down;

	for (; (down = 2 * at + 1) < set->heap_n; at = down) {
		if (down + 1 < set->heap_n && set->heap[down + 1]->expire_at_s <
						  set->heap[down]->expire_at_s)
			down++;
		if (entry->expire_at_s <= set->heap[down]->expire_at_s)
			break;
		set_at(set, at, set->heap[down]);
	}
	set_at(set, at, entry);
}

static void heap_put(struct dn_revoked *set, struct entry *entry)
{
	if (entry->expire_at_s == 0)
		return;
	if (set->heap_n == set->heap_cap) {
		set->heap_cap = set->heap_cap > 0 ? 2 * set->heap_cap : 16;
		set->heap = dn_xrealloc(
		    set->heap, set->heap_cap * sizeof(struct entry *));
	}
	set_at(set, set->heap_n++, entry);
	sift_up(set, entry);
}

static void heap_take(struct dn_revoked *set, struct entry *entry)
{
	struct entry *last;

	if (entry->expire_at_s == 0)
		return;
	last = set->heap[--set->heap_n];
	if (last == entry)
		return;
	set_at(set, entry->at, last);
	sift_up(set, last);
	sift_down(set, last);
}

/* --- entries ------------------------------------------------------------- */

/* Unset where there can be no such entry. */
static struct dn_str key_of(char buf[KEY_MAX], enum dn_revoked_kind kind,
    struct dn_str tenant, struct dn_str subject)
{
	DN_ASSERT(tenant.n <= TENANT_MAX);
	if (subject.n == 0 || subject.n > DN_REVOKED_SUBJECT_MAX)
		return (struct dn_str){0};
	buf[0] = kind == DN_REVOKED_TOKEN ? 't' : 'u';
	memcpy(buf + 1, tenant.p, tenant.n);
	buf[1 + tenant.n] = '\0';
	memcpy(buf + 2 + tenant.n, subject.p, subject.n);
	return (struct dn_str){buf, 2 + tenant.n + subject.n};
}

static struct tenant *tenant_get(struct dn_revoked *set, struct dn_str name)
{
	struct tenant *tenant = dn_map_get(&set->tenants, name);

	if (tenant != NULL)
		return tenant;
	tenant = dn_xcalloc(1, sizeof(*tenant) + name.n);
	memcpy(tenant->bytes, name.p, name.n);
	tenant->name = (struct dn_str){tenant->bytes, name.n};
	dn_map_put(&set->tenants, tenant->name, tenant);
	return tenant;
}

/* After its entry is out of the heap. */
static void forget(struct dn_revoked *set, struct entry *entry)
{
	struct tenant *tenant = entry->tenant;

	DN_ASSERT(dn_map_remove(&set->entries, entry->key) == entry);
	free(entry);
	if (--tenant->entries > 0)
		return;
	dn_map_remove(&set->tenants, tenant->name);
	free(tenant);
}

static void expire(struct dn_revoked *set, int64_t now_s, size_t max)
{
	struct entry *entry;

	while (max-- > 0 && set->heap_n > 0 &&
	       set->heap[0]->expire_at_s <= now_s) {
		entry = set->heap[0];
		heap_take(set, entry);
		forget(set, entry);
	}
}

static struct entry *entry_new(
    struct dn_revoked *set, struct dn_str key, struct dn_str tenant)
{
	struct entry *entry = dn_xcalloc(1, sizeof(*entry) + key.n);

	memcpy(entry->bytes, key.p, key.n);
	entry->key = (struct dn_str){entry->bytes, key.n};
	entry->tenant = tenant_get(set, tenant);
	entry->tenant->entries++;
	dn_map_put(&set->entries, entry->key, entry);
	return entry;
}

static bool is_full(struct dn_revoked *set, struct dn_str name, uint64_t max)
{
	const struct tenant *tenant = dn_map_get(&set->tenants, name);

	return (tenant != NULL ? tenant->entries : 0) >= max;
}

int dn_revoked_add(struct dn_revoked *set, const struct dn_revocation *r,
    uint64_t max, int64_t now_s)
{
	char buf[KEY_MAX];
	struct dn_str key = key_of(buf, r->kind, r->tenant, r->subject);
	struct entry *entry;

	DN_ASSERT(key.n > 0);
	if (r->expire_at_s != 0 && r->expire_at_s <= now_s)
		return 0;
	lock_to_write(set);
	if (is_full(set, r->tenant, max))
		expire(set, now_s, SIZE_MAX);
	entry = dn_map_get(&set->entries, key);
	if (entry == NULL && is_full(set, r->tenant, max)) {
		unlock(set);
		return -ENOSPC;
	}
	if (entry != NULL)
		heap_take(set, entry);
	else
		entry = entry_new(set, key, r->tenant);
	entry->issued_before_s = r->issued_before_s;
	entry->expire_at_s = r->expire_at_s;
	heap_put(set, entry);
	unlock(set);
	return 0;
}

/* --- looking ------------------------------------------------------------- */

static bool is_revoked(struct dn_revoked *set, enum dn_revoked_kind kind,
    struct dn_str tenant, struct dn_str subject, int64_t iat_s, int64_t now_s)
{
	char buf[KEY_MAX];
	struct dn_str key = key_of(buf, kind, tenant, subject);
	const struct entry *entry;
	bool is = false;

	if (key.n == 0)
		return false;
	lock_to_read(set);
	entry = dn_map_get(&set->entries, key);
	if (entry != NULL)
		is = (entry->expire_at_s == 0 || entry->expire_at_s > now_s) &&
		     (kind == DN_REVOKED_TOKEN ||
			 iat_s < entry->issued_before_s);
	unlock(set);
	return is;
}

bool dn_revoked_has_user(struct dn_revoked *set, struct dn_str tenant,
    struct dn_str user, int64_t iat_s, int64_t now_s)
{
	return is_revoked(set, DN_REVOKED_USER, tenant, user, iat_s, now_s);
}

bool dn_revoked_has(struct dn_revoked *set, struct dn_str tenant,
    const struct dn_jwt_claims *claims, int64_t now_s)
{
	return is_revoked(
		   set, DN_REVOKED_TOKEN, tenant, claims->jti, 0, now_s) ||
	       dn_revoked_has_user(
		   set, tenant, claims->sub, claims->iat, now_s);
}

void dn_revoked_expire(struct dn_revoked *set, int64_t now_s)
{
	bool due;

	lock_to_read(set);
	due = set->heap_n > 0 && set->heap[0]->expire_at_s <= now_s;
	unlock(set);
	if (!due)
		return;
	lock_to_write(set);
	expire(set, now_s, EXPIRE_SLICE);
	unlock(set);
}

size_t dn_revoked_count(struct dn_revoked *set)
{
	size_t n;

	lock_to_read(set);
	n = set->entries.count;
	unlock(set);
	return n;
}
