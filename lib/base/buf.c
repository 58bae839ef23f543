/* SPDX-License-Identifier: MIT */
/*
 * How it works: one block that at least doubles when it grows, so that adding
 * byte by byte stays cheap. A JSON string is copied in runs of plain bytes;
 * only what needs an escape is looked at alone.
 *
 * How it fails: an overflow of the size is a bug (sizes are checked before
 * they get here) and out of memory ends the process. Bytes that are no UTF-8
 * become U+FFFD in a JSON string, so that what is written is always JSON.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum { BUF_MIN = 64 };

void dn_buf_release(struct dn_buf *b)
{
	free(b->p);
	*b = (struct dn_buf){0};
}

void dn_buf_reset(struct dn_buf *b, size_t keep_max)
{
	b->n = 0;
	if (b->cap > keep_max)
		dn_buf_release(b);
}

static void grow(struct dn_buf *b, size_t n)
{
	size_t cap = b->cap;

	DN_ASSERT(n <= SIZE_MAX / 2 && b->n <= SIZE_MAX / 2 - n);
	if (cap < BUF_MIN)
		cap = BUF_MIN;
	while (cap < b->n + n)
		cap *= 2;
	b->p = dn_xrealloc(b->p, cap);
	b->cap = cap;
}

char *dn_buf_reserve(struct dn_buf *b, size_t n)
{
	if (b->p == NULL || b->cap - b->n < n)
		grow(b, n);
	return b->p + b->n;
}

void dn_buf_consume(struct dn_buf *b, size_t n)
{
	DN_ASSERT(n <= b->n);
	b->n -= n;
	if (b->n > 0 && n > 0)
		memmove(b->p, b->p + n, b->n);
}

void dn_buf_add(struct dn_buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(dn_buf_reserve(b, n), p, n);
	b->n += n;
}

void dn_buf_str(struct dn_buf *b, struct dn_str s)
{
	dn_buf_add(b, s.p, s.n);
}

void dn_buf_lit(struct dn_buf *b, const char *text)
{
	dn_buf_add(b, text, strlen(text));
}

void dn_buf_byte(struct dn_buf *b, char c)
{
	*dn_buf_reserve(b, 1) = c;
	b->n++;
}

void dn_buf_u64(struct dn_buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	dn_buf_add(b, digits + at, sizeof(digits) - at);
}

void dn_buf_i64(struct dn_buf *b, int64_t v)
{
	uint64_t u = (uint64_t)v;

	if (v < 0) {
		dn_buf_byte(b, '-');
		u = 0 - u;
	}
	dn_buf_u64(b, u);
}

void dn_buf_printf(struct dn_buf *b, const char *fmt, ...)
{
	va_list args, again;
	size_t room;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	dn_buf_reserve(b, 1);
	room = b->cap - b->n;
	n = vsnprintf(b->p + b->n, room, fmt, args);
	DN_ASSERT(n >= 0);
	if ((size_t)n >= room) {
		dn_buf_reserve(b, (size_t)n + 1);
		n = vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
	}
	b->n += (size_t)n;
	va_end(again);
	va_end(args);
}

static void add_escape(struct dn_buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	size_t n = 2;

	switch (c) {
	case '"':
	case '\\':
		text[1] = (char)c;
		break;
	case '\b':
		text[1] = 'b';
		break;
	case '\f':
		text[1] = 'f';
		break;
	case '\n':
		text[1] = 'n';
		break;
	case '\r':
		text[1] = 'r';
		break;
	case '\t':
		text[1] = 't';
		break;
	default:
		n = 6;
	}
	dn_buf_add(b, text, n);
}

void dn_buf_json_str(struct dn_buf *b, struct dn_str s)
{
	const char *at = s.p;
	size_t left = s.n;

	dn_buf_reserve(b, s.n + 2);
	dn_buf_byte(b, '"');
	while (left > 0) {
		size_t run = dn_plain_run(at, left);

		dn_buf_add(b, at, run);
		at += run;
		left -= run;
		if (left == 0)
			break;
		run = 1;
		if ((unsigned char)*at < 0x80) {
			add_escape(b, (unsigned char)*at);
		} else if ((run = dn_utf8_run(at, left)) > 0) {
			dn_buf_add(b, at, run);
		} else {
			dn_buf_lit(b, "\xef\xbf\xbd");
			run = 1;
		}
		at += run;
		left -= run;
	}
	dn_buf_byte(b, '"');
}

void dn_buf_json_raw(struct dn_buf *b, struct dn_str s)
{
	size_t i, from = 0;

	if (s.n == 0)
		return;
	if (memchr(s.p, '\n', s.n) == NULL && memchr(s.p, '\r', s.n) == NULL) {
		dn_buf_str(b, s);
		return;
	}
	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\n' && s.p[i] != '\r')
			continue;
		dn_buf_add(b, s.p + from, i - from);
		from = i + 1;
	}
	dn_buf_add(b, s.p + from, s.n - from);
}
