/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "corpus.h"
#include "tap.h"
#include "../fuzz/fuzz_json.c"

/* Texts with their length, so that a NUL byte can be in one. */
#define T(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static const struct dn_str good[] = {
    T("null"),
    T("true"),
    T("false"),
    T("0"),
    T("-0"),
    T("-1"),
    T("12"),
    T("1.5"),
    T("0.0"),
    T("1e5"),
    T("1E+5"),
    T("1.25e-10"),
    T("-0.1"),
    T("123456789012345678901234567890"),
    T("1e999"),
    T("\"\""),
    T("\"abcdefghijklmnop\""),
    T("\"\x7f\""),
    T("\"\xc2\x80\""),
    T("\"\xdf\xbf\""),
    T("\"\xe0\xa0\x80\""),
    T("\"\xed\x9f\xbf\""),
    T("\"\xee\x80\x80\""),
    T("\"\xef\xbf\xbf\""),
    T("\"\xf0\x90\x80\x80\""),
    T("\"\xf4\x8f\xbf\xbf\""),
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    T("\"\\u0000\\u00e9\\uFFFF\""),
    T("\"\\ud800\\udc00\""),
    T("\"\\uDBFF\\uDFFF\""),
    T("\"1234567\\n\""),
    T("[]"),
    T("{}"),
    T("[ ]"),
    T("{ }"),
    T("[1]"),
    T("[1,2,3]"),
    T("[[],[[]],{}]"),
    T("{\"a\":1}"),
    T("{\"\":0}"),
    T("{\"a\":1,\"a\":2}"),
    T(" \t\r\n1 \t\r\n"),
    T("{ \"a\" : [ 1 , { \"b\" : null } ] , \"c\" : \"d\" }"),
    T("\n[\n1\n,\n2\n]\n"),
    T("\"\xe2\x80\xa8\""),
};

static const struct dn_str bad[] = {
    T(""),
    T(" "),
    T("\xef\xbb\xbf[]"),
    T("\0"),
    T("1\0"),
    T("[1]\0"),
    T("nul"),
    T("nulll"),
    T("True"),
    T("NaN"),
    T("Infinity"),
    T("-Infinity"),
    T("'a'"),
    T("a"),
    T("01"),
    T("-01"),
    T("00"),
    T("+1"),
    T("-"),
    T("--1"),
    T("1."),
    T(".5"),
    T("-.5"),
    T("1.e1"),
    T("1e"),
    T("1e+"),
    T("1E-"),
    T("1e1.5"),
    T("0x10"),
    T("1 2"),
    T("1a"),
    T("0e"),
    T("2.e3"),
    T("1_000"),
    T("\""),
    T("\"abc"),
    T("\"\\"),
    T("\"\\\""),
    T("\"\\x41\""),
    T("\"\\u\""),
    T("\"\\u12\""),
    T("\"\\u123\""),
    T("\"\\u123g\""),
    T("\"\\U1234\""),
    T("\"\\0\""),
    T("\"\\'\""),
    T("\"\\ud800\""),
    T("\"\\udc00\""),
    T("\"\\ud800\\u0041\""),
    T("\"\\ud800\\ud800\""),
    T("\"\\ud800x\""),
    T("\"\\ud800\\n\""),
    T("\"\\ud800\\udc0\""),
    T("\"\\udc00\\ud800\""),
    T("\"\n\""),
    T("\"\t\""),
    T("\"\x1f\""),
    T("\"\0\""),
    T("\"1234567\n\""),
    T("\"\x80\""),
    T("\"\xbf\""),
    T("\"\xc0\xaf\""),
    T("\"\xc1\xbf\""),
    T("\"\xc2\""),
    T("\"\xc2\x41\""),
    T("\"\xc2\xc2\""),
    T("\"\xe0\x80\xaf\""),
    T("\"\xe0\x9f\xbf\""),
    T("\"\xe2\x82\""),
    T("\"\xe2\x28\xa1\""),
    T("\"\xed\xa0\x80\""),
    T("\"\xed\xbf\xbf\""),
    T("\"\xf0\x80\x80\xaf\""),
    T("\"\xf0\x8f\xbf\xbf\""),
    T("\"\xf0\x90\x80\""),
    T("\"\xf4\x90\x80\x80\""),
    T("\"\xf5\x80\x80\x80\""),
    T("\"\xf8\x88\x80\x80\x80\""),
    T("\"\xfe\""),
    T("\"\xff\""),
    T("\"\xf0\x90\x80\x80"),
    T("\"\xe2\x82"),
    T("["),
    T("]"),
    T("[1"),
    T("[1,"),
    T("[1,]"),
    T("[,]"),
    T("[,1]"),
    T("[1,,2]"),
    T("[1 2]"),
    T("[1}"),
    T("[\"a\":1]"),
    T("[1]]"),
    T("[1]x"),
    T("[1],"),
    T("[a]"),
    T("[1,\n"),
    T("[\v1]"),
    T("[\f1]"),
    T("[\xc2\xa0]"),
    T("{"),
    T("}"),
    T("{\"a\""),
    T("{\"a\":"),
    T("{\"a\":1"),
    T("{\"a\":1,"),
    T("{\"a\":1,}"),
    T("{,}"),
    T("{\"a\"}"),
    T("{\"a\",1}"),
    T("{\"a\" 1}"),
    T("{a:1}"),
    T("{'a':1}"),
    T("{1:1}"),
    T("{null:1}"),
    T("{\"a\":1,,\"b\":2}"),
    T("{\"a\":1 \"b\":2}"),
    T("{\"a\":1]"),
    T("{\"a\":1}}"),
    T("{\"a\":1}{}"),
    T("{\"a\"::1}"),
    T("{\"a\":1/*c*/}"),
    T("//c\n1"),
    T("{\"\\ud800\":1}"),
    T("{\"\xff\":1}"),
    T("{\"a\":a"),
    T("{\"a\":}"),
    T("{:1}"),
    T("{[]:1}"),
};

