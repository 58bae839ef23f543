/* SPDX-License-Identifier: MIT */
/*
 * connections: who is connected, page by page, in the order of loops and, in
 * a loop, of connecting. The cursor is the place of the last one that was
 * looked at, so that a page goes on where the one before ended, whoever came
 * and went meanwhile.
 *
 * The result is an object by client id, with Centrifugo's names for what it
 * has, too; its order is the walk's.
 *
 * A page ends when it is full in number or bytes, or after it looked at so many
 * sessions that the loop would notice. So it may be short.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/tour.h"
#include "serve/server.h"
#include "session/local.h"
#include "wire/form.h"

enum {
	LIMIT_DEFAULT = 100,
	LIMIT_MAX = 1000,
	LOOK_MAX = 10000,
	SUBS_MAX = 100, /* that are shown of one connection */
};

struct connections {
	struct dn_tour tour;
	struct dn_str channel; /* subscribers of it alone; empty: all */
	uint64_t limit, shown, looked;
	unsigned first; /* loop */
	uint64_t after; /* in it */
};

/* --- one of them --------------------------------------------------------- */

static void write_text(struct dn_buf *b, const char *member, const char *text)
{
	if (text == NULL)
		return;
	dn_buf_printf(b, ",\"%s\":", member);
	dn_buf_json_str(b, dn_str_of(text));
}

static void write_peer(struct dn_buf *b, const struct dn_conn *conn)
{
	struct dn_buf peer = {0};

	dn_conn_peer(conn, &peer);
	dn_buf_lit(b, ",\"remote_address\":");
	dn_buf_json_str(b, dn_buf_view(&peer));
	dn_buf_release(&peer);
}

static void write_sub(struct dn_buf *b, const struct dn_sub *sub)
{
	char before = '{';

	dn_buf_json_str(b, sub->channel);
	dn_buf_byte(b, ':');
	if (sub->positioned) {
		dn_buf_printf(b, "{\"epoch\":\"%s\",\"offset\":%llu",
		    sub->epoch, (unsigned long long)sub->offset);
		before = ',';
	}
	if (dn_sub_is_server_side(sub)) {
		dn_buf_printf(b, "%c\"server_side\":true", before);
		before = ',';
	}
	dn_buf_lit(b, before == '{' ? "{}" : "}");
}

static void write_subs(struct dn_buf *b, const struct dn_session *s)
{
	const struct dn_sub *sub;
	size_t at = 0, n = 0;

	dn_buf_lit(b, ",\"subscriptions\":{");
	while ((sub = dn_map_next(&s->subs, &at)) != NULL) {
		if (sub->local == NULL || ++n > SUBS_MAX)
			continue;
		if (n > 1)
			dn_buf_byte(b, ',');
		write_sub(b, sub);
	}
	dn_buf_printf(b, "},\"num_subs\":%zu", n);
}

static void write_queue(struct dn_buf *b, const struct dn_session *s)
{
	struct dn_conn *conn = s->conn;
	uint32_t now_ms = s->loop->now_ms;

	dn_buf_printf(b,
	    ",\"queued_bytes\":%zu,\"queued_reply_bytes\":%zu"
	    ",\"lag_ms\":%u,\"sent_bytes_per_second\":%llu",
	    dn_session_waiting_bytes(s) + conn->out.reply_bytes,
	    conn->out.reply_bytes, dn_outq_age_ms(&conn->out, now_ms),
	    (unsigned long long)dn_rate_get(&conn->sent, now_ms));
}

static void write_session(struct dn_buf *b, const struct dn_session *s)
{
	dn_buf_printf(
	    b, "\"%s\":{\"client\":\"%s\",\"user\":", s->client, s->client);
	dn_buf_json_str(b, s->user);
	if (s->server)
		dn_buf_lit(b, ",\"server\":true");
	dn_buf_printf(b,
	    ",\"transport\":\"%s\",\"protocol\":\"json\""
	    ",\"connected_at_ms\":%lld,\"age_ms\":%lld",
	    dn_form_transport(s->conn->form),
	    (long long)(s->connected_us / 1000),
	    (long long)(dn_wall_us() - s->connected_us) / 1000);
	write_text(b, "app_name", s->app);
	write_text(b, "app_version", s->app_version);
	write_peer(b, s->conn);
	if (s->expires_s > 0)
		dn_buf_printf(
		    b, ",\"expire_at\":%lld", (long long)s->expires_s);
	write_queue(b, s);
	write_subs(b, s);
	dn_buf_byte(b, '}');
}

/* --- a page -------------------------------------------------------------- */

static bool is_full(const struct connections *c)
{
	return c->shown >= c->limit || c->looked >= LOOK_MAX ||
	       c->tour.call->result.n >= DN_API_PAGE_BYTES;
}

