/* SPDX-License-Identifier: MIT */
/*
 * session_impl: what the files of the session share. Nobody else includes it.
 *
 *   session.c          messages, pings, life
 *   session_connect.c  the connect command: who it is, and its reply
 *   session_user.c     the connections that a user may have
 *   session_refresh.c  new tokens, and what happens at their end
 *   session_server.c   subscriptions that the server makes
 *   session_sub.c      subscribe, unsubscribe and sub_refresh
 *   session_call.c     commands that are calls: publish, history, rpc, ...
 *   session_out.c      replies and pushes
 *   session_ids.c      ids of events
 *   sub.c              one subscription
 *   sub_result.c       what a client is told about it
 */
#ifndef DN_SESSION_IMPL_H
#define DN_SESSION_IMPL_H

#include "base/json.h"
#include "session/session.h"

typedef void dn_command_fn(
    struct dn_session *s, uint32_t id, struct dn_json params);
dn_command_fn dn_command_connect;
dn_command_fn dn_command_refresh;
dn_command_fn dn_command_subscribe;
dn_command_fn dn_command_unsubscribe;
dn_command_fn dn_command_sub_refresh;
dn_command_fn dn_command_publish;
dn_command_fn dn_command_presence;
dn_command_fn dn_command_presence_stats;
dn_command_fn dn_command_history;
dn_command_fn dn_command_ping;
dn_command_fn dn_command_send;
dn_command_fn dn_command_rpc;

/* The first ping comes at a random time of the second half of the interval. */
void dn_session_arm_ping(struct dn_session *s, bool first);
/* A string member, decoded into the loop's text buffer; unset when absent. */
struct dn_str dn_session_text(
    struct dn_session *s, struct dn_json params, const char *name);
struct dn_who dn_session_who(const struct dn_session *s);
static inline bool dn_session_is_uni(const struct dn_session *s)
{
	return (s->conn->form & DN_FORM_UNI) != 0;
}

/* What comes beside the params of connect. */
struct dn_connect_extra {
	struct dn_str token;      /* where the params have none */
	struct dn_json positions; /* by channel, before those of the params */
	enum dn_resumed resumed;
};
void dn_session_connect(struct dn_session *s, uint32_t id,
    struct dn_json params, const struct dn_connect_extra *extra);
/* session_connect.c: ClientInfo; chan_info is JSON or unset. */
void dn_session_write_info(
    struct dn_buf *b, const struct dn_session *s, struct dn_str chan_info);
/* A part of the connect command is there; the last one ends it. */
void dn_session_connect_goes_on(struct dn_session *s);
/* It is to be answered with that error. */
void dn_session_connect_fails(
    struct dn_session *s, unsigned code, const char *message);
void dn_connecting_free(struct dn_connecting **connecting);

/* session_user.c: counts it as one more of its user's; false when that is over
 * the limit. */
DN_MUST_CHECK bool dn_session_user_enter(struct dn_session *s);
void dn_session_user_leave(struct dn_session *s);
/* Where a user may have one connection only: ends the older ones. The session
 * may have ended afterwards. */
void dn_session_end_older(struct dn_session *s);

/* session_refresh.c: sets the timer to the next end of the connection's or a
 * subscription's token. */
void dn_session_arm_expiry(struct dn_session *s);
/* Seconds until then: at least 1, since a client takes 0 for never, and what
 * 32 bits can tell. */
int64_t dn_session_ttl_s(int64_t expires_s);
/* A good token that lets nobody stay: its expire_at is over (110). */
bool dn_session_has_ended(const struct dn_jwt_claims *claims);
/* It names another tenant than the client's. */
bool dn_session_is_foreign(
    const struct dn_session *s, const struct dn_jwt_claims *claims);

/* session_server.c: the channels of the token (claims may be empty), the
 * user's own one, and what a one-way client asks for; at the positions that
 * `resumed` has, else those of the params. */
void dn_session_join_all(struct dn_session *s,
    const struct dn_jwt_claims *claims, struct dn_json params,
    struct dn_json resumed);
/* Whether the token lists other channels than those it is subscribed to. */
bool dn_session_channels_differ(
    const struct dn_session *s, const struct dn_jwt_claims *claims);

/* session_out.c: queues a frame, behind a connect reply. */
void dn_session_queue(struct dn_session *s, struct dn_frame *frame,
    struct dn_track *track, bool reply);
/* A push that moves a position, as a text; it belongs to the beginning of a
 * subscription and counts as a reply. */
void dn_session_push_text_at(struct dn_session *s, struct dn_sub *sub,
    uint64_t offset, struct dn_str text, struct dn_track *track);
/* The publications of a list, each as such a push. */
void dn_session_push_missed(struct dn_session *s, struct dn_sub *sub,
    struct dn_str list, struct dn_track *track);

/* session_ids.c: whether its events have ids; the one that says what is shown
 * by now, and whether all of it fits. */
bool dn_session_has_ids(const struct dn_session *s);
DN_MUST_CHECK struct dn_frame *dn_session_event_id(
    const struct dn_session *s, bool *fits);
/* A push that was held back. */
void dn_session_push_held(struct dn_session *s, struct dn_frame *frame,
    struct dn_track *track, bool reply);

/* session_sub.c: whether it may; if not, why is logged and in err. */
bool dn_session_may_subscribe(struct dn_session *s, const struct dn_conf_ns *ns,
    struct dn_str channel, bool has_token, struct dn_err *err);

#endif
