/* SPDX-License-Identifier: MIT */
/*
 * form: how a message of the client protocol looks on a transport.
 *
 * Framing says where a message begins and ends: a WebSocket text frame, a
 * line (HTTP streaming), or an event of EventSource. A one-way client gets
 * each push without its {"push":...} around it. On a WebSocket that
 * negotiated it, messages are compressed where that pays (deflate.h); an
 * HTTP/1.1 answer is chunked, each message a chunk.
 *
 * A publication is encoded once, as a WebSocket frame; its other forms are
 * made from that frame, once for all subscribers of a loop (variant.h).
 *
 * Ownership: gives frames with one reference.
 * Thread: any.
 */
#ifndef DN_FORM_H
#define DN_FORM_H

#include "wire/deflate.h"
#include "wire/frame.h"

/* One of the first three, with or without UNI; DEFLATE with WS only, CHUNKED
 * with the others. */
enum dn_form {
	DN_FORM_WS = 0,
	DN_FORM_LINES = 1,
	DN_FORM_SSE = 2,
	DN_FORM_FRAMING = 3, /* the mask of the above */
	DN_FORM_UNI = 4,
	DN_FORM_DEFLATE = 8,
	DN_FORM_CHUNKED = 8,
	DN_FORMS = 16,
};

static inline bool dn_form_is_ws(unsigned form)
{
	return (form & DN_FORM_FRAMING) == DN_FORM_WS;
}

/* What the transport is called: "websocket", "http_stream" or "sse", with
 * "uni_" in front where it is one-way. */
const char *dn_form_transport(unsigned form);

/* A message as it stands: a reply, a ping. The compressor may be NULL where
 * the form is not DEFLATE. */
DN_MUST_CHECK struct dn_frame *dn_form_message(
    unsigned form, struct dn_str text, struct dn_deflate *deflate);
/* A message {"push":...}. */
DN_MUST_CHECK struct dn_frame *dn_form_push(
    unsigned form, struct dn_str text, struct dn_deflate *deflate);
/* Bytes of an HTTP answer that are no message. */
DN_MUST_CHECK struct dn_frame *dn_form_bytes(
    unsigned form, struct dn_str bytes);
/* The end, with code and reason (1 to 123 bytes; SDKs need one): a close
 * frame, or a disconnect push, behind which the answer is complete. */
DN_MUST_CHECK struct dn_frame *dn_form_close(
    unsigned form, unsigned code, const char *reason);

#endif
