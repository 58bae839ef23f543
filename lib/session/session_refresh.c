/* SPDX-License-Identifier: MIT */
/*
 * The end of tokens. A client is told when its token ends and brings a new
 * one before; what is past its end, and past a grace for slow clients, ends:
 * the connection with 3005, a subscription with 2501, one that the server
 * made with 3006.
 *
 * One timer a session stands at the next of these ends.
 */
#include <stdlib.h>

#include "session/session_impl.h"

enum { SECOND_US = 1000000 };

int64_t dn_session_ttl_s(int64_t expires_s)
{
	int64_t left = expires_s - dn_wall_us() / SECOND_US;

	if (left < 1)
		return 1;
	return left < UINT32_MAX ? left : UINT32_MAX;
}

bool dn_session_has_ended(const struct dn_jwt_claims *claims)
{
	int64_t end = dn_jwt_ends_at(claims);

	return end > 0 && end <= dn_wall_us() / SECOND_US;
}

bool dn_session_is_foreign(
    const struct dn_session *s, const struct dn_jwt_claims *claims)
{
	return claims->tenant.n > 0 &&
	       !dn_str_is(claims->tenant, s->tenant->name);
}

/* When what ends then is ended, on the wall clock. */
static int64_t due_us(int64_t expires_s, int64_t grace_us)
{
	return expires_s > 0 && expires_s < INT64_MAX / SECOND_US / 2
		   ? expires_s * SECOND_US + grace_us
		   : INT64_MAX;
}

/* The active subscription that ends first; NULL where none does. */
static struct dn_sub *first_to_end(const struct dn_session *s)
{
	struct dn_sub *sub, *first = NULL;
	size_t at = 0;

	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		if (sub->local != NULL && sub->expires_s > 0 &&
		    (first == NULL || sub->expires_s < first->expires_s))
			first = sub;
	return first;
}

static void on_expiry(struct dn_timer *timer, int64_t now_us)
{
	struct dn_session *s = DN_CONTAINER(timer, struct dn_session, expiry);
	int64_t now = dn_wall_us();
	struct dn_sub *sub;

	(void)now_us;
	if (due_us(s->expires_s, s->conf->expired_close_us) <= now) {
		dn_conn_close(s->conn, 3005, "connection expired");
		return;
	}
	while ((sub = first_to_end(s)) != NULL &&
	       due_us(sub->expires_s, s->conf->expired_sub_close_us) <= now) {
		if (dn_sub_is_server_side(sub)) {
			dn_conn_close(s->conn, 3006, "subscription expired");
			return;
		}
		dn_sub_end(sub, 2501, "subscription expired");
	}
	dn_session_arm_expiry(s);
}

void dn_session_arm_expiry(struct dn_session *s)
{
	const struct dn_sub *sub = first_to_end(s);
	int64_t next = due_us(s->expires_s, s->conf->expired_close_us);
	int64_t due =
	    sub == NULL ? INT64_MAX
			: due_us(sub->expires_s, s->conf->expired_sub_close_us);

	if (due < next)
		next = due;
	dn_timer_cancel(&s->expiry);
	if (next == INT64_MAX)
		return;
	s->expiry.fire = on_expiry;
	dn_wheel_arm(
	    &s->loop->wheel, &s->expiry, dn_mono_us() + (next - dn_wall_us()));
}

static void prolong(struct dn_session *s, int64_t expires_s)
{
	s->expires_s = expires_s;
	s->refreshes = s->refreshes || expires_s > 0;
	dn_session_write_info(&s->info, s, (struct dn_str){0});
	dn_session_arm_expiry(s);
}

static void set_info(struct dn_session *s, struct dn_str info)
{
	s->conn_info.n = 0;
	dn_buf_str(&s->conn_info, info);
}

/* A two-way client brings its tokens itself, and needs no word of it. */
void dn_session_refresh(
    struct dn_session *s, int64_t expires_s, struct dn_str info)
{
	struct dn_buf b = {0};

	if (info.n > 0)
		set_info(s, info);
	prolong(s, expires_s);
	if (!dn_session_is_uni(s))
		return;
	dn_buf_lit(&b, "{\"push\":{\"refresh\":{");
	if (expires_s > 0)
		dn_buf_printf(&b, "\"expires\":true,\"ttl\":%lld",
		    (long long)dn_session_ttl_s(expires_s));
	dn_buf_lit(&b, "}}}");
	dn_session_push_text(s, dn_buf_view(&b));
	dn_buf_release(&b);
}

static void log_refusal(struct dn_session *s, const char *why)
{
	dn_refusal(s->loop, &s->refusals,
	    "new connection token of tenant %s refused: %s", s->tenant->name,
	    why);
}

/* NULL: nothing, it is this client's. */
static const char *wrong_with(
    const struct dn_session *s, const struct dn_jwt_claims *claims)
{
	if (claims->channel.n > 0)
		return "it is a subscription token";
	if (dn_session_is_foreign(s, claims))
		return "it is another tenant's";
	if (!dn_str_eq(claims->sub, s->user))
		return "it is another user's";
	return dn_bearer_is_revoked(s, claims) ? "it is revoked" : NULL;
}

/* False with the error told or the connection closed. */
static bool verify(struct dn_session *s, uint32_t id, struct dn_str token,
    struct dn_jwt_claims *claims)
{
	struct dn_err err;
	enum dn_jwt_result rc =
	    dn_jwt_verify(&s->tenant->token, token, dn_wall_us(), claims, &err);
	const char *why = rc == DN_JWT_OK ? wrong_with(s, claims) : err.text;

	if (why == NULL && !dn_session_has_ended(claims))
		return true;
	log_refusal(s, why != NULL ? why : "its expire_at is over");
	if (rc == DN_JWT_EXPIRED)
		dn_conn_close(s->conn, 3005, "connection expired");
	else if (why != NULL)
		dn_conn_close(s->conn, 3500, "invalid token");
	else
		dn_session_error(s, id, 110, "expired");
	return false;
}

void dn_command_refresh(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str token = dn_session_text(s, params, "token");
	struct dn_jwt_claims claims = {0};
	struct dn_buf b = {0};

	if (s->server || !s->refreshes || token.n == 0) {
		dn_conn_close(s->conn, 3501, "bad request: nothing to refresh");
		return;
	}
	if (!verify(s, id, token, &claims))
		goto out;
	if (dn_session_channels_differ(s, &claims)) {
		dn_conn_close(s->conn, 3010, "insufficient state");
		goto out;
	}
	dn_bearer_free(&s->bearer);
	s->bearer = dn_bearer_new(s, &claims);
	set_info(s, claims.info);
	prolong(s, dn_jwt_ends_at(&claims));
	dn_buf_printf(&b, "{\"version\":\"%s\"", DN_VERSION);
	if (s->expires_s > 0)
		dn_buf_printf(&b, ",\"expires\":true,\"ttl\":%lld",
		    (long long)dn_session_ttl_s(s->expires_s));
	dn_buf_byte(&b, '}');
	dn_session_result(s, id, "refresh", dn_buf_view(&b));
out:
	dn_jwt_claims_release(&claims);
	dn_buf_release(&b);
}
