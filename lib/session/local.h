/* SPDX-License-Identifier: MIT */
/*
 * local: the subscribers that one loop has, by channel.
 *
 * The owner sends each publication once per loop; here it meets the
 * connections. A subscription is made when a client asks, becomes active when
 * the owner's answer is in, and lives until the owner has confirmed its end.
 *
 * Ownership: a dn_sub belongs to its session while that lives, then to the
 *   mail that ends it.
 * Thread: the loop's.
 */
#ifndef DN_LOCAL_H
#define DN_LOCAL_H

#include "serve/loop.h"

struct dn_session;

struct dn_local {
	struct dn_sub **subs;
	uint32_t count, cap;
	struct dn_str key; /* tenant, NUL, channel */
	char bytes[];
};

struct dn_sub {
	struct dn_session *session; /* NULL: it leaves */
	uint64_t conn;              /* its connection, for late replies */
	struct dn_conf *conf;       /* a reference, until it leaves */
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns;
	char client[37];
	struct dn_local *local;   /* NULL until active */
	uint32_t at;              /* its place in local->subs */
	uint32_t queue_bytes_max; /* of its namespace */
	uint32_t id;              /* of the command to answer */
	uint32_t leave_id;        /* of the unsubscribe to answer */
	bool joining;             /* the owner has not answered yet */
	bool leaving;             /* to be left as soon as it is joined */
	bool leave_asked;         /* somebody waits for a reply to it */
	bool positioned, recoverable, join_leave;
	uint64_t offset; /* position, where positioned */
	struct dn_str channel;
	char bytes[];
};

/* Puts a subscription into its channel's list. */
void dn_local_add(struct dn_loop *loop, struct dn_str key, struct dn_sub *sub);
void dn_local_remove(struct dn_loop *loop, struct dn_sub *sub);
/* A fan-out meets this loop's subscribers. */
void dn_local_fanout(
    struct dn_loop *loop, unsigned owner, const struct dn_fan *fan);
/* They lost their position: each is unsubscribed with 2500. */
void dn_local_lost(struct dn_loop *loop, struct dn_str key);

#endif
