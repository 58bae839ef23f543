/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions. The owner of the channel answers a subscribe with the
 * position and what was missed; the subscription becomes active in the very
 * step in which the reply is queued, so no push comes before it and none is
 * missed. A subscription that is to end while the owner has not answered yet
 * ends as soon as it has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "record/channel.h"
#include "base/diag.h"
#include "wire/push.h"
#include "serve/server.h"
#include "session/session_impl.h"
#include "session/takes.h"

enum { RECOVERY_BYTES_MAX = 512 * 1024 };

/* --- the end ------------------------------------------------------------ */

/* The session that waits for a reply, which may be gone by now. */
static struct dn_session *waiting(struct dn_loop *loop, struct dn_sub *sub)
{
	struct dn_conn *conn =
	    sub->leave_asked ? dn_conn_find(loop, sub->conn) : NULL;

	return conn != NULL ? conn->session : NULL;
}

static void on_left(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_sub *sub = ask->ctx;
	struct dn_session *s = waiting(loop, sub);

	if (s != NULL)
		dn_session_result(
		    s, sub->leave_id, "unsubscribe", DN_STR("{}"));
	dn_ask_free(&ask);
	free(sub);
}

static void ask_leave(struct dn_loop *loop, struct dn_sub *sub)
{
	struct dn_str client = dn_str_of(sub->client);
	struct dn_ask *ask = dn_ask_new(DN_ASK_UNSUBSCRIBE, loop->ix, sub->conf,
	    sub->tenant, sub->ns, sub->channel, client.n);

	ask->subscribe.who.client = dn_ask_copy(ask, client);
	ask->ctx = sub;
	ask->done = on_left;
	dn_conf_unref(&sub->conf);
	dn_loop_ask(loop, ask);
}

void dn_sub_leave(
    struct dn_session *s, struct dn_sub *sub, uint32_t id, bool reply)
{
	struct dn_loop *loop = s->loop;

	dn_map_remove(&s->subs, sub->channel);
	dn_local_remove(loop, sub);
	sub->session = NULL;
	sub->leave_asked = reply;
	sub->leave_id = id;
	if (sub->joining)
		sub->leaving = true;
	else
		ask_leave(loop, sub);
}

void dn_session_lost(struct dn_sub *sub)
{
	struct dn_session *s = sub->session;
	struct dn_frame *frame =
	    dn_push_unsubscribe(sub->channel, 2500, "insufficient state");

	dn_conn_send(s->conn, frame, NULL, false);
	dn_frame_unref(&frame);
	dn_sub_leave(s, sub, 0, false);
}

/* --- the beginning
 * ------------------------------------------------------------ */

static void write_reply(struct dn_buf *b, const struct dn_ask *ask)
{
	const struct dn_ask_subscribe *a = &ask->subscribe;
	bool stream = a->positioned || a->recoverable;

	b->n = 0;
	dn_buf_printf(
	    b, "{\"id\":%u,\"subscribe\":{", ((struct dn_sub *)ask->ctx)->id);
	if (a->recoverable)
		dn_buf_lit(b, "\"recoverable\":true,");
	if (a->positioned)
		dn_buf_lit(b, "\"positioned\":true,");
	if (a->recover)
		dn_buf_lit(b, "\"was_recovering\":true,");
	if (a->recovered)
		dn_buf_lit(b, "\"recovered\":true,");
	if (ask->body.n > 0) {
		dn_buf_lit(b, "\"publications\":[");
		dn_buf_str(b, dn_buf_view(&ask->body));
		dn_buf_lit(b, "],");
	}
	if (stream)
		dn_buf_printf(b, "\"epoch\":\"%s\",", a->gather.epoch);
	if (stream && a->offset_now > 0)
		dn_buf_printf(
		    b, "\"offset\":%llu,", (unsigned long long)a->offset_now);
	if (b->p[b->n - 1] == ',')
		b->n--;
	dn_buf_lit(b, "}}");
}

static void activate(
    struct dn_loop *loop, struct dn_sub *sub, struct dn_ask *ask)
{
	char key[DN_CHANNEL_MAX * 2 + 1];
	struct dn_session *s = sub->session;
	struct dn_gather *g = &ask->subscribe.gather;
	struct dn_track *track = dn_takes_track(loop, ask, g);

	write_reply(&loop->scratch, ask);
	dn_conn_reply_tracked(s->conn, dn_buf_view(&loop->scratch), track);
	sub->positioned = ask->subscribe.positioned;
	sub->offset = ask->subscribe.top;
	dn_local_add(loop,
	    dn_hub_key(key, dn_str_of(sub->tenant->name), sub->channel), sub);
	if (sub->ns->queue_age_us < s->conn->queue_age_us)
		s->conn->queue_age_us = sub->ns->queue_age_us;
}

/* It was to end before it began: still both commands get their replies. */
static void joined_too_late(
    struct dn_loop *loop, struct dn_sub *sub, struct dn_ask *ask)
{
	struct dn_session *s = waiting(loop, sub);

	if (s != NULL && ask->code == 0) {
		write_reply(&loop->scratch, ask);
		dn_conn_reply(s->conn, dn_buf_view(&loop->scratch));
	} else if (s != NULL) {
		dn_session_error(s, sub->id, ask->code, ask->message);
		dn_session_result(
		    s, sub->leave_id, "unsubscribe", DN_STR("{}"));
	}
	if (ask->code == 0)
		ask_leave(loop, sub);
}

