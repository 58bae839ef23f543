/* SPDX-License-Identifier: MIT */
/*
 * Connections are one atomic number. Users are a map behind a lock: a user is
 * made by its first connection and freed by its last one.
 *
 * Fails: by saying no at a limit; leaving without having entered is a bug of
 * the caller.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "conf/usage.h"

struct user {
	uint64_t connections;
	struct dn_str name;
	char bytes[];
};

struct dn_usage *dn_usage_new(void)
{
	struct dn_usage *usage = dn_xcalloc(1, sizeof(*usage));

	atomic_init(&usage->refs, 1);
	DN_ASSERT(pthread_mutex_init(&usage->lock, NULL) == 0);
	return usage;
}

struct dn_usage *dn_usage_ref(struct dn_usage *usage)
{
	atomic_fetch_add(&usage->refs, 1);
	return usage;
}

void dn_usage_unref(struct dn_usage **usagep)
{
	struct dn_usage *usage = *usagep;

	*usagep = NULL;
	if (usage == NULL || atomic_fetch_sub(&usage->refs, 1) > 1)
		return;
	DN_ASSERT(usage->users.count == 0);
	pthread_mutex_destroy(&usage->lock);
	free(usage);
}

bool dn_usage_enter(struct dn_usage *usage, uint64_t limit)
{
	uint64_t before = atomic_fetch_add(&usage->connections, 1);

	if (limit == 0 || before < limit)
		return true;
	dn_usage_leave(usage);
	return false;
}

void dn_usage_leave(struct dn_usage *usage)
{
	uint64_t before = atomic_fetch_sub(&usage->connections, 1);

	DN_ASSERT(before > 0);
}

static struct user *user_new(struct dn_map *users, struct dn_str name)
{
	struct user *user = dn_xcalloc(1, sizeof(*user) + name.n);

	if (name.n > 0)
		memcpy(user->bytes, name.p, name.n);
	user->name = (struct dn_str){user->bytes, name.n};
	dn_map_put(users, user->name, user);
	return user;
}

bool dn_usage_user_enter(
    struct dn_usage *usage, struct dn_str name, uint64_t limit)
{
	struct user *user;
	bool enters;

	pthread_mutex_lock(&usage->lock);
	user = dn_map_get(&usage->users, name);
	enters = limit == 0 || user == NULL || user->connections < limit;
	if (enters && user == NULL)
		user = user_new(&usage->users, name);
	if (enters)
		user->connections++;
	pthread_mutex_unlock(&usage->lock);
	return enters;
}

void dn_usage_user_leave(struct dn_usage *usage, struct dn_str name)
{
	struct user *user;

	pthread_mutex_lock(&usage->lock);
	user = dn_map_get(&usage->users, name);
	DN_ASSERT(user != NULL);
	if (--user->connections == 0) {
		dn_map_remove(&usage->users, name);
		free(user);
	}
	pthread_mutex_unlock(&usage->lock);
}

size_t dn_usage_users(struct dn_usage *usage)
{
	size_t n;

	pthread_mutex_lock(&usage->lock);
	n = usage->users.count;
	pthread_mutex_unlock(&usage->lock);
	return n;
}

uint64_t dn_usage_serial(struct dn_usage *usage)
{
	return atomic_fetch_add(&usage->serials, 1) + 1;
}
