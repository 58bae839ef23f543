/* SPDX-License-Identifier: MIT */
/*
 * deflate: what is compressed here is inflated by zlib as a client does it,
 * what a client may send is inflated here, and what it may not is refused.
 */
#include "wire/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "tap.h"
#include "wire/push.h"
#include "wire/variant.h"

enum { LIMIT = 64 * 1024 };

static struct dn_deflate *deflater;
static struct dn_inflate *inflater;

static void add_words(struct dn_buf *b, size_t n, unsigned seed)
{
	while (b->n < n) {
		seed = seed * 1103515245 + 12345;
		dn_buf_printf(b, "{\"id\":%u,\"state\":\"%s\"},", seed >> 20,
		    (seed & 0x8000) != 0 ? "running" : "done");
	}
	b->n = n;
}

/* The payload of a compressed frame; unset where it is none. */
static struct dn_str compressed(const struct dn_frame *f)
{
	unsigned first = f != NULL ? (unsigned char)dn_frame_bytes(f).p[0] : 0;

	return first == (0x80 | DN_WS_COMPRESSED | DN_WS_TEXT)
		   ? dn_frame_payload(f)
		   : (struct dn_str){0};
}

/* As a client with that window sees it, who has little room at a time, so
 * that only the window tells what was before. */
static bool reads_as(struct dn_str payload, int bits, struct dn_str want)
{
	struct dn_buf in = {0}, out = {0};
	z_stream z = {0};
	int rc;
	bool same;

	DN_ASSERT(inflateInit2(&z, -bits) == Z_OK);
	dn_buf_str(&in, payload);
	dn_buf_add(&in, "\0\0\xff\xff", 4);
	z.next_in = (Bytef *)in.p;
	z.avail_in = (uInt)in.n;
	do {
		char room[100];

		z.next_out = (Bytef *)room;
		z.avail_out = sizeof(room);
		rc = inflate(&z, Z_SYNC_FLUSH);
		dn_buf_add(&out, room, sizeof(room) - z.avail_out);
	} while (rc == Z_OK && z.avail_out == 0);
	same = (rc == Z_OK || rc == Z_BUF_ERROR) && z.avail_in == 0 &&
	       dn_str_eq(dn_buf_view(&out), want);
	(void)inflateEnd(&z);
	dn_buf_release(&in);
	dn_buf_release(&out);
	return same;
}

static void check_frame(size_t n, unsigned level)
{
	struct dn_buf text = {0};
	struct dn_frame *f;
	struct dn_str got;
	char name[64];

	add_words(&text, n, level);
	dn_deflate_tune(deflater, level, 0);
	f = dn_deflate_frame(deflater, dn_buf_view(&text));
	got = compressed(f);
	snprintf(name, sizeof(name), "%zu bytes at level %u", n, level);
	OK(got.n > 0 && got.n < n, name);
	OK(reads_as(got, 15, dn_buf_view(&text)), "are read again");
	OK(reads_as(got, DN_DEFLATE_WINDOW_BITS, dn_buf_view(&text)),
	    "with a small window, too");
	dn_frame_unref(&f);
	dn_buf_release(&text);
}

static void test_frames(void)
{
	static const size_t sizes[] = {60, 300, 4096, 40000, 1000000};

	for (size_t i = 0; i < DN_ARRAY_LEN(sizes); i++) {
		check_frame(sizes[i], 1);
		check_frame(sizes[i], 9);
	}
}

/* Each message can be read without the ones before it. */
static void test_no_context(void)
{
	struct dn_buf text = {0};
	struct dn_frame *first, *second;

	add_words(&text, 500, 1);
	dn_deflate_tune(deflater, 6, 0);
	first = dn_deflate_frame(deflater, dn_buf_view(&text));
	second = dn_deflate_frame(deflater, dn_buf_view(&text));
	OK(dn_str_eq(dn_frame_bytes(first), dn_frame_bytes(second)),
	    "nothing is kept from one message to the next");
	dn_frame_unref(&first);
	dn_frame_unref(&second);
	dn_buf_release(&text);
}

