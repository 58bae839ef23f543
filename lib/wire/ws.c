/* SPDX-License-Identifier: MIT */
/*
 * How it works: a scan of the frame's head says whether the frame is legal,
 * how long it is and whether all of it is there. A whole frame goes through
 * wslay's frame reader, which unmasks it; it is the reader's, not the
 * connection's, and stands at the start of a frame again after each one. The
 * event interface of wslay is not used: it queues pongs by itself, keeps a
 * message's state in 8.8 kB a connection and takes four times as long.
 *
 * The frame is read where it lies, in the caller's bytes. Only what is not
 * whole waits in the input: `rest` has the raw bytes of a frame's start,
 * topped up with exactly what the frame lacks; `message` has the unmasked
 * payload of fragments so far, so that a control frame between them needs
 * nothing moved and a flood of small ones costs a byte a byte.
 *
 * A compressed message is inflated once it is whole, by the reader's one
 * inflater, into the inflater's own buffer.
 *
 * It fails in these ways. An illegal head is refused as soon as it is there,
 * oversize before any payload is stored. Text is checked when the message is
 * whole and inflated. If wslay refuses what the scan let through, its context
 * is made anew, so that one connection cannot spoil the reader for the others.
 */
#include "wire/ws.h"

#include "base/buf.h"
#include "base/json.h"
#include "wire/deflate.h"
#include "wire/ws_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <wslay/wslay.h>

enum {
	READER_MAGIC = 0x57535244,
	INPUT_MAGIC = 0x5753494e,
	SCRATCH_KEEP = 64 * 1024,
	CODE_PROTOCOL = 1002,
	CODE_NONE = 1005,
	CODE_BAD_DATA = 1007,
	CODE_TOO_BIG = 1009,
};

struct dn_ws_reader {
	uint32_t magic;
	enum dn_ws_from from;
	size_t message_max;
	wslay_frame_context_ptr wslay;
	struct dn_str feed;    /* what wslay still has to read */
	struct dn_buf scratch; /* the payload that did not fit wslay's buffer,
				  or a message of fragments */
	struct dn_inflate *inflate;
};

struct kind {
	bool binary, compressed;
};

struct dn_ws_input {
	uint32_t magic;
	uint32_t fragments; /* in `message`; 0: there is none */
	struct kind kind;   /* of the message */
	struct dn_buf message;
	struct dn_buf rest;
	size_t at; /* bytes of `rest` that are done */
};

static ssize_t give_wslay(uint8_t *out, size_t n, int flags, void *data)
{
	struct dn_ws_reader *r = data;

	(void)flags;
	if (n > r->feed.n)
		n = r->feed.n;
	/* wslay takes 0 for a closed connection, -1 for "call again". */
	if (n == 0)
		return -1;
	memcpy(out, r->feed.p, n);
	r->feed.p += n;
	r->feed.n -= n;
	return (ssize_t)n;
}

static void renew_wslay(struct dn_ws_reader *r)
{
	struct wslay_frame_callbacks calls = {.recv_callback = give_wslay};

	if (r->wslay)
		wslay_frame_context_free(r->wslay);
	DN_ASSERT(wslay_frame_context_init(&r->wslay, &calls, r) == 0);
}

struct dn_ws_reader *dn_ws_reader_new(enum dn_ws_from from, size_t message_max)
{
	struct dn_ws_reader *r = dn_xcalloc(1, sizeof(*r));

	r->magic = READER_MAGIC;
	r->from = from;
	r->message_max = message_max;
	r->inflate = dn_inflate_new();
	renew_wslay(r);
	return r;
}

void dn_ws_reader_free(struct dn_ws_reader **slot)
{
	struct dn_ws_reader *r = *slot;

	*slot = NULL;
	if (r == NULL)
		return;
	DN_CHECK(r, READER_MAGIC);
	wslay_frame_context_free(r->wslay);
	dn_buf_release(&r->scratch);
	dn_inflate_free(&r->inflate);
	r->magic = 0;
	free(r);
}

/* ---- a connection's input ---- */

static struct dn_ws_input *need_input(struct dn_ws_input **slot)
{
	if (*slot == NULL) {
		*slot = dn_xcalloc(1, sizeof(**slot));
		(*slot)->magic = INPUT_MAGIC;
	}
	DN_CHECK(*slot, INPUT_MAGIC);
	return *slot;
}

void dn_ws_input_free(struct dn_ws_input **slot)
{
	struct dn_ws_input *in = *slot;

	*slot = NULL;
	if (in == NULL)
		return;
	DN_CHECK(in, INPUT_MAGIC);
	dn_buf_release(&in->message);
	dn_buf_release(&in->rest);
	in->magic = 0;
	free(in);
}

