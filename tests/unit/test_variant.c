/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "wire/push.h"
#include "wire/variant.h"

static struct dn_frame *publication(const char *line, uint64_t offset)
{
	struct dn_record r = {0};
	struct dn_err err;
	struct dn_frame *frame;

	dn_record_init(&r);
	DN_ASSERT(dn_record_parse(&r, dn_str_of(line), &err) == 0);
	frame = dn_push_begin(&r, (struct dn_str){0}, (struct dn_str){0});
	dn_push_finish(frame, 1700000000000000, offset, DN_STR("e"));
	dn_record_release(&r);
	return frame;
}

static struct dn_str text_of(struct dn_frame *frame)
{
	return dn_frame_payload(frame);
}

static bool begins(struct dn_str s, const char *with)
{
	return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

static bool has(struct dn_str s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void forms(void)
{
	struct dn_frame *frame =
	    publication("{\"channel\":\"c\",\"data\":{\"a\":\"b\"}}", 2);
	struct dn_variants v = {.frame = frame};
	struct dn_frame *lines = dn_variant(&v, DN_DATA_JSON, DN_FORM_LINES);
	struct dn_str s;

	OK(dn_variant(&v, DN_DATA_JSON, DN_FORM_WS) == frame,
	    "the WebSocket frame is shared");
	s = dn_frame_bytes(lines);
	OK(begins(s, "{\"push\":{\"channel\":\"c\",") && s.p[s.n - 1] == '\n',
	    "a line is the message and a newline");
	OK(dn_variant(&v, DN_DATA_JSON, DN_FORM_LINES) == lines,
	    "which is made once");
	s = dn_frame_bytes(dn_variant(&v, DN_DATA_JSON, DN_FORM_SSE));
	OK(begins(s, "data: {\"push\":") &&
		memcmp(s.p + s.n - 2, "\n\n", 2) == 0,
	    "an event has its data and an empty line");
	s = dn_frame_bytes(
	    dn_variant(&v, DN_DATA_JSON, DN_FORM_LINES | DN_FORM_UNI));
	OK(begins(s, "{\"channel\":\"c\",\"pub\":{") &&
		memcmp(s.p + s.n - 3, "}}\n", 3) == 0,
	    "one-way clients get the push without its wrapper");
	dn_variants_release(&v);
	dn_frame_unref(&frame);
}

static void ends(void)
{
	struct dn_frame *f = dn_form_close(DN_FORM_SSE, 3001, "shutdown");
	struct dn_str want = DN_STR("data: {\"push\":{\"disconnect\":"
				    "{\"code\":3001,\"reason\":\"shutdown\"}}}"
				    "\n\n");

	OK(dn_str_eq(dn_frame_bytes(f), want), "a stream ends with a push");
	dn_frame_unref(&f);
	f = dn_form_close(DN_FORM_LINES | DN_FORM_UNI, 3001, "shutdown");
	want = DN_STR(
	    "{\"disconnect\":{\"code\":3001,\"reason\":\"shutdown\"}}\n");
	OK(dn_str_eq(dn_frame_bytes(f), want), "without wrapper for one way");
	dn_frame_unref(&f);
}

static void chunks(void)
{
	const unsigned lines = DN_FORM_LINES | DN_FORM_CHUNKED;
	struct dn_frame *f = dn_form_message(lines, DN_STR("{}"), NULL);
	char text[70000];

	IS_SLICE(dn_frame_bytes(f), "3\r\n{}\n\r\n", "a message is a chunk");
	dn_frame_unref(&f);
	f = dn_form_bytes(lines, DN_STR("\r\n"));
	IS_SLICE(dn_frame_bytes(f), "2\r\n\r\n\r\n", "so are other bytes");
	dn_frame_unref(&f);
	f = dn_form_bytes(DN_FORM_SSE, DN_STR("\r\n"));
	IS_SLICE(dn_frame_bytes(f), "\r\n", "as they are without chunks");
	dn_frame_unref(&f);
	f = dn_form_close(lines | DN_FORM_UNI, 3001, "shutdown");
	IS_SLICE(dn_frame_bytes(f),
	    "31\r\n{\"disconnect\":{\"code\":3001,\"reason\":\"shutdown\"}}\n"
	    "\r\n0\r\n\r\n",
	    "the end completes the answer");
	dn_frame_unref(&f);
	memset(text, 'x', sizeof(text));
	f = dn_form_message(DN_FORM_SSE | DN_FORM_CHUNKED,
	    (struct dn_str){text, sizeof(text)}, NULL);
	OK(begins(dn_frame_bytes(f), "11178\r\ndata: xxx"),
	    "a long one says its length");
	dn_frame_unref(&f);
}

#define LONG \
	"the quick brown fox jumps over the lazy dog and the quick brown fox " \
	"jumps over the lazy dog once more and then again until it is long"

static void deltas(void)
{
	struct dn_frame *one = publication(
	    "{\"channel\":\"c\",\"data\":{\"n\":1,\"t\":\"" LONG "\"}}", 1);
	struct dn_frame *two = publication(
	    "{\"channel\":\"c\",\"data\":{\"n\":2,\"t\":\"" LONG "\"}}", 2);
	struct dn_variants v = {.frame = two, .base = one};
	struct dn_variants first = {.frame = one};
	struct dn_variants small = {.base = one};
	struct dn_str s;

	s = text_of(dn_variant(&v, DN_DATA_TEXT, DN_FORM_WS));
	OK(has(s, "\"data\":\"{\\\"n\\\":2,\\\"t\\\":\\\"the quick"),
	    "as text the payload is a string");
	OK(has(s, "\"offset\":2") && !has(s, "\"delta\""),
	    "and the rest stays");
	s = text_of(dn_variant(&v, DN_DATA_DELTA, DN_FORM_WS));
	OK(has(s, "\",\"delta\":true") && !has(s, "the quick"),
	    "a delta is a string, and is marked");
	OK(s.n < text_of(two).n, "and is smaller");
	OK(dn_variant(&first, DN_DATA_DELTA, DN_FORM_WS) ==
		dn_variant(&first, DN_DATA_TEXT, DN_FORM_WS),
	    "without a base the whole text goes");
	small.frame = publication("{\"channel\":\"c\",\"data\":7}", 3);
	OK(dn_variant(&small, DN_DATA_DELTA, DN_FORM_WS) ==
		dn_variant(&small, DN_DATA_TEXT, DN_FORM_WS),
	    "and where a delta does not pay");
	dn_frame_unref(&small.frame);
	dn_variants_release(&v);
	dn_variants_release(&first);
	dn_variants_release(&small);
	dn_frame_unref(&one);
	dn_frame_unref(&two);
}

static void missed(void)
{
	struct dn_buf out = {0};
	struct dn_json pub;
	struct dn_err err;

	DN_ASSERT(dn_json_parse(DN_STR("{\"data\":{\"a\":1},\"offset\":5}"),
		      &pub, &err) == 0);
	dn_variant_text(&out, pub);
	IS_SLICE(dn_buf_view(&out), "{\"data\":\"{\\\"a\\\":1}\",\"offset\":5}",
	    "a publication of a recovery as text");
	dn_buf_release(&out);
}

int main(void)
{
	forms();
	ends();
	chunks();
	deltas();
	missed();
	return tap_done();
}
