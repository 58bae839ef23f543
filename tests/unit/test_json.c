/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "tap.h"

static bool valid(const char *text)
{
	struct dn_json v;

	return dn_json_parse(dn_str_of(text), &v, NULL) == 0;
}

static void test_members(void)
{
	struct dn_str text = DN_STR(
	    " { \"a\" : [1,{\"b\":\"]}\\\"\"}] ,\"\\u0062\":\"x\\u00e9\\n\", \"n\":-12}");
	struct dn_buf scratch = {0};
	struct dn_json v;
	struct dn_str s;
	int64_t n = 0;

	OK(dn_json_parse(text, &v, NULL) == 0, "an object is accepted");
	IS_SLICE(dn_json_member(v, "a").raw, "[1,{\"b\":\"]}\\\"\"}]",
	    "an array comes as it stands");
	OK(dn_json_string(dn_json_member(v, "b"), &s, &scratch),
	    "a key with an escape is found");
	IS_SLICE(s, "x\xc3\xa9\n", "escapes are decoded");
	OK(dn_json_i64(dn_json_member(v, "n"), &n) && n == -12, "an integer");
	dn_buf_release(&scratch);
}

int main(void)
{
	OK(valid("[1,2]"), "array");
	OK(!valid("[1,2,]"), "trailing comma");
	OK(!valid("01"), "leading zero");
	OK(!valid("\"\\ud800\""), "lone surrogate");
	OK(!valid(""), "empty");
	test_members();
	return tap_done();
}
