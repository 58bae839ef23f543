/* SPDX-License-Identifier: MIT */
/*
 * The commands about subscriptions: whether a client may have one, with or
 * without a token, and until when.
 *
 * A refusal says why in the server's log and, in --dev, in the message: the
 * client of a product is not told how the product is configured.
 */
#include <stdlib.h>

#include "conf/permit.h"
#include "record/channel.h"
#include "record/tagfilter.h"
#include "session/session_impl.h"

#define NO_MATCH "the name does not match channel_regex"

/* --- whether it may ------------------------------------------------------ */

static void log_channel(
    struct dn_session *s, struct dn_str channel, const char *why)
{
	dn_refusal(s->loop, &s->refusals,
	    "tenant %s: user \"%.*s\" may not subscribe to \"%.*s\": %s",
	    s->tenant->name, DN_FMT(s->user), DN_FMT(channel), why);
}

bool dn_session_may_subscribe(struct dn_session *s, const struct dn_conf_ns *ns,
    struct dn_str channel, bool has_token, struct dn_err *err)
{
	struct dn_permit_who who = {
	    .user = s->user, .server = s->server, .token = has_token};

	if (dn_permit(&who, DN_PERMIT_SUBSCRIBE, ns, channel, err) == 0)
		return true;
	log_channel(s, channel, err->text);
	return false;
}

/* An error with its reason where clients may know it. */
static void refuse(struct dn_session *s, uint32_t id, unsigned code,
    const char *message, const char *why)
{
	struct dn_buf text = {0};

	dn_buf_lit(&text, message);
	if (s->tenant->dev || code == 107)
		dn_buf_printf(&text, ": %s", why);
	dn_buf_byte(&text, '\0');
	dn_session_error(s, id, code, text.p);
	dn_buf_release(&text);
}

/* --- its token ----------------------------------------------------------- */

static bool is_absent(struct dn_json value)
{
	return value.type == DN_JSON_NONE || value.type == DN_JSON_NULL;
}

/* {"value": BOOLEAN}; an absent one, or one without a value, leaves *out. */
static bool read_override(struct dn_json object, const char *name, int8_t *out)
{
	struct dn_json member = dn_json_member(object, name), value;
	bool on;

	if (is_absent(member))
		return true;
	if (member.type != DN_JSON_OBJECT)
		return false;
	value = dn_json_member(member, "value");
	if (is_absent(value))
		return true;
	if (!dn_json_bool(value, &on))
		return false;
	*out = on;
	return true;
}

bool dn_session_read_override(struct dn_json json, struct dn_sub_override *o)
{
	bool good = json.type == DN_JSON_OBJECT;

	*o = DN_SUB_NO_OVERRIDE;
	if (!good)
		return is_absent(json);
	good &= read_override(json, "presence", &o->presence);
	good &= read_override(json, "join_leave", &o->join_leave);
	good &= read_override(
	    json, "force_push_join_leave", &o->force_push_join_leave);
	good &= read_override(json, "force_positioning", &o->force_positioning);
	good &= read_override(json, "force_recovery", &o->force_recovery);
	return good;
}

struct dn_sub_override dn_session_override(struct dn_str raw)
{
	struct dn_json json = {DN_JSON_NONE, raw};
	struct dn_sub_override o;

	if (raw.n > 0)
		json.type = dn_json_type_of(raw.p[0]);
	(void)dn_session_read_override(json, &o);
	return o;
}

static void log_refusal(struct dn_session *s, const char *why)
{
	dn_refusal(s->loop, &s->refusals,
	    "subscription token of tenant %s refused: %s", s->tenant->name,
	    why);
}

/* NULL: nothing, it is this client's and for this channel. */
static const char *wrong_with(const struct dn_session *s, struct dn_str channel,
    const struct dn_jwt_claims *claims)
{
	if (!dn_str_eq(claims->channel, channel))
		return "it is for another channel";
	if (dn_session_is_foreign(s, claims))
		return "it is another tenant's";
	if (!dn_str_eq(claims->sub, s->user))
		return "it is another user's";
	if (claims->client.n > 0 && !dn_str_is(claims->client, s->client))
		return "it is another client's";
	return dn_bearer_is_revoked(s, claims) ? "it is revoked" : NULL;
}

