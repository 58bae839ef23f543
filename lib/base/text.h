/* SPDX-License-Identifier: MIT */
/*
 * text: the byte tests that json and buf share: how far plain ASCII goes, how
 * long a UTF-8 sequence is, what a hex digit says.
 *
 * Thread: any.
 */
#ifndef DN_TEXT_H
#define DN_TEXT_H

#include "base/base.h"

#define DN_ONES 0x0101010101010101u
#define DN_HIGHS 0x8080808080808080u

/* Eight bytes, the first one lowest, whatever the machine's order. */
static inline uint64_t dn_load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* The high bit of each byte of w that equals c. Exact up to the lowest one
 * that is set: above it, a borrow may mark a byte too many. The same holds for
 * several results joined by "or". */
static inline uint64_t dn_bytes_equal(uint64_t w, unsigned char c)
{
	uint64_t x = w ^ (DN_ONES * c);

	return (x - DN_ONES) & ~x & DN_HIGHS;
}

/* Which byte carries the lowest mark; there is one. */
static inline size_t dn_first_marked(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

/* How many bytes at p may stand in a JSON string as they are without a look
 * at UTF-8: 0x20..0x7f but '"' and '\'. */
static inline size_t dn_plain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t w = dn_load8(p + i);
		uint64_t marks = dn_bytes_equal(w, '"') |
				 dn_bytes_equal(w, '\\') |
				 (((w - DN_ONES * 0x20) | w) & DN_HIGHS);

		if (marks != 0)
			return i + dn_first_marked(marks);
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

static inline bool dn_utf8_more(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the well-formed UTF-8 sequence at p (n > 0 bytes are there),
 * 0 where there is none: no overlong form, no surrogate, at most U+10FFFF. */
static inline size_t dn_utf8_seq(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	uint32_t v;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n < 2 || !dn_utf8_more(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if (n < 3 || !dn_utf8_more(s[2]))
		return 0;
	if (s[0] < 0xf0) {
		v = (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f)
							<< 6;
		return v >= 0x800 && (v < 0xd800 || v > 0xdfff) ? 3 : 0;
	}
	if (n < 4 || !dn_utf8_more(s[3]))
		return 0;
	v = (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12;
	return v >= 0x10000 && v <= 0x10ffff ? 4 : 0;
}

/* Whether a sequence of three bytes stands at p, where four can be read: the
 * usual case outside of Latin scripts, decided without a branch a byte. */
static inline bool dn_utf8_three(const char *p)
{
	const unsigned char *s = (const unsigned char *)p;
	uint32_t w = s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 |
		     (uint32_t)s[3] << 24;
	/* The bits that tell overlong forms and surrogates. */
	uint32_t telling = w & 0x200f;

	return (w & 0x00c0c0f0) == 0x008080e0 && telling != 0 &&
	       telling != 0x200d;
}

/* How many bytes at p are well-formed sequences outside of ASCII. */
static inline size_t dn_utf8_run(const char *p, size_t n)
{
	size_t i = 0, len;

	do {
		while (n - i >= 4 && dn_utf8_three(p + i))
			i += 3;
		if (i == n || (unsigned char)p[i] < 0x80)
			break;
		len = dn_utf8_seq(p + i, n - i);
		i += len;
	} while (len > 0 && i < n);
	return i;
}

static inline bool dn_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline bool dn_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline const char *dn_skip_space(const char *at, const char *end)
{
	while (at < end && dn_is_space(*at))
		at++;
	return at;
}

static inline int dn_hex_value(char c)
{
	if (dn_is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at p as a number, or -1. */
static inline int32_t dn_hex4(const char *p)
{
	int32_t v = 0;
	int i;

	for (i = 0; i < 4; i++) {
		int digit = dn_hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

static inline bool dn_is_high(int32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static inline bool dn_is_low(int32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

#endif
