/* SPDX-License-Identifier: MIT */
/*
 * How it works: four characters are three bytes; a rest of two or three
 * characters is one or two bytes, and must not carry bits beyond them.
 *
 * How it fails: padding is required in DN_B64_STD and foreign in DN_B64_URL;
 * anything that is not the one encoding of its bytes is refused.
 */
#include "base/b64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789";

static char digit(enum dn_b64 kind, unsigned v)
{
	if (v < 62)
		return alphabet[v];
	if (kind == DN_B64_URL)
		return v == 62 ? '-' : '_';
	return v == 62 ? '+' : '/';
}

static int value(enum dn_b64 kind, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (kind == DN_B64_URL ? '-' : '+'))
		return 62;
	if (c == (kind == DN_B64_URL ? '_' : '/'))
		return 63;
	return -1;
}

void dn_b64_encode(
    enum dn_b64 kind, const void *p, size_t n, struct dn_buf *out)
{
	const unsigned char *s = p;
	size_t i, left, k;

	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16;

		left = n - i < 3 ? n - i : 3;
		if (left > 1)
			v |= (unsigned)s[i + 1] << 8;
		if (left > 2)
			v |= s[i + 2];
		for (k = 0; k <= left; k++)
			dn_buf_byte(out, digit(kind, v >> (18 - 6 * k) & 63));
		for (; kind == DN_B64_STD && k < 4; k++)
			dn_buf_byte(out, '=');
	}
}

/* Takes off what padding there may be; false when it is not what it must. */
static bool unpad(enum dn_b64 kind, struct dn_str *text)
{
	size_t pad = 0;

	if (kind == DN_B64_STD) {
		if (text->n % 4 != 0)
			return false;
		while (pad < 2 && pad < text->n &&
		       text->p[text->n - 1 - pad] == '=')
			pad++;
	}
	text->n -= pad;
	return text->n % 4 != 1;
}

int dn_b64_decode(enum dn_b64 kind, struct dn_str text, struct dn_buf *out)
{
	size_t i, start = out->n;
	unsigned bits = 0, n = 0;

	if (!unpad(kind, &text))
		return -EINVAL;
	for (i = 0; i < text.n; i++) {
		int v = value(kind, text.p[i]);

		if (v < 0)
			break;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		n += 6;
		if (n >= 8) {
			n -= 8;
			dn_buf_byte(out, (char)(bits >> n & 0xff));
		}
	}
	if (i == text.n && (bits & ((1u << n) - 1)) == 0)
		return 0;
	out->n = start;
	return -EINVAL;
}

bool dn_b64_json(
    struct dn_json value, struct dn_str *out, struct dn_buf *scratch)
{
	struct dn_err ignored = {0};
	struct dn_json inner;
	struct dn_buf text = {0};
	struct dn_str encoded;
	bool good;

	scratch->n = 0;
	good = dn_json_string(value, &encoded, &text);
	if (good && encoded.n > 0) {
		good = dn_b64_decode(DN_B64_STD, encoded, scratch) == 0 &&
		       dn_json_parse(dn_buf_view(scratch), &inner, &ignored) ==
			   0 &&
		       dn_json_is_part(inner);
		if (good)
			*out = inner.raw;
	}
	dn_buf_release(&text);
	return good;
}
