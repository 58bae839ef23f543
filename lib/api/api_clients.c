/* SPDX-License-Identifier: MIT */
/*
 * The methods that act on connections: each reads its params into a struct of
 * its own, which then visits the loops (tour.h).
 *
 * A join or leave is waited for: what is published after the answer reaches
 * those who were subscribed and nobody who was unsubscribed or disconnected.
 */
#include "api/tour.h"
#include "hub/stats.h"

enum {
	CODE_MIN = 3000,
	CODE_MAX = 4999,
	REASON_MAX = 123,
	/* What may wait for a client that `send` writes to, where no namespace
	 * says so: the default of its queue_bytes and queue_age. */
	SEND_QUEUE_MAX = 1024 * 1024,
	SEND_QUEUE_AGE_US = 30000000,
};

/* Starts the tour, or tells what is wrong with its params. */
static void start(struct dn_tour *tour,
    void (*act)(struct dn_tour *tour, struct dn_session *s), const char *wrong)
{
	const char *whom = dn_tour_read_whom(tour, false);

	tour->act = act;
	if (whom != NULL)
		dn_tour_bad(tour, whom);
	else if (wrong != NULL)
		dn_tour_bad(tour, wrong);
	else
		dn_tour_start(tour);
}

/* A time in seconds, or 0 for never; what is absent leaves *out. */
static bool read_time(struct dn_tour *tour, const char *name, int64_t *out)
{
	struct dn_json value = dn_json_member(tour->params, name);

	return value.type == DN_JSON_NONE || value.type == DN_JSON_NULL ||
	       (dn_json_i64(value, out) && *out >= 0);
}

static bool is_over(int64_t expires_s)
{
	return expires_s > 0 && expires_s <= dn_wall_us() / 1000000;
}

/* --- subscribe ----------------------------------------------------------- */

struct subscribe {
	struct dn_tour tour;
	struct dn_str channel, info, data;
	struct dn_api_position since;
	int64_t expires_s;
	struct dn_sub_override override;
};

static void subscribe(struct dn_tour *tour, struct dn_session *s)
{
	struct subscribe *sub = DN_CONTAINER(tour, struct subscribe, tour);
	struct dn_sub_opts opts = {
	    .told = DN_SUB_PUSH,
	    .recover = sub->since.has,
	    .offset = sub->since.offset,
	    .epoch = sub->since.epoch,
	    .chan_info = sub->info,
	    .data = sub->data,
	    .expires_s = sub->expires_s,
	    .override = sub->override,
	    .waiter = &tour->waiter,
	};
	uint32_t max = s->tenant->limits.client_channel_limit;
	const struct dn_conf_ns *ns = dn_conf_ns(s->tenant, sub->channel);

	/* Its loop may have another conf than the call's. */
	if (ns == NULL || dn_map_get(&s->subs, sub->channel) != NULL)
		return;
	if (!s->server && max > 0 && s->subs.count >= max)
		dn_conn_close(s->conn, 3505, "channel limit");
	else
		dn_sub_join(s, ns, sub->channel, &opts);
}

static const char *read_subscribe(struct subscribe *sub)
{
	struct dn_tour *tour = &sub->tour;
	struct dn_json override = dn_json_member(tour->params, "override");

	if (!dn_tour_raw(tour, "info", "b64info", &sub->info))
		return "info, b64info: JSON, or base64 of it, is needed";
	if (!dn_tour_raw(tour, "data", "b64data", &sub->data))
		return "data, b64data: JSON, or base64 of it, is needed";
	if (!dn_api_read_position(dn_json_member(tour->params, "recover_since"),
		&sub->since, &tour->strings))
		return "recover_since: an object of offset and epoch is needed";
	if (!read_time(tour, "expire_at", &sub->expires_s) ||
	    is_over(sub->expires_s))
		return "expire_at: a time to come in seconds is needed";
	if (!dn_session_read_override(override, &sub->override))
		return "override: an object of {\"value\": BOOLEAN} is needed";
	return NULL;
}