size_t dn_ws_input_size(const struct dn_ws_input *in)
{
	return in ? sizeof(*in) + in->message.cap + in->rest.cap : 0;
}

static struct dn_str waiting(const struct dn_ws_input *in)
{
	if (in == NULL || in->at == in->rest.n)
		return (struct dn_str){NULL, 0};
	return (struct dn_str){in->rest.p + in->at, in->rest.n - in->at};
}

/* Frees what an input does not need any more, in the end the input. */
static void settle(struct dn_ws_input **slot)
{
	struct dn_ws_input *in = *slot;

	if (in == NULL || in->at < in->rest.n)
		return;
	if (in->fragments == 0) {
		dn_ws_input_free(slot);
		return;
	}
	dn_buf_release(&in->rest);
	in->at = 0;
}

static void skip(struct dn_str *s, size_t n)
{
	if (n > 0)
		*s = (struct dn_str){s->p + n, s->n - n};
}

static void store(struct dn_ws_input **slot, struct dn_str *bytes, size_t n)
{
	struct dn_ws_input *in;

	if (n > bytes->n)
		n = bytes->n;
	if (n == 0)
		return;
	in = need_input(slot);
	if (in->at > 0) {
		dn_buf_consume(&in->rest, in->at);
		in->at = 0;
	}
	dn_buf_add(&in->rest, bytes->p, n);
	skip(bytes, n);
}

void dn_ws_keep(struct dn_ws_input **slot, struct dn_str *bytes)
{
	store(slot, bytes, bytes->n);
}

/* ---- frames ---- */

/* A frame: what its head says, and its bytes when all are there. */
struct frame {
	struct dn_ws_scan scan;
	const char *p;
};

static struct dn_ws_scan look(const struct dn_ws_reader *r,
    const struct dn_ws_input *in, struct dn_str have,
    const struct dn_ws_terms *terms)
{
	struct dn_ws_place place = {
	    .from = r->from,
	    .message_max = terms->message_max,
	    .deflate = terms->deflate,
	    .fragments = in ? in->fragments : 0,
	    .message_bytes = in ? in->message.n : 0,
	};

	return dn_ws_scan(&place, have);
}

static bool is_more(const struct dn_ws_scan *scan)
{
	return !scan->bad && scan->need > 0;
}

/* The next frame from what waits, topped up with what it lacks. */
static struct frame next_waiting(struct dn_ws_reader *r,
    struct dn_ws_input **slot, struct dn_str *bytes,
    const struct dn_ws_terms *terms)
{
	struct frame f;
	struct dn_str have;

	for (;;) {
		have = waiting(*slot);
		f.scan = look(r, *slot, have, terms);
		f.p = have.p;
		if (!is_more(&f.scan) || bytes->n == 0)
			break;
		store(slot, bytes, f.scan.need);
	}
	if (!is_more(&f.scan))
		(*slot)->at += f.scan.whole;
	return f;
}

/* The next frame; when more is needed, all bytes were stored. */
static struct frame next_frame(struct dn_ws_reader *r,
    struct dn_ws_input **slot, struct dn_str *bytes,
    const struct dn_ws_terms *terms)
{
	struct frame f;

	if (waiting(*slot).n > 0)
		return next_waiting(r, slot, bytes, terms);
	f.scan = look(r, *slot, *bytes, terms);
	f.p = bytes->p;
	if (is_more(&f.scan))
		store(slot, bytes, bytes->n);
	else
		skip(bytes, f.scan.whole);
	return f;
}

/* ---- payloads ---- */

/* Unmasks a whole frame; the payload is valid until the next call. Most fit
 * wslay's own buffer and stay there. */
static bool unmask(
    struct dn_ws_reader *r, const struct frame *f, struct dn_str *payload)
{
	struct wslay_frame_iocb io = {0};
	size_t got = 0;

	dn_buf_reset(&r->scratch, SCRATCH_KEEP);
	r->feed = (struct dn_str){f->p, f->scan.whole};
	do {
		if (wslay_frame_recv(r->wslay, &io) < 0 ||
		    io.payload_length != f->scan.length)
			return false;
		got += io.data_length;
		if (got < f->scan.length || r->scratch.n > 0)
			dn_buf_add(&r->scratch, io.data, io.data_length);
	} while (got < f->scan.length);
	if (r->scratch.n > 0)
		*payload = dn_buf_view(&r->scratch);
	else
		*payload = (struct dn_str){(const char *)io.data, got};
	return true;
}

static struct dn_ws_event bad(unsigned code, const char *reason)
{
	return (struct dn_ws_event){
	    .kind = DN_WS_BAD, .code = code, .reason = reason};
}

