/* SPDX-License-Identifier: MIT */
/* Regular expressions: what they match, as the C library sees it, too; what
 * is refused; the limits; and that no text takes long. */
#include "conf/ere.h"
#include "base/buf.h"
#include "tap.h"

#include <regex.h>
#include <stdlib.h>

static bool match(const char *pattern, const char *text)
{
	struct dn_ere *ere;
	struct dn_err err = {0};
	bool found;

	if (dn_ere_new(&ere, pattern, &err) != 0) {
		printf("# %s: %s\n", pattern, err.text);
		return false;
	}
	found = dn_ere_match(ere, dn_str_of(text));
	dn_ere_free(&ere);
	return found;
}

static bool match_libc(const char *pattern, const char *text)
{
	regex_t regex;
	bool found;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static const struct {
	const char *pattern, *yes[4], *no[4];
} cases[] = {
    {"", {"", "a"}, {NULL}},
    {"a", {"a", "xax"}, {"", "b"}},
    {"^a$", {"a"}, {"", "aa", "ba", "ab"}},
    {"^$", {""}, {"a"}},
    {"^^a$$", {"a"}, {"aa"}},
    {"a^b", {NULL}, {"ab", "a^b"}},
    {"^(a|b)$", {"a", "b"}, {"", "ab"}},
    {"^a|b$", {"ax", "xb"}, {"xax"}},
    {"(^a|b)c", {"ac", "xbc"}, {"xac"}},
    {"^(a|)$", {"a", ""}, {"b"}},
    {"^()$", {""}, {"a"}},
    {"^a*$", {"", "a", "aaa"}, {"ab"}},
    {"^a+$", {"a", "aaa"}, {"", "ab"}},
    {"^a?$", {"", "a"}, {"aa"}},
    {"^(ab)*$", {"", "abab"}, {"aba"}},
    {"^a{2}$", {"aa"}, {"a", "aaa"}},
    {"^a{2,}$", {"aa", "aaaa"}, {"", "a"}},
    {"^a{2,3}$", {"aa", "aaa"}, {"a", "aaaa"}},
    {"^a{0}$", {""}, {"a"}},
    {"^a{0,}$", {"", "aa"}, {"b"}},
    {"^(a{1,2}b){2}$", {"abab", "aabab"}, {"ab", "aaabab"}},
    {"^([0-9]{1,3}\\.){3}[0-9]{1,3}$", {"127.0.0.1"},
	{"127.0.0", "1270.0.0.1", "127.0.0.1."}},
    {"^.$", {"a", "\n", "\xff"}, {"", "aa"}},
    {"^[abc]$", {"a", "c"}, {"d", ""}},
    {"^[^abc]$", {"d", "^"}, {"a", ""}},
    {"^[a-c]$", {"b"}, {"d", "-"}},
    {"^[]a]$", {"]", "a"}, {"[", "b"}},
    {"^[^]a]$", {"b"}, {"]", "a"}},
    {"^[a-]$", {"a", "-"}, {"b"}},
    {"^[-a]$", {"a", "-"}, {"b"}},
    {"^[a^]$", {"a", "^"}, {"b"}},
    {"^[\\]$", {"\\"}, {"a"}},
    {"^[*.$]$", {"*", ".", "$"}, {"a"}},
    {"^[[:digit:]a]$", {"5", "a"}, {"b", ":"}},
    {"^[[:alpha:]_][[:alnum:]_-]*$", {"a", "_1-b"}, {"1", "", "a b"}},
    {"^[^[:space:]]+$", {"ab"}, {"a b", ""}},
    {"^\\$\\[\\]\\(\\)\\|\\\\$", {"$[]()|\\"}, {"x"}},
    {"^a}]$", {"a}]"}, {"a"}},
    {"-[0-9a-f-]{36}$", {"x-0b6b4e8c-0f5c-4f0b-9b1e-2a3c4d5e6f70"},
	{"x-0b6b4e8c-0f5c-4f0b-9b1e-2a3c4d5e6f7"}},
};

static void one(const char *pattern, const char *text, bool want)
{
	OK(match(pattern, text) == want, pattern);
	OK(match_libc(pattern, text) == want, "the C library says so, too");
}

static void matching(void)
{
	size_t i, j;

	for (i = 0; i < DN_ARRAY_LEN(cases); i++) {
		for (j = 0; j < 4 && cases[i].yes[j] != NULL; j++)
			one(cases[i].pattern, cases[i].yes[j], true);
		for (j = 0; j < 4 && cases[i].no[j] != NULL; j++)
			one(cases[i].pattern, cases[i].no[j], false);
	}
	OK(match("^a$", "a"), "a text without NUL inside");
}

/* Patterns made up from a fixed seed, the same at each run. */
static uint32_t seed = 1;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % sides;
}

static void make_sequence(struct dn_buf *out, int depth)
{
	static const char *const atoms[] = {
	    "a", "b", "c", ".", "[ab]", "[^a]", "[b-c]"};
	static const char *const counts[] = {
	    "", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,2}"};
	uint32_t n = 1 + dice(3);

	while (n-- > 0) {
		if (depth > 0 && dice(3) == 0) {
			dn_buf_byte(out, '(');
			make_sequence(out, depth - 1);
			if (dice(2) == 0) {
				dn_buf_byte(out, '|');
				make_sequence(out, depth - 1);
			}
			dn_buf_byte(out, ')');
		} else {
			dn_buf_lit(out, atoms[dice(DN_ARRAY_LEN(atoms))]);
		}
		dn_buf_lit(out, counts[dice(DN_ARRAY_LEN(counts))]);
	}
}

