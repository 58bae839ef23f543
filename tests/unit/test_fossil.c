/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "wire/fossil.h"

#include "corpus.h"
#include "tap.h"
#include "../fuzz/fuzz_fossil.c"

static struct dn_buf patch, out;

/* The delta is in patch, what it makes in out; false where that is not the
 * target or, both being UTF-8, a literal is not. */
static bool make(struct dn_str base, struct dn_str target, struct undo *u)
{
	*u = (struct undo){.base = base, .out = &out};
	patch.n = out.n = 0;
	if (!dn_fossil_delta(base, target, SIZE_MAX, &patch))
		return false;
	u->patch = dn_buf_view(&patch);
	if (!undo(u) || !dn_str_eq(dn_buf_view(&out), target))
		return false;
	return !u->split || !dn_utf8_valid(base) || !dn_utf8_valid(target);
}

static void is(const char *base, const char *target, const char *want)
{
	struct undo u;

	OK(make(dn_str_of(base), dn_str_of(target), &u), "makes the target");
	IS_SLICE(dn_buf_view(&patch), want, target);
}

static void test_fixed(void)
{
	is("", "", "0\n0;");
	is("abc", "", "0\n0;");
	is("", "a", "1\n1:a1X0000;");
	is("abcdefghijklmnop", "abcdefghijklmnop", "G\nG@0,2TdQMd;");
	is("{\"a\":1}", "{\"a\":2}", "7\n7:{\"a\":2}2qLDtY;");
	is("{\"count\":1,\"text\":\"abcdefgh\"}",
	    "{\"count\":2,\"text\":\"abcdefgh\"}", "T\n9@0,1:2J@A,7BMhF;");
}

/* What the SDK's suite does: a counter at the start and the last character of
 * 500 bytes change. */
static void test_both_ends(void)
{
	char a[501], b[501];
	struct undo u;

	memset(a, 'x', 500);
	memcpy(a, "{\"count\":1,\"pad\":\"", 18);
	memcpy(a + 497, "a\"}", 4);
	memcpy(b, a, sizeof(b));
	b[9] = '2';
	b[497] = 'b';
	OK(make(dn_str_of(a), dn_str_of(b), &u), "a change at both ends");
	IS_NUM(u.copies, 2, "two copies");
	OK(patch.n < 50, "a small delta");
}

static void test_moved(void)
{
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	unsigned i;

	for (i = 0; i < 100; i++)
		dn_buf_printf(&a, "{\"id\":%u,\"v\":%u},", i, i * 7919 % 1000);
	dn_buf_add(&b, a.p + a.n / 2, a.n - a.n / 2);
	dn_buf_add(&b, a.p, a.n / 2);
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "halves swapped");
	IS_NUM(u.copies, 2, "two copies");
	IS_NUM(u.literals, 0, "no literal");
	OK(make(dn_buf_view(&a), (struct dn_str){a.p + 17, a.n - 17}, &u),
	    "the first row gone");
	IS_NUM(u.copies, 1, "one copy");
	b.n = 0;
	dn_buf_str(&b, dn_buf_view(&a));
	dn_buf_lit(&b, "{\"id\":100,\"v\":0},");
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "a row appended");
	OK(patch.n < 40, "a small delta");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static uint64_t seed = 88172645463325252u;

static size_t below(size_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % bound);
}

/* Random, so that what matches does so on purpose. */
static void add_letters(struct dn_buf *b, size_t n)
{
	while (n-- > 0)
		dn_buf_byte(b, (char)('a' + below(26)));
}

/* In a base that is indexed in the widest steps, a match is found from 31
 * bytes on, wherever it is, and whole. */
static void test_found(void)
{
	enum { PIECE = 31, PIECES = 200 };
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	int i;

	add_letters(&a, DN_FOSSIL_MAX);
	for (i = 0; i < PIECES; i++) {
		dn_buf_byte(&b, '-');
		dn_buf_add(&b, a.p + below(a.n - PIECE), PIECE);
	}
	dn_buf_byte(&b, '-');
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "pieces of the base");
	IS_NUM(u.copies, PIECES, "are all copied");
	IS_NUM(u.literal_bytes, PIECES + 1, "byte for byte");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

/* Behind an insertion the base goes on three bytes later; what is between two
 * changed bytes is shorter than a block. */
