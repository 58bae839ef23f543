/* SPDX-License-Identifier: MIT */
/*
 * ws: each case is a stream of bytes and the events it must give. Every
 * stream is fed whole, byte by byte, in pieces of seven, and kept first and
 * read later: the events must be the same.
 */
#include "wire/ws.h"

#include <stdlib.h>

#include "base/buf.h"
#include "tap.h"

enum { MESSAGE_MAX = 64 * 1024 };

static struct dn_ws_reader *reader;
static struct dn_ws_terms terms = {.message_max = MESSAGE_MAX};

/* ---- writing a client's frames ---- */

static void add_head(
    struct dn_buf *b, unsigned first, bool mask, uint64_t n, size_t field)
{
	unsigned small = field == 0 ? (unsigned)n : field == 2 ? 126 : 127;

	dn_buf_byte(b, (char)first);
	dn_buf_byte(b, (char)((mask ? 0x80 : 0) | small));
	for (size_t i = field; i > 0; i--)
		dn_buf_byte(b, (char)(n >> (8 * (i - 1)) & 0xff));
}

static void add_frame(struct dn_buf *b, unsigned first, struct dn_str payload)
{
	static const char mask[4] = "\x11\xa2\x33\xc4";
	size_t n = payload.n;

	add_head(b, first, true, n, n < 126 ? 0 : n < 65536 ? 2 : 8);
	dn_buf_add(b, mask, 4);
	for (size_t i = 0; i < n; i++)
		dn_buf_byte(b, (char)(payload.p[i] ^ mask[i % 4]));
}

static void add_text(struct dn_buf *b, unsigned first, const char *text)
{
	add_frame(b, first, dn_str_of(text));
}

/* ---- events as text ---- */

static void write_event(struct dn_buf *out, const struct dn_ws_event *ev)
{
	static const char *const names[] = {[DN_WS_MESSAGE] = "message",
	    [DN_WS_PINGED] = "ping",
	    [DN_WS_PONGED] = "pong",
	    [DN_WS_CLOSED] = "closed",
	    [DN_WS_BAD] = "bad"};
	struct dn_str payload = ev->payload;

	if (ev->kind == DN_WS_BAD) {
		dn_buf_printf(out, "bad %u %s\n", ev->code, ev->reason);
		return;
	}
	dn_buf_printf(
	    out, "%s%s", ev->binary ? "binary " : "", names[ev->kind]);
	if (ev->kind == DN_WS_CLOSED)
		dn_buf_printf(out, " %u", ev->code);
	if (payload.n > 40)
		dn_buf_printf(out, " (%zu)", payload.n);
	else
		dn_buf_printf(out, " [%.*s]", DN_FMT(payload));
	dn_buf_byte(out, '\n');
}

static bool is_last(const struct dn_ws_event *ev)
{
	return ev->kind == DN_WS_BAD || ev->kind == DN_WS_CLOSED;
}

/* Writes all events; false when one of them ends the connection. */
static bool drain(
    struct dn_ws_input **input, struct dn_str *bytes, struct dn_buf *out)
{
	struct dn_ws_event ev;
	bool open = true;

	while ((ev = dn_ws_next_on(reader, input, bytes, terms)).kind !=
	       DN_WS_MORE) {
		write_event(out, &ev);
		if (is_last(&ev))
			open = false;
	}
	return open;
}

/* Feeds the stream in pieces from memory of their exact size, so that a read
 * behind the end is seen. */
static void run(struct dn_str stream, size_t piece, bool keep,
    struct dn_buf *out, struct dn_ws_input **input)
{
	bool open = true;

	while (stream.n > 0 && open) {
		size_t n = stream.n < piece ? stream.n : piece;
		char *copy = malloc(n);
		struct dn_str bytes = {copy, n};

		memcpy(copy, stream.p, n);
		stream = (struct dn_str){stream.p + n, stream.n - n};
		if (keep)
			dn_ws_keep(input, &bytes);
		else
			open = drain(input, &bytes, out);
		free(copy);
	}
}

static void run_kept(
    struct dn_str stream, struct dn_buf *out, struct dn_ws_input **input)
{
	struct dn_str none = {NULL, 0};

	run(stream, 13, true, out, input);
	(void)drain(input, &none, out);
}

enum { RUNS = 4 };

