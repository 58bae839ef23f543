/* SPDX-License-Identifier: MIT */
/*
 * The owner of the channel answers a join with the position and what was
 * missed; the subscription becomes active in the very step in which the
 * result is queued, so no push comes before it and none is missed.
 *
 * While a connect command waits for its subscriptions, those that are active
 * already may be sent something: the session holds it back until the connect
 * reply is queued (dn_session_push).
 */
#include "session/sub.h"

#include <stdlib.h>

#include "base/diag.h"
#include "record/tagfilter.h"
#include "session/events.h"
#include "session/local.h"
#include "session/session_impl.h"
#include "session/takes.h"
#include "wire/push.h"

static void sub_free(struct dn_sub *sub)
{
	dn_bearer_free(&sub->bearer);
	dn_conf_unref(&sub->conf);
	dn_tagfilter_free(&sub->filter);
	dn_buf_release(&sub->info);
	dn_buf_release(&sub->data);
	free(sub);
}

struct dn_who dn_sub_who(const struct dn_sub *sub)
{
	struct dn_who who = dn_session_who(sub->session);

	if (sub->info.n > 0)
		who.info = dn_buf_view(&sub->info);
	return who;
}

/* --- who waits ----------------------------------------------------------- */

void dn_sub_wait(struct dn_sub *sub, struct dn_sub_waiter *waiter)
{
	if (waiter == NULL || sub->waiter != NULL)
		return;
	sub->waiter = waiter;
	waiter->open++;
}

void dn_sub_waiter_less(struct dn_sub_waiter *waiter)
{
	if (--waiter->open == 0)
		waiter->done(waiter);
}

/* Whoever is to hear now that its join was answered; NULL: nobody. */
static struct dn_sub_waiter *waits_for_join(
    struct dn_sub *sub, const struct dn_ask *ask)
{
	struct dn_sub_waiter *waiter = sub->waiter;

	if (waiter == NULL || (sub->leaving && ask->code == 0))
		return NULL;
	sub->waiter = NULL;
	if (ask->code != 0) {
		waiter->code = ask->code;
		waiter->message = ask->message;
	}
	return waiter;
}

/* --- the end ------------------------------------------------------------ */

/* The session that it was in; NULL: gone by now. */
static struct dn_session *session_of(
    struct dn_loop *loop, const struct dn_sub *sub)
{
	struct dn_conn *conn = dn_conn_find(loop, sub->conn);

	return conn != NULL ? conn->session : NULL;
}

static void answer_leave(struct dn_session *s, const struct dn_sub *sub)
{
	if (s != NULL && sub->leave_early)
		s->early_leaves--;
	if (s != NULL && sub->leave_asked)
		dn_session_result(
		    s, sub->leave_id, "unsubscribe", DN_STR("{}"));
}

static void on_left(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_sub *sub = ask->ctx;
	struct dn_sub_waiter *waiter = sub->waiter;

	answer_leave(session_of(loop, sub), sub);
	dn_ask_free(&ask);
	sub_free(sub);
	if (waiter != NULL)
		dn_sub_waiter_less(waiter);
}

static void ask_leave(struct dn_loop *loop, struct dn_sub *sub)
{
	struct dn_str client = dn_str_of(sub->client);
	struct dn_str info = dn_buf_view(&sub->info);
	struct dn_ask *ask = dn_ask_new(DN_ASK_UNSUBSCRIBE, loop->ix, sub->conf,
	    sub->tenant, sub->ns, sub->channel, client.n + info.n);

	ask->subscribe.who.client = dn_ask_copy(ask, client);
	ask->subscribe.who.info = dn_ask_copy(ask, info);
	ask->subscribe.present = sub->present;
	ask->subscribe.told = sub->tells;
	ask->ctx = sub;
	ask->done = on_left;
	dn_loop_ask(loop, ask);
}

