/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions that the server makes with the connect command: the channels
 * of the token, the user's personal channel, and, for a one-way client, those
 * that it asks for and may subscribe to. Where the client knows a position
 * (`subs` of its command) they recover.
 *
 * A channel that cannot be had ends the connect with its error: a token that
 * lists it is wrong, and half a connection would hide that.
 *
 * All that they recover has to fit into one reply: each may have an equal
 * part of its limit.
 */
#include <stdlib.h>

#include "base/b64.h"
#include "conf/permit.h"
#include "record/channel.h"
#include "session/session_impl.h"

enum { CONNECT_BYTES_MAX = 4 * DN_RECOVERY_BYTES_MAX };

/* What is joined, one channel after the other. */
struct joining {
	struct dn_session *s;
	struct dn_json positions; /* by channel, of the client; or NONE */
	struct dn_json resumed;   /* newer ones, or NONE */
	size_t bytes_max;         /* of what each may recover */
	size_t joined;
};

static void key_text(
    struct dn_str raw_key, struct dn_str *out, struct dn_buf *scratch)
{
	/* A raw key stands between its quotes. */
	struct dn_json key = {DN_JSON_STRING, {raw_key.p - 1, raw_key.n + 2}};

	scratch->n = 0;
	DN_ASSERT(dn_json_string(key, out, scratch));
}

/* The member of an object by a name that is a channel's. */
static struct dn_json member_of(struct dn_json object, struct dn_str name)
{
	char text[DN_CHANNEL_MAX + 1];

	DN_ASSERT(name.n <= DN_CHANNEL_MAX);
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return dn_json_member(object, text);
}

/* Where the client is in a channel; NONE where it does not know. */
static struct dn_json position_of(
    const struct joining *j, struct dn_str channel)
{
	struct dn_json at = {0};

	if (j->resumed.type == DN_JSON_OBJECT)
		at = member_of(j->resumed, channel);
	if (at.type == DN_JSON_NONE && j->positions.type == DN_JSON_OBJECT)
		at = member_of(j->positions, channel);
	return at;
}

static void read_position(
    struct dn_json at, struct dn_sub_opts *opts, struct dn_buf *text)
{
	if (at.type != DN_JSON_OBJECT)
		return;
	(void)dn_json_bool(dn_json_member(at, "recover"), &opts->recover);
	(void)dn_json_u64(dn_json_member(at, "offset"), &opts->offset);
	(void)dn_json_string(dn_json_member(at, "epoch"), &opts->epoch, text);
}

static size_t count(struct dn_json object)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	size_t n = 0;

	if (object.type != DN_JSON_OBJECT)
		return 0;
	dn_json_iter_init(&it, object);
	while (dn_json_next(&it, &key, &item))
		n++;
	return n;
}

/* How much each of so many positions may bring. */
static size_t part_of_reply(struct dn_json positions, struct dn_json resumed)
{
	size_t n = count(positions), m = count(resumed);

	n = n > m ? n : m;
	return n * DN_RECOVERY_BYTES_MAX > CONNECT_BYTES_MAX
		   ? CONNECT_BYTES_MAX / n
		   : DN_RECOVERY_BYTES_MAX;
}

/* why is for the log. */
static bool fails(struct dn_session *s, struct dn_str channel, unsigned code,
    const char *message, const char *why)
{
	dn_refusal(s->loop, &s->refusals,
	    "tenant %s: user \"%.*s\": connect refused: channel \"%.*s\": "
	    "%s: %s",
	    s->tenant->name, DN_FMT(s->user), DN_FMT(channel), message, why);
	dn_session_connect_fails(s, code, message);
	return false;
}

/* False when nothing more is to be joined. */
static bool join(
    struct joining *j, struct dn_str channel, struct dn_sub_opts *opts)
{
	struct dn_session *s = j->s;
	uint32_t max = s->tenant->limits.client_channel_limit;
	const struct dn_conf_ns *ns;
	struct dn_buf epoch = {0};
	struct dn_err err;

	if (dn_channel_check(channel, &err) != 0)
		return fails(
		    s, DN_STR("(not shown)"), 107, "bad request", err.text);
	if (dn_map_get(&s->subs, channel) != NULL)
		return true;
	ns = dn_conf_ns(s->tenant, channel);
	if (ns == NULL)
		return fails(s, channel, 102, "unknown channel",
		    "there is no such namespace");
	if (max > 0 && j->joined >= max) {
		dn_refusal(s->loop, &s->refusals,
		    "tenant %s: user \"%.*s\": connect refused: more channels "
		    "than client_channel_limit (%u)",
		    s->tenant->name, DN_FMT(s->user), max);
		dn_conn_close(s->conn, 3505, "channel limit");
		return false;
	}
	j->joined++;
	opts->told = DN_SUB_CONNECT;
	opts->bytes_max = j->bytes_max;
	opts->ask_recoverable = dn_session_has_ids(s);
	read_position(position_of(j, channel), opts, &epoch);
	dn_sub_join(s, ns, channel, opts);
	dn_buf_release(&epoch);
	return s->connecting->code == 0;
}

/* The claim `channels`: an array of names. */
static bool join_list(struct joining *j, struct dn_str raw)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key, channel;
	struct dn_buf text = {0};
	bool go_on = true;

	if (raw.n == 0)
		return true;
	dn_json_iter_init(&it, (struct dn_json){DN_JSON_ARRAY, raw});
	while (go_on && dn_json_next(&it, &key, &item)) {
		struct dn_sub_opts opts = {
		    .from_token = true, .override = DN_SUB_NO_OVERRIDE};

		text.n = 0;
		if (dn_json_string(item, &channel, &text))
			go_on = join(j, channel, &opts);
	}
	dn_buf_release(&text);
	return go_on;
}

