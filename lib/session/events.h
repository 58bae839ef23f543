/* SPDX-License-Identifier: MIT */
/*
 * events: what a tenant's clients and channels do, told as publications of
 * the server in the tenant's channel "$events" (docs/PROTOCOL.md).
 *
 * Which ones is the tenant's conf; nothing that is about the channel
 * "$events" itself is told in it. Events of one client come in order, and so
 * do those of one channel that is occupied and vacated.
 *
 * Ownership: borrows everything; what waits is the loop's.
 * Limits: those of every publication: a full inbox, a log without room.
 * Errors: an event that was refused is counted (dnot_events_lost_total).
 * Thread: the loop's.
 */
#ifndef DN_EVENTS_H
#define DN_EVENTS_H

#include "session/session.h"

/* The connect command was answered; tells its subscriptions, too. */
void dn_events_connected(const struct dn_session *s);
void dn_events_disconnected(
    const struct dn_session *s, unsigned code, const char *reason);
/* A subscription is active, or one that was active ends; nothing while the
 * connect command is not answered yet. */
void dn_events_subscribed(const struct dn_sub *sub);
void dn_events_unsubscribed(
    const struct dn_sub *sub, unsigned code, const char *reason);
/* The ask brought the channel's first subscriber or took its last one. */
void dn_events_occupancy(
    struct dn_loop *loop, const struct dn_ask *ask, bool occupied);

/* At the end of a turn: hands what was told to the owner of the channel. */
void dn_events_send(struct dn_loop *loop);
/* The loop is over: forgets what was not handed over. */
void dn_events_release(struct dn_loop *loop);

#endif
