/* SPDX-License-Identifier: MIT */
/*
 * How it works: the first two bytes tell all but the length, so they are
 * judged as soon as they are there; then the length; then it only counts.
 *
 * It refuses what wslay answers wrongly or late: reserved bits, unknown
 * opcodes, a mask where there must be none and the other way round,
 * fragmented or long control frames, a continuation of nothing, a message
 * inside a message, lengths that are not minimal or over the limit.
 */
#include "wire/ws_scan.h"

enum { CODE_PROTOCOL = 1002, CODE_TOO_BIG = 1009 };
enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASK = 0x80, SMALL = 0x7f };

static void refuse(struct dn_ws_scan *scan, unsigned code, const char *reason)
{
	scan->bad = code;
	scan->reason = reason;
}

static bool is_known(enum dn_ws_opcode opcode)
{
	return opcode <= DN_WS_BINARY ||
	       (opcode >= DN_WS_CLOSE && opcode <= DN_WS_PONG);
}

static void check_control(struct dn_ws_scan *scan, size_t small)
{
	if (!scan->fin)
		refuse(scan, CODE_PROTOCOL, "fragmented control frame");
	else if (small > DN_WS_CONTROL_MAX)
		refuse(scan, CODE_PROTOCOL, "long control frame");
}

static void check_order(
    struct dn_ws_scan *scan, const struct dn_ws_place *place)
{
	bool first = scan->opcode != DN_WS_CONT;

	if (!first && place->fragments == 0)
		refuse(scan, CODE_PROTOCOL, "nothing to continue");
	else if (first && place->fragments > 0)
		refuse(scan, CODE_PROTOCOL, "message inside a message");
}

/* RSV1 is fine in the first frame of a message, once it was negotiated. */
static bool is_reserved(unsigned first, const struct dn_ws_place *place)
{
	unsigned opcode = first & OPCODE;

	if (place->deflate && (opcode == DN_WS_TEXT || opcode == DN_WS_BINARY))
		first &= ~(unsigned)DN_WS_COMPRESSED;
	return (first & RESERVED) != 0;
}

static void check_start(
    struct dn_ws_scan *scan, const uint8_t *p, const struct dn_ws_place *place)
{
	bool masked = p[1] & MASK;

	scan->fin = p[0] & FIN;
	scan->opcode = (enum dn_ws_opcode)(p[0] & OPCODE);
	scan->compressed = p[0] & DN_WS_COMPRESSED;
	if (is_reserved(p[0], place))
		refuse(scan, CODE_PROTOCOL, "reserved bit");
	else if (!is_known(scan->opcode))
		refuse(scan, CODE_PROTOCOL, "unknown opcode");
	else if (masked != (place->from == DN_WS_FROM_CLIENT))
		refuse(scan, CODE_PROTOCOL,
		    masked ? "frame is masked" : "frame is not masked");
	else if (dn_ws_is_control(scan->opcode))
		check_control(scan, p[1] & SMALL);
	else
		check_order(scan, place);
}

static void check_length(struct dn_ws_scan *scan, uint64_t length, size_t field,
    const struct dn_ws_place *place)
{
	size_t have = place->message_bytes;

	if ((field == 2 && length < 126) || (field == 8 && length < 65536))
		refuse(scan, CODE_PROTOCOL, "length is not minimal");
	else if (length >> 63)
		refuse(scan, CODE_PROTOCOL, "length is negative");
	else if (dn_ws_is_control(scan->opcode))
		return;
	else if (have > place->message_max ||
		 length > place->message_max - have)
		refuse(scan, CODE_TOO_BIG, "message is too big");
	else if (place->fragments >= DN_WS_FRAGMENTS_MAX)
		refuse(scan, CODE_TOO_BIG, "message has too many fragments");
}

static uint64_t read_length(const uint8_t *p, size_t field)
{
	uint64_t length = 0;

	if (field == 0)
		return p[1] & SMALL;
	for (size_t i = 0; i < field; i++)
		length = length << 8 | p[2 + i];
	return length;
}

struct dn_ws_scan dn_ws_scan(
    const struct dn_ws_place *place, struct dn_str have)
{
	struct dn_ws_scan scan = {.need = 2};
	const uint8_t *p = (const uint8_t *)have.p;
	uint64_t length;
	size_t field, head;

	if (have.n < 2) {
		scan.need = 2 - have.n;
		return scan;
	}
	check_start(&scan, p, place);
	if (scan.bad)
		return scan;
	field = (p[1] & SMALL) < 126 ? 0 : (p[1] & SMALL) == 126 ? 2 : 8;
	head = 2 + field + (place->from == DN_WS_FROM_CLIENT ? 4 : 0);
	if (have.n < 2 + field) {
		scan.need = 2 + field - have.n;
		return scan;
	}
	length = read_length(p, field);
	check_length(&scan, length, field, place);
	if (scan.bad)
		return scan;
	scan.length = (size_t)length;
	scan.whole = head + scan.length;
	scan.need = have.n < scan.whole ? scan.whole - have.n : 0;
	return scan;
}
