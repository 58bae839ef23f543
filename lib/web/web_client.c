/* SPDX-License-Identifier: MIT */
/*
 * The endpoints of the client protocol. Whoever opens a connection may show a
 * server key, whose tenant it then belongs to; all together they are limited
 * in number and rate, those of a tenant in number.
 */
#include <openssl/sha.h>

#include "hub/stats.h"
#include "serve/server.h"
#include "session/session.h"
#include "web/web_impl.h"

/* --- where it goes ------------------------------------------------------- */

enum { GET = 1, POST = 2 };

static const struct {
	const char *path;
	unsigned methods;
	void (*open)(struct dn_conn *conn);
} endpoints[] = {
    {"/connection/websocket", GET, dn_web_socket},
    {"/connection/http_stream", POST, dn_web_http_stream},
    {"/connection/sse", GET | POST, dn_web_sse},
    {"/emulation", POST, dn_web_emulation},
    {"/connection/uni_websocket", GET, dn_web_uni_socket},
    {"/connection/uni_http_stream", POST, dn_web_uni_http_stream},
    {"/connection/uni_sse", GET | POST, dn_web_uni_sse},
};

static const char *list(unsigned methods)
{
	return methods == GET    ? "GET, OPTIONS"
	       : methods == POST ? "POST, OPTIONS"
				 : "GET, POST, OPTIONS";
}

static void wrong_method(struct dn_conn *conn, unsigned methods)
{
	struct dn_buf allow = {0};

	dn_buf_printf(&allow, "Allow: %s\r\n", list(methods));
	dn_buf_byte(&allow, '\0');
	dn_web_text(conn, 405, "method not allowed\n", allow.p);
	dn_buf_release(&allow);
}

bool dn_web_client(struct dn_conn *conn, struct dn_str path)
{
	struct dn_str verb = dn_http_request(conn->http)->method;
	unsigned method = dn_str_is(verb, "GET")    ? GET
			  : dn_str_is(verb, "POST") ? POST
						    : 0;
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(endpoints); i++)
		if (dn_str_is(path, endpoints[i].path))
			break;
	if (i == DN_ARRAY_LEN(endpoints))
		return false;
	if (dn_str_is(verb, "OPTIONS"))
		dn_web_preflight(conn, list(endpoints[i].methods));
	else if ((endpoints[i].methods & method) == 0)
		wrong_method(conn, endpoints[i].methods);
	else
		endpoints[i].open(conn);
	return true;
}

bool dn_web_is_client_path(struct dn_str path)
{
	struct dn_str prefix = DN_STR("/connection/");

	return dn_str_is(path, "/emulation") ||
	       (path.n > prefix.n && memcmp(path.p, prefix.p, prefix.n) == 0);
}

/* --- who opens it -------------------------------------------------------- */

static bool too_many(struct dn_conn *conn, const char *extra)
{
	dn_stat_add(&conn->loop->stats.not_admitted, 1);
	dn_web_text(conn, 503, "too many connections\n", extra);
	return false;
}

static bool admit(struct dn_conn *conn)
{
	const struct dn_conf *conf = conn->loop->conf;

	switch (dn_admission_enter(dn_server_admission(conn->loop->server),
	    conf->connection_limit, conf->connection_rate_limit,
	    dn_mono_us())) {
	case DN_ADMIT_TOO_MANY:
		return too_many(conn, NULL);
	case DN_ADMIT_TOO_FAST:
		return too_many(conn, "Retry-After: 1\r\n");
	default:
		return true;
	}
}

bool dn_web_first_message(
    struct dn_conn *conn, struct dn_str *text, struct dn_buf *scratch)
{
	const struct dn_http_request *request = dn_http_request(conn->http);

	*text = (struct dn_str){0};
	if (!dn_str_is(request->method, "GET")) {
		*text = request->body;
		if (text->n <= conn->loop->conf->message_size_limit)
			return true;
		dn_web_text(conn, 413, "body is too big\n", NULL);
		return false;
	}
	if (!dn_http_has_query(conn->http, "cf_connect") ||
	    dn_http_query(conn->http, "cf_connect", text, scratch))
		return true;
	dn_web_text(conn, 400, "bad request: cf_connect\n", NULL);
	return false;
}

bool dn_web_enter(struct dn_conn *conn, struct dn_web_who *who)
{
	struct dn_str key;

	*who = (struct dn_web_who){0};
	if (dn_http_header(conn->http, "x-api-key", &key)) {
		who->tenant = dn_conf_by_key(conn->loop->conf, key);
		if (who->tenant == NULL) {
			dn_web_status(conn, 401, NULL);
			return false;
		}
		SHA256((const unsigned char *)key.p, key.n, who->key_sha256);
	}
	if (!admit(conn))
		return false;
	if (who->tenant == NULL ||
	    dn_usage_enter(who->tenant->usage, who->tenant->limits.connections))
		return true;
	dn_admission_leave(dn_server_admission(conn->loop->server));
	return too_many(conn, NULL);
}

void dn_web_live(struct dn_conn *conn, const struct dn_web_who *who,
    unsigned form, bool native_ping)
{
	struct dn_session *s = dn_session_new(conn, who->tenant,
	    who->tenant != NULL ? who->key_sha256 : NULL, native_ping);

	dn_conn_live(conn, s, form);
	/* What a client says on a WebSocket comes on it. */
	if (!dn_form_is_ws(form) || (form & DN_FORM_UNI) != 0)
		dn_session_give_id(s);
}
