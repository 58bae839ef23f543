/* SPDX-License-Identifier: MIT */
/*
 * One object travels both ways: to the session's loop with the data, and back
 * when the request can be answered. A loop that has stopped sends nothing any
 * more: the request's connection has ended as well.
 */
#include "session/emulated.h"

#include <stdlib.h>

#include "serve/server.h"
#include "session/session_impl.h"
#include "session/sid.h"

struct dn_emulated {
	struct dn_mail mail;
	struct dn_emulated *next; /* of those that wait */
	unsigned origin;          /* the loop of the request */
	uint64_t request;
	void (*done)(struct dn_loop *loop, uint64_t request);
	uint64_t conn; /* of the session */
	char sid[DN_SID_LEN];
	struct dn_str data;
	char bytes[];
};

static void run_done(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_emulated *e = DN_CONTAINER(mail, struct dn_emulated, mail);

	e->done(loop, e->request);
	free(e);
}

static void finish(struct dn_loop *loop, struct dn_emulated *e)
{
	if (loop->stopped) {
		free(e);
		return;
	}
	e->mail.run = run_done;
	dn_loop_send(loop, e->origin, &e->mail);
}

static void run(struct dn_conn *conn, struct dn_emulated *e)
{
	struct dn_loop *loop = conn->loop;

	if (dn_session_is_uni(conn->session))
		dn_conn_close(conn, 3501,
		    "bad request: a one-way client has nothing to say");
	else
		dn_session_message(conn->session, e->data);
	finish(loop, e);
}

/* Puts it behind those that wait. */
static void wait_in_line(struct dn_conn *conn, struct dn_emulated *e)
{
	struct dn_emulated **last = &conn->session->emulated;
	size_t bytes = 0;

	for (; *last != NULL; last = &(*last)->next)
		bytes += sizeof(**last) + (*last)->data.n;
	if (bytes > DN_EMULATED_BYTES_MAX) {
		dn_conn_close_slow(conn);
		finish(conn->loop, e);
		return;
	}
	*last = e;
	dn_conn_pause(conn);
}

/* The session with that id, if it lives. */
static struct dn_session *find(
    struct dn_loop *loop, const struct dn_emulated *e)
{
	struct dn_conn *conn = dn_conn_find(loop, e->conn);
	struct dn_session *s = conn != NULL ? conn->session : NULL;

	if (s == NULL || s->id == NULL ||
	    !dn_same_secret(s->id, e->sid, DN_SID_LEN))
		return NULL;
	return s;
}

static void run_emulated(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_emulated *e = DN_CONTAINER(mail, struct dn_emulated, mail);
	struct dn_session *s = find(loop, e);

	if (s == NULL)
		finish(loop, e);
	else if (s->emulated != NULL || dn_conn_should_pause(s->conn))
		wait_in_line(s->conn, e);
	else
		run(s->conn, e);
}

bool dn_emulate(struct dn_loop *loop, uint64_t request, struct dn_str sid,
    struct dn_str data, void (*done)(struct dn_loop *loop, uint64_t request))
{
	struct dn_emulated *e;
	unsigned to;
	uint64_t conn;

	if (!dn_sid_read(sid, &to, &conn) ||
	    to >= dn_server_loops(loop->server)) {
		done(loop, request);
		return true;
	}
	if (!dn_loop_has_room(loop, to))
		return false;
	e = dn_xcalloc(1, sizeof(*e) + data.n);
	e->mail.run = run_emulated;
	e->origin = loop->ix;
	e->request = request;
	e->done = done;
	e->conn = conn;
	memcpy(e->sid, sid.p, DN_SID_LEN);
	memcpy(e->bytes, data.p, data.n);
	e->data = (struct dn_str){e->bytes, data.n};
	dn_loop_send(loop, to, &e->mail);
	return true;
}

static struct dn_emulated *take_first(struct dn_session *s)
{
	struct dn_emulated *e = s->emulated;

	if (e != NULL)
		s->emulated = e->next;
	return e;
}

void dn_emulated_go_on(struct dn_conn *conn)
{
	while (conn->state == DN_CONN_LIVE && conn->session->emulated != NULL) {
		if (dn_conn_should_pause(conn)) {
			dn_conn_pause(conn);
			return;
		}
		run(conn, take_first(conn->session));
	}
}

void dn_emulated_drop(struct dn_session *s)
{
	struct dn_emulated *e;

	while ((e = take_first(s)) != NULL)
		finish(s->loop, e);
}