static void test_does_not_pay(void)
{
	char noise[2000];
	size_t size_min = 600;
	struct dn_buf text = {0};
	struct dn_frame *f;

	dn_deflate_tune(deflater, 9, 0);
	OK(dn_deflate_frame(deflater, DN_STR("{}")) == NULL, "two bytes");
	OK(dn_deflate_frame(deflater, DN_STR("")) == NULL, "none");
	dn_random(noise, sizeof(noise));
	OK(dn_deflate_frame(deflater, (struct dn_str){noise, 2000}) == NULL,
	    "what has no order");
	add_words(&text, size_min, 1);
	dn_deflate_tune(deflater, 1, size_min);
	f = dn_deflate_frame(deflater, dn_buf_view(&text));
	OK(compressed(f).n > 0, "what is large enough");
	dn_frame_unref(&f);
	text.n--;
	OK(dn_deflate_frame(deflater, dn_buf_view(&text)) == NULL,
	    "a byte less stays as it is");
	dn_deflate_tune(deflater, 1, SIZE_MAX);
	OK(dn_deflate_frame(deflater, dn_buf_view(&text)) == NULL,
	    "everything does where it is switched off");
	dn_buf_release(&text);
}

static void test_level(void)
{
	struct dn_buf text = {0};
	struct dn_frame *fast, *small;

	add_words(&text, 20000, 1);
	dn_deflate_tune(deflater, 1, 0);
	fast = dn_deflate_frame(deflater, dn_buf_view(&text));
	dn_deflate_tune(deflater, 9, 0);
	small = dn_deflate_frame(deflater, dn_buf_view(&text));
	OK(compressed(small).n < compressed(fast).n,
	    "another level counts from the next message on");
	dn_frame_unref(&fast);
	dn_frame_unref(&small);
	dn_buf_release(&text);
}

/* ---- inflating ---- */

static void inflates(struct dn_str in, const char *want, const char *name)
{
	struct dn_str out;

	IS_NUM(dn_inflate(inflater, in, LIMIT, &out), 0, name);
	IS_SLICE(out, want, name);
}

static void refuses(struct dn_str in, const char *name)
{
	struct dn_str out;

	IS_NUM(dn_inflate(inflater, in, LIMIT, &out), -EBADMSG, name);
}

