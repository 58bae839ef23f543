/* SPDX-License-Identifier: MIT */
/*
 * The connect command: who the client is, told by the server key of its
 * upgrade request, by its token, or, where the tenant lets anybody in, by
 * nothing. Then the subscriptions that the server makes for it; the reply
 * goes out when the owner of each has answered.
 *
 * It fails with an error reply (109, 110, or what a subscription failed with),
 * or with a close (3500, 3501, 3504, 3507). A one-way client gets no replies:
 * its errors are closes, too.
 */
#include <stdlib.h>

#include "serve/server.h"
#include "session/events.h"
#include "session/session_impl.h"

enum { APP_MAX = 16, APP_VERSION_MAX = 64 };

/* --- who it is ----------------------------------------------------------- */

void dn_session_write_info(
    struct dn_buf *b, const struct dn_session *s, struct dn_str chan_info)
{
	b->n = 0;
	dn_buf_lit(b, "{\"user\":");
	dn_buf_json_str(b, s->user);
	dn_buf_lit(b, ",\"client\":\"");
	dn_buf_lit(b, s->client);
	dn_buf_byte(b, '"');
	if (s->conn_info.n > 0) {
		dn_buf_lit(b, ",\"conn_info\":");
		dn_buf_json_raw(b, dn_buf_view(&s->conn_info));
	}
	if (chan_info.n > 0) {
		dn_buf_lit(b, ",\"chan_info\":");
		dn_buf_json_raw(b, chan_info);
	}
	dn_buf_byte(b, '}');
}

/* Replies are not for one-way clients. */
static void refuse(
    struct dn_session *s, uint32_t id, unsigned code, const char *message)
{
	s->refused = true;
	if (!dn_session_is_uni(s))
		dn_session_error(s, id, code, message);
	else if (code == 109 || code == 110)
		dn_conn_close(s->conn, 3005, "connection expired");
	else if (code == 111)
		dn_conn_close(s->conn, 3013, "too many requests");
	else if (code == 103)
		dn_conn_close(s->conn, 3507, "permission denied");
	else
		dn_conn_close(s->conn, 3004, "internal server error");
}

static void invalid_token(struct dn_session *s, const char *why)
{
	dn_refusal(s->loop, &s->refusals,
	    "connection token of tenant %s refused: %s",
	    s->tenant != NULL ? s->tenant->name : "(unknown)", why);
	dn_conn_close(s->conn, 3500, "invalid token");
}

/* False when the connection was closed or the error was told. */
static bool by_token(struct dn_session *s, uint32_t id, struct dn_str token,
    struct dn_jwt_claims *claims)
{
	struct dn_err err;
	enum dn_jwt_result rc;

	s->tenant = dn_conf_by_token(s->conf, token);
	if (s->tenant == NULL) {
		invalid_token(s,
		    "it cannot be read, or its claim `tenant` names none of "
		    "the tenants that take tokens, of which there is not "
		    "just one");
		return false;
	}
	rc =
	    dn_jwt_verify(&s->tenant->token, token, dn_wall_us(), claims, &err);
	if (rc == DN_JWT_EXPIRED) {
		dn_refusal(s->loop, &s->refusals,
		    "connection token of tenant %s refused: %s",
		    s->tenant->name, err.text);
		refuse(s, id, 109, "token expired");
		return false;
	}
	if (rc != DN_JWT_OK) {
		invalid_token(s, err.text);
		return false;
	}
	if (claims->channel.n > 0) {
		invalid_token(s, "it is a subscription token");
		return false;
	}
	if (dn_bearer_is_revoked(s, claims)) {
		invalid_token(s, "it is revoked");
		return false;
	}
	if (claims->sub.n == 0 && s->tenant->disallow_anonymous_tokens) {
		dn_refusal(s->loop, &s->refusals,
		    "connection token of tenant %s refused: "
		    "disallow_anonymous_connection_tokens, and it has no user",
		    s->tenant->name);
		dn_conn_close(s->conn, 3507, "permission denied");
		return false;
	}
	if (dn_session_has_ended(claims)) {
		dn_refusal(s->loop, &s->refusals,
		    "connection token of tenant %s refused: its expire_at is "
		    "over",
		    s->tenant->name);
		refuse(s, id, 110, "expired");
		return false;
	}
	dn_buf_str(&s->user_bytes, claims->sub);
	s->user = dn_buf_view(&s->user_bytes);
	dn_buf_str(&s->conn_info, claims->info);
	s->bearer = dn_bearer_new(s, claims);
	s->expires_s = dn_jwt_ends_at(claims);
	s->refreshes = s->expires_s > 0;
	return true;
}