static void test_changed_in_place(void)
{
	enum { RUN = 12, RUNS = 20 };
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	int i;

	add_letters(&a, 40 + RUNS * RUN);
	dn_buf_lit(&b, "+++");
	dn_buf_str(&b, dn_buf_view(&a));
	for (i = 0; i < RUNS; i++)
		b.p[3 + 40 + i * RUN] = '-';
	b.p[b.n - 1] = '-';
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "changes in place");
	IS_NUM(u.literal_bytes, 3 + RUNS + 1, "nothing else is a literal");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static void test_longest(void)
{
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	size_t block, rest;

	add_letters(&a, 20);
	block = a.n;
	dn_buf_byte(&a, '1');
	add_letters(&a, 50);
	dn_buf_add(&a, a.p, block);
	rest = a.n - block;
	add_letters(&a, 100);
	dn_buf_byte(&b, '<');
	dn_buf_add(&b, a.p + rest, a.n - rest);
	dn_buf_byte(&b, '>');
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "two places to copy");
	IS_NUM(u.copies, 1, "the longer one is taken");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

/* At offsets of three digits, nine bytes in the middle of a literal are what a
 * copy and one more head of a literal take. */
static void test_short_match(void)
{
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	size_t i;

	add_letters(&a, 6000);
	dn_buf_str(&b, dn_buf_view(&a));
	for (i = 0; i < b.n; i++)
		if (i % 108 >= 9 || i < 5000)
			b.p[i] = '-';
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), "short matches");
	IS_NUM(u.copies, 0, "do not pay");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

/* Neighbours that share their first or last bytes: a delta of bytes would
 * split them. */
