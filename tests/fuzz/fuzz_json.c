/* SPDX-License-Identifier: MIT */
/*
 * Any bytes: the scanner must not read outside of them, and what it accepts
 * must hold together: the visitor finds the same values that the scanner
 * accepts one by one, strings decode to UTF-8 and come back when written.
 */
#include <stdint.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_string(struct dn_json v)
{
	struct dn_buf scratch = {0}, written = {0}, again = {0};
	struct dn_json back;
	struct dn_str s, t;

	DN_ASSERT(dn_json_string(v, &s, &scratch));
	DN_ASSERT(dn_utf8_valid(s));
	dn_buf_json_str(&written, s);
	DN_ASSERT(dn_json_parse(dn_buf_view(&written), &back, NULL) == 0);
	DN_ASSERT(dn_json_string(back, &t, &again) && dn_str_eq(s, t));
	dn_buf_release(&scratch);
	dn_buf_release(&written);
	dn_buf_release(&again);
}

/* The depth of the value, found the slow way. */
static unsigned visit(struct dn_json v)
{
	struct dn_json_iter it;
	struct dn_json item, alone;
	struct dn_str key;
	unsigned deepest = 0;

	DN_ASSERT(dn_json_parse(v.raw, &alone, NULL) == 0);
	DN_ASSERT(alone.type == v.type && dn_str_eq(alone.raw, v.raw));
	if (v.type == DN_JSON_STRING)
		check_string(v);
	if (v.type != DN_JSON_OBJECT && v.type != DN_JSON_ARRAY)
		return 0;
	dn_json_iter_init(&it, v);
	while (dn_json_next(&it, &key, &item)) {
		unsigned depth = visit(item);

		DN_ASSERT((key.p != NULL) == (v.type == DN_JSON_OBJECT));
		if (depth > deepest)
			deepest = depth;
		if (key.p != NULL)
			check_string((struct dn_json){
			    DN_JSON_STRING, {key.p - 1, key.n + 2}});
	}
	return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str text = {(const char *)data, n};
	struct dn_buf line = {0};
	struct dn_json v, again;
	struct dn_err err = {0, ""};
	size_t taken;

	if (dn_json_parse_prefix(text, &v, &taken, &err) == 0)
		DN_ASSERT(taken <= n);
	if (dn_json_parse(text, &v, &err) != 0) {
		DN_ASSERT(err.text[0] != '\0');
		return 0;
	}
	DN_ASSERT(dn_utf8_valid(text));
	DN_ASSERT(visit(v) == dn_json_depth(v));
	dn_buf_json_raw(&line, v.raw);
	DN_ASSERT(memchr(line.p, '\n', line.n) == NULL);
	DN_ASSERT(dn_json_parse(dn_buf_view(&line), &again, NULL) == 0);
	dn_buf_release(&line);
	return 0;
}
