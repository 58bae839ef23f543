/* SPDX-License-Identifier: MIT */
/*
 * frame: one complete outgoing message, encoded once and shared by pointer.
 *
 * A frame is a server-to-client WebSocket frame (header included, unmasked,
 * so its bytes are the same for everybody) or any other run of bytes (an
 * HTTP response). It never changes once it is made.
 *
 * Ownership: reference-counted; whoever keeps one holds a reference.
 * Limits: payload length is the caller's to check; over
 *   DN_FRAME_PAYLOAD_MAX is a bug.
 * Thread: frames are shared between threads; the count is atomic.
 */
#ifndef DN_FRAME_H
#define DN_FRAME_H

#include "base.h"

enum { DN_FRAME_HEAD_MAX = 10, DN_FRAME_PAYLOAD_MAX = 1 << 30 };

struct dn_frame {
	uint32_t magic;
	_Atomic uint32_t refs;
	uint32_t start; /* first byte of the message in bytes[] */
	uint32_t end;
	char bytes[];
};

enum dn_ws_opcode {
	DN_WS_CONT = 0,
	DN_WS_TEXT = 1,
	DN_WS_BINARY = 2,
	DN_WS_CLOSE = 8,
	DN_WS_PING = 9,
	DN_WS_PONG = 10,
};

/* A WebSocket frame around a copy of the payload; one reference. */
DN_MUST_CHECK struct dn_frame *dn_frame_ws(
    enum dn_ws_opcode opcode, struct dn_str payload);
/* A close frame with code and reason (1 to 123 bytes; SDKs need one). */
DN_MUST_CHECK struct dn_frame *dn_frame_ws_close(
    unsigned code, const char *reason);
/* Bytes as they are. */
DN_MUST_CHECK struct dn_frame *dn_frame_raw(struct dn_str bytes);

static inline struct dn_str dn_frame_bytes(const struct dn_frame *f)
{
	return (struct dn_str){f->bytes + f->start, f->end - f->start};
}

struct dn_frame *dn_frame_ref(struct dn_frame *f);
void dn_frame_unref(struct dn_frame **f);

#endif
