/* SPDX-License-Identifier: MIT */
/*
 * A message is one or more JSON objects, separated by newlines; each is run
 * in turn. A command function may end the connection, after which nothing of
 * the session may be touched: the loop over a message looks at the
 * connection's state instead.
 *
 * Fails: a command that breaks the protocol closes with 3501 and says what
 * was wrong; commands before it have been run.
 */
#include <stdlib.h>

#include "api/api.h"
#include "session/emulated.h"
#include "session/event_id.h"
#include "session/events.h"
#include "session/session_impl.h"
#include "session/sid.h"

static void on_timer(struct dn_timer *timer, int64_t now_us);

struct dn_session *dn_session_new(struct dn_conn *conn,
    const struct dn_conf_tenant *tenant, const unsigned char *key_sha256,
    bool native_ping)
{
	struct dn_session *s = dn_xcalloc(1, sizeof(*s));

	s->conn = conn;
	s->loop = conn->loop;
	s->conf = dn_conf_ref(conn->loop->conf);
	s->tenant = tenant;
	s->server = tenant != NULL;
	s->usage = tenant != NULL ? dn_usage_ref(tenant->usage) : NULL;
	s->native_ping = native_ping;
	if (key_sha256 != NULL)
		memcpy(s->key_sha256, key_sha256, sizeof(s->key_sha256));
	conn->timer.fire = on_timer;
	dn_wheel_arm(&s->loop->wheel, &conn->timer,
	    dn_mono_us() + s->conf->stale_close_us);
	return s;
}

void dn_session_give_id(struct dn_session *s)
{
	s->id = dn_xmalloc(DN_SID_LEN + 1);
	dn_sid_write(s->id, s->loop->ix, s->conn->id);
}

void dn_connecting_free(struct dn_connecting **cp)
{
	struct dn_connecting *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->track != NULL)
		dn_track_close(c->track);
	(void)dn_outq_drop(&c->held, false, DN_TRACK_GONE);
	dn_buf_release(&c->subs);
	free(c);
}

void dn_session_end(struct dn_session **sp, unsigned code, const char *reason)
{
	struct dn_session *s = *sp;
	struct dn_sub *sub;
	size_t at = 0;

	*sp = NULL;
	if (s == NULL)
		return;
	dn_timer_cancel(&s->conn->timer);
	dn_timer_cancel(&s->expiry);
	dn_roster_leave(&s->loop->roster, s);
	dn_emulated_drop(s);
	dn_bearer_free(&s->bearer);
	while ((sub = dn_map_any(&s->subs, &at)) != NULL)
		dn_sub_leave(sub, 1, "client disconnected");
	dn_map_release(&s->subs);
	dn_events_disconnected(s, code, reason);
	if (s->doomed) {
		struct dn_session **d = &s->loop->doomed;

		while (*d != s)
			d = &(*d)->next_doomed;
		*d = s->next_doomed;
	}
	dn_session_user_leave(s);
	if (s->usage != NULL)
		dn_usage_leave(s->usage);
	dn_usage_unref(&s->usage);
	dn_connecting_free(&s->connecting);
	dn_buf_release(&s->user_bytes);
	dn_buf_release(&s->conn_info);
	dn_buf_release(&s->info);
	dn_buf_release(&s->rest);
	dn_conf_unref(&s->conf);
	free(s->app);
	free(s->app_version);
	free(s->id);
	free(s);
}

/* --- pings -------------------------------------------------------------- */

void dn_session_arm_ping(struct dn_session *s, bool first)
{
	int64_t every = s->conf->ping_interval_us;
	int64_t in;

	/* The timer is the drain's now: it closes with 3001. */
	if (s->loop->draining)
		return;
	in = first
		 ? every / 2 + (int64_t)dn_random_below((uint64_t)every / 2 + 1)
		 : every;

	dn_wheel_arm(&s->loop->wheel, &s->conn->timer, dn_mono_us() + in);
}

