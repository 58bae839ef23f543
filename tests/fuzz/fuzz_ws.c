/* SPDX-License-Identifier: MIT */
/*
 * The first byte says how the rest is read: as frames of a client, as frames
 * of a server, or as an answer to an upgrade request; and in pieces of which
 * size. Whole or in pieces, the events must be the same. wslay's event
 * interface, which dnot does not use, is the oracle: it must find the same
 * messages as long as nothing is refused. Where compressed messages may come,
 * what was good without them must be the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/json.h"
#include "wire/ws.h"
#include "wire/ws_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MESSAGE_MAX = 4096 };

struct run {
	struct dn_buf events;
	struct dn_buf messages;
	bool over;
	bool bad;
};

static void release(struct run *run)
{
	dn_buf_release(&run->events);
	dn_buf_release(&run->messages);
}

static void add(struct dn_buf *b, unsigned tag, struct dn_str payload)
{
	dn_buf_printf(b, "%u %zu ", tag, payload.n);
	dn_buf_str(b, payload);
}

static void note(struct run *run, const struct dn_ws_event *ev)
{
	DN_ASSERT(!run->over);
	dn_buf_printf(&run->events, "%d %u %s ", (int)ev->kind, ev->code,
	    ev->reason ? ev->reason : "");
	add(&run->events, ev->binary, ev->payload);
	if (ev->kind == DN_WS_MESSAGE) {
		DN_ASSERT(ev->payload.n <= MESSAGE_MAX);
		DN_ASSERT(ev->binary || ev->payload.n == 0 ||
			  dn_utf8_valid(ev->payload));
		add(&run->messages, ev->binary, ev->payload);
	}
	run->bad = ev->kind == DN_WS_BAD;
	run->over =
	    run->bad || ev->kind == DN_WS_CLOSED || ev->kind == DN_WS_REFUSED;
}

/* Either a client or a bare reader reads. */
struct source {
	struct dn_ws_reader *reader;
	struct dn_ws_client *client;
	struct dn_ws_input *input;
	bool deflate;
};

static struct dn_ws_event next(struct source *s, struct dn_str *bytes)
{
	if (s->client)
		return dn_ws_client_next(s->client, bytes);
	return dn_ws_next_on(s->reader, &s->input, bytes,
	    (struct dn_ws_terms){
		.message_max = MESSAGE_MAX, .deflate = s->deflate});
}

static void drain(struct source *s, struct dn_str *bytes, struct run *run)
{
	struct dn_ws_event ev;

	while ((ev = next(s, bytes)).kind != DN_WS_MORE)
		note(run, &ev);
	DN_ASSERT(bytes->n == 0);
}

static void read_all(
    struct source *s, struct dn_str stream, size_t step, struct run *run)
{
	while (stream.n > 0 && !run->over) {
		size_t n = stream.n < step ? stream.n : step;
		char *copy = malloc(n);
		struct dn_str bytes = {copy, n};

		memcpy(copy, stream.p, n);
		stream = (struct dn_str){stream.p + n, stream.n - n};
		drain(s, &bytes, run);
		free(copy);
	}
	DN_ASSERT(!run->over || s->input == NULL);
	dn_ws_input_free(&s->input);
}

/* Keeps half of the bytes behind each event. */
static void read_kept(struct source *s, struct dn_str stream, struct run *run)
{
	struct dn_str none = {NULL, 0};
	struct dn_ws_event ev = {.kind = DN_WS_MESSAGE};

	while (ev.kind != DN_WS_MORE && !run->over) {
		struct dn_str half = {stream.p, stream.n / 2};

		dn_ws_keep(&s->input, &half);
		stream.p += stream.n / 2;
		stream.n -= stream.n / 2;
		ev = next(s, &stream);
		if (ev.kind != DN_WS_MORE)
			note(run, &ev);
	}
	if (!run->over)
		drain(s, &none, run);
	dn_ws_input_free(&s->input);
}

static void same(const struct run *a, const struct run *b)
{
	DN_ASSERT(dn_str_eq(dn_buf_view(&a->events), dn_buf_view(&b->events)));
}

/* ---- the oracle ---- */