/* False with the error told or the connection closed. */
static bool verify(struct dn_session *s, uint32_t id, struct dn_str channel,
    struct dn_str token, struct dn_jwt_claims *claims)
{
	struct dn_err err;
	enum dn_jwt_result rc =
	    dn_jwt_verify(&s->tenant->token, token, dn_wall_us(), claims, &err);
	const char *why =
	    rc == DN_JWT_OK ? wrong_with(s, channel, claims) : err.text;

	if (why == NULL && !dn_session_has_ended(claims))
		return true;
	log_refusal(s, why != NULL ? why : "its expire_at is over");
	if (rc == DN_JWT_EXPIRED)
		dn_session_error(s, id, 109, "token expired");
	else if (rc != DN_JWT_OK)
		refuse(s, id, 103, "permission denied", err.text);
	else if (why != NULL)
		dn_conn_close(s->conn, 3500, "invalid token");
	else
		dn_session_error(s, id, 110, "expired");
	return false;
}

/* --- subscribe ----------------------------------------------------------- */

static void flag(struct dn_json params, const char *name, bool *out)
{
	(void)dn_json_bool(dn_json_member(params, name), out);
}

/* False with the error told. */
static bool read_filter(struct dn_session *s, uint32_t id,
    const struct dn_conf_ns *ns, struct dn_json params,
    struct dn_tagfilter **filter)
{
	struct dn_json tf = dn_json_member(params, "tf");
	struct dn_err err;

	if (tf.type == DN_JSON_NONE || tf.type == DN_JSON_NULL)
		return true;
	if (!ns->allow_tags_filter) {
		refuse(s, id, 107, "bad request",
		    "the namespace needs allow_tags_filter");
		return false;
	}
	if (dn_tagfilter_parse(filter, tf, &err) == 0)
		return true;
	refuse(s, id, 107, "bad request", err.text);
	return false;
}

/* Map and shared-poll subscriptions are others than these. False with the
 * error told. */
static bool is_stream(struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_json type = dn_json_member(params, "type");
	uint64_t n = 0;

	if (type.type == DN_JSON_NONE || (dn_json_u64(type, &n) && n == 0))
		return true;
	dn_session_error(s, id, 108,
	    "not available: there are subscriptions to streams only");
	return false;
}

/* False with the connection closed. */
static bool read_delta(struct dn_session *s, struct dn_json params, bool *delta)
{
	struct dn_str kind = dn_session_text(s, params, "delta");

	*delta = dn_str_is(kind, "fossil");
	if (kind.n == 0 || *delta)
		return true;
	dn_conn_close(s->conn, 3501, "bad request: unknown delta type");
	return false;
}

static void join(struct dn_session *s, uint32_t id, const struct dn_conf_ns *ns,
    struct dn_str channel, struct dn_json params,
    const struct dn_jwt_claims *claims, bool has_token)
{
	struct dn_sub_opts o = {
	    .told = DN_SUB_REPLY,
	    .id = id,
	    .token = has_token ? claims : NULL,
	    .chan_info = claims->info,
	    .data = claims->data,
	    .expires_s = dn_jwt_ends_at(claims),
	    .override = dn_session_override(claims->override),
	};
	uint64_t flags = 0;

	if (!is_stream(s, id, params) || !read_delta(s, params, &o.ask_delta) ||
	    !read_filter(s, id, ns, params, &o.filter))
		return;
	flag(params, "recover", &o.recover);
	flag(params, "recoverable", &o.ask_recoverable);
	flag(params, "positioned", &o.ask_positioned);
	flag(params, "join_leave", &o.ask_join_leave);
	(void)dn_json_u64(dn_json_member(params, "offset"), &o.offset);
	(void)dn_json_u64(dn_json_member(params, "flag"), &flags);
	o.reject_unrecovered = (flags & 2) != 0;
	o.epoch = dn_session_text(s, params, "epoch");
	dn_sub_join(s, ns, channel, &o);
}

/* The namespace of a channel that is to be subscribed to; NULL with the error
 * told. */
static const struct dn_conf_ns *check(
    struct dn_session *s, uint32_t id, struct dn_str channel)
{
	uint32_t max = s->tenant->limits.client_channel_limit;
	const struct dn_conf_ns *ns;
	struct dn_err err;

