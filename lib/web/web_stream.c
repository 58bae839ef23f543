/* SPDX-License-Identifier: MIT */
/*
 * HTTP answers that do not end: each message is a line (http_stream) or an
 * event of EventSource (sse). What the client says behind its first message
 * comes by POST /emulation; a one-way client has nothing more to say.
 *
 * The answer is chunked, each message a chunk, so that who reads it tells a
 * complete one from one that broke off, and sees messages apart. For HTTP/1.0,
 * which some proxies speak, it ends with the connection. Either way it is the
 * connection's last: nothing behind its request is looked at.
 */
#include <strings.h>

#include "base/json.h"
#include "session/session.h"
#include "web/web_impl.h"
#include "wire/http_line.h"

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

/* False with the request answered. */
static bool begin(struct dn_conn *conn, unsigned form)
{
	struct dn_web_who who;

	if (!dn_web_enter(conn, &who))
		return false;
	if (!dn_http_request(conn->http)->old)
		form |= DN_FORM_CHUNKED;
	send_head(conn, form);
	send_beginning(conn, form);
	dn_web_live(conn, &who, form, false);
	return true;
}

/* --- with emulation ------------------------------------------------------ */

static void open_stream(struct dn_conn *conn, unsigned form)
{
	/* The request goes when the connection is the client's. */
	struct dn_buf scratch = {0}, copy = {0};
	struct dn_str text;

	if (!dn_web_first_message(conn, &text, &scratch))
		goto out;
	if (text.n == 0) {
		dn_web_text(conn, 400,
		    "bad request: the connect command is missing\n", NULL);
		goto out;
	}
	dn_buf_str(&copy, text);
	if (begin(conn, form))
		dn_session_message(conn->session, dn_buf_view(&copy));
out:
	dn_buf_release(&scratch);
	dn_buf_release(&copy);
}

void dn_web_http_stream(struct dn_conn *conn)
{
	open_stream(conn, DN_FORM_LINES);
}

void dn_web_sse(struct dn_conn *conn)
{
	open_stream(conn, DN_FORM_SSE);
}

/* --- one-way ------------------------------------------------------------- */

/* What a one-way client says. */
struct uni {
	struct dn_buf params, token, event_id;
};

static void release(struct uni *uni)
{
	dn_buf_release(&uni->params);
	dn_buf_release(&uni->token);
	dn_buf_release(&uni->event_id);
}

/* Whether the text is an object; what is wrong is answered before the stream
 * begins, so that an EventSource does not try again and again. */
static bool read_params(struct dn_conn *conn, struct uni *uni)
{
	struct dn_buf scratch = {0};
	struct dn_json params;
	struct dn_str text;
	struct dn_err err;
	bool good = dn_web_first_message(conn, &text, &scratch);

	if (good && text.n == 0)
		text = DN_STR("{}");
	if (good && (dn_json_parse(text, &params, &err) != 0 ||
			params.type != DN_JSON_OBJECT)) {
		dn_web_text(conn, 400,
		    "bad request: connect needs a JSON object\n", NULL);
		good = false;
	}
	if (good)
		dn_buf_str(&uni->params, text);
	dn_buf_release(&scratch);
	return good;
}

/* `Authorization: Bearer TOKEN` */
static void read_token(struct dn_conn *conn, struct uni *uni)
{
	struct dn_str scheme = DN_STR("Bearer ");
	struct dn_str value;

	if (!dn_http_header(conn->http, "authorization", &value) ||
	    value.n <= scheme.n ||
	    strncasecmp(value.p, scheme.p, scheme.n) != 0)
		return;
	value.p += scheme.n;
	value.n -= scheme.n;
	dn_buf_str(&uni->token, dn_http_trim(value));
}

/* EventSource sends the header, those that are made in a page a parameter. */
static void read_event_id(struct dn_conn *conn, struct uni *uni)
{
	struct dn_buf scratch = {0};
	struct dn_str id;

	if (dn_http_header(conn->http, "last-event-id", &id) ||
	    dn_http_query(conn->http, "lastEventId", &id, &scratch))
		dn_buf_str(&uni->event_id, id);
	else if (dn_http_has_query(conn->http, "lastEventId"))
		dn_buf_byte(&uni->event_id, '%'); /* is none either */
	dn_buf_release(&scratch);
}

static void open_uni(struct dn_conn *conn, unsigned form)
{
	struct uni uni = {0};

	if (!read_params(conn, &uni))
		goto out;
	read_token(conn, &uni);
	if (is_sse(form))
		read_event_id(conn, &uni);
	if (begin(conn, form | DN_FORM_UNI))
		dn_session_request(conn->session, dn_buf_view(&uni.params),
		    dn_buf_view(&uni.token), dn_buf_view(&uni.event_id));
out:
	release(&uni);
}

void dn_web_uni_http_stream(struct dn_conn *conn)
{
	open_uni(conn, DN_FORM_LINES);
}

void dn_web_uni_sse(struct dn_conn *conn)
{
	open_uni(conn, DN_FORM_SSE);
}