static void test_utf8_cuts(void)
{
	static const char *const chars[] = {"\xc3\xa9", "\xc3\xa8", "\xc5\xa9",
	    "\xe2\x82\xac", "\xe2\x82\xad", "\xe3\x82\xac", "\xf0\x9f\x98\x80",
	    "\xf0\x9f\x98\x81", "\xf0\x9f\x99\x80", "\xf3\x9f\x98\x80", "x"};
	enum { N = DN_ARRAY_LEN(chars) };
	static const char fill[] = "0123456789abcdefghijklmnopqrst";
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	bool ok = true;
	size_t i, k;

	for (i = 0; i < N * N; i++) {
		a.n = b.n = 0;
		for (k = 0; k < 3; k++) {
			dn_buf_lit(&a, k == 1 ? fill : chars[i / N]);
			dn_buf_lit(&b, k == 1 ? fill : chars[i % N]);
		}
		ok = ok && make(dn_buf_view(&a), dn_buf_view(&b), &u) &&
		     !u.split && u.copies == 1;
	}
	OK(ok, "no character is split");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static void add_words(struct dn_buf *b, size_t count)
{
	static const char *const words[] = {"{\"id\":", "\"text\":\"", "}, {",
	    "the stream ", "of tokens ", "\\\"", "\\n", "\n", "\t", "Grüße ",
	    "привет ", "日本語", "日本国", "€", "😀", "😁", "👩‍💻", "🇩🇪",
	    "1", "3.14159", "null,", "aaaaaaaaaaaaaaaa"};

	while (count-- > 0)
		dn_buf_lit(b, words[below(DN_ARRAY_LEN(words))]);
}

/* A place between two characters. */
static size_t place(struct dn_str s)
{
	size_t at = below(s.n + 1);

	while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* b becomes a with a piece replaced by new words, by a piece of a, or by
 * nothing. */
static void edit(struct dn_str a, struct dn_buf *b)
{
	size_t from = place(a), to = place(a), x = place(a), y = place(a);

	if (from > to || (below(2) == 0 && to - from > 30))
		to = from;
	b->n = 0;
	dn_buf_add(b, a.p, from);
	if (below(3) == 0)
		add_words(b, below(8));
	else if (x < y)
		dn_buf_add(b, a.p + x, y - x);
	dn_buf_add(b, a.p + to, a.n - to);
}

/* Whether the delta in patch is not longer than one literal. */
static bool pays(struct dn_str target)
{
	struct dn_buf plain = {0};
	bool ok;

	ok = dn_fossil_delta(DN_STR(""), target, SIZE_MAX, &plain) &&
	     dn_fossil_json_size(dn_buf_view(&patch)) <=
		 dn_fossil_json_size(dn_buf_view(&plain));
	dn_buf_release(&plain);
	return ok;
}

static void test_random_edits(void)
{
	enum { PAIRS = 10000 };
	struct dn_buf a = {0}, b = {0}, c = {0};
	size_t whole = 0, small = 0;
	struct undo u;
	int right = 0, paying = 0, i;

	for (i = 0; i < PAIRS; i++) {
		size_t edits = 1 + below(5);

		a.n = b.n = 0;
		add_words(&a, below(i % 100 == 0 ? 5000 : 150));
		dn_buf_str(&b, dn_buf_view(&a));
		while (edits-- > 0) {
			edit(dn_buf_view(&b), &c);
			b.n = 0;
			dn_buf_str(&b, dn_buf_view(&c));
		}
		right += make(dn_buf_view(&a), dn_buf_view(&b), &u) && !u.split;
		paying += pays(dn_buf_view(&b));
		whole += b.n;
		small += patch.n;
	}
	IS_NUM(right, PAIRS, "random edits come out byte for byte");
	IS_NUM(paying, PAIRS, "no delta is longer than one literal");
	OK(small < whole / 4, "and the deltas are small");
	dn_buf_release(&a);
	dn_buf_release(&b);
	dn_buf_release(&c);
}

static void test_no_utf8(void)
{
	struct dn_buf a = {0}, b = {0};
	struct undo u;
	int right = 0, i, k;

	for (i = 0; i < 200; i++) {
		a.n = b.n = 0;
		for (k = 0; k < 400; k++)
			dn_buf_byte(&a, (char)(0x80 + below(2)));
		dn_buf_str(&b, dn_buf_view(&a));
		b.p[below(400)] = '\0';
		right += make(dn_buf_view(&a), dn_buf_view(&b), &u);
	}
	IS_NUM(right, 200, "bytes that are no UTF-8 come out too");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two sides of the greatest size that repeat these pieces. What is not linear
 * takes minutes here. */
static void hostile(
    const char *a_piece, const char *b_piece, bool vary, const char *name)
{
	struct dn_buf a = {0}, b = {0};
	double start;
	struct undo u;

	for (; a.n < DN_FOSSIL_MAX; dn_buf_lit(&a, a_piece))
		if (vary)
			dn_buf_byte(&a, (char)('A' + below(26)));
	for (; b.n < DN_FOSSIL_MAX; dn_buf_lit(&b, b_piece))
		if (vary)
			dn_buf_byte(&b, (char)('0' + below(10)));
	a.n = b.n = DN_FOSSIL_MAX;
	a.p[0] = '<';
	a.p[a.n - 1] = '>';
	start = cpu_s();
	OK(make(dn_buf_view(&a), dn_buf_view(&b), &u), name);
	OK(cpu_s() - start < 5, "in linear time");
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static void test_hostile(void)
{
	static char block[65537], other[65537], middle[8194];
	size_t i;

	for (i = 0; i < 65536; i++)
		block[i] = other[i] = (char)('a' + below(16));
	other[32768] = '-';
	hostile("a", "a", false, "one byte all over");
	hostile("ab", "ba", false, "two bytes");
	hostile("aaaaaaaa", "aaaaaaaa", true, "short matches everywhere");
	hostile(
	    "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", true, "blocks of one hash");
	hostile("aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaa", true,
	    "blocks of one hash that match nowhere");
	memset(middle, 0x80, sizeof(middle) - 2);
	middle[sizeof(middle) - 2] = '<';
	hostile(middle, "\x80", false, "the middle of a character all over");
	hostile(block, block, false, "64 KiB again and again");
	hostile(block, other, true, "64 KiB with a changed byte");
}

static void test_limits(void)
{
	static char big[DN_FOSSIL_MAX + 1];
	struct dn_str most = {big, DN_FOSSIL_MAX}, over = {big, sizeof(big)};
	struct undo u;

	memset(big, 'a', sizeof(big));
	OK(make(most, most, &u), "the greatest sides");
	patch.n = 0;
	OK(!dn_fossil_delta(over, most, SIZE_MAX, &patch), "a base above it");
	OK(!dn_fossil_delta(most, over, SIZE_MAX, &patch), "a target above it");
	IS_NUM(patch.n, 0, "nothing is written");
}

/* Escapes count: the delta is longer as JSON than as text. */
static void test_size(void)
{
	struct dn_str base = DN_STR("0123456789"), target = DN_STR("\"\"\n");

	patch.n = 0;
	OK(dn_fossil_delta(base, target, SIZE_MAX, &patch), "a literal");
	IS_SLICE(dn_buf_view(&patch), "3\n3:\"\"\nY8Wd0;", "as text");
	IS_NUM(dn_fossil_json_size(dn_buf_view(&patch)), patch.n + 4,
	    "four escapes");
	check_limit(base, target, dn_buf_view(&patch));
	OK(true, "the limit counts them");
}

static void test_json_size(void)
{
	char all[256];
	int i;

	for (i = 0; i < 256; i++) {
		all[i] = (char)i;
		check_json_size((struct dn_str){all + i, 1});
	}
	check_json_size((struct dn_str){all, 256});
	check_json_size((struct dn_str){NULL, 0});
	check_json_size(DN_STR("Grüße, 日本, 😀 and \xe2\x82"));
	OK(true, "the size of a JSON string is what is written");
}

int main(void)
{
	test_fixed();
	test_both_ends();
	test_moved();
	test_found();
	test_changed_in_place();
	test_longest();
	test_short_match();
	test_utf8_cuts();
	test_random_edits();
	test_no_utf8();
	test_hostile();
	test_limits();
	test_size();
	test_json_size();
	corpus_run("tests/fuzz/corpus/fossil");
	dn_buf_release(&patch);
	dn_buf_release(&out);
	return tap_done();
}
