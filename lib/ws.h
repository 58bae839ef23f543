/* SPDX-License-Identifier: MIT */
/*
 * ws: the server's side of RFC 6455: the handshake's arithmetic and reading
 * messages.
 *
 * No connection owns a wslay context (8.8 kB each). A connection keeps only
 * the raw bytes of an unfinished message; dn_ws_scan reads frame headers to
 * tell when a message is complete and refuses what wslay answers wrongly
 * (unmasked frames, reserved bits, unknown opcodes, non-minimal lengths,
 * fragmented or long control frames, a lone continuation, oversize). A
 * complete message then goes through the one dn_ws_reader of the loop, which
 * is wslay: unmasking, reassembly, UTF-8.
 *
 * Ownership: borrows input; the reader's message is valid until the next
 *   dn_ws_read.
 * Limits: message size and number of fragments as given.
 * Errors: close codes 1002, 1007, 1009.
 * Thread: one reader a loop.
 */
#ifndef DN_WS_H
#define DN_WS_H

#include "base.h"
#include "frame.h"

enum { DN_WS_FRAGMENTS_MAX = 1024 };

/* Sec-WebSocket-Accept for a key; false unless the key is base64 of 16
 * bytes. out gets 28 bytes and a NUL. */
DN_MUST_CHECK bool dn_ws_accept(struct dn_str key, char out[29]);

/* What stands at the start of the input. */
struct dn_ws_unit {
	enum {
		DN_WS_UNIT_MORE,    /* not complete yet; `need` bytes more at
				       least */
		DN_WS_UNIT_MESSAGE, /* data frames of one whole message; a
				       control frame between its fragments is
				       its own unit before it */
		DN_WS_UNIT_CONTROL, /* one control frame */
		DN_WS_UNIT_BAD,     /* close with `code` */
	} kind;
	enum dn_ws_opcode opcode;
	size_t n;    /* bytes of the unit in the input */
	size_t need;
	unsigned code;
	const char *reason;
};

/* Control frames that stand between the fragments of a message are found
 * first: *skip (0 at first) is how many bytes at the start belong to data
 * frames of the unfinished message. To keep it simple the scan moves such a
 * control frame out: it is reported with `at`, and the caller removes its
 * bytes (memmove) before the next scan. */
DN_MUST_CHECK struct dn_ws_unit dn_ws_scan(
    const char *p, size_t n, size_t message_max, size_t *at);

struct dn_ws_reader;
DN_MUST_CHECK struct dn_ws_reader *dn_ws_reader_new(size_t message_max);
void dn_ws_reader_free(struct dn_ws_reader **reader);
/* Unmasks one complete unit. 0, or the close code (1002, 1007). For a close
 * frame, *close_code gets its code (1005 when it has none). */
DN_MUST_CHECK int dn_ws_read(struct dn_ws_reader *reader, const char *p,
    size_t n, struct dn_str *payload, unsigned *close_code);

#endif
