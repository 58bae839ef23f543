/* SPDX-License-Identifier: MIT */
/*
 * text: the two byte tests that json and buf share: how far plain ASCII goes,
 * and how long one UTF-8 sequence is.
 *
 * Thread: any.
 */
#ifndef DN_TEXT_H
#define DN_TEXT_H

#include "base.h"

#define DN_ONES 0x0101010101010101u
#define DN_HIGHS 0x8080808080808080u

/* A high bit in each byte of w that equals c, exact up to the lowest one
 * (above it, a borrow may mark a byte too many). */
static inline uint64_t dn_bytes_equal(uint64_t w, unsigned char c)
{
	uint64_t x = w ^ (DN_ONES * c);

	return (x - DN_ONES) & ~x & DN_HIGHS;
}

/* How many bytes at p may stand in a JSON string as they are without a look
 * at UTF-8: 0x20..0x7f but '"' and '\'. */
static inline size_t dn_plain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t w, bad;

		memcpy(&w, p + i, sizeof(w));
		bad = dn_bytes_equal(w, '"') | dn_bytes_equal(w, '\\') |
		      ((w - DN_ONES * 0x20) & ~w & DN_HIGHS) | (w & DN_HIGHS);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		if (bad != 0)
			return i + (size_t)__builtin_ctzll(bad) / 8;
#else
		if (bad != 0)
			break;
#endif
		i += 8;
	}
	while (i < n) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
		i++;
	}
	return i;
}

/* The length of the well-formed UTF-8 sequence at p (n > 0 bytes are there),
 * 0 where there is none: no overlong form, no surrogate, at most U+10FFFF. */
static inline size_t dn_utf8_seq(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (n < len || s[1] < lo || s[1] > hi)
		return 0;
	for (i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

#endif
