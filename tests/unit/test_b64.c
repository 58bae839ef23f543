/* SPDX-License-Identifier: MIT */
/* base64: the vectors of RFC 4648, and that each byte string has one text. */
#include "base/b64.h"
#include "tap.h"

#include <errno.h>

static void pair(enum dn_b64 kind, const char *plain, const char *encoded)
{
	struct dn_buf out = {0};

	dn_b64_encode(kind, plain, strlen(plain), &out);
	OK(dn_str_is(dn_buf_view(&out), encoded), encoded);
	dn_buf_reset(&out, SIZE_MAX);
	OK(dn_b64_decode(kind, dn_str_of(encoded), &out) == 0, "decodes");
	OK(dn_str_is(dn_buf_view(&out), plain), "to the same");
	dn_buf_release(&out);
}

static void refuses(enum dn_b64 kind, struct dn_str text, const char *name)
{
	struct dn_buf out = {0};

	dn_buf_lit(&out, "kept");
	OK(dn_b64_decode(kind, text, &out) == -EINVAL, name);
	IS_SLICE(dn_buf_view(&out), "kept", "and the buffer is as it was");
	dn_buf_release(&out);
}

/* What decodes encodes to the same text: all four-byte texts of a few
 * characters that matter. */
static void canonical(enum dn_b64 kind)
{
	static const char set[] = "AQgwB/+-_=. ";
	struct dn_buf plain = {0}, again = {0};
	char text[4];
	unsigned i, k, left, n = sizeof(set) - 1, decoded = 0, differs = 0;

	for (i = 0; i < n * n * n * n; i++) {
		for (k = 0, left = i; k < 4; k++, left /= n)
			text[k] = set[left % n];
		dn_buf_reset(&plain, SIZE_MAX);
		dn_buf_reset(&again, SIZE_MAX);
		if (dn_b64_decode(kind, (struct dn_str){text, 4}, &plain) != 0)
			continue;
		decoded++;
		dn_b64_encode(kind, plain.p, plain.n, &again);
		differs +=
		    !dn_str_eq(dn_buf_view(&again), (struct dn_str){text, 4});
	}
	OK(decoded > 1000, "many texts decode");
	IS_NUM(differs, 0, "each to bytes of its own");
	dn_buf_release(&plain);
	dn_buf_release(&again);
}

int main(void)
{
	pair(DN_B64_STD, "", "");
	pair(DN_B64_STD, "f", "Zg==");
	pair(DN_B64_STD, "fo", "Zm8=");
	pair(DN_B64_STD, "foo", "Zm9v");
	pair(DN_B64_STD, "foob", "Zm9vYg==");
	pair(DN_B64_STD, "fooba", "Zm9vYmE=");
	pair(DN_B64_STD, "foobar", "Zm9vYmFy");
	pair(DN_B64_STD, "\xfb\xff\xfe", "+//+");
	pair(DN_B64_URL, "\xfb\xff\xfe", "-__-");
	pair(DN_B64_URL, "f", "Zg");
	pair(DN_B64_URL, "fo", "Zm8");
	pair(DN_B64_URL, "fooba", "Zm9vYmE");
	refuses(DN_B64_STD, DN_STR("Zg"), "padding is missing");
	refuses(DN_B64_STD, DN_STR("Zg="), "half the padding is");
	refuses(DN_B64_STD, DN_STR("Z==="), "too much of it");
	refuses(DN_B64_STD, DN_STR("===="), "nothing but padding");
	refuses(DN_B64_STD, DN_STR("Zg==Zg=="), "padding in the middle");
	refuses(DN_B64_STD, DN_STR("Zh=="), "left-over bits");
	refuses(DN_B64_STD, DN_STR("-_-_"), "the other alphabet");
	refuses(DN_B64_URL, DN_STR("+/+/"), "the other alphabet");
	refuses(DN_B64_URL, DN_STR("Zg=="), "padding where there is none");
	refuses(DN_B64_URL, DN_STR("Zh"), "left-over bits");
	refuses(DN_B64_URL, DN_STR("Z"), "one character");
	refuses(DN_B64_URL, DN_STR("Zm9v\n"), "a newline");
	refuses(DN_B64_URL, DN_STR("Zm 9"), "a space");
	refuses(DN_B64_URL, DN_STR("Zm\0v"), "a NUL");
	refuses(DN_B64_URL, DN_STR("Zm\x80v"), "a high byte");
	canonical(DN_B64_STD);
	canonical(DN_B64_URL);
	return tap_done();
}