void dn_sub_leave(struct dn_sub *sub, unsigned code, const char *reason)
{
	struct dn_session *s = sub->session;
	struct dn_loop *loop = s->loop;

	dn_events_unsubscribed(sub, code, reason);
	dn_bearer_free(&sub->bearer);
	/* Of one that is present the owner knows it. */
	if (sub->tells && !sub->present && sub->info.n == 0)
		dn_buf_str(&sub->info, dn_buf_view(&s->info));
	dn_map_remove(&s->subs, sub->channel);
	dn_local_remove(loop, sub);
	sub->session = NULL;
	if (sub->joining)
		sub->leaving = true;
	else
		ask_leave(loop, sub);
}

void dn_sub_leave_asked(struct dn_sub *sub, uint32_t id)
{
	sub->leave_asked = true;
	sub->leave_early = sub->joining;
	sub->session->early_leaves += sub->leave_early;
	sub->leave_id = id;
	dn_sub_leave(sub, 0, "client unsubscribed");
}

static void push_end(struct dn_session *s, const struct dn_sub *sub,
    unsigned code, const char *reason)
{
	struct dn_buf b = {0};

	dn_push_unsubscribe(&b, sub->channel, code, reason);
	dn_session_push_text(s, dn_buf_view(&b));
	dn_buf_release(&b);
}

void dn_sub_end(struct dn_sub *sub, unsigned code, const char *reason)
{
	if (sub->joining) {
		/* Told behind its beginning. */
		sub->end_code = code;
		sub->end_reason = reason;
	} else {
		push_end(sub->session, sub, code, reason);
	}
	dn_sub_leave(sub, code, reason);
}

void dn_sub_lost(struct dn_sub *sub)
{
	if (dn_sub_is_server_side(sub))
		dn_conn_close(sub->session->conn, 3010, "insufficient state");
	else
		dn_sub_end(sub, 2500, "insufficient state");
}

/* --- the beginning ------------------------------------------------------ */

static void tell_reply(struct dn_session *s, struct dn_sub *sub,
    const struct dn_ask *ask, struct dn_track *track)
{
	struct dn_buf *b = &s->loop->scratch;

	b->n = 0;
	dn_buf_printf(b, "{\"id\":%u,\"subscribe\":{", sub->id);
	dn_sub_write_result(b, sub, ask);
	dn_buf_lit(b, "}}");
	dn_conn_reply_tracked(s->conn, dn_buf_view(b), track);
}

/* What was missed, as ordinary pushes. */
static void send_missed(struct dn_session *s, struct dn_sub *sub,
    const struct dn_ask *ask, struct dn_track *track)
{
	struct dn_buf missed = {0};

	dn_sub_write_missed(&missed, sub, ask);
	dn_session_push_missed(s, sub, dn_buf_view(&missed), track);
	dn_buf_release(&missed);
}

static void tell_push(struct dn_session *s, struct dn_sub *sub,
    const struct dn_ask *ask, struct dn_track *track)
{
	struct dn_buf *b = &s->loop->scratch;

	b->n = 0;
	dn_buf_lit(b, "{\"push\":{\"channel\":");
	dn_buf_json_str(b, sub->channel);
	dn_buf_lit(b, ",\"subscribe\":{");
	dn_sub_write_result(b, sub, ask);
	dn_buf_lit(b, "}}}");
	dn_session_push_text_at(s, sub, sub->shown, dn_buf_view(b), NULL);
	send_missed(s, sub, ask, track);
}

static void tell_connect(
    struct dn_session *s, struct dn_sub *sub, struct dn_ask *ask)
{
	struct dn_gather *g = &ask->subscribe.gather;
	struct dn_connecting *c = s->connecting;

	if (c->subs.n > 0)
		dn_buf_byte(&c->subs, ',');
	dn_buf_json_str(&c->subs, sub->channel);
	dn_buf_lit(&c->subs, ":{");
	dn_sub_write_result(&c->subs, sub, ask);
	dn_buf_byte(&c->subs, '}');
	if (dn_sub_sends_missed(sub))
		send_missed(s, sub, ask, dn_takes_track(s->loop, ask, g, NULL));
	else
		c->track = dn_takes_track(s->loop, ask, g, c->track);
}