/* In a block of exactly its size, so that a sanitizer sees each byte read
 * behind it. */
static int parse_exact(struct dn_str text, struct dn_err *err)
{
	char *copy = dn_xmalloc(text.n);
	struct dn_json v;
	int r;

	memcpy(copy, text.p, text.n);
	r = dn_json_parse((struct dn_str){copy, text.n}, &v, err);
	free(copy);
	return r;
}

static void test_tables(void)
{
	struct dn_err err;
	char name[128];
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(good); i++) {
		snprintf(name, sizeof(name), "good %zu", i);
		OK(parse_exact(good[i], &err) == 0, name);
	}
	for (i = 0; i < DN_ARRAY_LEN(bad); i++) {
		snprintf(name, sizeof(name), "bad %zu", i);
		err = (struct dn_err){0, ""};
		OK(parse_exact(bad[i], &err) < 0 && err.code == -22, name);
	}
}

/* A fault is found at every place of the eight-byte steps. */
static void test_places(void)
{
	static const char *const faults[] = {
	    "\n", "\x1f", "\xff", "\xc0\xaf", "\\x", "\\ud800", "\xed\xa0\x80"};
	size_t at, f, missed = 0;

	for (f = 0; f < DN_ARRAY_LEN(faults); f++)
		for (at = 0; at < 40; at++) {
			struct dn_buf b = {0};

			dn_buf_printf(&b, "\"%.*s%s%.*s\"", (int)at,
			    "0123456789012345678901234567890123456789",
			    faults[f], (int)(40 - at),
			    "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~");
			missed += parse_exact(dn_buf_view(&b), NULL) == 0;
			dn_buf_release(&b);
		}
	IS_NUM(missed, 0, "no fault slips through at any place");
}

static int nested(
    size_t depth, const char *open, const char *core, const char *close)
{
	struct dn_buf b = {0};
	size_t i;
	int r;

	for (i = 0; i < depth; i++)
		dn_buf_lit(&b, open);
	dn_buf_lit(&b, core);
	for (i = 0; i < depth; i++)
		dn_buf_lit(&b, close);
	r = parse_exact(dn_buf_view(&b), NULL);
	dn_buf_release(&b);
	return r;
}

static void test_depth(void)
{
	struct dn_str text = DN_STR("[{\"a\":[[],\"[[[[[\"]},[1]]");
	struct dn_json v;

	OK(nested(64, "[", "", "]") == 0, "64 arrays");
	OK(nested(65, "[", "", "]") < 0, "65 arrays");
	OK(nested(64, "{\"a\":", "1", "}") == 0, "64 objects");
	OK(nested(65, "{\"a\":", "1", "}") < 0, "65 objects");
	OK(nested(32, "[{\"a\":", "1", "}]") == 0, "32 of both");
	OK(nested(32, "[{\"a\":", "[]", "}]") < 0, "32 of both and one more");
	OK(nested(100000, "[", "", "") < 0, "100000 open ones");
	OK(dn_json_parse(text, &v, NULL) == 0, "mixed levels");
	IS_NUM(dn_json_depth(v), 4, "depth is counted outside of strings");
}

