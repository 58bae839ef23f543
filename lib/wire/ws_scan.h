/* SPDX-License-Identifier: MIT */
/*
 * ws_scan: what the head of a WebSocket frame says, and whether it may be
 * so. A part of ws; nobody else needs it.
 *
 * Ownership: borrows everything.
 * Limits: refuses a frame that makes its message longer than message_max or
 *   more than DN_WS_FRAGMENTS_MAX frames, from the head alone.
 * Errors: close codes 1002 and 1009 in `bad`.
 * Thread: any.
 */
#ifndef DN_WS_SCAN_H
#define DN_WS_SCAN_H

#include "wire/ws.h"

/* Where the reader stands. */
struct dn_ws_place {
	enum dn_ws_from from;
	size_t message_max;
	bool deflate;         /* compressed messages may come */
	uint32_t fragments;   /* of the unfinished message; 0: there is none */
	size_t message_bytes; /* of its payload so far */
};

struct dn_ws_scan {
	bool fin;
	bool compressed; /* the message that begins here */
	enum dn_ws_opcode opcode;
	size_t length; /* of the payload */
	size_t whole;  /* of head and payload */
	size_t need;   /* more bytes before the next look; 0: it is whole */
	unsigned bad;  /* close code; 0: none */
	const char *reason;
};

/* Looks at the frame that starts at `have`. */
DN_MUST_CHECK struct dn_ws_scan dn_ws_scan(
    const struct dn_ws_place *place, struct dn_str have);

static inline bool dn_ws_is_control(enum dn_ws_opcode opcode)
{
	return opcode >= DN_WS_CLOSE;
}

#endif
