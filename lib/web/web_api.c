/* SPDX-License-Identifier: MIT */
/*
 * POST /api/METHOD: the key tells the tenant, the body is the params. Errors
 * are part of a 200 answer, unless the request asks for them as statuses.
 */
#include <strings.h>

#include "api/api.h"
#include "base/text.h"
#include "hub/stats.h"
#include "web/web_impl.h"

/* How a call of this file wants its errors, in its id. */
enum { ERRORS_IN_BODY, ERRORS_AS_STATUS };

static unsigned status_of(unsigned code)
{
	switch (code) {
	case 102:
	case 104:
		return 404;
	case 103:
		return 403;
	case 106:
	case 107:
	case 108:
		return 400;
	case 111:
		return 429;
	case 112:
		return 416;
	case 113:
		return 409;
	default:
		return 500;
	}
}

static void on_done(struct dn_call *call)
{
	struct dn_conn *conn = dn_conn_find(call->loop, call->conn);
	struct dn_buf b = {0};
	unsigned status = 200;
	bool bare = call->id == ERRORS_AS_STATUS;

	if (conn == NULL || conn->state != DN_CONN_HTTP)
		return;
	if (call->code != 0) {
		if (bare)
			status = status_of(call->code);
		else
			dn_buf_lit(&b, "{\"error\":");
		dn_call_write_error(
		    &b, call->code, call->message, call->temporary);
		if (!bare)
			dn_buf_byte(&b, '}');
	} else {
		bool top = strcmp(call->method, "batch") == 0;

		dn_buf_lit(&b, top ? "{" : "{\"result\":{");
		dn_buf_str(&b, dn_buf_view(&call->result));
		dn_buf_lit(&b, top ? "}" : "}}");
	}
	dn_conn_http_answer(
	    conn, status, "application/json", NULL, dn_buf_view(&b));
	dn_buf_release(&b);
}

/* --- the key ------------------------------------------------------------ */

/* The key of `Authorization: apikey K`. */
static bool authorization(struct dn_http *http, struct dn_str *key)
{
	struct dn_str scheme = DN_STR("apikey ");
	struct dn_str value;
	const char *at;

	if (!dn_http_header(http, "authorization", &value) ||
	    value.n <= scheme.n ||
	    strncasecmp(value.p, scheme.p, scheme.n) != 0)
		return false;
	at = dn_skip_space(value.p + scheme.n, value.p + value.n);
	*key = (struct dn_str){at, (size_t)(value.p + value.n - at)};
	return true;
}

/* NULL with the request answered. */
static const struct dn_conf_tenant *find_tenant(struct dn_conn *conn)
{
	const struct dn_conf *conf = conn->loop->conf;
	const struct dn_conf_tenant *tenant = NULL;
	struct dn_buf scratch = {0};
	struct dn_str key;

	if (dn_http_header(conn->http, "x-api-key", &key) ||
	    authorization(conn->http, &key) ||
	    dn_http_query(conn->http, "api_key", &key, &scratch))
		tenant = dn_conf_by_key(conf, key);
	else if (conf->dev)
		tenant = dn_conf_tenant(conf, DN_STR("dev"));
	dn_buf_release(&scratch);
	if (tenant == NULL)
		dn_conn_http_answer(conn, 401, NULL, NULL, (struct dn_str){0});
	return tenant;
}

/* --- the call ----------------------------------------------------------- */

/* False with the request answered. */
static bool read_body(struct dn_conn *conn, struct dn_json *params)
{
	struct dn_str body = dn_http_request(conn->http)->body;
	struct dn_buf text = {0};
	struct dn_err err;
	bool good;

	if (body.n == 0)
		body = DN_STR("{}");
	good = dn_json_parse(body, params, &err) == 0;
	if (good && params->type == DN_JSON_OBJECT)
		return true;
	dn_buf_printf(&text, "bad request: body: %s\n",
	    good ? "a JSON object is needed" : err.text);
	dn_buf_byte(&text, '\0');
	dn_web_text(conn, 400, text.p, NULL);
	dn_buf_release(&text);
	return false;
}

void dn_web_api(struct dn_conn *conn, struct dn_str method)
{
	const struct dn_conf_tenant *tenant = find_tenant(conn);
	struct dn_json params;
	struct dn_str mode;
	struct dn_call *call;

	if (tenant == NULL)
		return;
	if (!dn_api_knows(method)) {
		dn_web_text(conn, 404, "method not found\n", NULL);
		return;
	}
	if (!read_body(conn, &params))
		return;
	call = dn_call_new(conn->loop, conn->id, tenant, on_done);
	call->server = true;
	call->method = dn_str_is(method, "batch") ? "batch" : "";
	call->id = ERRORS_IN_BODY;
	if (dn_http_header(conn->http, "x-centrifugo-error-mode", &mode) &&
	    dn_str_is(mode, "transport"))
		call->id = ERRORS_AS_STATUS;
	conn->calls++;
	dn_stat_add(&conn->loop->stats.commands, 1);
	/* The answer may come at once and take the request with it. */
	dn_api_call(call, method, params);
}

void dn_web_api_list(struct dn_conn *conn)
{
	struct dn_buf b = {0};

	if (find_tenant(conn) == NULL)
		return;
	dn_buf_lit(&b, "{\"methods\":");
	dn_api_list(&b);
	dn_buf_byte(&b, '}');
	dn_conn_http_answer(
	    conn, 200, "application/json", NULL, dn_buf_view(&b));
	dn_buf_release(&b);
}
