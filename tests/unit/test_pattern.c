/* SPDX-License-Identifier: MIT */
#include "conf/pattern.h"
#include "tap.h"

static bool matches(const char *pattern, const char *text)
{
	struct dn_pattern *p;
	struct dn_err err;
	bool is;

	DN_ASSERT(dn_pattern_new(&p, pattern, &err) == 0);
	is = dn_pattern_matches(p, dn_str_of(text));
	dn_pattern_free(&p);
	return is;
}

/* A pattern of which a hostile name makes exponential work. */
static void bounded(void)
{
	char text[255];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	OK(!matches("^(a+)+$", "aaab"), "what does not match is told");
	text[100] = '!';
	OK(!matches("^(a|aa|aaa)*$", text), "also where that takes for ever");
	OK(matches("^[a-z]*x[a-z]{20}$", "abcxabcdefghijklmnopqrst"),
	    "an ordinary pattern has steps enough");
}

int main(void)
{
	struct dn_pattern *p;
	struct dn_err err;

	OK(matches("^[a-z\\d]+$", "abc1") && !matches("^[a-z\\d]+$", "Abc"),
	    "classes");
	OK(matches("b", "abc"), "anywhere in the text");
	OK(!matches("^a$", "a\n"), "$ is the end of the text");
	OK(dn_pattern_new(&p, "^(a$", &err) != 0 && p == NULL,
	    "a wrong pattern is refused");
	IS_STR(err.text, "missing closing parenthesis, at offset 4",
	    "with the place");
	bounded();
	return tap_done();
}