static bool anonymous(struct dn_session *s)
{
	size_t i;

	for (i = 0; i < s->conf->tenants_n; i++) {
		const struct dn_conf_tenant *t = &s->conf->tenants[i];

		if (t->dev || (t->allow_anonymous && s->conf->tenants_n == 1))
			s->tenant = t;
	}
	if (s->tenant == NULL) {
		dn_refusal(s->loop, &s->refusals,
		    "connect refused: without a token, which takes a tenant "
		    "that has allow_anonymous_connect_without_token and is the "
		    "only one");
		dn_conn_close(s->conn, 3501,
		    "bad request: a token or a server key is needed");
		return false;
	}
	return true;
}

/* One with a server key has entered at its upgrade. */
static bool enter(struct dn_session *s)
{
	struct dn_usage *usage = s->tenant->usage;

	if (s->usage == NULL &&
	    dn_usage_enter(usage, s->tenant->limits.connections))
		s->usage = dn_usage_ref(usage);
	if (s->usage != NULL && dn_session_user_enter(s))
		return true;
	dn_conn_close(s->conn, 3504, "connection limit");
	return false;
}

/* What the client calls itself, cut to whole characters; NULL: nothing. */
static char *label(
    struct dn_session *s, struct dn_json params, const char *name, size_t max)
{
	struct dn_str text = dn_session_text(s, params, name);

	if (text.n > max) {
		text.n = max;
		while (text.n > 0 && (text.p[text.n] & 0xc0) == 0x80)
			text.n--;
	}
	return text.n > 0 ? dn_xstrndup(text.p, text.n) : NULL;
}

/* --- the reply ----------------------------------------------------------- */

/* What EventSource has beside: whether its last event told where it was, and
 * that its next one will not. */
static void write_resume(
    const struct dn_session *s, struct dn_buf *b, bool id_fits)
{
	enum dn_resumed resumed = s->connecting->resumed;

	if (resumed != DN_RESUMED_NOT)
		dn_buf_printf(b, ",\"resumed\":%s",
		    resumed == DN_RESUMED_YES ? "true" : "false");
	if (!id_fits)
		dn_buf_lit(b, ",\"resumable\":false");
}

static void write_result(struct dn_session *s, struct dn_buf *b, bool id_fits)
{
	int64_t ping = s->conf->ping_interval_us / 1000000;
	bool uni = dn_session_is_uni(s);

	dn_buf_printf(
	    b, "{\"client\":\"%s\",\"version\":\"%s\"", s->client, DN_VERSION);
	if (s->expires_s > 0)
		dn_buf_printf(b, ",\"expires\":true,\"ttl\":%lld",
		    (long long)dn_session_ttl_s(s->expires_s));
	if (!s->native_ping)
		dn_buf_printf(b, ",\"ping\":%lld%s",
		    (long long)(ping > 0 ? ping : 1),
		    uni ? "" : ",\"pong\":true");
	if (s->id != NULL)
		dn_buf_printf(b, ",\"session\":\"%s\"", s->id);
	if (s->id != NULL && !uni)
		dn_buf_printf(
		    b, ",\"node\":\"%s\"", dn_server_node(s->loop->server));
	if (s->conf->connect_include_server_time)
		dn_buf_printf(
		    b, ",\"time\":%lld", (long long)(dn_wall_us() / 1000));
	if (s->server) {
		dn_buf_lit(b, ",\"data\":{\"tenant\":");
		dn_buf_json_str(b, dn_str_of(s->tenant->name));
		dn_buf_lit(b, s->tenant->dev ? ",\"dev\":true}" : "}");
	}
	write_resume(s, b, id_fits);
	if (s->connecting->subs.n > 0) {
		dn_buf_lit(b, ",\"subs\":{");
		dn_buf_str(b, dn_buf_view(&s->connecting->subs));
		dn_buf_byte(b, '}');
	}
	dn_buf_byte(b, '}');
}

