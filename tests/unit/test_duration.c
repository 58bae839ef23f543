/* SPDX-License-Identifier: MIT */
#include "base/duration.h"

#include "tap.h"

static void is(const char *text, int64_t want)
{
	struct dn_err err = {0, ""};
	int64_t us = -1;
	bool ok = dn_duration_us(dn_str_of(text), &us, &err) == 0;

	OK(ok && us == want, text);
}

static void refused(const char *text, const char *want)
{
	struct dn_err err = {0, ""};
	int64_t us = 7;

	OK(dn_duration_us(dn_str_of(text), &us, &err) == -22 && us == 7,
	    "is refused");
	IS_STR(err.text, want, "says why");
}

/* Written, and read back as the same. */
static void text_is(int64_t us, const char *want)
{
	struct dn_err err;
	char text[32];
	int64_t back = -1;

	dn_duration_text(us, text);
	IS_STR(text, want, "text");
	OK(dn_duration_us(dn_str_of(text), &back, &err) == 0 && back == us,
	    "is read as the same");
}

static void test_read(void)
{
	is("250ms", 250000);
	is("5s", 5000000);
	is("10m", 600000000);
	is("1h", 3600000000);
	is("7d", 7 * 86400000000);
	is("5", 5000000);
	is("0", 0);
	is("0s", 0);
	is("007s", 7000000);
	is("0.5s", 500000);
	is("0.1", 100000);
	is("1.5h", 5400000000);
	is("0.000001s", 1);
	is("0.0000019s", 1);
	is("1.123456789123456789s", 1123456);
	is("36500d", 36500 * 86400000000);
	is("36600d", 36600 * 86400000000);
}

static void test_refused(void)
{
	refused("", "duration \"\": does not start with a number");
	refused("s", "duration \"s\": does not start with a number");
	refused(".5s", "duration \".5s\": does not start with a number");
	refused(" 5s", "duration \" 5s\": does not start with a number");
	refused("-5s", "duration \"-5s\": a sign is not allowed");
	refused("+5s", "duration \"+5s\": a sign is not allowed");
	refused("5.s", "duration \"5.s\": no digit behind the point");
	refused("5 s",
	    "duration \"5 s\": unknown unit, these are ms, s, m, h and d");
	refused("5us",
	    "duration \"5us\": unknown unit, these are ms, s, m, h and d");
	refused(
	    "5S", "duration \"5S\": unknown unit, these are ms, s, m, h and d");
	refused("1h30m",
	    "duration \"1h30m\": unknown unit, these are ms, s, m, h and d");
	refused("36601d", "duration \"36601d\": more than 100 years");
	refused("99999999999999999999999999d",
	    "duration \"99999999999999999999999999d\": more than 100 years");
	refused("999999999999999999999999999999999999999999999999",
	    "duration \"9999999999999999999999999999999999999999\": more than "
	    "100 years");
}

static void test_write(void)
{
	text_is(0, "0s");
	text_is(1, "0.001ms");
	text_is(1500, "1.5ms");
	text_is(250000, "250ms");
	text_is(5000000, "5s");
	text_is(90000000, "90s");
	text_is(600000000, "10m");
	text_is(86400000000, "1d");
	text_is(36 * INT64_C(3600000000), "36h");
	text_is(INT64_C(36600) * 86400000000, "36600d");
}

int main(void)
{
	test_read();
	test_refused();
	test_write();
	return tap_done();
}
