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
			       "(printable ASCII without space, '*' and ',')");
	refused(DN_STR("a,b"), "channel: byte 0x2c at offset 1 is not allowed "
			       "(printable ASCII without space, '*' and ',')");
	refused(DN_STR("ab\xc3\xa9"),
	    "channel: byte 0xc3 at offset 2 is not allowed "
	    "(printable ASCII without space, '*' and ',')");
	refused(DN_STR("\0"), "channel: byte 0x00 at offset 0 is not allowed "
			      "(printable ASCII without space, '*' and ',')");
	refused(DN_STR("a\x7f"),
	    "channel: byte 0x7f at offset 1 is not allowed "
	    "(printable ASCII without space, '*' and ',')");
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

int main(void)
{
	test_check();
	test_namespace();
	return tap_done();
}