static void check(struct dn_buf *stream, const char *want, const char *name)
{
	static const size_t pieces[RUNS] = {SIZE_MAX, 1, 7, 0};
	bool idle = strstr(want, "...") == NULL;
	char text[1024], title[128];

	for (int i = 0; i < RUNS; i++) {
		struct dn_ws_input *input = NULL;
		struct dn_buf out = {0};

		if (i == RUNS - 1)
			run_kept(dn_buf_view(stream), &out, &input);
		else
			run(dn_buf_view(stream), pieces[i], false, &out,
			    &input);
		if (input != NULL)
			dn_buf_lit(&out, "...");
		OK((input == NULL) == idle, "an input only where it must be");
		snprintf(text, sizeof(text), "%.*s", DN_FMT(dn_buf_view(&out)));
		snprintf(title, sizeof(title), "%s (run %d)", name, i);
		IS_STR(text, want, title);
		dn_ws_input_free(&input);
		dn_buf_release(&out);
	}
	dn_buf_release(stream);
}

/* ---- cases ---- */

static void test_messages(void)
{
	struct dn_buf s = {0};
	char *big = malloc(MESSAGE_MAX);

	memset(big, 'b', MESSAGE_MAX);
	add_text(&s, 0x81, "hello");
	add_text(&s, 0x81, "");
	add_text(&s, 0x82, "\xff\xfe");
	add_text(&s, 0x81, "gr\xc3\xbc\xc3\x9f");
	check(&s,
	    "message [hello]\nmessage []\nbinary message [\xff\xfe]\n"
	    "message [gr\xc3\xbc\xc3\x9f]\n",
	    "whole messages");
	add_frame(&s, 0x81, (struct dn_str){big, 125});
	add_frame(&s, 0x81, (struct dn_str){big, 126});
	add_frame(&s, 0x81, (struct dn_str){big, 4090});
	add_frame(&s, 0x81, (struct dn_str){big, 65535});
	add_frame(&s, 0x81, (struct dn_str){big, MESSAGE_MAX});
	check(&s,
	    "message (125)\nmessage (126)\nmessage (4090)\n"
	    "message (65535)\nmessage (65536)\n",
	    "each form of length, up to the limit");
	free(big);
}

static void test_fragments(void)
{
	struct dn_buf s = {0};

	add_text(&s, 0x01, "gr\xc3");
	add_text(&s, 0x00, "");
	add_text(&s, 0x80, "\xbcn");
	check(&s, "message [gr\xc3\xbcn]\n", "a character over two fragments");
	add_text(&s, 0x02, "\xff");
	add_text(&s, 0x80, "\xfe");
	add_text(&s, 0x81, "next");
	check(&s, "binary message [\xff\xfe]\nmessage [next]\n",
	    "binary fragments, then a message");
	add_text(&s, 0x01, "a");
	add_text(&s, 0x89, "one");
	add_text(&s, 0x00, "b");
	add_text(&s, 0x8a, "two");
	add_text(&s, 0x80, "c");
	check(&s, "ping [one]\npong [two]\nmessage [abc]\n",
	    "control frames between fragments");
	add_text(&s, 0x01, "a");
	add_text(&s, 0x88,
	    "\x03\xe8"
	    "bye");
	check(&s, "closed 1000 [bye]\n", "close between fragments");
	add_text(&s, 0x01, "");
	add_text(&s, 0x80, "");
	check(&s, "message []\n", "an empty message of two fragments");
}

static void test_unfinished(void)
{
	struct dn_buf s = {0};

	add_text(&s, 0x81, "first");
	add_text(&s, 0x81, "second");
	s.n--;
	check(&s, "message [first]\n...", "the last byte is missing");
	add_text(&s, 0x81, "first");
	s.n = 1;
	check(&s, "...", "one byte");
	add_text(&s, 0x01, "first");
	check(&s, "...", "an unfinished message");
}

static void test_control(void)
{
	struct dn_buf s = {0};
	char full[125];

	memset(full, 'p', sizeof(full));
	add_frame(&s, 0x89, (struct dn_str){full, sizeof(full)});
	add_text(&s, 0x8a, "");
	check(
	    &s, "ping (125)\npong []\n", "longest and shortest control frame");
	add_text(&s, 0x88, "");
	add_text(&s, 0x81, "late");
	check(&s, "closed 1005 []\n", "nothing is read after a close");
	add_text(&s, 0x88, "\x0b\xb9");
	check(&s, "closed 3001 []\n", "close without a reason");
	add_text(&s, 0x88, "\x03");
	check(&s, "bad 1002 close code of one byte\n", "half a close code");
	add_text(&s, 0x88, "\x03\xed");
	check(&s, "bad 1002 wrong close code\n", "1005 on the wire");
	add_text(&s, 0x88, "\x03\xe8\xc0\x80");
	check(&s, "bad 1007 close reason is not UTF-8\n", "overlong reason");
}