/* Raw JSON of `twin`, which is base64, or else of `name`; unset where it is
 * none. Reading the token's claims has proved that they are what they must be.
 */
static struct dn_str raw_or_base64(struct dn_json object, const char *name,
    const char *twin, struct dn_buf *scratch)
{
	struct dn_json value = dn_json_member(object, name);
	struct dn_json encoded = dn_json_member(object, twin);
	struct dn_str out = {0};

	if (value.type != DN_JSON_NONE && value.type != DN_JSON_NULL)
		out = value.raw;
	if (encoded.type == DN_JSON_STRING)
		DN_ASSERT(dn_b64_json(encoded, &out, scratch));
	return out;
}

/* The claim `subs`: options by name. */
static bool join_subs(struct joining *j, struct dn_str raw)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key, channel;
	struct dn_buf text = {0}, info = {0}, data = {0};
	bool go_on = true;

	if (raw.n == 0)
		return true;
	dn_json_iter_init(&it, (struct dn_json){DN_JSON_OBJECT, raw});
	while (go_on && dn_json_next(&it, &key, &item)) {
		struct dn_sub_opts opts = {
		    .from_token = true,
		    .chan_info = raw_or_base64(item, "info", "b64info", &info),
		    .data = raw_or_base64(item, "data", "b64data", &data),
		    .override = dn_session_override(
			dn_json_member(item, "override").raw),
		};

		key_text(key, &channel, &text);
		go_on = join(j, channel, &opts);
	}
	dn_buf_release(&text);
	dn_buf_release(&info);
	dn_buf_release(&data);
	return go_on;
}

static bool join_personal(struct joining *j)
{
	struct dn_sub_opts opts = {.override = DN_SUB_NO_OVERRIDE};
	struct dn_session *s = j->s;
	struct dn_buf name = {0};
	struct dn_err err;
	bool go_on;

	if (s->server || !s->tenant->personal.enabled || s->user.n == 0)
		return true;
	if (dn_permit_personal(s->tenant, s->user, &name, &err) == 0)
		go_on = join(j, dn_buf_view(&name), &opts);
	else
		go_on = fails(
		    s, DN_STR("(personal)"), 107, "bad request", err.text);
	dn_buf_release(&name);
	return go_on;
}

/* Whether a one-way client may have what it asks for; what join() tells it
 * does not look at. */
static bool may_ask(struct dn_session *s, struct dn_str channel)
{
	const struct dn_conf_ns *ns = NULL;
	struct dn_err err;

	if (dn_channel_check(channel, NULL) == 0)
		ns = dn_conf_ns(s->tenant, channel);
	if (ns == NULL)
		return true;
	if (!s->server && !dn_conf_ns_takes(ns, channel))
		return fails(s, channel, 107, "bad request",
		    "the name does not match channel_regex");
	if (dn_session_may_subscribe(s, ns, channel, false, &err))
		return true;
	dn_session_connect_fails(s, 103, "permission denied");
	return false;
}

/* What a one-way client asks for. */
static void join_asked(struct joining *j, struct dn_json subs)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key, channel;
	struct dn_buf text = {0};
	bool go_on = true;

	if (subs.type != DN_JSON_OBJECT)
		return;
	dn_json_iter_init(&it, subs);
	while (go_on && dn_json_next(&it, &key, &item)) {
		struct dn_sub_opts opts = {.override = DN_SUB_NO_OVERRIDE};

		key_text(key, &channel, &text);
		if (dn_map_get(&j->s->subs, channel) == NULL)
			go_on =
			    may_ask(j->s, channel) && join(j, channel, &opts);
	}
	dn_buf_release(&text);
}

void dn_session_join_all(struct dn_session *s,
    const struct dn_jwt_claims *claims, struct dn_json params,
    struct dn_json resumed)
{
	struct joining j = {
	    .s = s,
	    .positions = dn_json_member(params, "subs"),
	    .resumed = resumed,
	};

	j.bytes_max = part_of_reply(j.positions, j.resumed);
	if (!join_list(&j, claims->channels) || !join_subs(&j, claims->subs) ||
	    !join_personal(&j))
		return;
	if (dn_session_is_uni(s))
		join_asked(&j, j.positions);
}

/* --- a new token --------------------------------------------------------- */

/* Adds the subscriptions that a claim lists to seen, each once; false where
 * one of them is not there. */
static bool collect(const struct dn_session *s, struct dn_str raw,
    enum dn_json_type type, struct dn_map *seen)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key, channel = {0};
	struct dn_buf text = {0};
	struct dn_sub *sub;
	bool all = true;

	if (raw.n == 0)
		return true;
	dn_json_iter_init(&it, (struct dn_json){type, raw});
	while (all && dn_json_next(&it, &key, &item)) {
		text.n = 0;
		if (type == DN_JSON_OBJECT)
			key_text(key, &channel, &text);
		else
			(void)dn_json_string(item, &channel, &text);
		sub = dn_map_get(&s->subs, channel);
		all = sub != NULL && sub->from_token;
		if (all && dn_map_get(seen, sub->channel) == NULL)
			dn_map_put(seen, sub->channel, sub);
	}
	dn_buf_release(&text);
	return all;
}

bool dn_session_channels_differ(
    const struct dn_session *s, const struct dn_jwt_claims *claims)
{
	struct dn_map seen = {0};
	const struct dn_sub *sub;
	size_t has = 0, at = 0;
	bool same;

	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		has += sub->from_token;
	same = collect(s, claims->channels, DN_JSON_ARRAY, &seen) &&
	       collect(s, claims->subs, DN_JSON_OBJECT, &seen) &&
	       seen.count == has;
	dn_map_release(&seen);
	return !same;
}
