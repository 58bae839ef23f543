/* SPDX-License-Identifier: MIT */
/*
 * loop: one libuv loop on one thread: its connections, the channels it owns
 * (hub.h), and the mail to and from the other loops.
 *
 * A turn: events come in and only mark connections dirty; then, before the
 * loop sleeps (uv prepare), the outboxes are handed over with one wake-up
 * each, and every dirty connection writes all it has in gathered calls.
 *
 * Ownership: the server owns its loops; a loop owns its connections.
 * Limits: DN_INBOX_MAX waiting mails; beyond it a publish is refused (111)
 *   and a fan-out becomes "position lost" (2500); answers, reports and
 *   leaves always go.
 * Thread: everything here belongs to the loop's thread, but
 *   dn_loop_post_log.
 */
#ifndef DN_LOOP_H
#define DN_LOOP_H

#include <uv.h>

#include "base/mail.h"
#include "hub/ask.h"
#include "hub/hub.h"
#include "session/refusal.h"
#include "session/roster.h"
#include "wire/ws.h"

enum { DN_READ_BUF = 65536, DN_INBOX_MAX = 65536 };

struct dn_server;
struct dn_conn;
struct dn_session;

struct dn_loop {
	uint32_t magic;
	unsigned ix;
	struct dn_server *server;
	uv_loop_t uv;
	uv_thread_t thread;
	uv_prepare_t prepare;
	uv_idle_t spin; /* runs while a flush ended on its budget */
	uv_async_t wake;
	uv_timer_t tick;
	uv_timer_t drain; /* runs while the loop is being stopped */
	int64_t drain_until_us;
	struct dn_wheel wheel;

	uv_mutex_t lock; /* guards the next two */
	struct dn_mailbox inbox;
	struct dn_logreq *log_done, **log_done_last;
	_Atomic size_t inbox_count;
	struct dn_mailbox *outbox; /* by loop */

	struct dn_conf *conf;
	struct dn_hub *hub;
	struct dn_stats stats;
	struct dn_ws_reader *reader;
	struct dn_deflate *deflate; /* for those who negotiated it */
	char *read_buf;
	struct dn_buf scratch; /* for building one reply */
	struct dn_buf text;    /* for decoding strings */

	struct dn_map locals; /* channels with subscribers here (local.h) */
	struct dn_map conns;  /* by id */
	struct dn_roster roster;
	struct dn_refusals refusals; /* of its clients, as logged */
	struct dn_conn *dirty, *blocked, *paused;
	struct dn_session *doomed; /* to be closed as slow */
	struct dn_mailbox events;  /* asks for the end of the turn (events.h) */
	size_t events_open;        /* events without an answer */
	struct dn_map bearers;     /* whoever came by a token (bearer.h) */
	uint64_t next_conn;
	struct dn_listener *listeners;
	int64_t tick_due_us;
	int64_t second_us;
	uint32_t now_ms;
	bool draining, stopped;
};

void dn_loop_init(struct dn_loop *loop, struct dn_server *server, unsigned ix,
    unsigned loops, struct dn_conf *conf);
/* The end, when no thread runs any loop any more. First each one's connections
 * end. Then what they and others left for each other is delivered, until no
 * loop has anything (false). Then each closes its handles and frees all. */
void dn_loop_end(struct dn_loop *loop);
DN_MUST_CHECK bool dn_loop_deliver(struct dn_loop *loop);
void dn_loop_release(struct dn_loop *loop);
/* uv thread entry: runs until dn_loop_stop. */
void dn_loop_run(void *loop);

/* To another loop or to itself (then it runs at once). */
void dn_loop_send(struct dn_loop *from, unsigned to, struct dn_mail *mail);
/* False when that inbox is full. */
bool dn_loop_has_room(struct dn_loop *from, unsigned to);
/* How it compresses from now on, as its conf says. */
void dn_loop_tune_deflate(struct dn_loop *loop);
/* From the log's thread. */
void dn_loop_post_log(struct dn_loop *to, struct dn_logreq *done);

/* Hands an ask to its channel's owner. It comes back at once with error 111
 * where that loop's inbox is full; leaves always go. */
void dn_loop_ask(struct dn_loop *loop, struct dn_ask *ask);
/* The same ask to the owner given, for those that go to every loop. */
void dn_loop_ask_at(struct dn_loop *loop, unsigned owner, struct dn_ask *ask);

extern const struct dn_hub_io dn_loop_hub_io;

#endif