static void look(struct connections *c, const struct dn_session *s)
{
	struct dn_buf *b = &c->tour.call->result;
	const struct dn_sub *sub = NULL;

	c->tour.after = s->serial;
	c->looked++;
	if (c->channel.n > 0)
		sub = dn_map_get(&s->subs, c->channel);
	if (!dn_tour_matches(&c->tour, s) ||
	    (c->channel.n > 0 && (sub == NULL || sub->local == NULL)))
		return;
	if (c->shown++ > 0)
		dn_buf_byte(b, ',');
	write_session(b, s);
}

static int by_serial(const void *a, const void *b)
{
	const struct dn_session *const *x = a, *const *y = b;

	return ((*x)->serial > (*y)->serial) - ((*x)->serial < (*y)->serial);
}

/* The subscribers of the channel; true when there is none left. */
static bool look_at_subscribers(
    struct connections *c, const struct dn_local *local)
{
	const struct dn_session **sessions =
	    dn_xmalloc(local->count * sizeof(*sessions));
	size_t i, n = 0;

	for (i = 0; i < local->count; i++)
		if (local->subs[i]->session->serial > c->tour.after)
			sessions[n++] = local->subs[i]->session;
	qsort(sessions, n, sizeof(*sessions), by_serial);
	for (i = 0; i < n && !is_full(c); i++)
		look(c, sessions[i]);
	free(sessions);
	return i == n;
}

static bool look_at_all(struct connections *c)
{
	const struct dn_session *s = dn_tour_next(&c->tour);

	while (s != NULL && !is_full(c)) {
		look(c, s);
		s = dn_tour_next(&c->tour);
	}
	return s == NULL;
}

/* True when nobody of this loop is left. */
static bool look_here(struct connections *c)
{
	struct dn_loop *loop = c->tour.loop;
	char bytes[DN_CHANNEL_MAX * 2 + 1];
	const struct dn_local *local;

	if (c->channel.n == 0 || c->tour.has_user || c->tour.client.n > 0)
		return look_at_all(c);
	local = dn_map_get(&loop->locals,
	    dn_hub_key(
		bytes, dn_str_of(c->tour.call->tenant->name), c->channel));
	if (local == NULL)
		return true;
	/* With so many they are found on the way through all. */
	return local->count > LOOK_MAX ? look_at_all(c)
				       : look_at_subscribers(c, local);
}

static void run_page(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_tour *tour = DN_CONTAINER(mail, struct dn_tour, mail);
	struct connections *c = DN_CONTAINER(tour, struct connections, tour);
	struct dn_buf *b = &tour->call->result;
	bool all;

	tour->loop = loop;
	tour->after = loop->ix == c->first ? c->after : 0;
	all = look_here(c);
	if (all && loop->ix + 1 < dn_server_loops(loop->server)) {
		dn_tour_go(tour, loop->ix + 1, run_page);
		return;
	}
	dn_buf_byte(b, '}');
	if (!all)
		dn_buf_printf(b, ",\"cursor\":\"%u.%llu\"", loop->ix,
		    (unsigned long long)tour->after);
	dn_tour_home(tour);
}

/* --- params -------------------------------------------------------------- */

static bool read_cursor(struct connections *c)
{
	struct dn_str text = {0};
	char copy[32];
	unsigned long long after;
	int taken = -1;

	if (!dn_tour_string(&c->tour, "cursor", &text))
		return false;
	if (text.n == 0)
		return true;
	if (text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (sscanf(copy, "%5u.%19llu%n", &c->first, &after, &taken) != 2 ||
	    taken != (int)text.n)
		return false;
	c->after = after;
	return c->first < dn_server_loops(c->tour.call->loop->server);
}

static const char *read_params(struct connections *c)
{
	struct dn_json limit = dn_json_member(c->tour.params, "limit");

	c->limit = LIMIT_DEFAULT;
	if (limit.type != DN_JSON_NONE && limit.type != DN_JSON_NULL &&
	    (!dn_json_u64(limit, &c->limit) || c->limit < 1 ||
		c->limit > LIMIT_MAX))
		return "limit: 1 to 1000";
	if (!dn_tour_string(&c->tour, "channel", &c->channel))
		return "channel: a string is needed";
	if (!read_cursor(c))
		return "cursor: that of the page before is needed";
	return dn_tour_read_whom(&c->tour, true);
}

void dn_api_connections(struct dn_call *call, struct dn_json params)
{
	struct connections *c = dn_tour_new(call, params, sizeof(*c));
	const char *wrong = read_params(c);

	if (wrong == NULL && c->channel.n > 0 &&
	    dn_api_ns(call, c->channel) == NULL) {
		dn_tour_free(&c->tour);
		return;
	}
	if (wrong != NULL) {
		dn_tour_bad(&c->tour, wrong);
		return;
	}
	c->tour.servers = true;
	c->tour.loop = call->loop;
	dn_buf_lit(&call->result, "\"connections\":{");
	dn_tour_go(&c->tour, c->first, run_page);
}