struct oracle {
	struct dn_str left;
	struct dn_buf messages;
};

static ssize_t oracle_recv(
    wslay_event_context_ptr ctx, uint8_t *out, size_t n, int flags, void *data)
{
	struct oracle *o = data;

	(void)flags;
	if (o->left.n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (n > o->left.n)
		n = o->left.n;
	memcpy(out, o->left.p, n);
	o->left = (struct dn_str){o->left.p + n, o->left.n - n};
	return (ssize_t)n;
}

static void oracle_message(wslay_event_context_ptr ctx,
    const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
	struct oracle *o = data;
	struct dn_str payload = {(const char *)arg->msg, arg->msg_length};

	(void)ctx;
	if (!wslay_is_ctrl_frame(arg->opcode))
		add(&o->messages, arg->opcode == WSLAY_BINARY_FRAME, payload);
}

static void ask_oracle(
    enum dn_ws_from from, struct dn_str stream, const struct run *run)
{
	struct wslay_event_callbacks calls = {.recv_callback = oracle_recv,
	    .on_msg_recv_callback = oracle_message};
	struct oracle o = {.left = stream};
	wslay_event_context_ptr ctx;
	size_t n = run->messages.n;
	int rc;

	rc = from == DN_WS_FROM_CLIENT
		 ? wslay_event_context_server_init(&ctx, &calls, &o)
		 : wslay_event_context_client_init(&ctx, &calls, &o);
	DN_ASSERT(rc == 0);
	wslay_event_config_set_max_recv_msg_length(ctx, MESSAGE_MAX);
	while (o.left.n > 0 && wslay_event_want_read(ctx) &&
	       wslay_event_recv(ctx) == 0)
		;
	DN_ASSERT(run->bad ? o.messages.n >= n : o.messages.n == n);
	DN_ASSERT(n == 0 || memcmp(o.messages.p, run->messages.p, n) == 0);
	wslay_event_context_free(ctx);
	dn_buf_release(&o.messages);
}

/* ---- the three ways ---- */

/* In *whole the events of one read. */
static void read_thrice(
    struct source *s, struct dn_str stream, size_t step, struct run *whole)
{
	struct run pieces = {0}, kept = {0};

	read_all(s, stream, SIZE_MAX, whole);
	read_all(s, stream, step, &pieces);
	read_kept(s, stream, &kept);
	same(whole, &pieces);
	same(whole, &kept);
	release(&pieces);
	release(&kept);
}

static void try_frames(enum dn_ws_from from, struct dn_str stream, size_t step)
{
	struct source s = {.reader = dn_ws_reader_new(from, MESSAGE_MAX)};
	struct run plain = {0}, deflate = {0};

	read_thrice(&s, stream, step, &plain);
	ask_oracle(from, stream, &plain);
	s.deflate = true;
	read_thrice(&s, stream, step, &deflate);
	if (!plain.bad)
		same(&plain, &deflate);
	release(&plain);
	release(&deflate);
	dn_ws_reader_free(&s.reader);
}

static void try_answer(struct dn_str stream, size_t step)
{
	struct source s = {
	    .reader = dn_ws_reader_new(DN_WS_FROM_SERVER, MESSAGE_MAX)};
	size_t steps[2] = {SIZE_MAX, step};
	struct run runs[2] = {0};
	struct dn_buf out = {0};

	for (int i = 0; i < 2; i++) {
		s.client = dn_ws_client_new(s.reader);
		dn_ws_client_upgrade(s.client, &out, "h", "/", NULL);
		read_all(&s, stream, steps[i], &runs[i]);
		dn_ws_client_free(&s.client);
	}
	same(&runs[0], &runs[1]);
	release(&runs[0]);
	release(&runs[1]);
	dn_buf_release(&out);
	dn_ws_reader_free(&s.reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str stream = {(const char *)data + 1, n - 1};
	size_t step;

	if (n < 2)
		return 0;
	step = 1 + data[0] / 3;
	if (data[0] % 3 == 2)
		try_answer(stream, step);
	else
		try_frames(
		    data[0] % 3 == 0 ? DN_WS_FROM_CLIENT : DN_WS_FROM_SERVER,
		    stream, step);
	return 0;
}
