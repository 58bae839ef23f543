/* SPDX-License-Identifier: MIT */
#include "record/channel.h"

#include "tap.h"

static void refused(struct dn_str name, const char *want)
{
	struct dn_err err = {0, ""};

	OK(dn_channel_check(name, &err) == -22, "is refused");
	IS_STR(err.text, want, "says why");
}

static void test_check(void)
{
	char name[300];

	OK(dn_channel_check(DN_STR("a"), NULL) == 0, "one byte");
	OK(dn_channel_check(DN_STR("$priv:~!\"#%&/()=?;._-<>|{}[]"), NULL) == 0,
	    "punctuation");
	memset(name, 'x', sizeof(name));
	OK(dn_channel_check((struct dn_str){name, 255}, NULL) == 0,
	    "255 bytes");
	refused((struct dn_str){name, 256},
	    "channel: the name has 256 bytes, at most 255 are allowed");
	refused(DN_STR(""), "channel: the name is empty");
	refused((struct dn_str){NULL, 0}, "channel: the name is empty");
	refused(DN_STR("news:*"),
	    "channel: patterns are not supported ('*' at offset 5)");
	refused(DN_STR("a b"), "channel: byte 0x20 at offset 1 is not allowed "
			       "(printable ASCII without space and '*')");
	refused(DN_STR("a,b#c"), "channel: ',' at offset 1 is allowed between "
				 "users behind '#' only");
	OK(dn_channel_check(DN_STR("a#b,c"), NULL) == 0, "a list of users");
	refused(DN_STR("ab\xc3\xa9"),
	    "channel: byte 0xc3 at offset 2 is not allowed "
	    "(printable ASCII without space and '*')");
	refused(DN_STR("\0"), "channel: byte 0x00 at offset 0 is not allowed "
			      "(printable ASCII without space and '*')");
	refused(DN_STR("a\x7f"),
	    "channel: byte 0x7f at offset 1 is not allowed "
	    "(printable ASCII without space and '*')");
}

static void test_namespace(void)
{
	IS_SLICE(dn_channel_namespace(DN_STR("jobs:1")), "jobs", "jobs:1");
	IS_SLICE(dn_channel_namespace(DN_STR("a:b:c")), "a", "the first colon");
	IS_SLICE(dn_channel_namespace(DN_STR("plain")), "", "none");
	IS_SLICE(dn_channel_namespace(DN_STR(":x")), "", "an empty one");
	IS_SLICE(dn_channel_namespace(DN_STR("$p:x")), "p", "a leading $");
	IS_SLICE(dn_channel_namespace(DN_STR("$x")), "", "$ and no colon");
	IS_SLICE(dn_channel_namespace(DN_STR("$")), "", "$ alone");
	IS_SLICE(dn_channel_namespace(DN_STR("#42")), "", "a personal one");
	IS_SLICE(dn_channel_namespace(DN_STR("")), "", "empty");
	OK(dn_channel_namespace(DN_STR("x")).p != NULL, "none is not NULL");
}

static void test_rest(void)
{
	IS_SLICE(dn_channel_rest(DN_STR("jobs:1")), "1", "jobs:1");
	IS_SLICE(dn_channel_rest(DN_STR("a:b:c")), "b:c", "the first colon");
	IS_SLICE(dn_channel_rest(DN_STR("a:")), "", "nothing");
	IS_SLICE(dn_channel_rest(DN_STR("plain")), "plain", "no namespace");
	IS_SLICE(dn_channel_rest(DN_STR("$p:x")), "x", "a leading $");
	IS_SLICE(dn_channel_rest(DN_STR("$x")), "$x", "$ and no colon");
	IS_SLICE(dn_channel_rest(DN_STR("")), "", "empty");
}

static void test_private(void)
{
	OK(dn_channel_is_private(DN_STR("$x")), "$x is private");
	OK(dn_channel_is_private(DN_STR("$ns:x")), "in a namespace, too");
	OK(dn_channel_is_private(DN_STR("$events:x")), "$events:x is");
	OK(!dn_channel_is_private(DN_STR("$events")), "$events is not");
	OK(!dn_channel_is_private(DN_STR("a$x")), "nor is a $ elsewhere");
	OK(!dn_channel_is_private(DN_STR("")), "nor is nothing");
}

static void test_users(void)
{
	static const struct {
		const char *channel, *user;
		bool limited, is_for;
	} cases[] = {
	    {"news", "42", false, false},
	    {"news#42", "42", true, true},
	    {"#42", "42", true, true},
	    {"ns:#42", "42", true, true},
	    {"news#42", "4", true, false},
	    {"news#42", "422", true, false},
	    {"news#42", "2", true, false},
	    {"news#42", "", true, false},
	    {"news#", "", true, false},
	    {"news#", "42", true, false},
	    {"dialog#42,43", "42", true, true},
	    {"dialog#42,43", "43", true, true},
	    {"dialog#42,43", "42,43", true, false},
	    {"dialog#42,43", "44", true, false},
	    {"dialog#,43", "", true, false},
	    {"dialog#42,", "42", true, true},
	    {"dialog#42,", "", true, false},
	    {"a#41#42", "42", true, true},
	    {"a#41#42", "41", true, false},
	    {"a#41#42", "41#42", true, false},
	    {"", "42", false, false},
	};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(cases); i++) {
		struct dn_str name = dn_str_of(cases[i].channel);
		struct dn_str user = dn_str_of(cases[i].user);

		OK(dn_channel_is_limited(name) == cases[i].limited,
		    cases[i].channel);
		OK(dn_channel_is_for(name, user) == cases[i].is_for,
		    cases[i].user);
	}
	OK(!dn_channel_is_for((struct dn_str){0}, (struct dn_str){0}),
	    "no name is for nobody");
}

int main(void)
{
	test_check();
	test_namespace();
	test_rest();
	test_private();
	test_users();
	return tap_done();
}