static void sub_free(struct dn_sub *sub)
{
	dn_conf_unref(&sub->conf);
	free(sub);
}

static void on_joined(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_sub *sub = ask->ctx;
	struct dn_session *s = sub->session;

	sub->joining = false;
	if (sub->leaving) {
		bool failed = ask->code != 0;

		joined_too_late(loop, sub, ask);
		if (failed)
			sub_free(sub);
	} else if (ask->code != 0) {
		dn_session_error(s, sub->id, ask->code, ask->message);
		dn_map_remove(&s->subs, sub->channel);
		sub_free(sub);
	} else {
		activate(loop, sub, ask);
	}
	dn_ask_free(&ask);
}

static struct dn_sub *new_sub(struct dn_session *s, uint32_t id,
    const struct dn_conf_ns *ns, struct dn_str channel)
{
	struct dn_sub *sub = dn_xcalloc(1, sizeof(*sub) + channel.n);

	memcpy(sub->bytes, channel.p, channel.n);
	sub->channel = (struct dn_str){sub->bytes, channel.n};
	memcpy(sub->client, s->client, sizeof(sub->client));
	sub->session = s;
	sub->conn = s->conn->id;
	sub->conf = dn_conf_ref(s->conf);
	sub->tenant = s->tenant;
	sub->ns = ns;
	sub->id = id;
	sub->joining = true;
	sub->queue_bytes_max = ns->queue_bytes;
	dn_map_put(&s->subs, sub->channel, sub);
	return sub;
}

static void flag(struct dn_json params, const char *name, bool *out)
{
	(void)dn_json_bool(dn_json_member(params, name), out);
}

static void ask_join(
    struct dn_session *s, struct dn_sub *sub, struct dn_json params)
{
	struct dn_who who = dn_session_who(s);
	struct dn_str epoch = dn_session_text(s, params, "epoch");
	struct dn_ask *ask = dn_ask_new(DN_ASK_SUBSCRIBE, s->loop->ix, s->conf,
	    s->tenant, sub->ns, sub->channel,
	    who.client.n + who.user.n + who.info.n + epoch.n);
	struct dn_ask_subscribe *a = &ask->subscribe;
	uint64_t flags = 0;

	a->who.client = dn_ask_copy(ask, who.client);
	a->who.user = dn_ask_copy(ask, who.user);
	a->who.info = dn_ask_copy(ask, who.info);
	a->epoch = dn_ask_copy(ask, epoch);
	a->server = s->server;
	flag(params, "recover", &a->recover);
	flag(params, "recoverable", &a->ask_recoverable);
	flag(params, "positioned", &a->ask_positioned);
	flag(params, "join_leave", &sub->join_leave);
	sub->join_leave = sub->ns->join_leave &&
			  (sub->join_leave || sub->ns->force_push_join_leave);
	(void)dn_json_u64(dn_json_member(params, "offset"), &a->offset);
	(void)dn_json_u64(dn_json_member(params, "flag"), &flags);
	a->reject_unrecovered = (flags & 2) != 0;
	a->gather.limit = s->server ? UINT64_MAX / 2
				    : s->conf->recovery_max_publication_limit;
	a->gather.bytes_max = RECOVERY_BYTES_MAX;
	ask->ctx = sub;
	ask->done = on_joined;
	dn_loop_ask(s->loop, ask);
}

/* Denied: with the reason in the log and, in --dev, in the message. */
static void denied(struct dn_session *s, uint32_t id, const char *why)
{
	char text[128];

	dn_diag(DN_INFO, NULL, "subscribe refused: %s", why);
	snprintf(text, sizeof(text), "permission denied: %s", why);
	dn_session_error(
	    s, id, 103, s->tenant->dev ? text : "permission denied");
}

void dn_command_subscribe(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str channel = dn_session_text(s, params, "channel");
	const struct dn_conf_ns *ns;
	struct dn_err err;
	char text[DN_ERR_TEXT_MAX + 16];

	if (dn_channel_check(channel, &err) != 0) {
		snprintf(text, sizeof(text), "bad request: %s", err.text);
		dn_session_error(s, id, 107, text);
		return;
	}
	ns = dn_conf_ns(s->tenant, channel);
	if (ns == NULL) {
		dn_session_error(s, id, 102, "unknown channel");
		return;
	}
	if (dn_map_get(&s->subs, channel) != NULL) {
		dn_session_error(s, id, 105, "already subscribed");
		return;
	}
	if (!s->server && s->tenant->limits.client_channel_limit > 0 &&
	    s->subs.count >= s->tenant->limits.client_channel_limit) {
		dn_session_error(s, id, 106, "limit exceeded");
		return;
	}
	if (!s->server &&
	    !(s->user.n > 0 ? ns->subscribe.client : ns->subscribe.anonymous)) {
		denied(s, id,
		    "the namespace does not allow clients to "
		    "subscribe");
		return;
	}
	ask_join(s, new_sub(s, id, ns, channel), params);
}

void dn_command_unsubscribe(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str channel = dn_session_text(s, params, "channel");
	struct dn_sub *sub = dn_map_get(&s->subs, channel);

	if (sub == NULL)
		dn_session_result(s, id, "unsubscribe", DN_STR("{}"));
	else
		dn_sub_leave(s, sub, id, true);
}
