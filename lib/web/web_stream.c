/* SPDX-License-Identifier: MIT */
/*
 * HTTP answers that do not end: each message is a line (http_stream) or an
 * event of EventSource (sse). What the client says behind its first message
 * comes by POST /emulation.
 *
 * The answer is chunked, each message a chunk, so that who reads it tells a
 * complete one from one that broke off, and sees messages apart. For HTTP/1.0,
 * which some proxies speak, it ends with the connection. Either way it is the
 * connection's last: nothing behind its request is looked at.
 */
#include <stdlib.h>

#include "session/session.h"
#include "web/web_impl.h"

static bool is_sse(unsigned form)
{
	return (form & DN_FORM_FRAMING) == DN_FORM_SSE;
}

static void send_head(struct dn_conn *conn, unsigned form)
{
	struct dn_buf b = {0};

	dn_buf_printf(&b,
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: %s\r\n"
	    "%s"
	    "Cache-Control: private, no-cache, no-store, must-revalidate, "
	    "max-age=0\r\n"
	    "Pragma: no-cache\r\n"
	    "Expires: 0\r\n"
	    "X-Accel-Buffering: no\r\n"
	    "Connection: close\r\n",
	    is_sse(form) ? "text/event-stream; charset=utf-8"
			 : "application/json",
	    (form & DN_FORM_CHUNKED) != 0 ? "Transfer-Encoding: chunked\r\n"
					  : "");
	dn_web_cors(conn, &b);
	dn_buf_lit(&b, "\r\n");
	dn_web_raw(conn, dn_buf_view(&b));
	dn_buf_release(&b);
}

/* An empty line shows that the stream is open. */
static void send_beginning(struct dn_conn *conn, unsigned form)
{
	struct dn_frame *frame;

	if (!is_sse(form))
		return;
	frame = dn_form_bytes(form, DN_STR("\r\n"));
	dn_conn_send(conn, frame, NULL, true);
	dn_frame_unref(&frame);
}

/* What the client says first: ?cf_connect= or the body. False where it says
 * nothing. Borrows from scratch or the request. */
static bool first_message(
    struct dn_conn *conn, struct dn_str *text, struct dn_buf *scratch)
{
	const struct dn_http_request *request = dn_http_request(conn->http);

	if (dn_str_is(request->method, "GET"))
		return dn_http_query(conn->http, "cf_connect", text, scratch);
	*text = request->body;
	return text->n > 0;
}

/* False with the request answered. */
static bool check_size(struct dn_conn *conn)
{
	const struct dn_http_request *request = dn_http_request(conn->http);

	if (request->body.n <= conn->loop->conf->message_size_limit)
		return true;
	dn_web_text(conn, 413, "body is too big\n", NULL);
	return false;
}

static void open_stream(struct dn_conn *conn, unsigned form)
{
	struct dn_buf scratch = {0};
	struct dn_web_who who;
	struct dn_str text;
	char *copy;

	if (!check_size(conn))
		return;
	if (!first_message(conn, &text, &scratch)) {
		dn_web_text(conn, 400,
		    "bad request: the connect command is missing\n", NULL);
	} else if (dn_web_enter(conn, &who)) {
		if (!dn_http_request(conn->http)->old)
			form |= DN_FORM_CHUNKED;
		send_head(conn, form);
		send_beginning(conn, form);
		/* The request goes when the connection is the client's. */
		copy = dn_xstrndup(text.p, text.n);
		dn_web_live(conn, &who, form, false);
		dn_session_message(
		    conn->session, (struct dn_str){copy, text.n});
		free(copy);
	}
	dn_buf_release(&scratch);
}

void dn_web_http_stream(struct dn_conn *conn)
{
	open_stream(conn, DN_FORM_LINES);
}

void dn_web_sse(struct dn_conn *conn)
{
	open_stream(conn, DN_FORM_SSE);
}