static void test_errors(void)
{
	struct dn_err err = {0, ""};

	OK(parse_exact(DN_STR("{\"a\":01}"), &err) < 0, "leading zero");
	IS_STR(err.text, "JSON: leading zero at offset 6", "says where");
	OK(parse_exact(DN_STR("[1] 2"), &err) < 0, "two values");
	IS_STR(err.text, "JSON: more than one value at offset 4", "says so");
	OK(parse_exact(DN_STR("{\"a\":1,}"), &err) < 0, "trailing comma");
	IS_STR(err.text, "JSON: key expected at offset 7", "says so");
}

static void test_prefix(void)
{
	struct dn_json v;
	size_t taken = 0;

	OK(dn_json_parse_prefix(
	       DN_STR(" {\"a\":1}\n{\"b\""), &v, &taken, NULL) == 0,
	    "a value at the start");
	IS_NUM(taken, 8, "its end is told");
	IS_SLICE(v.raw, "{\"a\":1}", "without the space around it");
	OK(dn_json_parse_prefix(DN_STR("12,"), &v, &taken, NULL) == 0,
	    "a number ends where it ends");
	IS_NUM(taken, 2, "two digits");
	OK(dn_json_parse_prefix(DN_STR("{\"b\""), &v, &taken, NULL) < 0,
	    "half a value is none");
}

static void test_iterate(void)
{
	struct dn_str text = DN_STR("{ \"a\" : [1, 2] ,\"b\":\"]}\\\"\\\\\","
				    "\"c\":{\"d\":\"}\"},\"e\":-1.5e3 ,"
				    "\"f\":null}");
	static const char *const keys[] = {"a", "b", "c", "e", "f"};
	static const char *const values[] = {
	    "[1, 2]", "\"]}\\\"\\\\\"", "{\"d\":\"}\"}", "-1.5e3", "null"};
	struct dn_json_iter it;
	struct dn_json v, item;
	struct dn_str key;
	size_t n = 0;

	OK(dn_json_parse(text, &v, NULL) == 0, "an object");
	dn_json_iter_init(&it, v);
	while (dn_json_next(&it, &key, &item) && n < DN_ARRAY_LEN(keys)) {
		IS_SLICE(key, keys[n], "key");
		IS_SLICE(item.raw, values[n], "value");
		n++;
	}
	IS_NUM(n, 5, "all members are visited");
	OK(!dn_json_next(&it, &key, &item), "the end stays the end");
	OK(dn_json_parse(DN_STR("[ ]"), &v, NULL) == 0, "an empty array");
	dn_json_iter_init(&it, v);
	OK(!dn_json_next(&it, &key, &item), "has nothing to visit");
	OK(dn_json_parse(DN_STR("[ [] , {} , \"\"]"), &v, NULL) == 0,
	    "an array of empty things");
	dn_json_iter_init(&it, v);
	for (n = 0; dn_json_next(&it, &key, &item); n++)
		OK(key.p == NULL, "items have no key");
	IS_NUM(n, 3, "has three items");
}

static void test_keys(void)
{
	struct dn_json v;

	OK(dn_json_key_is(DN_STR("seq"), "seq"), "plain key");
	OK(!dn_json_key_is(DN_STR("seq"), "se"), "longer than the name");
	OK(!dn_json_key_is(DN_STR("se"), "seq"), "shorter than the name");
	OK(dn_json_key_is(DN_STR("\\u0073eq"), "seq"), "with an escape");
	OK(dn_json_key_is(DN_STR("s\\u0065\\u0071"), "seq"), "with two");
	OK(!dn_json_key_is(DN_STR("\\u0073eqx"), "seq"), "escape and more");
	OK(!dn_json_key_is(DN_STR("\\u0073e"), "seq"), "escape and less");
	OK(!dn_json_key_is(DN_STR("\\n"), "\\n"), "an escape is not its text");
	OK(dn_json_key_is(DN_STR("\\ud83d\\ude00"), "\xf0\x9f\x98\x80"),
	    "a pair");
	OK(dn_json_key_is(DN_STR(""), ""), "empty");
	OK(dn_json_parse(DN_STR("{\"a\":1,\"\\u0061\":2}"), &v, NULL) == 0,
	    "the same key twice");
	IS_SLICE(dn_json_member(v, "a").raw, "2", "the last one wins");
	OK(dn_json_member(v, "b").type == DN_JSON_NONE, "no such member");
	OK(dn_json_parse(DN_STR("[1]"), &v, NULL) == 0, "an array");
	OK(dn_json_member(v, "a").type == DN_JSON_NONE, "has no members");
}

