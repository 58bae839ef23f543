/* SPDX-License-Identifier: MIT */
/*
 * usage: what a tenant uses of its limits, over all loops: its connections,
 * and those of each of its users.
 *
 * Ownership: reference-counted; each conf that has the tenant holds one, and
 *   a reload hands it on (dn_conf_adopt), so that counts go on. It owns its
 *   copies of the users' names.
 * Limits: the caller's; a user takes memory while one of its connections is
 *   there.
 * Thread: any; counts are atomic, users are behind a lock that is taken when
 *   a connection comes and goes.
 */
#ifndef DN_USAGE_H
#define DN_USAGE_H

#include <pthread.h>

#include "base/map.h"

struct dn_usage {
	_Atomic uint32_t refs;
	_Atomic uint64_t connections;
	_Atomic uint64_t serials;
	pthread_mutex_t lock; /* guards users */
	struct dn_map users;
};

DN_MUST_CHECK struct dn_usage *dn_usage_new(void);
struct dn_usage *dn_usage_ref(struct dn_usage *usage);
void dn_usage_unref(struct dn_usage **usage);

/* One connection more, unless that would be above limit (0: none). True is to
 * be followed by one dn_usage_leave. */
DN_MUST_CHECK bool dn_usage_enter(struct dn_usage *usage, uint64_t limit);
void dn_usage_leave(struct dn_usage *usage);

/* The same for one of its users ("" is nobody in particular). */
DN_MUST_CHECK bool dn_usage_user_enter(
    struct dn_usage *usage, struct dn_str user, uint64_t limit);
void dn_usage_user_leave(struct dn_usage *usage, struct dn_str user);
/* How many users are there. */
DN_MUST_CHECK size_t dn_usage_users(struct dn_usage *usage);

/* 1, 2, 3, ...: who came later has the higher one. */
DN_MUST_CHECK uint64_t dn_usage_serial(struct dn_usage *usage);

#endif
