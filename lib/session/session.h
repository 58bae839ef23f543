/* SPDX-License-Identifier: MIT */
/*
 * session: one client of the Centrifuge JSON protocol on one connection:
 * who it is, what it may, what it is subscribed to (docs/PROTOCOL.md).
 *
 * Ownership: the connection owns its session; a session owns its
 *   subscriptions until the owner of each channel has confirmed their end.
 * Limits: channels a connection, size of a message (conn.h).
 * Errors: error replies where the connection can go on, a close with code
 *   and reason where it can't.
 * Thread: its loop's.
 */
#ifndef DN_SESSION_H
#define DN_SESSION_H

#include "api/call.h"
#include "serve/conn.h"
#include "session/local.h"

struct dn_session {
	struct dn_conn *conn;
	struct dn_loop *loop;
	struct dn_conf *conf;                /* what tenant points into */
	const struct dn_conf_tenant *tenant; /* NULL before connect, unless a
						server key told it */
	bool server;                         /* opened with a server key */
	bool connected;               /* the connect command was answered */
	bool native_ping;             /* pings are WebSocket control frames */
	bool pinged;                  /* a pong is due */
	bool slow;                    /* to be closed with 3008 */
	bool doomed;                  /* on the loop's list to be closed */
	unsigned char key_sha256[32]; /* of the server key */
	char client[37];
	struct dn_str user;
	struct dn_buf user_bytes;
	struct dn_buf info;     /* ClientInfo as JSON */
	struct dn_map subs;     /* struct dn_sub by channel */
	struct dn_usage *usage; /* where it counts; NULL: nowhere yet */
	int64_t expires_s;      /* the token's end; 0: never */
	struct dn_session *next_doomed;
};

/* For an upgraded connection; tenant is the server key's or NULL. With a
 * tenant the caller has entered its usage (dn_usage_enter). */
DN_MUST_CHECK struct dn_session *dn_session_new(struct dn_conn *conn,
    const struct dn_conf_tenant *tenant, const unsigned char *key_sha256,
    bool native_ping);
/* The connection ends: leaves every channel. */
void dn_session_end(struct dn_session **session);

/* One WebSocket message: commands, separated by newlines. */
void dn_session_message(struct dn_session *session, struct dn_str text);
/* It is read from again: a pong that lay unread has its time anew. */
void dn_session_resumed(struct dn_session *session);
/* A WebSocket pong. */
void dn_session_pong(struct dn_session *session);
/* The conf was reloaded: who lost the right to be here is closed. */
void dn_session_reloaded(struct dn_session *session);

/* The owner lost this subscription's position (2500). */
void dn_session_lost(struct dn_sub *sub);
/* To be closed as slow at the end of the turn. */
void dn_session_doom(struct dn_session *session);
void dn_session_end_doomed(struct dn_loop *loop);

/* What the command functions share. */
void dn_session_error(struct dn_session *session, uint32_t id, unsigned code,
    const char *message);
/* {"id":ID,"METHOD":RESULT}; result is a JSON object. */
void dn_session_result(struct dn_session *session, uint32_t id,
    const char *method, struct dn_str result);

#endif
