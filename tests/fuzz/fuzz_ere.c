/* SPDX-License-Identifier: MIT */
/*
 * A pattern and, behind the first newline, a text: neither may be read beyond
 * its end or take long. A pattern that is taken means the same in a group and
 * as each of two alternatives; what is refused says why.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "conf/ere.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(
    const char *fmt, const char *pattern, struct dn_str text, bool found)
{
	struct dn_buf other = {0};
	struct dn_err err = {0};
	struct dn_ere *ere;
	const char *p;

	for (p = fmt; *p != '\0'; p++) {
		if (*p == '@')
			dn_buf_lit(&other, pattern);
		else
			dn_buf_byte(&other, *p);
	}
	dn_buf_byte(&other, '\0');
	/* It may have become too large. */
	if (dn_ere_new(&ere, other.p, &err) == 0)
		DN_ASSERT(dn_ere_match(ere, text) == found);
	dn_ere_free(&ere);
	dn_buf_release(&other);
}

static void one(const char *pattern, struct dn_str text)
{
	struct dn_err err = {0};
	struct dn_ere *ere;
	bool found;

	if (dn_ere_new(&ere, pattern, &err) != 0) {
		DN_ASSERT(ere == NULL && err.text[0] != '\0');
		return;
	}
	found = dn_ere_match(ere, text);
	dn_ere_free(&ere);
	same("(@)", pattern, text, found);
	same("@|@", pattern, text, found);
	same("(@){1}", pattern, text, found);
	same("()@", pattern, text, found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str all = {(const char *)data, n};
	const char *line = n > 0 ? memchr(data, '\n', n) : NULL;
	size_t pattern_n = line != NULL ? (size_t)(line - all.p) : n;
	struct dn_str text = {NULL, 0};
	char *pattern = dn_xstrndup(n > 0 ? all.p : "", pattern_n);

	if (line != NULL)
		text = (struct dn_str){line + 1, n - pattern_n - 1};
	one(pattern, text);
	free(pattern);
	return 0;
}