static void send_ping(struct dn_session *s)
{
	struct dn_frame *frame;

	if (!s->native_ping)
		dn_conn_reply(s->conn, DN_STR("{}"));
	/* A one-way client cannot answer, but its WebSocket can. */
	if (dn_form_is_ws(s->conn->form) &&
	    (s->native_ping || dn_session_is_uni(s))) {
		frame = dn_frame_ws(DN_WS_PING, (struct dn_str){0});
		dn_conn_send(s->conn, frame, NULL, true);
		dn_frame_unref(&frame);
	} else if (dn_session_is_uni(s)) {
		dn_session_arm_ping(s, false);
		return;
	}
	s->pinged = true;
	dn_wheel_arm(&s->loop->wheel, &s->conn->timer,
	    dn_mono_us() + s->conf->pong_timeout_us);
}

static void on_timer(struct dn_timer *timer, int64_t now_us)
{
	struct dn_conn *conn = DN_CONTAINER(timer, struct dn_conn, timer);
	struct dn_session *s = conn->session;

	if (s->connecting != NULL)
		dn_conn_close(conn, 3004,
		    "internal server error: the subscriptions of connect took "
		    "too long");
	else if (!s->connected)
		dn_conn_close(conn, 3502, "stale");
	else if (s->pinged && dn_conn_waits_for_log(conn))
		dn_wheel_arm(
		    &s->loop->wheel, timer, now_us + s->conf->pong_timeout_us);
	else if (s->pinged)
		dn_conn_close(conn, 3012, "no pong");
	else
		send_ping(s);
}

void dn_session_pong(struct dn_session *s)
{
	if (!s->pinged)
		return;
	s->pinged = false;
	dn_session_arm_ping(s, false);
}

/* --- commands ----------------------------------------------------------- */

static const struct {
	const char *name;
	dn_command_fn *fn;
	bool channel; /* needs one */
} commands[] = {
    {"connect", dn_command_connect, false},
    {"subscribe", dn_command_subscribe, true},
    {"unsubscribe", dn_command_unsubscribe, true},
    {"publish", dn_command_publish, true},
    {"presence", dn_command_presence, true},
    {"presence_stats", dn_command_presence_stats, true},
    {"history", dn_command_history, true},
    {"ping", dn_command_ping, false},
    {"send", dn_command_send, false},
    {"rpc", dn_command_rpc, false},
    {"refresh", dn_command_refresh, false},
    {"sub_refresh", dn_command_sub_refresh, true},
};

static void bad(struct dn_session *s, const char *why)
{
	dn_conn_close(s->conn, 3501, why);
}

static void pong(struct dn_session *s)
{
	if (!s->connected || !s->pinged)
		bad(s, "bad request: a pong that nobody asked for");
	else
		dn_session_pong(s);
}

static void command(struct dn_session *s, struct dn_json json)
{
	struct dn_json params, channel;
	uint64_t id = 0;
	size_t i;

	if (json.type != DN_JSON_OBJECT) {
		bad(s, "bad request: a command is a JSON object");
		return;
	}
	(void)dn_json_u64(dn_json_member(json, "id"), &id);
	for (i = 0; i < DN_ARRAY_LEN(commands); i++) {
		params = dn_json_member(json, commands[i].name);
		if (params.type == DN_JSON_OBJECT)
			break;
	}
	if (id == 0 && (i == DN_ARRAY_LEN(commands) ||
			   strcmp(commands[i].name, "send") != 0)) {
		pong(s);
		return;
	}
	if (i == DN_ARRAY_LEN(commands) || id > UINT32_MAX) {
		bad(s, "bad request: no method that is known");
		return;
	}
	if (s->refused) {
		bad(s, "bad request: connect was refused");
		return;
	}
	if ((commands[i].fn == dn_command_connect) == s->connected) {
		bad(s, s->connected ? "bad request: connect comes once"
				    : "bad request: connect comes first");
		return;
	}
	channel = dn_json_member(params, "channel");
	if (commands[i].channel &&
	    (channel.type != DN_JSON_STRING || channel.raw.n <= 2)) {
		bad(s, "bad request: the command needs a channel");
		return;
	}
	dn_stat_add(&s->loop->stats.commands, 1);
	commands[i].fn(s, (uint32_t)id, params);
}

/* Where the client was, as its last event says. */
static void read_event_id(
    struct dn_str event_id, struct dn_buf *json, struct dn_connect_extra *extra)
{
	struct dn_err ignored;

