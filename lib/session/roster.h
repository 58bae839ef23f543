/* SPDX-License-Identifier: MIT */
/*
 * roster: who is connected to one loop: by client id and, in the order in
 * which they connected, by tenant and by user. (A session's own id needs no
 * table, see sid.h.)
 *
 * A session is in it from the success of its connect command to its end.
 *
 * Ownership: borrows the sessions; what a session is found by must not change
 *   while it is in.
 * Limits: none; a session takes some 250 bytes where each user has but one.
 * Thread: the loop's.
 */
#ifndef DN_ROSTER_H
#define DN_ROSTER_H

#include "base/buf.h"
#include "base/map.h"

struct dn_session;

struct dn_roster {
	struct dn_map clients; /* struct dn_session by client id */
	struct dn_map lists;   /* of a tenant, and of a tenant's user */
};

/* s->serial must be higher than that of whoever entered before. */
void dn_roster_enter(struct dn_roster *roster, struct dn_session *s);
/* Also for one that never entered. */
void dn_roster_leave(struct dn_roster *roster, struct dn_session *s);
void dn_roster_release(struct dn_roster *roster);

/* NULL: not in this loop. */
DN_MUST_CHECK struct dn_session *dn_roster_client(
    const struct dn_roster *roster, struct dn_str client);

/* The name of a list, in place of what the buffer holds: a tenant's sessions,
 * and those of one of its users ("" is nobody in particular). */
void dn_roster_tenant_key(struct dn_buf *key, struct dn_str tenant);
void dn_roster_user_key(
    struct dn_buf *key, struct dn_str tenant, struct dn_str user);
/* Whoever entered next after that serial (0: the first one); NULL at the end.
 * Sessions may come and go between two calls. */
DN_MUST_CHECK struct dn_session *dn_roster_next(
    const struct dn_roster *roster, struct dn_str key, uint64_t after);
/* How many the list has. */
DN_MUST_CHECK size_t dn_roster_count(
    const struct dn_roster *roster, struct dn_str key);

#endif
