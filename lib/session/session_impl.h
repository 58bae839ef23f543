/* SPDX-License-Identifier: MIT */
/*
 * session_impl: what the files of the session share. Nobody else includes it.
 *
 *   session.c          messages, pings, life
 *   session_connect.c  the connect command: who it is
 *   session_sub.c      subscribe and unsubscribe
 *   session_call.c     commands that are calls: publish, history, rpc, ...
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
dn_command_fn dn_command_publish;
dn_command_fn dn_command_presence;
dn_command_fn dn_command_presence_stats;
dn_command_fn dn_command_history;
dn_command_fn dn_command_ping;
dn_command_fn dn_command_send;
dn_command_fn dn_command_rpc;

/* The first ping comes at a random time of the second half of the interval. */
void dn_session_arm_ping(struct dn_session *s, bool first);
/* Takes it out of the session and has the owner confirm its end; with
 * `reply`, an unsubscribe command waits for that. */
void dn_sub_leave(
    struct dn_session *s, struct dn_sub *sub, uint32_t id, bool reply);
/* A string member, decoded into the loop's text buffer; unset when absent. */
struct dn_str dn_session_text(
    struct dn_session *s, struct dn_json params, const char *name);
struct dn_who dn_session_who(const struct dn_session *s);

#endif
