/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "tap.h"

static void json_is(struct dn_str text, const char *want, const char *name)
{
	struct dn_buf b = {0};

	dn_buf_json_str(&b, text);
	IS_SLICE(dn_buf_view(&b), want, name);
	dn_buf_release(&b);
}

static void raw_is(const char *text, const char *want, const char *name)
{
	struct dn_buf b = {0};

	dn_buf_json_raw(&b, dn_str_of(text));
	IS_SLICE(dn_buf_view(&b), want, name);
	dn_buf_release(&b);
}

static void test_json(void)
{
	json_is(DN_STR(""), "\"\"", "empty");
	json_is((struct dn_str){NULL, 0}, "\"\"", "unset");
	json_is(DN_STR("plain"), "\"plain\"", "plain");
	json_is(DN_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"", "quotes");
	json_is(DN_STR("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"", "short escapes");
	json_is(DN_STR("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\x7f\"",
	    "control bytes");
	json_is(DN_STR("0123456789\n0123456789"), "\"0123456789\\n0123456789\"",
	    "an escape behind a run");
	json_is(DN_STR("\xe2\x82\xac\xf0\x9f\x98\x80"),
	    "\"\xe2\x82\xac\xf0\x9f\x98\x80\"", "UTF-8 as it is");
	json_is(DN_STR("a\xff\xe2\x82"),
	    "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
	    "each other byte is replaced");
	raw_is("{\"a\":1}", "{\"a\":1}", "raw as it is");
	raw_is("{\n\"a\":\r\n1\n}\n", "{\"a\":1}", "raw without newlines");
	raw_is("1\n\n", "1", "newlines at the end");
}

static void test_numbers(void)
{
	struct dn_buf b = {0};

	dn_buf_u64(&b, 0);
	dn_buf_byte(&b, ' ');
	dn_buf_u64(&b, UINT64_MAX);
	dn_buf_byte(&b, ' ');
	dn_buf_i64(&b, INT64_MIN);
	dn_buf_byte(&b, ' ');
	dn_buf_i64(&b, -1);
	dn_buf_byte(&b, ' ');
	dn_buf_i64(&b, INT64_MAX);
	IS_SLICE(dn_buf_view(&b),
	    "0 18446744073709551615 -9223372036854775808 -1 "
	    "9223372036854775807",
	    "the ends of the ranges");
	dn_buf_release(&b);
}

static void test_grow(void)
{
	struct dn_buf b = {0};
	size_t i, wrong = 0;

	for (i = 0; i < 100000; i++)
		dn_buf_byte(&b, (char)('a' + i % 26));
	for (i = 0; i < b.n; i++)
		wrong += b.p[i] != (char)('a' + i % 26);
	IS_NUM(b.n, 100000, "byte by byte");
	IS_NUM(wrong, 0, "all of them right");
	OK(b.cap < 300000, "not much more than needed");
	dn_buf_consume(&b, 99998);
	IS_SLICE(dn_buf_view(&b), "cd", "consume leaves the rest");
	dn_buf_consume(&b, 0);
	IS_NUM(b.n, 2, "consume of nothing");
	dn_buf_reset(&b, 1 << 20);
	OK(b.n == 0 && b.cap > 0, "reset keeps small memory");
	dn_buf_reset(&b, 16);
	OK(b.n == 0 && b.cap == 0 && b.p == NULL, "reset drops big memory");
	memcpy(dn_buf_reserve(&b, 1000), "xy", 2);
	IS_NUM(b.n, 0, "reserve does not move the end");
	b.n += 2;
	IS_SLICE(dn_buf_view(&b), "xy", "what was put there counts then");
	dn_buf_add(&b, NULL, 0);
	IS_NUM(b.n, 2, "adding nothing");
	dn_buf_release(&b);
	OK(b.p == NULL && b.n == 0 && b.cap == 0, "release empties");
}

static void test_printf(void)
{
	struct dn_buf b = {0};
	char text[301];

	memset(text, 'x', 300);
	text[300] = '\0';
	dn_buf_printf(&b, "%s", "");
	IS_NUM(b.n, 0, "nothing printed");
	dn_buf_printf(&b, "%d-%s", 7, "a");
	IS_SLICE(dn_buf_view(&b), "7-a", "short");
	dn_buf_printf(&b, "%s|", text);
	OK(b.n == 304 && b.p[303] == '|', "longer than the room that was left");
	dn_buf_lit(&b, "!");
	OK(b.n == 305 && b.p[304] == '!', "goes on behind it");
	dn_buf_release(&b);
}

int main(void)
{
	test_json();
	test_numbers();
	test_grow();
	test_printf();
	return tap_done();
}