static void tell(struct dn_session *s, struct dn_sub *sub, struct dn_ask *ask)
{
	struct dn_gather *g = &ask->subscribe.gather;

	if (sub->told == DN_SUB_CONNECT)
		tell_connect(s, sub, ask);
	else if (sub->told == DN_SUB_PUSH)
		tell_push(s, sub, ask, dn_takes_track(s->loop, ask, g, NULL));
	else
		tell_reply(s, sub, ask, dn_takes_track(s->loop, ask, g, NULL));
}

/* Where the client is before it has got what it missed. */
static uint64_t before_missed(const struct dn_ask *ask)
{
	uint64_t first = ask->subscribe.top + 1;
	struct dn_json_iter it;
	struct dn_json pub;
	struct dn_str key;

	dn_json_iter_items(&it, dn_buf_view(&ask->body));
	if (dn_json_next(&it, &key, &pub))
		(void)dn_json_u64(dn_json_member(pub, "offset"), &first);
	return first - 1;
}

/* What the owner granted. */
static void take_answer(struct dn_sub *sub, const struct dn_ask *ask)
{
	const struct dn_ask_subscribe *a = &ask->subscribe;

	sub->positioned = a->positioned;
	sub->recoverable = a->recoverable;
	sub->offset = a->top;
	if (sub->session != NULL && dn_session_has_ids(sub->session))
		sub->shown = before_missed(ask);
	memcpy(sub->epoch, a->gather.epoch, sizeof(sub->epoch));
	/* Without positions nobody knows what it got last. */
	sub->delta = sub->delta && a->positioned;
}

static void activate(
    struct dn_loop *loop, struct dn_sub *sub, struct dn_ask *ask)
{
	char key[DN_CHANNEL_MAX * 2 + 1];
	struct dn_session *s = sub->session;

	take_answer(sub, ask);
	dn_sub_keep_taken(sub, ask);
	tell(s, sub, ask);
	dn_buf_release(&sub->data);
	dn_local_add(loop,
	    dn_hub_key(key, dn_str_of(sub->tenant->name), sub->channel), sub);
	dn_events_subscribed(sub);
	if (sub->ns->queue_age_us < s->conn->queue_age_us)
		s->conn->queue_age_us = sub->ns->queue_age_us;
	if (sub->expires_s > 0)
		dn_session_arm_expiry(s);
}

/* It was to end before it began: whoever was to hear of that hears of both. */
static void joined_too_late(
    struct dn_loop *loop, struct dn_sub *sub, struct dn_ask *ask)
{
	struct dn_session *s = session_of(loop, sub);
	bool replies = s != NULL && sub->told == DN_SUB_REPLY;

	if (ask->code != 0) {
		if (replies)
			dn_session_error(s, sub->id, ask->code, ask->message);
		answer_leave(s, sub);
		return;
	}
	take_answer(sub, ask);
	if (replies)
		tell_reply(s, sub, ask, NULL);
	if (replies && sub->end_code != 0)
		push_end(s, sub, sub->end_code, sub->end_reason);
	ask_leave(loop, sub);
}

static void join_failed(struct dn_sub *sub, const struct dn_ask *ask)
{
	struct dn_session *s = sub->session;

	if (sub->told == DN_SUB_REPLY)
		dn_session_error(s, sub->id, ask->code, ask->message);
	else if (sub->told == DN_SUB_CONNECT)
		dn_session_connect_fails(s, ask->code, ask->message);
	else
		dn_diag(DN_INFO, NULL,
		    "a subscription of the server API to \"%.*s\" failed: %s",
		    DN_FMT(sub->channel), ask->message);
	dn_map_remove(&s->subs, sub->channel);
	sub_free(sub);
}

static void on_joined(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_sub *sub = ask->ctx;
	struct dn_session *s = sub->session;
	struct dn_conn *conn = dn_conn_find(loop, sub->conn);
	struct dn_sub_waiter *waiter = waits_for_join(sub, ask);
	bool connecting = s != NULL && sub->told == DN_SUB_CONNECT;
	bool failed = ask->code != 0;

	if (conn != NULL)
		conn->calls -= sub->weight;
	sub->joining = false;
	if (sub->leaving) {
		joined_too_late(loop, sub, ask);
		if (failed)
			sub_free(sub);
	} else if (failed) {
		join_failed(sub, ask);
	} else {
		activate(loop, sub, ask);
	}
	dn_ask_free(&ask);
	if (connecting)
		dn_session_connect_goes_on(s);
	if (waiter != NULL)
		dn_sub_waiter_less(waiter);
}

