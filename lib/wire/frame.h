/* SPDX-License-Identifier: MIT */
/*
 * frame: one complete outgoing message, encoded once and shared by pointer.
 *
 * A frame is a server-to-client WebSocket frame (header included, unmasked,
 * so its bytes are the same for everybody) or any other run of bytes (an
 * HTTP response). Once made, or sealed where it was begun, it never changes.
 *
 * Ownership: reference-counted; whoever keeps one holds a reference.
 * Limits: payload length is the caller's to check; over
 *   DN_FRAME_PAYLOAD_MAX is a bug.
 * Thread: frames are shared between threads; the count is atomic.
 */
#ifndef DN_FRAME_H
#define DN_FRAME_H

#include "base/base.h"

enum { DN_FRAME_HEAD_MAX = 10, DN_FRAME_PAYLOAD_MAX = 1 << 30 };

struct dn_frame {
	uint32_t magic;
	_Atomic uint32_t refs;
	uint32_t start; /* first byte of the message in bytes[] */
	uint32_t end;
	uint32_t mark; /* its maker's: where in the payload something is */
	uint32_t room; /* bytes that may still be appended; 0 once sealed */
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

/* RSV1, in the first byte of a frame: its message is compressed (RFC 7692). */
enum { DN_WS_COMPRESSED = 0x40 };

/* Writes the head of a final, unmasked frame for n bytes of payload; returns
 * its size. */
DN_MUST_CHECK size_t dn_frame_head(
    char out[DN_FRAME_HEAD_MAX], enum dn_ws_opcode opcode, size_t n);

/* A WebSocket frame around a copy of the payload; one reference. */
DN_MUST_CHECK struct dn_frame *dn_frame_ws(
    enum dn_ws_opcode opcode, struct dn_str payload);
/* A close frame with code and reason (1 to 123 bytes; SDKs need one). */
DN_MUST_CHECK struct dn_frame *dn_frame_ws_close(
    unsigned code, const char *reason);
/* An open frame: a copy of the payload so far, and room for more behind it.
 * Only its maker may touch it until it is sealed. */
DN_MUST_CHECK struct dn_frame *dn_frame_begin(
    struct dn_str payload, uint32_t room);
/* There must be room for it. */
void dn_frame_append(struct dn_frame *f, const void *p, size_t n);
/* Puts the WebSocket head in front; from now on it is immutable. */
void dn_frame_seal_ws(struct dn_frame *f, enum dn_ws_opcode opcode);
/* The same as a chunk of an HTTP answer; needs room for its line end. */
void dn_frame_seal_chunk(struct dn_frame *f);
/* The payload of a WebSocket frame, without its head. */
struct dn_str dn_frame_payload(const struct dn_frame *f);
/* Bytes as they are. */
DN_MUST_CHECK struct dn_frame *dn_frame_raw(struct dn_str bytes);

static inline struct dn_str dn_frame_bytes(const struct dn_frame *f)
{
	return (struct dn_str){f->bytes + f->start, f->end - f->start};
}

struct dn_frame *dn_frame_ref(struct dn_frame *f);
void dn_frame_unref(struct dn_frame **f);

#endif
