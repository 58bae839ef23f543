/* SPDX-License-Identifier: MIT */
/*
 * ws: reading RFC 6455, for both ends, and the handshake's arithmetic.
 *
 * One dn_ws_reader a loop does the work for all its connections. A
 * connection owns a pointer to a dn_ws_input, NULL until bytes of an
 * unfinished frame or message have to wait; it is freed again as soon as
 * nothing waits. So an idle connection costs the pointer.
 *
 *	struct dn_str bytes = {buf, n};
 *	struct dn_ws_event ev;
 *
 *	while ((ev = dn_ws_next(reader, &conn->input, &bytes)).kind
 *	    != DN_WS_MORE)
 *		handle(ev);
 *
 * Whoever wants to stop between two events calls dn_ws_keep and later goes
 * on with an empty `bytes`.
 *
 * Ownership: the connection owns the input (dn_ws_input_free); the payload
 *   of an event is valid until the next call with this reader.
 * Limits: a message has at most message_max bytes, on the wire and inflated,
 *   and DN_WS_FRAGMENTS_MAX frames; an input holds one message, one frame and
 *   what was kept.
 * Errors: DN_WS_BAD with the close code to send: 1002, 1007, 1009.
 * Thread: a reader and its inputs belong to one thread.
 */
#ifndef DN_WS_H
#define DN_WS_H

#include "base/base.h"
#include "wire/frame.h"

enum { DN_WS_FRAGMENTS_MAX = 1024, DN_WS_CONTROL_MAX = 125 };
enum { DN_WS_ACCEPT_LEN = 28, DN_WS_KEY_LEN = 24 };

/* Whose frames are read. */
enum dn_ws_from {
	DN_WS_FROM_CLIENT, /* masked, or they are refused */
	DN_WS_FROM_SERVER, /* unmasked, or they are refused */
};

enum dn_ws_kind {
	DN_WS_MORE,    /* nothing more; all bytes were taken */
	DN_WS_MESSAGE, /* one whole message, inflated; text is valid UTF-8 */
	DN_WS_PINGED,  /* to be answered with a pong of the same payload */
	DN_WS_PONGED,
	DN_WS_CLOSED,  /* the peer closes with `code`, 1005 when it has none;
			  the payload is the reason */
	DN_WS_BAD,     /* the peer broke the protocol: close with `code` */
	DN_WS_OPEN,    /* ws_client only: the handshake is done */
	DN_WS_REFUSED, /* ws_client only: it failed; `code` is the HTTP status,
			  0 where the answer was no HTTP */
};

struct dn_ws_event {
	enum dn_ws_kind kind;
	bool binary; /* of a message */
	unsigned code;
	struct dn_str payload;
	const char *reason; /* of BAD and REFUSED; a literal */
};

/* What a connection may send. */
struct dn_ws_terms {
	size_t message_max; /* no effect above the reader's */
	bool deflate;       /* permessage-deflate was negotiated (ws_offer.h) */
};

struct dn_ws_reader;
struct dn_ws_input;

DN_MUST_CHECK struct dn_ws_reader *dn_ws_reader_new(
    enum dn_ws_from from, size_t message_max);
void dn_ws_reader_free(struct dn_ws_reader **reader);

/* The next event of a connection: first from what its input holds, then from
 * the front of *bytes, which is moved on. With CLOSED and BAD the rest of
 * *bytes and the input are dropped, so that the loop above ends; the caller
 * feeds this connection no more. */
DN_MUST_CHECK struct dn_ws_event dn_ws_next(struct dn_ws_reader *reader,
    struct dn_ws_input **input, struct dn_str *bytes);
/* The same on the connection's own terms. */
DN_MUST_CHECK struct dn_ws_event dn_ws_next_on(struct dn_ws_reader *reader,
    struct dn_ws_input **input, struct dn_str *bytes, struct dn_ws_terms terms);
/* Stores the rest of *bytes unread, for a later dn_ws_next. */
void dn_ws_keep(struct dn_ws_input **input, struct dn_str *bytes);
/* Memory held by an input, for accounting; 0 for NULL. */
size_t dn_ws_input_size(const struct dn_ws_input *input);
void dn_ws_input_free(struct dn_ws_input **input);

/* Sec-WebSocket-Accept for a key; false unless the key is the base64 of 16
 * bytes. */
DN_MUST_CHECK bool dn_ws_accept(
    struct dn_str key, char out[DN_WS_ACCEPT_LEN + 1]);
/* True for a code that may stand in a close frame. */
bool dn_ws_code_valid(unsigned code);

#endif