static bool overridden(int8_t override, bool ns)
{
	return override < 0 ? ns : override != 0;
}

static struct dn_sub *sub_new(struct dn_session *s, const struct dn_conf_ns *ns,
    struct dn_str channel, const struct dn_sub_opts *o)
{
	struct dn_sub *sub = dn_xcalloc(1, sizeof(*sub) + channel.n);
	bool follows =
	    o->ask_join_leave || overridden(o->override.force_push_join_leave,
				     ns->force_push_join_leave);

	memcpy(sub->bytes, channel.p, channel.n);
	sub->channel = (struct dn_str){sub->bytes, channel.n};
	memcpy(sub->client, s->client, sizeof(sub->client));
	sub->session = s;
	sub->conn = s->conn->id;
	sub->conf = dn_conf_ref(s->conf);
	sub->tenant = s->tenant;
	sub->ns = ns;
	sub->told = o->told;
	sub->id = o->id;
	sub->from_token = o->from_token;
	sub->joining = true;
	sub->queue_bytes_max = ns->queue_bytes;
	sub->tells = overridden(o->override.join_leave, ns->join_leave);
	sub->present = overridden(o->override.presence, ns->presence);
	sub->join_leave = sub->tells && follows;
	sub->delta = o->ask_delta && ns->delta_fossil && o->filter == NULL;
	sub->expires_s = o->expires_s;
	sub->filter = o->filter;
	if (o->token != NULL)
		sub->bearer = dn_bearer_new(s, o->token);
	dn_buf_str(&sub->data, o->data);
	if (o->chan_info.n > 0)
		dn_session_write_info(&sub->info, s, o->chan_info);
	dn_sub_wait(sub, o->waiter);
	dn_map_put(&s->subs, sub->channel, sub);
	return sub;
}

void dn_sub_join(struct dn_session *s, const struct dn_conf_ns *ns,
    struct dn_str channel, const struct dn_sub_opts *o)
{
	struct dn_sub *sub = sub_new(s, ns, channel, o);
	struct dn_who who = dn_sub_who(sub);
	struct dn_ask *ask = dn_ask_new(DN_ASK_SUBSCRIBE, s->loop->ix, s->conf,
	    s->tenant, ns, sub->channel,
	    who.client.n + who.user.n + who.info.n + o->epoch.n);
	struct dn_ask_subscribe *a = &ask->subscribe;

	a->who.client = dn_ask_copy(ask, who.client);
	a->who.user = dn_ask_copy(ask, who.user);
	a->who.info = dn_ask_copy(ask, who.info);
	a->epoch = dn_ask_copy(ask, o->epoch);
	a->present = sub->present;
	a->told = sub->tells;
	/* One with a server key has its position wherever there is one. */
	a->force_recovery = s->server || overridden(o->override.force_recovery,
					     ns->force_recovery);
	a->force_positioning =
	    overridden(o->override.force_positioning, ns->force_positioning);
	a->recover = o->recover;
	a->reject_unrecovered = o->reject_unrecovered;
	a->ask_recoverable = o->ask_recoverable;
	a->ask_positioned = o->ask_positioned;
	a->offset = o->offset;
	a->gather.limit = s->server ? UINT64_MAX / 2
				    : s->conf->recovery_max_publication_limit;
	a->gather.bytes_max =
	    o->bytes_max > 0 ? o->bytes_max : DN_RECOVERY_BYTES_MAX;
	if (o->told == DN_SUB_CONNECT)
		s->connecting->open++;
	sub->weight = o->recover || ns->auto_cache_recover ? DN_CALL_HEAVY : 1;
	s->conn->calls += sub->weight;
	ask->ctx = sub;
	ask->done = on_joined;
	dn_loop_ask(s->loop, ask);
}