/* The examples of RFC 7692, 7.2.3. */
static void test_examples(void)
{
	inflates(DN_STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello", "one block");
	inflates(DN_STR("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
	    "Hello", "a block that is not compressed");
	inflates(DN_STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello",
	    "a block that is final");
	inflates(DN_STR("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
	    "Hello", "two blocks");
	inflates(DN_STR("\xf3\x48\xcd\xc9\xc9\x07\x00"
			"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
	    "HelloHello", "two that are final");
	inflates(DN_STR("\x00"), "", "an empty message");
}

static void test_garbage(void)
{
	struct dn_str whole = DN_STR("\xf2\x48\xcd\xc9\xc9\x07\x00");

	refuses(DN_STR(""), "nothing");
	refuses(DN_STR("\x07"), "a block of the reserved type");
	refuses(DN_STR("\x00\x05\x00\xfa\xfe"), "a length that lies");
	refuses(DN_STR("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\x00"),
	    "bytes behind the end");
	refuses(DN_STR("\xf3\x48\xcd\xc9\xc9\x07\x00"),
	    "a final block with nothing behind it");
	refuses(DN_STR("\x02\x02\x04"), "a distance before the beginning");
	for (whole.n--; whole.n > 0; whole.n--)
		refuses(whole, "cut short");
	inflates(DN_STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello",
	    "a good one after all these");
}

/* n times the same byte, as hard as zlib can. */
static struct dn_buf bomb(size_t n)
{
	struct dn_buf b = {0};
	char *zeros = calloc(1, n);
	z_stream z = {0};
	size_t room = n / 100 + 1000;

	DN_ASSERT(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, 0) == Z_OK);
	z.next_in = (Bytef *)zeros;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)dn_buf_reserve(&b, room);
	z.avail_out = (uInt)room;
	DN_ASSERT(deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_out > 0);
	b.n = z.total_out - 4;
	(void)deflateEnd(&z);
	free(zeros);
	return b;
}

static void test_limit(void)
{
	struct dn_buf fits = bomb(LIMIT), over = bomb(LIMIT + 1);
	struct dn_buf huge = bomb(50000000);
	struct dn_str out;

	IS_NUM(dn_inflate(inflater, dn_buf_view(&fits), LIMIT, &out), 0,
	    "as much as is allowed");
	IS_NUM(out.n, LIMIT, "is there");
	IS_NUM(dn_inflate(inflater, dn_buf_view(&over), LIMIT, &out), -EMSGSIZE,
	    "a byte more");
	IS_NUM(dn_inflate(inflater, dn_buf_view(&huge), LIMIT, &out), -EMSGSIZE,
	    "a bomb");
	IS_NUM(out.n, LIMIT + 1, "goes no further than the limit");
	IS_NUM(dn_inflate(inflater, DN_STR("\x00"), 0, &out), 0,
	    "nothing, where nothing is allowed");
	IS_NUM(dn_inflate(
		   inflater, DN_STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), 0, &out),
	    -EMSGSIZE, "something, where nothing is");
	dn_buf_release(&fits);
	dn_buf_release(&over);
	dn_buf_release(&huge);
}

static void test_both(void)
{
	bool same = true;

	for (unsigned i = 1; i < 200; i++) {
		struct dn_buf text = {0};
		struct dn_frame *f;
		struct dn_str out;

		add_words(&text, 60 + i * 300, i);
		dn_deflate_tune(deflater, 1 + i % 9, 0);
		f = dn_deflate_frame(deflater, dn_buf_view(&text));
		same &= dn_inflate(inflater, compressed(f), LIMIT, &out) == 0 &&
			dn_str_eq(out, dn_buf_view(&text));
		dn_frame_unref(&f);
		dn_buf_release(&text);
	}
	OK(same, "what one makes the other reads");
}

/* ---- as a form of messages ---- */

static void test_messages(void)
{
	unsigned form = DN_FORM_WS | DN_FORM_DEFLATE;
	struct dn_buf text = {0};
	struct dn_frame *f;

	dn_deflate_tune(deflater, 1, 0);
	dn_buf_lit(&text, "{\"push\":[");
	add_words(&text, 400, 1);
	dn_buf_lit(&text, "1]}");
	f = dn_form_message(form, dn_buf_view(&text), deflater);
	OK(reads_as(compressed(f), 15, dn_buf_view(&text)), "a message");
	dn_frame_unref(&f);
	f = dn_form_push(form | DN_FORM_UNI, dn_buf_view(&text), deflater);
	OK(reads_as(compressed(f), 15, (struct dn_str){text.p + 8, text.n - 9}),
	    "a push without its wrapper");
	dn_frame_unref(&f);
	f = dn_form_message(form, DN_STR("{}"), deflater);
	IS_SLICE(dn_frame_bytes(f), "\x81\x02{}", "a small one as it is");
	dn_frame_unref(&f);
	f = dn_form_close(
	    form, 3000, "a reason that repeats, repeats, repeats");
	IS_NUM((unsigned char)dn_frame_bytes(f).p[0], 0x88,
	    "a close frame is never compressed");
	dn_frame_unref(&f);
	dn_buf_release(&text);
}

static struct dn_frame *publication(void)
{
	static const char line[] =
	    "{\"channel\":\"c\",\"data\":\"again and again and again and "
	    "again and again and again and again and again and again\"}";
	struct dn_record r = {0};
	struct dn_err err;
	struct dn_frame *frame;

	dn_record_init(&r);
	DN_ASSERT(dn_record_parse(&r, DN_STR(line), &err) == 0);
	frame = dn_push_begin(&r, (struct dn_str){0}, (struct dn_str){0});
	dn_push_finish(frame, 1700000000000000, 1, DN_STR("e"));
	dn_record_release(&r);
	return frame;
}

static void test_variants(void)
{
	struct dn_frame *frame = publication();
	struct dn_variants v = {.frame = frame, .deflate = deflater};
	struct dn_frame *f;

	dn_deflate_tune(deflater, 1, 0);
	f = dn_variant(&v, DN_DATA_JSON, DN_FORM_DEFLATE);
	OK(reads_as(compressed(f), 15, dn_frame_payload(frame)),
	    "a publication");
	OK(dn_variant(&v, DN_DATA_JSON, DN_FORM_DEFLATE) == f,
	    "is compressed once");
	OK(dn_variant(&v, DN_DATA_JSON, DN_FORM_WS) == frame,
	    "who did not negotiate it gets it as it was");
	f = dn_variant(&v, DN_DATA_TEXT, DN_FORM_DEFLATE);
	OK(reads_as(compressed(f), 15,
	       dn_frame_payload(dn_variant(&v, DN_DATA_TEXT, DN_FORM_WS))),
	    "its other variants are compressed as well");
	OK(dn_variant(&v, DN_DATA_DELTA, DN_FORM_DEFLATE) == f,
	    "a delta that does not pay is the compressed whole");
	dn_variants_release(&v);
	dn_frame_unref(&frame);
}

int main(void)
{
	deflater = dn_deflate_new();
	inflater = dn_inflate_new();
	test_frames();
	test_no_context();
	test_does_not_pay();
	test_level();
	test_examples();
	test_garbage();
	test_limit();
	test_both();
	test_messages();
	test_variants();
	dn_deflate_free(&deflater);
	dn_inflate_free(&inflater);
	return tap_done();
}