static struct dn_json value_of(struct dn_str text)
{
	struct dn_json v = {DN_JSON_NONE, {NULL, 0}};

	OK(dn_json_parse(text, &v, NULL) == 0, text.p);
	return v;
}

static void test_strings(void)
{
	struct dn_buf scratch = {0};
	struct dn_json v = value_of(DN_STR("\"plain\""));
	struct dn_str s = {NULL, 0};

	OK(dn_json_string(v, &s, &scratch), "plain");
	OK(s.p == v.raw.p + 1 && scratch.n == 0, "is not copied");
	v = value_of(DN_STR("\"a\\u0000b\""));
	OK(dn_json_string(v, &s, &scratch) && s.n == 3 &&
		memcmp(s.p, "a\0b", 3) == 0,
	    "a NUL byte inside");
	dn_buf_reset(&scratch, 0);
	v = value_of(DN_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\u07ff\""));
	OK(dn_json_string(v, &s, &scratch), "all escapes");
	IS_SLICE(s, "\"\\/\b\f\n\r\t\xe2\x82\xac\xdf\xbf", "decoded");
	dn_buf_reset(&scratch, 0);
	v = value_of(DN_STR("\"\\uD83D\\uDE00!\""));
	OK(dn_json_string(v, &s, &scratch), "a surrogate pair");
	IS_SLICE(s, "\xf0\x9f\x98\x80!", "is four bytes");
	OK(!dn_json_string(value_of(DN_STR("1")), &s, &scratch), "a number");
	OK(!dn_json_string(value_of(DN_STR("null")), &s, &scratch), "null");
	dn_buf_release(&scratch);
}

static void test_numbers(void)
{
	uint64_t u = 7;
	int64_t i = 7;
	bool b = false;

#define N(text) value_of(DN_STR(text))
	OK(dn_json_i64(N("9223372036854775807"), &i) && i == INT64_MAX, "max");
	OK(dn_json_i64(N("-9223372036854775808"), &i) && i == INT64_MIN, "min");
	OK(!dn_json_i64(N("9223372036854775808"), &i), "above");
	OK(!dn_json_i64(N("-9223372036854775809"), &i), "below");
	OK(dn_json_i64(N("-0"), &i) && i == 0, "minus zero");
	OK(dn_json_u64(N("18446744073709551615"), &u) && u == UINT64_MAX,
	    "max unsigned");
	OK(!dn_json_u64(N("18446744073709551616"), &u), "above unsigned");
	OK(!dn_json_u64(N("99999999999999999999999"), &u), "far above");
	OK(!dn_json_u64(N("-1"), &u), "negative");
	OK(!dn_json_i64(N("1.0"), &i), "fraction");
	OK(!dn_json_i64(N("1e3"), &i), "exponent");
	OK(!dn_json_i64(N("\"1\""), &i), "string");
	OK(dn_json_bool(N("true"), &b) && b, "true");
	OK(dn_json_bool(N("false"), &b) && !b, "false");
	OK(!dn_json_bool(N("0"), &b), "zero is no boolean");
#undef N
}

static void test_utf8(void)
{
	OK(dn_utf8_valid(DN_STR("")), "empty text");
	OK(dn_utf8_valid(DN_STR("0123456789abcdef")), "ASCII");
	OK(dn_utf8_valid(DN_STR("01234567\xc3\xa9"
				"0123456\xf0\x9f\x98\x80")),
	    "mixed");
	OK(!dn_utf8_valid(DN_STR("0123456789\xc3")), "cut short");
	OK(!dn_utf8_valid(DN_STR("\xc3\xa9\xed\xa0\x80")), "a surrogate");
}

int main(void)
{
	test_tables();
	test_places();
	test_depth();
	test_errors();
	test_prefix();
	test_iterate();
	test_keys();
	test_strings();
	test_numbers();
	test_utf8();
	corpus_run("tests/fuzz/corpus/json");
	return tap_done();
}