	if (event_id.n == 0)
		return;
	extra->resumed = DN_RESUMED_BAD;
	if (dn_event_id_read(event_id, json) != 0)
		return;
	DN_ASSERT(
	    dn_json_parse(dn_buf_view(json), &extra->positions, &ignored) == 0);
	extra->resumed = DN_RESUMED_YES;
}

void dn_session_request(struct dn_session *s, struct dn_str text,
    struct dn_str token, struct dn_str event_id)
{
	struct dn_connect_extra extra = {.token = token};
	struct dn_buf positions = {0};
	struct dn_json params;
	struct dn_err err;

	if (s->connected || s->connecting != NULL) {
		bad(s, "bad request: a one-way client has nothing to say");
		return;
	}
	if (dn_json_parse(text, &params, &err) != 0 ||
	    params.type != DN_JSON_OBJECT) {
		bad(s, "bad request: malformed JSON");
		return;
	}
	read_event_id(event_id, &positions, &extra);
	dn_session_connect(s, 0, params, &extra);
	dn_buf_release(&positions);
}

void dn_session_message(struct dn_session *s, struct dn_str text)
{
	struct dn_conn *conn = s->conn;
	struct dn_json json;
	struct dn_err err;
	size_t taken;

	do {
		if (dn_json_parse_prefix(text, &json, &taken, &err) != 0) {
			bad(s, "bad request: malformed JSON");
			return;
		}
		text.p += taken;
		text.n -= taken;
		command(s, json);
		if (conn->state != DN_CONN_LIVE)
			return;
		while (text.n > 0 && (*text.p == ' ' || *text.p == '\r')) {
			text.p++;
			text.n--;
		}
		if (text.n > 0 && *text.p != '\n') {
			bad(s, "bad request: text behind a command");
			return;
		}
		if (text.n > 0) {
			text.p++;
			text.n--;
		}
		if (text.n > 0 && dn_conn_is_full(conn)) {
			dn_buf_str(&s->rest, text);
			dn_conn_pause(conn);
			return;
		}
	} while (text.n > 0);
}

void dn_session_resumed(struct dn_session *s)
{
	struct dn_buf rest = s->rest;

	if (s->pinged && !s->loop->draining)
		dn_wheel_arm(&s->loop->wheel, &s->conn->timer,
		    dn_mono_us() + s->conf->pong_timeout_us);
	s->rest = (struct dn_buf){0};
	if (rest.n > 0)
		dn_session_message(s, dn_buf_view(&rest));
	dn_buf_release(&rest);
}

/* --- a new configuration ------------------------------------------------- */

static bool has_key(
    const struct dn_conf_tenant *tenant, const unsigned char *sha256)
{
	size_t i;

	for (i = 0; i < tenant->keys_n; i++)
		if (dn_same_secret(tenant->keys[i].sha256, sha256, 32))
			return true;
	return tenant->dev;
}

/* Channels whose namespace is no more: the client is told, and told why when
 * it tries again. */
static void leave_gone(struct dn_session *s)
{
	struct dn_conn *conn = s->conn;
	struct dn_sub **gone;
	struct dn_sub *sub;
	size_t at = 0, n = 0;

	if (s->subs.count == 0)
		return;
	gone = dn_xmalloc(s->subs.count * sizeof(struct dn_sub *));
	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		if (dn_conf_ns(s->tenant, sub->channel) == NULL)
			gone[n++] = sub;
	while (n-- > 0 && conn->state == DN_CONN_LIVE)
		dn_sub_lost(gone[n]);
	free(gone);
}

void dn_session_reloaded(struct dn_session *s)
{
	struct dn_conf *conf = s->loop->conf;
	const struct dn_conf_tenant *tenant = NULL;

	if (s->tenant != NULL)
		tenant = dn_conf_tenant(conf, dn_str_of(s->tenant->name));
	if ((s->tenant != NULL && tenant == NULL) ||
	    (s->server && !has_key(tenant, s->key_sha256))) {
		dn_conn_close(s->conn, 3503,
		    "force disconnect: the tenant or its key is gone");
		return;
	}
	/* Also before connect: calls take the loop's conf for granted. */
	s->tenant = tenant;
	dn_conf_ref(conf);
	dn_conf_unref(&s->conf);
	s->conf = conf;
	leave_gone(s);
}
