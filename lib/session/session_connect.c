/* SPDX-License-Identifier: MIT */
/*
 * Who a client is: told by the server key of its upgrade request, by its
 * token, or, where the tenant lets anybody in, by nothing.
 */
#include "base/diag.h"
#include "session/session_impl.h"

static void set_info(struct dn_session *s, struct dn_str conn_info)
{
	struct dn_buf *b = &s->info;

	b->n = 0;
	dn_buf_lit(b, "{\"user\":");
	dn_buf_json_str(b, s->user);
	dn_buf_lit(b, ",\"client\":\"");
	dn_buf_lit(b, s->client);
	dn_buf_byte(b, '"');
	if (conn_info.n > 0) {
		dn_buf_lit(b, ",\"conn_info\":");
		dn_buf_json_raw(b, conn_info);
	}
	dn_buf_byte(b, '}');
}

/* False when the connection was closed or the error was told. */
static bool by_token(struct dn_session *s, uint32_t id, struct dn_str token)
{
	struct dn_jwt_claims claims;
	struct dn_err err;
	enum dn_jwt_result rc;

	s->tenant = dn_conf_by_token(s->conf, token);
	if (s->tenant == NULL) {
		dn_diag(DN_INFO, NULL,
		    "token refused: its claim `tenant` names none of the "
		    "tenants that take tokens, and there is more than one");
		dn_conn_close(s->conn, 3500, "invalid token");
		return false;
	}
	rc = dn_jwt_verify(
	    &s->tenant->token, token, dn_wall_us(), &claims, &err);
	if (rc == DN_JWT_EXPIRED) {
		s->tenant = NULL; /* a next connect starts anew */
		dn_session_error(s, id, 109, "token expired");
		return false;
	}
	if (rc == DN_JWT_OK && claims.channel.n > 0) {
		dn_jwt_claims_release(&claims);
		rc = DN_JWT_BAD;
		dn_err_set(&err, rc, "it is a subscription token");
	}
	if (rc != DN_JWT_OK) {
		dn_diag(DN_INFO, NULL, "token of tenant %s refused: %s",
		    s->tenant->name, err.text);
		dn_conn_close(s->conn, 3500, "invalid token");
		return false;
	}
	dn_buf_str(&s->user_bytes, claims.sub);
	s->user = dn_buf_view(&s->user_bytes);
	s->expires_s = dn_jwt_ends_at(&claims);
	set_info(s, claims.info);
	dn_jwt_claims_release(&claims);
	return true;
}

/* A new token for the same user: its end is the connection's. */
void dn_command_refresh(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_str token = dn_session_text(s, params, "token");
	struct dn_jwt_claims claims;
	struct dn_err err;
	enum dn_jwt_result rc;
	struct dn_buf b = {0};
	int64_t left;

	if (s->server || s->expires_s == 0 || token.n == 0) {
		dn_conn_close(s->conn, 3501, "bad request: nothing to refresh");
		return;
	}
	rc = dn_jwt_verify(
	    &s->tenant->token, token, dn_wall_us(), &claims, &err);
	if (rc == DN_JWT_EXPIRED) {
		dn_conn_close(s->conn, 3005, "connection expired");
		return;
	}
	if (rc == DN_JWT_OK &&
	    (claims.channel.n > 0 || !dn_str_eq(claims.sub, s->user))) {
		dn_jwt_claims_release(&claims);
		rc = DN_JWT_BAD;
	}
	if (rc != DN_JWT_OK) {
		dn_conn_close(s->conn, 3500, "invalid token");
		return;
	}
	s->expires_s = dn_jwt_ends_at(&claims);
	dn_jwt_claims_release(&claims);
	left = s->expires_s - dn_wall_us() / 1000000;
	dn_buf_printf(&b, "{\"version\":\"%s\"", DN_VERSION);
	if (s->expires_s > 0)
		dn_buf_printf(&b, ",\"expires\":true,\"ttl\":%lld",
		    (long long)(left > 0 ? left : 1));
	dn_buf_byte(&b, '}');
	dn_session_result(s, id, "refresh", dn_buf_view(&b));
	dn_buf_release(&b);
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
		dn_conn_close(s->conn, 3501,
		    "bad request: a token or a server key is needed");
		return false;
	}
	set_info(s, (struct dn_str){0});
	return true;
}

static void write_result(struct dn_session *s, struct dn_buf *b)
{
	int64_t left = s->expires_s - dn_wall_us() / 1000000;

	dn_buf_printf(
	    b, "{\"client\":\"%s\",\"version\":\"%s\"", s->client, DN_VERSION);
	if (s->expires_s > 0)
		dn_buf_printf(b, ",\"expires\":true,\"ttl\":%lld",
		    (long long)(left > 0 ? left : 1));
	if (!s->native_ping) {
		int64_t ping = s->conf->ping_interval_us / 1000000;

		dn_buf_printf(b, ",\"ping\":%lld,\"pong\":true",
		    (long long)(ping > 0 ? ping : 1));
	}
	if (s->server) {
		dn_buf_lit(b, ",\"data\":{\"tenant\":");
		dn_buf_json_str(b, dn_str_of(s->tenant->name));
		dn_buf_lit(b, s->tenant->dev ? ",\"dev\":true}" : "}");
	}
	dn_buf_byte(b, '}');
}

/* One with a server key has entered at its upgrade. */
static bool enter(struct dn_session *s)
{
	if (s->usage != NULL)
		return true;
	if (!dn_usage_enter(s->tenant->usage, s->tenant->limits.connections)) {
		dn_conn_close(s->conn, 3504, "connection limit");
		return false;
	}
	s->usage = dn_usage_ref(s->tenant->usage);
	return true;
}

void dn_command_connect(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_buf b = {0};
	struct dn_str token = dn_session_text(s, params, "token");

	dn_uuid(s->client);
	if (s->server)
		set_info(s, (struct dn_str){0});
	else if (token.n > 0 ? !by_token(s, id, token) : !anonymous(s))
		return;
	if (!enter(s))
		return;
	s->connected = true;
	write_result(s, &b);
	dn_session_result(s, id, "connect", dn_buf_view(&b));
	dn_buf_release(&b);
	dn_session_arm_ping(s, true);
}
