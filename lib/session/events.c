/* SPDX-License-Identifier: MIT */
/*
 * An event is written where it happens and waits for the end of the loop's
 * turn: a publication meets subscribers, which may end, and whoever tells an
 * event is in the middle of something with one of them.
 *
 * Fails: the owner's loop or the log has no room (111, 100). The event is
 * lost and counted; whatever it told goes on.
 */
#include "session/events.h"

#include "record/channel.h"
#include "record/record.h"
#include "wire/push.h"

static bool tells(const struct dn_conf_tenant *tenant, unsigned event)
{
	return (tenant->events & event) != 0;
}

static bool is_events(struct dn_str channel)
{
	return dn_str_is(channel, DN_CHANNEL_EVENTS);
}

/* --- how one is told ----------------------------------------------------- */

static void on_told(struct dn_loop *loop, struct dn_ask *ask)
{
	if (ask->code != 0)
		dn_stat_add(&loop->stats.events_lost, 1);
	loop->events_open--;
	dn_ask_free(&ask);
}

/* data: the event's object without its brace at the end. */
static void tell(struct dn_loop *loop, struct dn_conf *conf,
    const struct dn_conf_tenant *tenant, const char *event, struct dn_buf *data)
{
	struct dn_str channel = DN_STR(DN_CHANNEL_EVENTS);
	const struct dn_conf_ns *ns = dn_conf_ns(tenant, channel);
	struct dn_ask *ask =
	    dn_ask_new(DN_ASK_PUBLISH, loop->ix, conf, tenant, ns, channel, 0);
	struct dn_record r = {0};
	struct dn_buf tags = {0};

	dn_buf_byte(data, '}');
	dn_buf_printf(&tags, "{\"event\":\"%s\"}", event);
	dn_record_init(&r);
	r.channel = channel;
	r.data = dn_buf_view(data);
	r.tags = dn_buf_view(&tags);
	ask->publish.delta = ns->delta_publish;
	ask->publish.frame =
	    dn_push_begin(&r, (struct dn_str){0}, (struct dn_str){0});
	ask->done = on_told;
	loop->events_open++;
	dn_stat_add(&loop->stats.events, 1);
	dn_mailbox_add(&loop->events, &ask->mail);
	dn_record_release(&r);
	dn_buf_release(&tags);
	dn_buf_release(data);
}

void dn_events_send(struct dn_loop *loop)
{
	struct dn_mailbox box = {0};
	struct dn_mail *mail, *next;

	dn_mailbox_move(&box, &loop->events);
	for (mail = box.first; mail != NULL; mail = next) {
		next = mail->next;
		dn_loop_ask(loop, DN_CONTAINER(mail, struct dn_ask, mail));
	}
}

void dn_events_release(struct dn_loop *loop)
{
	struct dn_mail *mail, *next;

	for (mail = loop->events.first; mail != NULL; mail = next) {
		struct dn_ask *ask = DN_CONTAINER(mail, struct dn_ask, mail);

		next = mail->next;
		dn_ask_free(&ask);
	}
	loop->events = (struct dn_mailbox){0};
}

/* --- what is told -------------------------------------------------------- */

static void begin(
    struct dn_buf *b, const char *event, const struct dn_session *s)
{
	dn_buf_printf(b, "{\"event\":\"%s\",\"client\":\"%s\",\"user\":", event,
	    s->client);
	dn_buf_json_str(b, s->user);
}

/* What the client calls itself, where it does. */
static void name(struct dn_buf *b, const char *member, const char *text)
{
	if (text == NULL)
		return;
	dn_buf_printf(b, ",\"%s\":", member);
	dn_buf_json_str(b, dn_str_of(text));
}

static void why(struct dn_buf *b, unsigned code, const char *reason)
{
	dn_buf_printf(b, ",\"code\":%u,\"reason\":", code);
	dn_buf_json_str(b, dn_str_of(reason));
}

static void tell_session(
    const struct dn_session *s, const char *event, struct dn_buf *data)
{
	if (s->server)
		dn_buf_lit(data, ",\"server\":true");
	tell(s->loop, s->conf, s->tenant, event, data);
}

static void begin_sub(
    struct dn_buf *b, const char *event, const struct dn_sub *sub)
{
	begin(b, event, sub->session);
	dn_buf_lit(b, ",\"channel\":");
	dn_buf_json_str(b, sub->channel);
}

static bool is_told(const struct dn_sub *sub, unsigned event)
{
	const struct dn_session *s = sub->session;

	return tells(s->tenant, event) && s->connected && sub->local != NULL &&
	       !is_events(sub->channel);
}

void dn_events_connected(const struct dn_session *s)
{
	struct dn_buf data = {0};
	const struct dn_sub *sub;
	size_t at = 0;

	if (tells(s->tenant, DN_EVENT_CONNECTED)) {
		begin(&data, "connected", s);
		dn_buf_printf(&data, ",\"transport\":\"%s\"",
		    dn_form_transport(s->conn->form));
		name(&data, "name", s->app);
		name(&data, "version", s->app_version);
		tell_session(s, "connected", &data);
	}
	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		dn_events_subscribed(sub);
}

void dn_events_disconnected(
    const struct dn_session *s, unsigned code, const char *reason)
{
	int64_t lasted = dn_wall_us() - s->connected_us;
	struct dn_buf data = {0};

	if (!s->connected || !tells(s->tenant, DN_EVENT_DISCONNECTED))
		return;
	begin(&data, "disconnected", s);
	why(&data, code, reason);
	dn_buf_printf(&data, ",\"duration_ms\":%lld",
	    (long long)(lasted > 0 ? lasted / 1000 : 0));
	tell_session(s, "disconnected", &data);
}

void dn_events_subscribed(const struct dn_sub *sub)
{
	struct dn_buf data = {0};

	if (!is_told(sub, DN_EVENT_SUBSCRIBED))
		return;
	begin_sub(&data, "subscribed", sub);
	tell_session(sub->session, "subscribed", &data);
}

void dn_events_unsubscribed(
    const struct dn_sub *sub, unsigned code, const char *reason)
{
	struct dn_buf data = {0};

	if (!is_told(sub, DN_EVENT_UNSUBSCRIBED))
		return;
	begin_sub(&data, "unsubscribed", sub);
	why(&data, code, reason);
	tell_session(sub->session, "unsubscribed", &data);
}

void dn_events_occupancy(
    struct dn_loop *loop, const struct dn_ask *ask, bool occupied)
{
	const char *event = occupied ? "occupied" : "vacated";
	/* The ask may be of a conf from before a reload. */
	const struct dn_conf_tenant *tenant =
	    dn_conf_tenant(loop->conf, dn_str_of(ask->tenant->name));
	struct dn_buf data = {0};

	if (tenant == NULL || is_events(ask->channel) ||
	    !tells(tenant, occupied ? DN_EVENT_OCCUPIED : DN_EVENT_VACATED))
		return;
	dn_buf_printf(&data, "{\"event\":\"%s\",\"channel\":", event);
	dn_buf_json_str(&data, ask->channel);
	tell(loop, loop->conf, tenant, event, &data);
}