void dn_api_subscribe(struct dn_call *call, struct dn_json params)
{
	struct subscribe *sub = dn_tour_new(call, params, sizeof(*sub));

	if (!dn_tour_string(&sub->tour, "channel", &sub->channel) ||
	    sub->channel.n == 0)
		dn_tour_bad(&sub->tour, "channel: a string is needed");
	else if (dn_api_ns(call, sub->channel) == NULL)
		dn_tour_free(&sub->tour);
	else
		start(&sub->tour, subscribe, read_subscribe(sub));
}

/* --- unsubscribe --------------------------------------------------------- */

struct unsubscribe {
	struct dn_tour tour;
	struct dn_str channel; /* empty: all of them */
};

static void end_sub(struct dn_tour *tour, struct dn_sub *sub)
{
	dn_sub_wait(sub, &tour->waiter);
	dn_sub_end(sub, 2000, "server unsubscribe");
}

static void unsubscribe(struct dn_tour *tour, struct dn_session *s)
{
	struct unsubscribe *un = DN_CONTAINER(tour, struct unsubscribe, tour);
	struct dn_sub *sub = dn_map_get(&s->subs, un->channel);
	size_t at = 0;

	if (sub != NULL)
		end_sub(tour, sub);
	while (un->channel.n == 0 && (sub = dn_map_any(&s->subs, &at)) != NULL)
		end_sub(tour, sub);
}

void dn_api_unsubscribe(struct dn_call *call, struct dn_json params)
{
	struct unsubscribe *un = dn_tour_new(call, params, sizeof(*un));

	if (!dn_tour_string(&un->tour, "channel", &un->channel))
		dn_tour_bad(&un->tour, "channel: a string is needed");
	else if (un->channel.n > 0 && dn_api_ns(call, un->channel) == NULL)
		dn_tour_free(&un->tour);
	else
		start(&un->tour, unsubscribe, NULL);
}

/* --- disconnect ---------------------------------------------------------- */

struct disconnect {
	struct dn_tour tour;
	uint64_t code;
	char reason[REASON_MAX + 1];
};

static void disconnect(struct dn_tour *tour, struct dn_session *s)
{
	struct disconnect *d = DN_CONTAINER(tour, struct disconnect, tour);
	struct dn_sub *sub;
	size_t at = 0;

	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		dn_sub_wait(sub, &tour->waiter);
	dn_conn_close(s->conn, (unsigned)d->code, d->reason);
}

static const char *read_disconnect(struct disconnect *d)
{
	struct dn_json how = dn_json_member(d->tour.params, "disconnect");
	struct dn_json code = dn_json_member(how, "code");
	struct dn_json text = dn_json_member(how, "reason");
	struct dn_str reason = {0};

	d->code = 3503;
	if (how.type == DN_JSON_NONE || how.type == DN_JSON_NULL)
		how.type = DN_JSON_OBJECT;
	if (how.type != DN_JSON_OBJECT)
		return "disconnect: an object of code and reason is needed";
	if (code.type != DN_JSON_NONE &&
	    (!dn_json_u64(code, &d->code) || d->code < CODE_MIN ||
		d->code > CODE_MAX))
		return "disconnect.code: 3000 to 4999";
	if (text.type != DN_JSON_NONE &&
	    (!dn_json_string(text, &reason, &d->tour.strings) ||
		reason.n > REASON_MAX ||
		memchr(reason.p, '\0', reason.n) != NULL))
		return "disconnect.reason: at most 123 bytes of text";
	/* SDKs take a close without a reason for another one. */
	if (reason.n == 0)
		reason = DN_STR("force disconnect");
	memcpy(d->reason, reason.p, reason.n);
	return NULL;
}

void dn_api_disconnect(struct dn_call *call, struct dn_json params)
{
	struct disconnect *d = dn_tour_new(call, params, sizeof(*d));

	start(&d->tour, disconnect, read_disconnect(d));
}