	if (dn_channel_check(channel, &err) != 0) {
		refuse(s, id, 107, "bad request", err.text);
		return NULL;
	}
	ns = dn_conf_ns(s->tenant, channel);
	if (ns == NULL) {
		log_channel(s, channel, "there is no such namespace");
		dn_session_error(s, id, 102, "unknown channel");
	} else if (dn_map_get(&s->subs, channel) != NULL) {
		dn_session_error(s, id, 105, "already subscribed");
	} else if (!s->server && max > 0 && s->subs.count >= max) {
		dn_session_error(s, id, 106, "limit exceeded");
	} else if (!s->server && !dn_conf_ns_takes(ns, channel)) {
		log_channel(s, channel, NO_MATCH);
		refuse(s, id, 107, "bad request", NO_MATCH);
	} else {
		return ns;
	}
	return NULL;
}

void dn_command_subscribe(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	char name[DN_CHANNEL_MAX];
	struct dn_str channel = dn_session_text(s, params, "channel"), token;
	const struct dn_conf_ns *ns = check(s, id, channel);
	struct dn_jwt_claims claims = {.exp = -1, .expire_at = -1};
	struct dn_err err;

	if (ns == NULL)
		return;
	/* The next text takes its place. */
	memcpy(name, channel.p, channel.n);
	channel.p = name;
	token = dn_session_text(s, params, "token");
	if (token.n > 0 && !verify(s, id, channel, token, &claims))
		goto out;
	if (dn_session_may_subscribe(s, ns, channel, token.n > 0, &err))
		join(s, id, ns, channel, params, &claims, token.n > 0);
	else
		refuse(s, id, 103, "permission denied", err.text);
out:
	dn_jwt_claims_release(&claims);
}

void dn_command_unsubscribe(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str channel = dn_session_text(s, params, "channel");
	struct dn_sub *sub = dn_map_get(&s->subs, channel);

	if (sub == NULL)
		dn_session_result(s, id, "unsubscribe", DN_STR("{}"));
	else
		dn_sub_leave_asked(sub, id);
}

/* --- a new token --------------------------------------------------------- */

/* False with the error told or the connection closed. */
static bool verify_again(struct dn_session *s, uint32_t id,
    const struct dn_sub *sub, struct dn_str token, struct dn_jwt_claims *claims)
{
	struct dn_err err;
	enum dn_jwt_result rc =
	    dn_jwt_verify(&s->tenant->token, token, dn_wall_us(), claims, &err);
	const char *why =
	    rc == DN_JWT_OK ? wrong_with(s, sub->channel, claims) : err.text;

	if (why == NULL && !dn_session_has_ended(claims))
		return true;
	log_refusal(s, why != NULL ? why : "its expire_at is over");
	if (rc == DN_JWT_EXPIRED)
		dn_conn_close(s->conn, 3006, "subscription expired");
	else if (why != NULL)
		dn_conn_close(s->conn, 3500, "invalid token");
	else
		dn_session_error(s, id, 110, "expired");
	return false;
}

void dn_command_sub_refresh(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str channel = dn_session_text(s, params, "channel"), token;
	struct dn_sub *sub = dn_map_get(&s->subs, channel);
	struct dn_jwt_claims claims = {0};
	struct dn_buf b = {0};

	if (sub == NULL) {
		refuse(s, id, 103, "permission denied",
		    "not subscribed to the channel");
		return;
	}
	token = dn_session_text(s, params, "token");
	if (token.n == 0) {
		dn_conn_close(s->conn, 3501, "bad request: a token is needed");
		return;
	}
	if (!verify_again(s, id, sub, token, &claims))
		goto out;
	dn_bearer_free(&sub->bearer);
	sub->bearer = dn_bearer_new(s, &claims);
	sub->expires_s = dn_jwt_ends_at(&claims);
	if (claims.info.n > 0)
		dn_session_write_info(&sub->info, s, claims.info);
	dn_session_arm_expiry(s);
	if (sub->expires_s > 0)
		dn_buf_printf(&b, "{\"expires\":true,\"ttl\":%lld}",
		    (long long)dn_session_ttl_s(sub->expires_s));
	else
		dn_buf_lit(&b, "{}");
	dn_session_result(s, id, "sub_refresh", dn_buf_view(&b));
out:
	dn_jwt_claims_release(&claims);
	dn_buf_release(&b);
}
