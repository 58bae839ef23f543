/* SPDX-License-Identifier: MIT */
/*
 * Who may ask at all (Host in --dev, Origin), and where a request goes.
 */
#include "web/web.h"

#include <arpa/inet.h>
#include <strings.h>

#include "api/api.h"
#include "base/text.h"
#include "serve/server.h"
#include "web/web_impl.h"

/* --- who may ask -------------------------------------------------------- */

/* "" or ":DIGITS". */
static bool is_port(struct dn_str s)
{
	size_t i;

	if (s.n == 0)
		return true;
	if (s.p[0] != ':')
		return false;
	for (i = 1; i < s.n; i++)
		if (!dn_is_digit(s.p[i]))
			return false;
	return true;
}

/* localhost, 127.0.0.0/8 or [::1], with any port. */
static bool is_loopback(struct dn_str host)
{
	struct dn_str v6 = DN_STR("[::1]");
	char name[16];
	unsigned char address[4];
	size_t n = 0;

	if (host.n >= v6.n && memcmp(host.p, v6.p, v6.n) == 0)
		return is_port((struct dn_str){host.p + v6.n, host.n - v6.n});
	while (n < host.n && host.p[n] != ':')
		n++;
	if (n >= sizeof(name) ||
	    !is_port((struct dn_str){host.p + n, host.n - n}))
		return false;
	memcpy(name, host.p, n);
	name[n] = '\0';
	if (strcasecmp(name, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, name, address) == 1 && address[0] == 127;
}

static bool origin_is_loopback(struct dn_str origin)
{
	const char *at;

	if (origin.n == 0)
		return false;
	at = memmem(origin.p, origin.n, "://", 3);
	if (at == NULL)
		return false;
	at += 3;
	return is_loopback(
	    (struct dn_str){at, (size_t)(origin.p + origin.n - at)});
}

bool dn_web_origin_allowed(const struct dn_conn *conn, struct dn_str origin)
{
	const struct dn_conf *conf = conn->loop->conf;

	return dn_conf_origin_allowed(conf, origin) ||
	       (conf->dev && origin_is_loopback(origin));
}

/* False with the request answered. */
static bool may_ask(struct dn_conn *conn)
{
	const struct dn_conf *conf = conn->loop->conf;
	struct dn_str value;

	if (conf->dev && !conn->unix_socket &&
	    dn_http_header(conn->http, "host", &value) && !is_loopback(value)) {
		dn_web_text(conn, 403,
		    "in --dev the Host must be this machine's\n", NULL);
		return false;
	}
	if (!dn_http_header(conn->http, "origin", &value) ||
	    dn_web_origin_allowed(conn, value))
		return true;
	dn_web_text(conn, 403, "origin not allowed\n", NULL);
	return false;
}

/* --- small pages -------------------------------------------------------- */

static void health(struct dn_conn *conn)
{
	dn_conn_http_answer(conn, 200, "application/json", NULL, DN_STR("{}"));
}

static void ready(struct dn_conn *conn)
{
	bool degraded = false;
	bool is_ready = dn_server_ready(conn->loop->server, &degraded);
	struct dn_buf b = {0};

	dn_buf_printf(&b, "{\"ready\":%s,\"degraded\":%s}",
	    is_ready ? "true" : "false", degraded ? "true" : "false");
	dn_conn_http_answer(conn, is_ready ? 200 : 503, "application/json",
	    NULL, dn_buf_view(&b));
	dn_buf_release(&b);
}

static void metrics(struct dn_conn *conn)
{
	struct dn_buf b = {0};

	dn_metrics_write(conn->loop->server, &b);
	dn_conn_http_answer(conn, 200,
	    "text/plain; version=0.0.4; charset=utf-8", NULL, dn_buf_view(&b));
	dn_buf_release(&b);
}

/* --- where it goes ------------------------------------------------------ */

/* What follows "/api/" in the path; false for any other path. */
static bool api_method(struct dn_str path, struct dn_str *method)
{
	struct dn_str prefix = DN_STR("/api/");

	if (path.n <= prefix.n || memcmp(path.p, prefix.p, prefix.n) != 0)
		return false;
	*method = (struct dn_str){path.p + prefix.n, path.n - prefix.n};
	return true;
}

static void route(struct dn_conn *conn, struct dn_str path)
{
	struct dn_str verb = dn_http_request(conn->http)->method;
	struct dn_str method;

	if ((conn->serve & DN_SERVE_CLIENT) != 0 && dn_web_client(conn, path))
		return;
	if ((conn->serve & DN_SERVE_API) != 0 && api_method(path, &method)) {
		if (dn_str_is(verb, "POST"))
			dn_web_api(conn, method);
		else
			dn_web_text(
			    conn, 405, "POST only\n", "Allow: POST\r\n");
	} else if (dn_str_is(verb, "OPTIONS")) {
		dn_web_status(conn, 204, NULL);
	} else if (!dn_str_is(verb, "GET") && !conn->http_head) {
		dn_web_text(conn, 404, "not found\n", NULL);
	} else if (dn_str_is(path, "/health")) {
		health(conn);
	} else if (dn_str_is(path, "/ready")) {
		ready(conn);
	} else if (dn_str_is(path, "/api") &&
		   (conn->serve & DN_SERVE_API) != 0) {
		dn_web_api_list(conn);
	} else if (dn_str_is(path, "/metrics") &&
		   (conn->serve & DN_SERVE_METRICS) != 0) {
		metrics(conn);
	} else {
		dn_web_text(conn, 404, "not found\n", NULL);
	}
}

void dn_web_request(struct dn_conn *conn)
{
	const struct dn_http_request *request = dn_http_request(conn->http);
	struct dn_buf scratch = {0};
	struct dn_str path;

	conn->http_close = !request->keep_alive;
	conn->http_head = dn_str_is(request->method, "HEAD");
	if (!may_ask(conn))
		return;
	if (!dn_http_path(conn->http, &path, &scratch))
		dn_web_text(conn, 400, "bad request: path\n", NULL);
	else
		route(conn, path);
	dn_buf_release(&scratch);
}

/* --- requests that are none --------------------------------------------- */

void dn_web_bad(struct dn_conn *conn)
{
	struct dn_buf b = {0};

	dn_buf_printf(&b, "%s\n", dn_http_reason(conn->http));
	dn_buf_byte(&b, '\0');
	conn->http_close = true;
	dn_web_text(conn, dn_http_status(conn->http), b.p, NULL);
	dn_buf_release(&b);
}

void dn_web_continue(struct dn_conn *conn)
{
	dn_web_raw(conn, DN_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

void dn_web_timeout(struct dn_conn *conn)
{
	if (conn->http_idle || conn->http_busy) {
		dn_conn_drop(conn);
		return;
	}
	conn->http_close = true;
	dn_web_text(conn, 408, "the request did not end in time\n", NULL);
}