static void send_reply(struct dn_session *s, struct dn_connecting *c)
{
	bool uni = dn_session_is_uni(s), id_fits = true;
	struct dn_frame *frame, *id = NULL;
	struct dn_buf b = {0};

	if (dn_session_has_ids(s))
		id = dn_session_event_id(s, &id_fits);
	if (uni)
		dn_buf_lit(&b, "{\"push\":{\"connect\":");
	else
		dn_buf_printf(&b, "{\"id\":%u,\"connect\":", c->id);
	write_result(s, &b, id_fits);
	dn_buf_lit(&b, uni ? "}}" : "}");
	frame = (uni ? dn_form_push : dn_form_message)(
	    s->conn->form, dn_buf_view(&b), s->loop->deflate);
	if (c->track != NULL)
		dn_track_add(c->track);
	if (id != NULL)
		dn_conn_send_behind(s->conn, id, frame, c->track, true);
	else
		dn_conn_send(s->conn, frame, c->track, true);
	if (c->track != NULL)
		dn_track_close(c->track);
	c->track = NULL;
	dn_frame_unref(&frame);
	dn_frame_unref(&id);
	dn_buf_release(&b);
}

static void send_held(struct dn_session *s, struct dn_connecting *c)
{
	struct dn_outq_entry e;

	while (dn_outq_take(&c->held, &e)) {
		dn_session_push_held(s, e.frame, e.track, e.reply);
		dn_frame_unref(&e.frame);
	}
}

static void leave_all(struct dn_session *s)
{
	struct dn_sub *sub;
	size_t at = 0;

	while ((sub = dn_map_any(&s->subs, &at)) != NULL)
		dn_sub_leave(sub, 1, "client disconnected");
}

static void succeed(struct dn_session *s, struct dn_connecting *c)
{
	s->connected = true;
	s->connected_us = dn_wall_us();
	s->serial = dn_usage_serial(s->usage);
	dn_roster_enter(&s->loop->roster, s);
	send_reply(s, c);
	s->connecting = NULL;
	send_held(s, c);
	dn_events_connected(s);
	dn_connecting_free(&c);
	dn_session_arm_ping(s, true);
	dn_session_arm_expiry(s);
	dn_session_end_older(s);
}

static void fail(struct dn_session *s, struct dn_connecting *c)
{
	uint32_t id = c->id;
	unsigned code = c->code;
	const char *message = c->message;

	leave_all(s);
	dn_connecting_free(&s->connecting);
	refuse(s, id, code, message);
}

/* Every part is there. */
static void end_connect(struct dn_session *s)
{
	struct dn_connecting *c = s->connecting;

	if (c->code == 0 && dn_bearer_was_revoked(s))
		invalid_token(s, "it was revoked meanwhile");
	else if (c->code == 0)
		succeed(s, c);
	else
		fail(s, c);
}

void dn_session_connect_fails(
    struct dn_session *s, unsigned code, const char *message)
{
	s->connecting->code = code;
	s->connecting->message = message;
}

void dn_session_connect_goes_on(struct dn_session *s)
{
	if (--s->connecting->open == 0)
		end_connect(s);
}

void dn_command_connect(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	dn_session_connect(s, id, params, &(struct dn_connect_extra){0});
}

static bool is(struct dn_json value, enum dn_json_type type)
{
	return value.type == type || value.type == DN_JSON_NONE ||
	       value.type == DN_JSON_NULL;
}

/* What would be taken for nothing: who sends a token is not to be let in as
 * nobody. False with the connection closed. */
static bool check(struct dn_session *s, struct dn_json params)
{
	const char *why = NULL;

	if (!is(dn_json_member(params, "token"), DN_JSON_STRING))
		why = "bad request: token is no string";
	else if (!is(dn_json_member(params, "subs"), DN_JSON_OBJECT))
		why = "bad request: subs is no object";
	if (why != NULL)
		dn_conn_close(s->conn, 3501, why);
	return why == NULL;
}

void dn_session_connect(struct dn_session *s, uint32_t id,
    struct dn_json params, const struct dn_connect_extra *extra)
{
	struct dn_str token = dn_session_text(s, params, "token");
	struct dn_jwt_claims claims = {0};
	struct dn_conn *conn = s->conn;

	if (token.n == 0)
		token = extra->token;
	if (!check(s, params))
		return;
	dn_uuid(s->client);
	if (!s->server &&
	    (token.n > 0 ? !by_token(s, id, token, &claims) : !anonymous(s)))
		goto out;
	if (!enter(s))
		goto out;
	s->app = label(s, params, "name", APP_MAX);
	s->app_version = label(s, params, "version", APP_VERSION_MAX);
	dn_session_write_info(&s->info, s, (struct dn_str){0});
	s->connecting = dn_xcalloc(1, sizeof(*s->connecting));
	s->connecting->id = id;
	s->connecting->open = 1;
	s->connecting->resumed = extra->resumed;
	dn_session_join_all(s, &claims, params, extra->positions);
	if (conn->state == DN_CONN_LIVE)
		dn_session_connect_goes_on(s);
out:
	dn_jwt_claims_release(&claims);
}
