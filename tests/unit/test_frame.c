/* SPDX-License-Identifier: MIT */
/* frame: heads of each length, close frames, shared ownership. */
#include "wire/frame.h"

#include <pthread.h>
#include <stdlib.h>

#include "tap.h"

static void check_head(size_t n, const char *want, size_t want_n)
{
	char *bytes = calloc(1, n + 1);
	struct dn_frame *f;
	struct dn_str got;
	char name[64];

	memset(bytes, 'x', n);
	f = dn_frame_ws(DN_WS_TEXT, (struct dn_str){bytes, n});
	got = dn_frame_bytes(f);
	snprintf(name, sizeof(name), "head of a payload of %zu bytes", n);
	OK(got.n == want_n + n && memcmp(got.p, want, want_n) == 0, name);
	OK(memcmp(got.p + want_n, bytes, n) == 0, "payload follows");
	dn_frame_unref(&f);
	OK(f == NULL, "unref clears the pointer");
	free(bytes);
}

static void test_heads(void)
{
	check_head(0, "\x81\x00", 2);
	check_head(125, "\x81\x7d", 2);
	check_head(126, "\x81\x7e\x00\x7e", 4);
	check_head(65535, "\x81\x7e\xff\xff", 4);
	check_head(65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

static void test_close(void)
{
	struct dn_frame *f = dn_frame_ws_close(3008, "slow");
	char reason[124];

	IS_SLICE(dn_frame_bytes(f), "\x88\x06\x0b\xc0slow", "close frame");
	dn_frame_unref(&f);
	memset(reason, 'r', 123);
	reason[123] = '\0';
	f = dn_frame_ws_close(1000, reason);
	IS_NUM(dn_frame_bytes(f).n, 127, "longest close frame");
	dn_frame_unref(&f);
}

static void test_raw(void)
{
	struct dn_frame *f = dn_frame_raw(DN_STR("HTTP/1.1 200 OK\r\n\r\n"));

	IS_SLICE(dn_frame_bytes(f), "HTTP/1.1 200 OK\r\n\r\n", "raw bytes");
	dn_frame_unref(&f);
	f = dn_frame_raw((struct dn_str){NULL, 0});
	IS_NUM(dn_frame_bytes(f).n, 0, "no bytes");
	dn_frame_unref(&f);
	dn_frame_unref(&f);
	OK(f == NULL, "unref of nothing does nothing");
}

static void check_begun(size_t n, size_t more)
{
	char *bytes = malloc(n + more + 1);
	struct dn_frame *whole, *f;
	char name[64];

	memset(bytes, 'y', n + more);
	whole = dn_frame_ws(DN_WS_TEXT, (struct dn_str){bytes, n + more});
	f = dn_frame_begin((struct dn_str){bytes, n}, 40);
	dn_frame_append(f, bytes, more);
	dn_frame_append(f, NULL, 0);
	dn_frame_seal_ws(f, DN_WS_TEXT);
	snprintf(name, sizeof(name), "begun with %zu, %zu appended", n, more);
	OK(dn_str_eq(dn_frame_bytes(f), dn_frame_bytes(whole)), name);
	OK(dn_str_eq(dn_frame_payload(f), (struct dn_str){bytes, n + more}),
	    "its payload");
	dn_frame_unref(&f);
	dn_frame_unref(&whole);
	free(bytes);
}

static void test_begun(void)
{
	check_begun(0, 0);
	check_begun(0, 40);
	check_begun(100, 25);
	check_begun(100, 26);
	check_begun(65500, 35);
	check_begun(65500, 36);
}

enum { TURNS = 20000 };

static void *hold_and_let_go(void *data)
{
	struct dn_frame *shared = data;

	for (int i = 0; i < TURNS; i++) {
		struct dn_frame *mine = dn_frame_ref(shared);

		dn_frame_unref(&mine);
	}
	return NULL;
}

static void test_threads(void)
{
	struct dn_frame *f = dn_frame_ws(DN_WS_TEXT, DN_STR("shared"));
	pthread_t other;

	OK(pthread_create(&other, NULL, hold_and_let_go, f) == 0, "a thread");
	hold_and_let_go(f);
	pthread_join(other, NULL);
	IS_NUM(f->refs, 1, "one reference is left");
	IS_SLICE(dn_frame_bytes(f), "\x81\x06shared", "bytes are as they were");
	dn_frame_unref(&f);
}

int main(void)
{
	test_heads();
	test_close();
	test_raw();
	test_begun();
	test_threads();
	return tap_done();
}