/* How many texts of 0 to 7 letters it sees differently. */
static int differences(const char *pattern)
{
	int i, found = 0;

	for (i = 0; i < 40; i++) {
		char text[8];
		uint32_t n = dice(8);

		text[n] = '\0';
		while (n-- > 0)
			text[n] = "abcd"[dice(4)];
		if (match(pattern, text) == match_libc(pattern, text))
			continue;
		printf("# %s and \"%s\"\n", pattern, text);
		found++;
	}
	return found;
}

static void made_up(void)
{
	int i, found = 0;

	for (i = 0; i < 300; i++) {
		struct dn_buf pattern = {0};
		bool begin = dice(2) == 0, end = dice(2) == 0;

		dn_buf_lit(&pattern, begin ? "^" : "");
		make_sequence(&pattern, 2);
		dn_buf_lit(&pattern, end ? "$" : "");
		dn_buf_byte(&pattern, '\0');
		found += differences(pattern.p);
		dn_buf_release(&pattern);
	}
	IS_NUM(found, 0, "made-up patterns match what the C library's do");
}

static void refused(const char *pattern, const char *want)
{
	struct dn_ere *ere;
	struct dn_err err = {0};

	IS_NUM(dn_ere_new(&ere, pattern, &err), -22, pattern);
	OK(ere == NULL, "gives none");
	IS_STR(err.text, want, "and says why");
}

static void refusals(void)
{
	refused("a(b", "the \"(\" is not closed, at offset 1");
	refused("ab)", "the \")\" closes nothing, at offset 2");
	refused("a[b", "the \"[\" is not closed, at offset 1");
	refused("[]", "the \"[\" is not closed, at offset 0");
	refused("[b-a]", "the range runs backwards, at offset 1");
	refused("[a-[:digit:]]", "a class ends no range, at offset 1");
	refused("[[:x:]]", "there is no such class, at offset 1");
	refused("[[:digit]", "this needs a class like [:digit:], at offset 1");
	refused("[[.a.]]", "this needs a class like [:digit:], at offset 1");
	refused("*a", "there is nothing to repeat, at offset 0");
	refused("a|+", "there is nothing to repeat, at offset 2");
	refused("({2})", "there is nothing to repeat, at offset 1");
	refused("a**", "this repeats what repeats already, at offset 2");
	refused("a{2}{3}", "this repeats what repeats already, at offset 4");
	refused("a{", "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused(
	    "a{,2}", "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused(
	    "a{3,2}", "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused(
	    "a{2,x}", "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused(
	    "a{256}", "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused("a{1,256}",
	    "a count is {2}, {2,} or {2,5}, up to 255, at offset 1");
	refused("a\\", "nothing is behind the \"\\\", at offset 1");
	refused("(a)\\1",
	    "\"\\\" before a letter or digit means nothing here, at offset 3");
	refused("\\d+",
	    "\"\\\" before a letter or digit means nothing here, at offset 0");
}

/* n times the text, with one before and one behind. */
static char *many(const char *before, const char *text, size_t n,
    const char *middle, const char *more)
{
	struct dn_buf out = {0};
	size_t i;

	dn_buf_lit(&out, before);
	for (i = 0; i < n; i++)
		dn_buf_lit(&out, text);
	dn_buf_lit(&out, middle);
	for (i = 0; i < n; i++)
		dn_buf_lit(&out, more);
	dn_buf_byte(&out, '\0');
	return out.p;
}

static void limits(void)
{
	char *text = many("", "a", 512, "", "");
	char *deep = many("", "(", 32, "a", ")");

	OK(match(text, text), "512 characters");
	OK(match(deep, "a"), "32 groups deep");
	OK(match("a{255}a{255}aa", text), "also where they are counted");
	free(text);
	free(deep);
	text = many("", "a", 513, "", "");
	refused(text, "the pattern is too large, at offset 513");
	free(text);
	deep = many("", "(", 33, "a", ")");
	refused(deep, "groups are too deep, at offset 33");
	free(deep);
	refused("a{255}a{255}aaa", "the pattern is too large, at offset 15");
	refused("(((a{255}){255}){255}){255}",
	    "the pattern is too large, at offset 4");
	refused("(((((){255}){255}){255}){255}){255}",
	    "the pattern is too large, at offset 4");
	text = many("[", "ab", 511, "]", "");
	OK(match(text, "b"), "1024 bytes");
	free(text);
	text = many("[", "ab", 511, "c]", "");
	refused(text, "the pattern has more than 1024 bytes");
	free(text);
}

/* Patterns with which others take exponential time, or memory for each text.
 * A hang shows itself. */
static void no_text_takes_long(void)
{
	static const char *const patterns[] = {"^(a+)+$", "^(a|aa)+$",
	    "^(a*)*b$", "(x+x+)+y", "^.*a.{200}$", "^[a-z]*x[a-z]{200}$",
	    "((a{0,5}){0,5}){0,5}$"};
	char text[256];
	size_t i, j;

	for (i = 0; i < DN_ARRAY_LEN(patterns); i++) {
		struct dn_ere *ere;
		unsigned found = 0;

		if (!OK(dn_ere_new(&ere, patterns[i], NULL) == 0, patterns[i]))
			continue;
		for (j = 0; j < 100; j++) {
			size_t k;

			for (k = 0; k < 255; k++)
				text[k] = "ax"[dice(2)];
			text[255] = '\0';
			found += dn_ere_match(ere, (struct dn_str){text, 255});
		}
		OK(found <= 100, "a hundred long texts");
		dn_ere_free(&ere);
	}
}

int main(void)
{
	matching();
	made_up();
	refusals();
	limits();
	no_text_takes_long();
	return tap_done();
}
