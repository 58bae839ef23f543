/* SPDX-License-Identifier: MIT */
/*
 * ws_client: the client's side of one WebSocket, without a socket: bytes in,
 * events out, and bytes to write in a dn_buf.
 *
 *	c = dn_ws_client_new(reader);
 *	dn_ws_client_upgrade(c, &out, "127.0.0.1:8000",
 *	    "/connection/websocket", "X-API-Key: dev\r\n");
 *	... write out, read bytes ...
 *	while ((ev = dn_ws_client_next(c, &bytes)).kind != DN_WS_MORE)
 *		DN_WS_OPEN, then DN_WS_MESSAGE, DN_WS_PINGED, ...
 *
 * The events are those of ws.h. The caller answers a ping with
 * dn_ws_client_send(DN_WS_PONG) and a close with dn_ws_client_close, then
 * ends the connection. After REFUSED, CLOSED and BAD all bytes are dropped
 * and there are no more events; one reconnects with a new client.
 *
 * Ownership: keeps the reader, which must be one from DN_WS_FROM_SERVER and
 *   may be shared by all clients of a thread (it carries the message limit).
 * Limits: an answer's head of DN_WS_CLIENT_HEAD_MAX bytes.
 * Errors: events DN_WS_REFUSED (not 101, or a wrong 101) and DN_WS_BAD.
 * Thread: the reader's.
 */
#ifndef DN_WS_CLIENT_H
#define DN_WS_CLIENT_H

#include "base/base.h"
#include "base/buf.h"
#include "wire/ws.h"

enum { DN_WS_CLIENT_HEAD_MAX = 8192 };

struct dn_ws_client;

DN_MUST_CHECK struct dn_ws_client *dn_ws_client_new(
    struct dn_ws_reader *reader);
void dn_ws_client_free(struct dn_ws_client **client);

/* Appends the upgrade request, once a client. `headers` is NULL or complete
 * lines; none of the three may hold what a peer or a user chose unchecked:
 * see dn_ws_client_value_valid. */
void dn_ws_client_upgrade(struct dn_ws_client *client, struct dn_buf *out,
    const char *host, const char *path, const char *headers);
/* True for text that may stand in a header value: no CR, LF, NUL or other
 * control byte. */
bool dn_ws_client_value_valid(struct dn_str value);

/* The next event; *bytes is moved on. See dn_ws_next. */
DN_MUST_CHECK struct dn_ws_event dn_ws_client_next(
    struct dn_ws_client *client, struct dn_str *bytes);
/* Stores the rest of *bytes unread, for a later dn_ws_client_next. */
void dn_ws_client_keep(struct dn_ws_client *client, struct dn_str *bytes);

/* Appends one masked frame. A control payload has at most
 * DN_WS_CONTROL_MAX bytes. */
void dn_ws_client_send(struct dn_ws_client *client, struct dn_buf *out,
    enum dn_ws_opcode opcode, struct dn_str payload);
/* Appends a close frame; code 0 or 1005: without code. reason: at most 123
 * bytes. */
void dn_ws_client_close(struct dn_ws_client *client, struct dn_buf *out,
    unsigned code, const char *reason);

#endif
