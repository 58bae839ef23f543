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
#include "session/bearer.h"
#include "session/local.h"

/* Whether a Last-Event-ID tells where a client was. */
enum dn_resumed {
	DN_RESUMED_NOT, /* there was none */
	DN_RESUMED_BAD, /* it was no id of ours */
	DN_RESUMED_YES,
};

/* While the connect command waits for its subscriptions. */
struct dn_connecting {
	uint32_t id; /* of the command; 0 for a one-way client */
	enum dn_resumed resumed;
	unsigned open; /* joins without an answer, and 1 for the maker */
	unsigned code; /* it failed */
	const char *message;
	struct dn_buf subs;     /* of the result: "CHANNEL":{..},.. */
	struct dn_track *track; /* of what they give (takes.h) */
	struct dn_outq held;    /* pushes that come behind the reply */
};

struct dn_emulated;

struct dn_session {
	struct dn_conn *conn;
	struct dn_loop *loop;
	struct dn_conf *conf;                /* what tenant points into */
	const struct dn_conf_tenant *tenant; /* NULL before connect, unless a
						server key told it */
	bool server;                         /* opened with a server key */
	bool connected;               /* the connect command was answered */
	bool refused;                 /* with an error */
	bool native_ping;             /* pings are WebSocket control frames */
	bool pinged;                  /* a pong is due */
	bool slow;                    /* to be closed with 3008 */
	bool doomed;                  /* on the loop's list to be closed */
	unsigned char key_sha256[32]; /* of the server key */
	char client[37];
	struct dn_str user;
	struct dn_buf user_bytes;
	struct dn_buf conn_info; /* JSON or empty */
	struct dn_buf info;      /* ClientInfo as JSON */
	struct dn_map subs;      /* struct dn_sub by channel */
	struct dn_usage *usage;  /* where it counts; NULL: nowhere yet */
	bool user_counts;        /* there, as one of its user's */
	uint64_t serial;         /* in the roster; 0: not there */
	int64_t connected_us;    /* wall clock */
	char *app, *app_version; /* what it calls itself; NULL: nothing */
	/* a secret by which other requests name it (sid.h); NULL: none */
	char *id;
	struct dn_bearer *bearer;     /* the token; NULL: came by none */
	struct dn_emulated *emulated; /* commands that wait */
	int64_t expires_s;            /* the token's end; 0: never */
	bool refreshes;               /* it has had an end */
	struct dn_timer expiry;       /* of the connection or a subscription */
	struct dn_connecting *connecting; /* NULL: it does not wait */
	/* unsubscribe commands without an answer whose subscriptions had not
	 * begun yet: else a later subscribe were answered before them */
	unsigned early_leaves;
	struct dn_buf rest; /* commands of a message that wait (conn.h) */
	struct dn_refusals refusals; /* lines about it in the log */
	struct dn_session *next_doomed;
};

/* For a live connection; tenant is the server key's or NULL. With a tenant
 * the caller has entered its usage (dn_usage_enter). */
DN_MUST_CHECK struct dn_session *dn_session_new(struct dn_conn *conn,
    const struct dn_conf_tenant *tenant, const unsigned char *key_sha256,
    bool native_ping);
/* Other requests can name it from now on. */
void dn_session_give_id(struct dn_session *session);
/* The connection ends, with that code and reason: leaves every channel. */
void dn_session_end(
    struct dn_session **session, unsigned code, const char *reason);

/* One message: commands, separated by newlines; what may not be run yet is
 * kept until the connection is resumed. */
void dn_session_message(struct dn_session *session, struct dn_str text);
/* A one-way client's whole request: the params of connect, and what else it
 * said, each unset where it did not: a token, for params without one, and the
 * id of the last event it has (event_id.h). */
void dn_session_request(struct dn_session *session, struct dn_str text,
    struct dn_str token, struct dn_str event_id);
/* Whether commands have to wait. */
static inline bool dn_session_must_wait(const struct dn_session *s)
{
	return s->connecting != NULL || s->early_leaves > 0;
}
/* It is read from again: a pong that lay unread has its time anew, commands
 * that waited are run. The session may have ended afterwards. */
void dn_session_resumed(struct dn_session *session);
/* A WebSocket pong. */
void dn_session_pong(struct dn_session *session);
/* The conf was reloaded: who lost the right to be here is closed. */
void dn_session_reloaded(struct dn_session *session);

/* To be closed as slow at the end of the turn. */
void dn_session_doom(struct dn_session *session);
void dn_session_end_doomed(struct dn_loop *loop);

/* Reads an `override` object, where there is one; false: it is none. */
bool dn_session_read_override(
    struct dn_json json, struct dn_sub_override *override);
/* The same of raw JSON or nothing; what is wrong in it counts for nothing. */
struct dn_sub_override dn_session_override(struct dn_str raw);
/* The server says when it ends (0: never) and, unless info is unset, what is
 * known of it (JSON). */
void dn_session_refresh(
    struct dn_session *s, int64_t expires_s, struct dn_str info);

/* Whether n bytes more may wait for the client, max in all. If not it is slow,
 * and to be closed at the end of the turn. */
DN_MUST_CHECK bool dn_session_takes(struct dn_session *s, size_t n, size_t max);
/* Queues a frame in the connection's form, behind the connect reply. */
void dn_session_push(
    struct dn_session *s, struct dn_frame *frame, struct dn_track *track);
/* The same for one that moves the position in a channel to offset (0: it moves
 * none); a reply, where it is what the client asked for (outq.h). */
void dn_session_push_at(struct dn_session *s, struct dn_sub *sub,
    uint64_t offset, struct dn_frame *frame, struct dn_track *track,
    bool reply);
/* The same for a text {"push":...}. */
void dn_session_push_text(struct dn_session *s, struct dn_str text);
/* Bytes of pushes that wait for the client. */
size_t dn_session_waiting_bytes(const struct dn_session *s);

/* What the command functions share. */
void dn_session_error(struct dn_session *session, uint32_t id, unsigned code,
    const char *message);
/* {"id":ID,"METHOD":RESULT}; result is a JSON object. */
void dn_session_result(struct dn_session *session, uint32_t id,
    const char *method, struct dn_str result);

#endif