static struct dn_ws_event close_event(struct dn_str payload)
{
	struct dn_ws_event ev = {.kind = DN_WS_CLOSED, .code = CODE_NONE};
	const uint8_t *p = (const uint8_t *)payload.p;

	if (payload.n == 0)
		return ev;
	if (payload.n == 1)
		return bad(CODE_PROTOCOL, "close code of one byte");
	ev.code = (unsigned)p[0] << 8 | p[1];
	ev.payload = (struct dn_str){payload.p + 2, payload.n - 2};
	if (!dn_ws_code_valid(ev.code))
		return bad(CODE_PROTOCOL, "wrong close code");
	if (!dn_utf8_valid(ev.payload))
		return bad(CODE_BAD_DATA, "close reason is not UTF-8");
	return ev;
}

static struct dn_ws_event control_event(
    enum dn_ws_opcode opcode, struct dn_str payload)
{
	if (opcode == DN_WS_CLOSE)
		return close_event(payload);
	return (struct dn_ws_event){
	    .kind = opcode == DN_WS_PING ? DN_WS_PINGED : DN_WS_PONGED,
	    .payload = payload};
}

static struct dn_ws_event message_event(
    struct dn_ws_reader *r, struct kind kind, struct dn_str payload, size_t max)
{
	int rc = 0;

	if (kind.compressed)
		rc = dn_inflate(r->inflate, payload, max, &payload);
	if (rc == -EMSGSIZE)
		return bad(CODE_TOO_BIG, "message is too big");
	if (rc != 0)
		return bad(CODE_BAD_DATA, "message cannot be inflated");
	if (!kind.binary && payload.n > 0 && !dn_utf8_valid(payload))
		return bad(CODE_BAD_DATA, "text is not UTF-8");
	return (struct dn_ws_event){
	    .kind = DN_WS_MESSAGE, .binary = kind.binary, .payload = payload};
}

static struct kind kind_of(const struct frame *f)
{
	return (struct kind){.binary = f->scan.opcode == DN_WS_BINARY,
	    .compressed = f->scan.compressed};
}

/* Adds a fragment; the last one makes the message, which moves to the
 * reader. */
static struct dn_ws_event add_fragment(struct dn_ws_reader *r,
    struct dn_ws_input **slot, const struct frame *f, struct dn_str payload,
    size_t max)
{
	struct dn_ws_input *in = need_input(slot);

	if (in->fragments == 0)
		in->kind = kind_of(f);
	in->fragments++;
	dn_buf_str(&in->message, payload);
	if (!f->scan.fin)
		return (struct dn_ws_event){.kind = DN_WS_MORE};
	in->fragments = 0;
	dn_buf_release(&r->scratch);
	r->scratch = in->message;
	in->message = (struct dn_buf){0};
	return message_event(r, in->kind, dn_buf_view(&r->scratch), max);
}

static struct dn_ws_event frame_event(struct dn_ws_reader *r,
    struct dn_ws_input **slot, const struct frame *f, size_t max)
{
	struct dn_str payload;

	if (f->scan.bad)
		return bad(f->scan.bad, f->scan.reason);
	if (!unmask(r, f, &payload)) {
		renew_wslay(r);
		return bad(CODE_PROTOCOL, "frame is refused");
	}
	if (dn_ws_is_control(f->scan.opcode))
		return control_event(f->scan.opcode, payload);
	if (f->scan.fin && f->scan.opcode != DN_WS_CONT)
		return message_event(r, kind_of(f), payload, max);
	return add_fragment(r, slot, f, payload, max);
}

struct dn_ws_event dn_ws_next_on(struct dn_ws_reader *r,
    struct dn_ws_input **slot, struct dn_str *bytes, struct dn_ws_terms terms)
{
	struct dn_ws_event ev = {.kind = DN_WS_MORE};
	struct frame f;

	DN_CHECK(r, READER_MAGIC);
	if (terms.message_max > r->message_max)
		terms.message_max = r->message_max;
	while (ev.kind == DN_WS_MORE) {
		f = next_frame(r, slot, bytes, &terms);
		if (is_more(&f.scan))
			return ev;
		ev = frame_event(r, slot, &f, terms.message_max);
		settle(slot);
	}
	if (ev.kind == DN_WS_BAD || ev.kind == DN_WS_CLOSED) {
		dn_ws_input_free(slot);
		*bytes = (struct dn_str){NULL, 0};
	}
	return ev;
}

struct dn_ws_event dn_ws_next(
    struct dn_ws_reader *r, struct dn_ws_input **slot, struct dn_str *bytes)
{
	struct dn_ws_terms terms = {.message_max = r->message_max};

	return dn_ws_next_on(r, slot, bytes, terms);
}

bool dn_ws_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) ||
	       (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
