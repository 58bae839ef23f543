/* SPDX-License-Identifier: MIT */
/*
 * How it works: head and payload lie in one allocation behind the count, so
 * that a queue of many connections costs a pointer each and a gathered write
 * one iovec each. The count starts at 1; the last unref frees. An open frame
 * leaves the longest head's room in front, so that its payload need not move
 * when the length is known.
 *
 * Failures: out of memory aborts; a payload over the limit, an append without
 * room, a frame sealed twice or used after its last unref are bugs.
 */
#include "wire/frame.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { FRAME_MAGIC = 0x464d4152, CLOSE_REASON_MAX = 123 };

static struct dn_frame *frame_new(size_t n)
{
	struct dn_frame *f;

	DN_ASSERT(n <= (size_t)DN_FRAME_PAYLOAD_MAX + DN_FRAME_HEAD_MAX);
	f = dn_xmalloc(sizeof(*f) + n);
	f->magic = FRAME_MAGIC;
	atomic_init(&f->refs, 1);
	f->start = 0;
	f->end = (uint32_t)n;
	f->mark = 0;
	f->room = 0;
	return f;
}

size_t dn_frame_head(
    char out[DN_FRAME_HEAD_MAX], enum dn_ws_opcode opcode, size_t n)
{
	size_t size = n < 126 ? 2 : n < 65536 ? 4 : 10;

	DN_ASSERT(opcode < DN_WS_CLOSE || size == 2);
	out[0] = (char)(0x80 | opcode);
	out[1] = (char)(size == 2 ? n : size == 4 ? 126 : 127);
	for (size_t i = size; i > 2; i--) {
		out[i - 1] = (char)(n & 0xff);
		n >>= 8;
	}
	return size;
}

struct dn_frame *dn_frame_ws(enum dn_ws_opcode opcode, struct dn_str payload)
{
	char head[DN_FRAME_HEAD_MAX];
	size_t size = dn_frame_head(head, opcode, payload.n);
	struct dn_frame *f = frame_new(size + payload.n);

	memcpy(f->bytes, head, size);
	if (payload.n > 0)
		memcpy(f->bytes + size, payload.p, payload.n);
	return f;
}

struct dn_frame *dn_frame_ws_close(unsigned code, const char *reason)
{
	char payload[2 + CLOSE_REASON_MAX];
	size_t n = strlen(reason);

	DN_ASSERT(n > 0 && n <= CLOSE_REASON_MAX);
	DN_ASSERT(code >= 1000 && code <= 4999);
	payload[0] = (char)(code >> 8);
	payload[1] = (char)(code & 0xff);
	memcpy(payload + 2, reason, n);
	return dn_frame_ws(DN_WS_CLOSE, (struct dn_str){payload, 2 + n});
}

struct dn_frame *dn_frame_begin(struct dn_str payload, uint32_t room)
{
	struct dn_frame *f = frame_new(DN_FRAME_HEAD_MAX + payload.n + room);

	f->start = DN_FRAME_HEAD_MAX;
	f->end = (uint32_t)(DN_FRAME_HEAD_MAX + payload.n);
	f->room = room;
	if (payload.n > 0)
		memcpy(f->bytes + f->start, payload.p, payload.n);
	return f;
}

void dn_frame_append(struct dn_frame *f, const void *p, size_t n)
{
	DN_CHECK(f, FRAME_MAGIC);
	DN_ASSERT(n <= f->room);
	if (n == 0)
		return;
	memcpy(f->bytes + f->end, p, n);
	f->end += (uint32_t)n;
	f->room -= (uint32_t)n;
}

void dn_frame_seal_ws(struct dn_frame *f, enum dn_ws_opcode opcode)
{
	char head[DN_FRAME_HEAD_MAX];
	size_t size;

	DN_CHECK(f, FRAME_MAGIC);
	DN_ASSERT(f->start == DN_FRAME_HEAD_MAX);
	size = dn_frame_head(head, opcode, f->end - f->start);
	f->start -= (uint32_t)size;
	memcpy(f->bytes + f->start, head, size);
	f->room = 0;
}

void dn_frame_seal_chunk(struct dn_frame *f)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t n = f->end - f->start;

	DN_CHECK(f, FRAME_MAGIC);
	DN_ASSERT(f->start == DN_FRAME_HEAD_MAX && n > 0);
	dn_frame_append(f, "\r\n", 2);
	f->room = 0;
	f->bytes[--f->start] = '\n';
	f->bytes[--f->start] = '\r';
	for (; n > 0; n >>= 4)
		f->bytes[--f->start] = digits[n & 15];
}

struct dn_str dn_frame_payload(const struct dn_frame *f)
{
	unsigned n7 = (unsigned char)f->bytes[f->start + 1];
	uint32_t head = n7 < 126 ? 2 : n7 == 126 ? 4 : 10;

	return (struct dn_str){
	    f->bytes + f->start + head, f->end - f->start - head};
}

struct dn_frame *dn_frame_raw(struct dn_str bytes)
{
	struct dn_frame *f = frame_new(bytes.n);

	if (bytes.n > 0)
		memcpy(f->bytes, bytes.p, bytes.n);
	return f;
}

struct dn_frame *dn_frame_ref(struct dn_frame *f)
{
	uint32_t before;

	DN_CHECK(f, FRAME_MAGIC);
	before = atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	DN_ASSERT(before > 0 && before < UINT32_MAX);
	return f;
}

void dn_frame_unref(struct dn_frame **slot)
{
	struct dn_frame *f = *slot;
	uint32_t before;

	*slot = NULL;
	if (f == NULL)
		return;
	DN_CHECK(f, FRAME_MAGIC);
	/* The release pairs with the last owner's acquire: what any thread
	 * read of the frame is over before the memory is given back. */
	before = atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel);
	DN_ASSERT(before > 0);
	if (before > 1)
		return;
	f->magic = 0;
	free(f);
}
