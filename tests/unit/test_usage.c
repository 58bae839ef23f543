/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "conf/usage.h"

static void connections(void)
{
	struct dn_usage *usage = dn_usage_new();
	struct dn_usage *other = dn_usage_ref(usage);

	OK(dn_usage_enter(usage, 2) && dn_usage_enter(other, 2), "up to it");
	OK(!dn_usage_enter(usage, 2), "not above it");
	IS_NUM(usage->connections, 2, "who was refused does not count");
	OK(dn_usage_enter(usage, 0), "0 is no limit");
	dn_usage_leave(usage);
	dn_usage_leave(usage);
	OK(dn_usage_enter(usage, 2), "who left makes room");
	dn_usage_unref(&usage);
	OK(usage == NULL && other->connections == 2, "one reference is left");
	dn_usage_unref(&other);
}

static void users(void)
{
	struct dn_usage *usage = dn_usage_new();
	struct dn_str ann = DN_STR("ann"), bob = DN_STR("bob"), nobody = {0};
	uint64_t first = dn_usage_serial(usage);

	OK(dn_usage_user_enter(usage, ann, 2) &&
		dn_usage_user_enter(usage, ann, 2),
	    "a user up to the limit");
	OK(!dn_usage_user_enter(usage, ann, 2), "not above it");
	OK(dn_usage_user_enter(usage, bob, 2), "another user has its own");
	OK(dn_usage_user_enter(usage, nobody, 0), "and so has nobody");
	IS_NUM(dn_usage_users(usage), 3, "each counts once");
	dn_usage_user_leave(usage, ann);
	IS_NUM(dn_usage_users(usage), 3, "until its last one is gone");
	OK(dn_usage_user_enter(usage, ann, 2), "who left makes room");
	dn_usage_user_leave(usage, ann);
	dn_usage_user_leave(usage, ann);
	dn_usage_user_leave(usage, bob);
	dn_usage_user_leave(usage, nobody);
	IS_NUM(dn_usage_users(usage), 0, "nobody is left");
	IS_NUM(first, 1, "serials begin with 1");
	OK(dn_usage_serial(usage) > first, "and grow");
	dn_usage_unref(&usage);
}

enum { THREADS = 4, ROUNDS = 20000, LIMIT = 3 };

/* Comes and goes; gives how often it was refused. */
static void *come_and_go(void *arg)
{
	struct dn_usage *usage = arg;
	struct dn_str user = DN_STR("crowd");
	size_t i, refused = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (dn_usage_user_enter(usage, user, LIMIT))
			dn_usage_user_leave(usage, user);
		else
			refused++;
	}
	return (void *)refused;
}

static void threads(void)
{
	struct dn_usage *usage = dn_usage_new();
	pthread_t thread[THREADS];
	size_t i, started = 0;

	for (i = 0; i < THREADS; i++)
		started +=
		    pthread_create(&thread[i], NULL, come_and_go, usage) == 0;
	for (i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	IS_NUM(started, THREADS, "threads that come and go");
	IS_NUM(dn_usage_users(usage), 0, "leave nobody behind");
	dn_usage_unref(&usage);
}

int main(void)
{
	connections();
	users();
	threads();
	return tap_done();
}