/* --- refresh ------------------------------------------------------------- */

struct refresh {
	struct dn_tour tour;
	bool expired;
	int64_t expires_s; /* -1: stays as it is */
	struct dn_str info;
};

static void refresh(struct dn_tour *tour, struct dn_session *s)
{
	struct refresh *r = DN_CONTAINER(tour, struct refresh, tour);
	int64_t expires_s = r->expires_s >= 0 ? r->expires_s : s->expires_s;

	if (r->expired || is_over(r->expires_s))
		dn_conn_close(s->conn, 3005, "connection expired");
	else
		dn_session_refresh(s, expires_s, r->info);
}

static const char *read_refresh(struct refresh *r)
{
	struct dn_json expired = dn_json_member(r->tour.params, "expired");

	r->expires_s = -1;
	if (!read_time(&r->tour, "expire_at", &r->expires_s))
		return "expire_at: a time in seconds is needed";
	if (expired.type != DN_JSON_NONE && expired.type != DN_JSON_NULL &&
	    !dn_json_bool(expired, &r->expired))
		return "expired: true or false";
	if (!dn_tour_raw(&r->tour, "info", "b64info", &r->info))
		return "info, b64info: JSON, or base64 of it, is needed";
	return NULL;
}

void dn_api_refresh(struct dn_call *call, struct dn_json params)
{
	struct refresh *r = dn_tour_new(call, params, sizeof(*r));

	start(&r->tour, refresh, read_refresh(r));
}

/* --- send ---------------------------------------------------------------- */

struct send {
	struct dn_tour tour;
	struct dn_str data;
	struct dn_frame *made[DN_FORMS]; /* each when somebody needs it */
};

static struct dn_frame *frame_for(struct send *send, const struct dn_conn *conn)
{
	struct dn_frame **made = &send->made[conn->form];
	struct dn_buf b = {0};

	if (*made != NULL)
		return *made;
	dn_buf_lit(&b, "{\"push\":{\"message\":{\"data\":");
	dn_buf_json_raw(&b, send->data);
	dn_buf_lit(&b, "}}}");
	*made =
	    dn_form_push(conn->form, dn_buf_view(&b), send->tour.loop->deflate);
	dn_buf_release(&b);
	return *made;
}

static void send_to(struct dn_tour *tour, struct dn_session *s)
{
	struct send *send = DN_CONTAINER(tour, struct send, tour);
	struct dn_frame *frame = frame_for(send, s->conn);

	if (s->conn->queue_age_us > SEND_QUEUE_AGE_US)
		s->conn->queue_age_us = SEND_QUEUE_AGE_US;
	if (dn_session_takes(s, dn_frame_bytes(frame).n, SEND_QUEUE_MAX))
		dn_session_push(s, frame, NULL);
}

static void end_send(struct dn_tour *tour)
{
	struct send *send = DN_CONTAINER(tour, struct send, tour);
	size_t i;

	for (i = 0; i < DN_FORMS; i++)
		dn_frame_unref(&send->made[i]);
	dn_buf_printf(&tour->call->result, "\"matched\":%llu",
	    (unsigned long long)tour->matched);
}

static const char *read_send(struct send *send)
{
	struct dn_json data = dn_json_member(send->tour.params, "data");

	if (!dn_tour_raw(&send->tour, "data", "b64data", &send->data))
		return "data, b64data: JSON, or base64 of it, is needed";
	if (send->data.n == 0 && data.type == DN_JSON_NULL)
		send->data = data.raw;
	if (send->data.n == 0)
		return "data is needed";
	if (send->data.n > send->tour.call->conf->message_size_limit)
		return "data is larger than message_size_limit";
	return NULL;
}

void dn_api_send(struct dn_call *call, struct dn_json params)
{
	struct send *send = dn_tour_new(call, params, sizeof(*send));

	send->tour.end = end_send;
	start(&send->tour, send_to, read_send(send));
}
