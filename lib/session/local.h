/* SPDX-License-Identifier: MIT */
/*
 * local: the subscribers that one loop has, by channel.
 *
 * The owner sends each publication once per loop; here it meets the
 * connections, each with the variant that it wants (variant.h).
 *
 * Ownership: a list borrows its subscriptions; it keeps the last publication
 *   while somebody gets deltas.
 * Thread: the loop's.
 */
#ifndef DN_LOCAL_H
#define DN_LOCAL_H

#include "session/sub.h"

struct dn_local {
	struct dn_sub **subs;
	uint32_t count, cap;
	uint32_t deltas;       /* subscribers that negotiated them */
	struct dn_frame *base; /* the last publication; NULL without deltas */
	struct dn_str key;     /* tenant, NUL, channel */
	char bytes[];
};

/* Puts a subscription into its channel's list. */
void dn_local_add(struct dn_loop *loop, struct dn_str key, struct dn_sub *sub);
void dn_local_remove(struct dn_loop *loop, struct dn_sub *sub);
/* A fan-out meets this loop's subscribers. */
void dn_local_fanout(
    struct dn_loop *loop, unsigned owner, const struct dn_fan *fan);
/* They lost their position (dn_sub_lost). */
void dn_local_lost(struct dn_loop *loop, struct dn_str key);

#endif
