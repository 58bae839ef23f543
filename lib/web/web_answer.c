/* SPDX-License-Identifier: MIT */
/*
 * A page may read an answer of another origin only where headers let it
 * (CORS). The client protocol does so for every origin that is allowed, and
 * for its errors, too: else a page could not tell a refusal from a network
 * that is down. The server API and the metrics are not for pages.
 */
#include "web/web_impl.h"

#include "wire/http_line.h"

enum { ASKED_MAX = 1024 };

void dn_web_answer(struct dn_conn *conn, unsigned status,
    const char *content_type, const char *extra, struct dn_str body)
{
	struct dn_buf headers = {0};

	if (extra != NULL)
		dn_buf_lit(&headers, extra);
	dn_web_cors(conn, &headers);
	dn_buf_byte(&headers, '\0');
	dn_conn_http_answer(conn, status, content_type, headers.p, body);
	dn_buf_release(&headers);
}

void dn_web_text(
    struct dn_conn *conn, unsigned status, const char *text, const char *extra)
{
	dn_web_answer(
	    conn, status, "text/plain; charset=utf-8", extra, dn_str_of(text));
}

void dn_web_status(struct dn_conn *conn, unsigned status, const char *extra)
{
	dn_web_answer(conn, status, NULL, extra, (struct dn_str){0});
}

void dn_web_raw(struct dn_conn *conn, struct dn_str bytes)
{
	struct dn_frame *frame = dn_frame_raw(bytes);

	dn_conn_send(conn, frame, NULL, true);
	dn_frame_unref(&frame);
}

void dn_web_cors(struct dn_conn *conn, struct dn_buf *out)
{
	const struct dn_http_request *head =
	    conn->http != NULL ? dn_http_head(conn->http) : NULL;
	struct dn_str origin;

	if (head == NULL || (conn->serve & DN_SERVE_CLIENT) == 0 ||
	    !dn_web_is_client_path(head->path))
		return;
	dn_buf_lit(out, "Vary: Origin\r\n");
	if (!dn_http_header(conn->http, "origin", &origin) ||
	    !dn_web_origin_allowed(conn, origin))
		return;
	dn_buf_printf(out,
	    "Access-Control-Allow-Origin: %.*s\r\n"
	    "Access-Control-Allow-Credentials: true\r\n",
	    DN_FMT(origin));
}

/* The names of headers that the page wants to send: all that are names. */
static void allow_headers(struct dn_conn *conn, struct dn_buf *out)
{
	const char *before = "Access-Control-Allow-Headers: ";
	struct dn_str list, item;

	if (!dn_http_header(
		conn->http, "access-control-request-headers", &list) ||
	    list.n > ASKED_MAX)
		return;
	while (list.n > 0) {
		item = dn_http_list_next(&list);
		if (!dn_http_is_token(item))
			continue;
		dn_buf_lit(out, before);
		dn_buf_str(out, item);
		before = ", ";
	}
	if (*before == ',')
		dn_buf_lit(out, "\r\n");
}

void dn_web_preflight(struct dn_conn *conn, const char *methods)
{
	struct dn_buf extra = {0};
	struct dn_str origin;

	dn_buf_printf(&extra, "Allow: %s\r\n", methods);
	if (dn_http_header(conn->http, "origin", &origin)) {
		dn_buf_printf(&extra,
		    "Access-Control-Allow-Methods: %s\r\n"
		    "Access-Control-Max-Age: 300\r\n",
		    methods);
		allow_headers(conn, &extra);
	}
	dn_buf_byte(&extra, '\0');
	dn_web_status(conn, 204, extra.p);
	dn_buf_release(&extra);
}
