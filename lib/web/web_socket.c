/* SPDX-License-Identifier: MIT */
/*
 * GET /connection/websocket and uni_websocket: the handshake of RFC 6455. A
 * one-way client may have said in the request what else is its first message.
 */
#include "session/session.h"
#include "web/web_impl.h"
#include "wire/http_line.h"
#include "wire/ws_offer.h"

/* Whether a comma-separated list has that item. */
static bool offers(struct dn_str list, const char *name)
{
	while (list.n > 0)
		if (dn_str_is(dn_http_list_next(&list), name))
			return true;
	return false;
}

static bool query_is(struct dn_conn *conn, const char *name, const char *text)
{
	struct dn_buf scratch = {0};
	struct dn_str value;
	bool is = dn_http_query(conn->http, name, &value, &scratch) &&
		  dn_str_is(value, text);

	dn_buf_release(&scratch);
	return is;
}

/* What to answer to an offer of compression, NULL for nothing; false with the
 * request answered. */
static bool check_extensions(struct dn_conn *conn, const char **extensions)
{
	struct dn_str offers;

	*extensions = NULL;
	if (!conn->loop->conf->websocket.compression ||
	    !dn_http_header(conn->http, "sec-websocket-extensions", &offers))
		return true;
	if (dn_ws_offer_answer(offers, extensions))
		return true;
	dn_web_text(conn, 400, "bad request: Sec-WebSocket-Extensions\n", NULL);
	return false;
}

/* False with the request answered. */
static bool check_handshake(struct dn_conn *conn, struct dn_str protocols,
    char accept[DN_WS_ACCEPT_LEN + 1])
{
	struct dn_str value;

	if (!dn_http_request(conn->http)->upgrade_websocket) {
		dn_web_text(conn, 426, "a WebSocket is served here\n",
		    "Upgrade: websocket\r\nConnection: Upgrade\r\n");
		return false;
	}
	if (!dn_http_header(conn->http, "sec-websocket-version", &value) ||
	    !dn_str_is(value, "13")) {
		dn_web_text(conn, 426, "WebSocket version 13 is needed\n",
		    "Sec-WebSocket-Version: 13\r\n");
		return false;
	}
	if (!dn_http_header(conn->http, "sec-websocket-key", &value) ||
	    !dn_ws_accept(value, accept)) {
		dn_web_text(
		    conn, 400, "bad request: Sec-WebSocket-Key\n", NULL);
		return false;
	}
	if (query_is(conn, "format", "protobuf") ||
	    (offers(protocols, "centrifuge-protobuf") &&
		!offers(protocols, "centrifuge-json"))) {
		dn_web_text(conn, 400, "bad request: JSON only\n", NULL);
		return false;
	}
	return true;
}

static void send_switching(struct dn_conn *conn, struct dn_str protocols,
    const char *accept, const char *extensions)
{
	struct dn_buf b = {0};

	dn_buf_lit(&b, "HTTP/1.1 101 Switching Protocols\r\n"
		       "Upgrade: websocket\r\n"
		       "Connection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: ");
	dn_buf_lit(&b, accept);
	if (offers(protocols, "centrifuge-json"))
		dn_buf_lit(&b, "\r\nSec-WebSocket-Protocol: centrifuge-json");
	if (extensions != NULL) {
		dn_buf_lit(&b, "\r\nSec-WebSocket-Extensions: ");
		dn_buf_lit(&b, extensions);
	}
	dn_buf_lit(&b, "\r\n\r\n");
	dn_web_raw(conn, dn_buf_view(&b));
	dn_buf_release(&b);
}

static void upgrade(struct dn_conn *conn, unsigned form)
{
	char accept[DN_WS_ACCEPT_LEN + 1];
	struct dn_str protocols = {0};
	const char *extensions;
	struct dn_web_who who;
	bool native_ping;

	dn_http_header(conn->http, "sec-websocket-protocol", &protocols);
	if (!check_handshake(conn, protocols, accept) ||
	    !check_extensions(conn, &extensions) || !dn_web_enter(conn, &who))
		return;
	native_ping = query_is(conn, "cf_ws_frame_ping_pong", "true");
	send_switching(conn, protocols, accept, extensions);
	if (extensions != NULL)
		form |= DN_FORM_DEFLATE;
	dn_web_live(conn, &who, form, native_ping);
}

void dn_web_socket(struct dn_conn *conn)
{
	upgrade(conn, DN_FORM_WS);
}

void dn_web_uni_socket(struct dn_conn *conn)
{
	struct dn_buf scratch = {0}, copy = {0};
	struct dn_str text;

	if (dn_web_first_message(conn, &text, &scratch)) {
		/* The request goes when the connection is the client's. */
		dn_buf_str(&copy, text);
		upgrade(conn, DN_FORM_WS | DN_FORM_UNI);
		if (conn->state == DN_CONN_LIVE && copy.n > 0)
			dn_session_request(conn->session, dn_buf_view(&copy),
			    (struct dn_str){0}, (struct dn_str){0});
	}
	dn_buf_release(&scratch);
	dn_buf_release(&copy);
}