static void test_close_codes(void)
{
	static const unsigned good[] = {
	    1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999};
	static const unsigned wrong[] = {0, 999, 1004, 1005, 1006, 1015, 1016,
	    1100, 2000, 2999, 5000, 65535};

	for (size_t i = 0; i < DN_ARRAY_LEN(good); i++)
		OK(dn_ws_code_valid(good[i]), "a code that may be sent");
	for (size_t i = 0; i < DN_ARRAY_LEN(wrong); i++)
		OK(!dn_ws_code_valid(wrong[i]), "a code that may not");
}

static void check_bad(unsigned first, bool mask, uint64_t n, size_t field,
    const char *want, const char *name)
{
	struct dn_buf s = {0};

	add_text(&s, 0x81, "before");
	add_head(&s, first, mask, n, field);
	check(&s, want, name);
}

static void test_heads(void)
{
	check_bad(0xc1, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV1");
	check_bad(0x91, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV3");
	check_bad(0x83, true, 0, 0,
	    "message [before]\nbad 1002 unknown opcode\n", "opcode 3");
	check_bad(0x8b, true, 0, 0,
	    "message [before]\nbad 1002 unknown opcode\n", "opcode 11");
	check_bad(0x81, false, 0, 0,
	    "message [before]\nbad 1002 frame is not masked\n", "unmasked");
	check_bad(0x09, true, 0, 0,
	    "message [before]\nbad 1002 fragmented control frame\n",
	    "a ping in fragments");
	check_bad(0x89, true, 126, 2,
	    "message [before]\nbad 1002 long control frame\n", "a long ping");
	check_bad(0x80, true, 0, 0,
	    "message [before]\nbad 1002 nothing to continue\n",
	    "a lone continuation");
	check_bad(0x81, true, 125, 2,
	    "message [before]\nbad 1002 length is not minimal\n", "125 in two");
	check_bad(0x81, true, 65535, 8,
	    "message [before]\nbad 1002 length is not minimal\n",
	    "65535 in eight");
	check_bad(0x81, true, UINT64_MAX, 8,
	    "message [before]\nbad 1002 length is negative\n", "2^64-1");
	check_bad(0x81, true, INT64_MAX, 8,
	    "message [before]\nbad 1009 message is too big\n", "2^63-1");
	check_bad(0x81, true, MESSAGE_MAX + 1, 8,
	    "message [before]\nbad 1009 message is too big\n",
	    "one over the limit");
}

static void test_order(void)
{
	struct dn_buf s = {0};

	add_text(&s, 0x01, "a");
	add_text(&s, 0x81, "b");
	check(&s, "bad 1002 message inside a message\n",
	    "a message inside a message");
	add_text(&s, 0x81, "\xed\xa0\x80");
	check(&s, "bad 1007 text is not UTF-8\n", "a surrogate");
	add_text(&s, 0x01, "gr\xc3");
	add_text(&s, 0x80, "n");
	check(&s, "bad 1007 text is not UTF-8\n",
	    "a broken character over two fragments");
}

static void test_sum_of_fragments(void)
{
	struct dn_buf s = {0};
	char *half = malloc(MESSAGE_MAX / 2);

	memset(half, 'h', MESSAGE_MAX / 2);
	add_frame(&s, 0x01, (struct dn_str){half, MESSAGE_MAX / 2});
	add_frame(&s, 0x80, (struct dn_str){half, MESSAGE_MAX / 2});
	check(&s, "message (65536)\n", "fragments up to the limit");
	add_frame(&s, 0x01, (struct dn_str){half, MESSAGE_MAX / 2});
	add_frame(&s, 0x00, (struct dn_str){half, MESSAGE_MAX / 2});
	add_text(&s, 0x80, "x");
	check(&s, "bad 1009 message is too big\n", "fragments over the limit");
	free(half);
}

static void test_fragment_count(void)
{
	struct dn_buf s = {0};

	add_text(&s, 0x01, "");
	for (int i = 2; i < DN_WS_FRAGMENTS_MAX; i++)
		add_text(&s, 0x00, "");
	add_text(&s, 0x80, "x");
	check(&s, "message [x]\n", "as many fragments as allowed");
	add_text(&s, 0x01, "");
	for (int i = 1; i < DN_WS_FRAGMENTS_MAX; i++)
		add_text(&s, 0x00, "");
	add_text(&s, 0x80, "x");
	check(&s, "bad 1009 message has too many fragments\n",
	    "one fragment more");
}

/* A peer that announces much and sends little must not cost memory. */
static void test_memory(void)
{
	struct dn_ws_input *input = NULL;
	struct dn_buf s = {0};
	struct dn_str bytes;

	add_head(&s, 0x81, true, MESSAGE_MAX, 8);
	bytes = dn_buf_view(&s);
	IS_NUM(dn_ws_next(reader, &input, &bytes).kind, DN_WS_MORE, "a head");
	OK(dn_ws_input_size(input) < 512, "only what came is stored");
	dn_ws_input_free(&input);
	IS_NUM(dn_ws_input_size(input), 0, "nothing is stored");
	dn_buf_release(&s);
	add_text(&s, 0x01, "x");
	for (int i = 2; i < DN_WS_FRAGMENTS_MAX; i++)
		add_text(&s, 0x00, "x");
	bytes = dn_buf_view(&s);
	IS_NUM(dn_ws_next(reader, &input, &bytes).kind, DN_WS_MORE,
	    "fragments of one byte");
	OK(dn_ws_input_size(input) < 4096, "they cost what they hold");
	dn_ws_input_free(&input);
	dn_buf_release(&s);
}

static void test_smaller_limit(void)
{
	struct dn_ws_terms at_8 = {.message_max = 8}, at_7 = {.message_max = 7};
	struct dn_ws_input *input = NULL;
	struct dn_buf s = {0};
	struct dn_str bytes;

	add_text(&s, 0x81, "12345678");
	bytes = dn_buf_view(&s);
	IS_NUM(dn_ws_next_on(reader, &input, &bytes, at_8).kind, DN_WS_MESSAGE,
	    "at the connection's own limit");
	bytes = dn_buf_view(&s);
	IS_NUM(dn_ws_next_on(reader, &input, &bytes, at_7).code, 1009,
	    "over the connection's own limit");
	IS_NUM(bytes.n, 0, "the rest is dropped");
	dn_buf_release(&s);
}

/* "Hello", as RFC 7692 has it. */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static void test_compressed(void)
{
	struct dn_buf s = {0};

	terms.deflate = true;
	add_frame(&s, 0xc1, DN_STR(HELLO));
	add_text(&s, 0x81, "plain");
	add_frame(&s, 0xc2, DN_STR(HELLO));
	add_frame(&s, 0xc1, DN_STR("\0"));
	check(&s,
	    "message [Hello]\nmessage [plain]\nbinary message [Hello]\n"
	    "message []\n",
	    "compressed messages and others");
	add_frame(&s, 0x41, DN_STR("\xf2\x48\xcd"));
	add_text(&s, 0x89, "one");
	add_frame(&s, 0x00, DN_STR(""));
	add_frame(&s, 0x80, DN_STR("\xc9\xc9\x07\x00"));
	add_text(&s, 0x01, "pl");
	add_text(&s, 0x80, "ain");
	check(&s, "ping [one]\nmessage [Hello]\nmessage [plain]\n",
	    "a compressed message in fragments, then another");
	add_frame(&s, 0x41, DN_STR("\xf2\x48"));
	check(&s, "...", "an unfinished one");
	add_frame(&s, 0xc1, DN_STR("\xf2\x48\xcd"));
	check(&s, "bad 1007 message cannot be inflated\n", "half of one");
	add_frame(&s, 0xc1, DN_STR("\0\x01\0\xfe\xff\xc3\0"));
	check(&s, "bad 1007 text is not UTF-8\n", "half a character in it");
	add_frame(&s, 0xc2, DN_STR("\0\x01\0\xfe\xff\xc3\0"));
	check(&s, "binary message [\xc3]\n", "which is fine in a binary one");
	terms.message_max = 4;
	add_frame(&s, 0xc1, DN_STR(HELLO));
	check(&s, "bad 1009 message is too big\n", "too long on the wire");
	terms.message_max = 9;
	add_frame(&s, 0xc1, DN_STR("\x4a\x4c\x84\x02\x00\x00"));
	check(&s, "message [aaaaaaaaa]\n", "at the limit when inflated");
	terms.message_max = 8;
	add_frame(&s, 0xc1, DN_STR("\x4a\x4c\x84\x02\x00\x00"));
	check(&s, "bad 1009 message is too big\n", "over it");
	terms.message_max = MESSAGE_MAX;
	terms.deflate = false;
}

static void test_rsv1(void)
{
	terms.deflate = true;
	check_bad(0xa1, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV2");
	check_bad(0xd1, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV1 and RSV3");
	check_bad(0xc9, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV1 on a ping");
	check_bad(0xc0, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV1 on a continuation");
	check_bad(0xc3, true, 0, 0, "message [before]\nbad 1002 reserved bit\n",
	    "RSV1 on an unknown opcode");
	terms.deflate = false;
}

static void test_stop_between(void)
{
	struct dn_ws_input *input = NULL;
	struct dn_buf s = {0}, more = {0};
	struct dn_ws_event ev;
	struct dn_str bytes;

	add_text(&s, 0x81, "one");
	add_text(&s, 0x81, "two");
	add_text(&s, 0x81, "three");
	add_text(&more, 0x81, "four");
	s.n -= 2;
	bytes = dn_buf_view(&s);
	ev = dn_ws_next(reader, &input, &bytes);
	IS_SLICE(ev.payload, "one", "the first");
	dn_ws_keep(&input, &bytes);
	OK(bytes.n == 0 && input != NULL, "the rest is kept");
	ev = dn_ws_next(reader, &input, &bytes);
	IS_SLICE(ev.payload, "two", "the second, from what was kept");
	bytes = (struct dn_str){s.p + s.n, 2};
	dn_ws_keep(&input, &bytes);
	bytes = dn_buf_view(&more);
	ev = dn_ws_next(reader, &input, &bytes);
	IS_SLICE(ev.payload, "three", "the third, put together");
	ev = dn_ws_next(reader, &input, &bytes);
	IS_SLICE(ev.payload, "four", "the fourth, from the bytes");
	OK(input == NULL && bytes.n == 0, "nothing waits");
	dn_buf_release(&s);
	dn_buf_release(&more);
}

static void test_from_server(void)
{
	struct dn_ws_reader *client =
	    dn_ws_reader_new(DN_WS_FROM_SERVER, MESSAGE_MAX);
	struct dn_ws_input *input = NULL;
	struct dn_str bytes = DN_STR("\x81\x02{}\x81\x82mask..");
	struct dn_ws_event ev = dn_ws_next(client, &input, &bytes);

	IS_SLICE(ev.payload, "{}", "an unmasked frame of the server");
	ev = dn_ws_next(client, &input, &bytes);
	IS_NUM(ev.code, 1002, "a masked frame of the server");
	IS_STR(ev.reason, "frame is masked", "is refused");
	dn_ws_reader_free(&client);
}

static void test_accept(void)
{
	char accept[DN_WS_ACCEPT_LEN + 1];

	OK(dn_ws_accept(DN_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept),
	    "the RFC's key");
	IS_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the RFC's answer");
	OK(!dn_ws_accept(DN_STR("dGhlIHNhbXBsZSBub25jZQ="), accept), "short");
	OK(!dn_ws_accept(DN_STR("dGhlIHNhbXBsZSBub25jZQQQ"), accept), "long");
	OK(!dn_ws_accept(DN_STR("dGhlIHNhbXBsZSBub25j Q=="), accept), "space");
	OK(!dn_ws_accept(DN_STR(""), accept), "empty");
}

int main(void)
{
	reader = dn_ws_reader_new(DN_WS_FROM_CLIENT, MESSAGE_MAX);
	test_messages();
	test_fragments();
	test_unfinished();
	test_control();
	test_close_codes();
	test_heads();
	test_order();
	test_sum_of_fragments();
	test_fragment_count();
	test_memory();
	test_smaller_limit();
	test_compressed();
	test_rsv1();
	test_stop_between();
	test_from_server();
	test_accept();
	dn_ws_reader_free(&reader);
	return tap_done();
}
