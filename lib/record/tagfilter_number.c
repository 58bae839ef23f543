/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a tags filter are kept as their digits without the zeros that say
 * nothing: comparing them is comparing lengths and bytes, and no digit is
 * lost.
 */
#include "record/tagfilter_impl.h"

#include "base/text.h"

enum { BYTES_MAX = 200, FRACTION_MAX = 19 };

static size_t digit_run(struct dn_str s, size_t from)
{
	size_t at = from;

	while (at < s.n && dn_is_digit(s.p[at]))
		at++;
	return at - from;
}

struct dn_tagfilter_number dn_tagfilter_number(struct dn_str s)
{
	struct dn_tagfilter_number x = {0}, none = {0};
	size_t at = 0;

	if (s.n == 0 || s.n > BYTES_MAX)
		return none;
	if (s.p[0] == '-' || s.p[0] == '+')
		at++;
	x.whole = (struct dn_str){s.p + at, digit_run(s, at)};
	at += x.whole.n;
	if (at < s.n && s.p[at] == '.') {
		at++;
		x.fraction = (struct dn_str){s.p + at, digit_run(s, at)};
		at += x.fraction.n;
		if (x.fraction.n == 0 || x.fraction.n > FRACTION_MAX)
			return none;
	}
	if (at < s.n || x.whole.n == 0)
		return none;
	while (x.whole.n > 0 && x.whole.p[0] == '0') {
		x.whole.p++;
		x.whole.n--;
	}
	while (x.fraction.n > 0 && x.fraction.p[x.fraction.n - 1] == '0')
		x.fraction.n--;
	x.valid = true;
	x.negative = s.p[0] == '-' && x.whole.n + x.fraction.n > 0;
	return x;
}

static int compare_bytes(struct dn_str a, struct dn_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

int dn_tagfilter_compare(
    const struct dn_tagfilter_number *a, const struct dn_tagfilter_number *b)
{
	int r;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	r = (a->whole.n > b->whole.n) - (a->whole.n < b->whole.n);
	if (r == 0)
		r = compare_bytes(a->whole, b->whole);
	if (r == 0)
		r = compare_bytes(a->fraction, b->fraction);
	return a->negative ? -r : r;
}
