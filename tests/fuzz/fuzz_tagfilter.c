/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a filter, up to the first newline, and tags. What is accepted
 * must say the same as a second evaluation, which walks the JSON itself and
 * knows nothing of the first; what is not has a reason.
 */
#include <stdint.h>

#include "record/tagfilter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A string member, decoded; "" where it is not there. */
static struct dn_str text_of(struct dn_json v, struct dn_buf *scratch)
{
	struct dn_str s = DN_STR("");

	if (v.type == DN_JSON_NONE || v.type == DN_JSON_NULL)
		return s;
	dn_buf_release(scratch);
	DN_ASSERT(dn_json_string(v, &s, scratch));
	return s;
}

static bool tag_of(struct dn_json tags, struct dn_str key, struct dn_str *value,
    struct dn_buf *scratch)
{
	struct dn_buf name = {0};
	struct dn_json_iter it;
	struct dn_json item, found = {DN_JSON_NONE, {NULL, 0}};
	struct dn_str raw;

	if (tags.type == DN_JSON_OBJECT) {
		dn_json_iter_init(&it, tags);
		while (dn_json_next(&it, &raw, &item)) {
			struct dn_json quoted = {
			    DN_JSON_STRING, {raw.p - 1, raw.n + 2}};

			if (dn_str_eq(text_of(quoted, &name), key) &&
			    item.type == DN_JSON_STRING)
				found = item;
		}
	}
	dn_buf_release(&name);
	*value = text_of(found, scratch);
	return found.type == DN_JSON_STRING;
}

/* The digits of a number around a fixed point; false where it is none. */
static bool digits_of(struct dn_str s, char digits[224], int *sign)
{
	size_t point = 0, i;
	bool zero = true;

	memset(digits, '0', 224);
	*sign = s.n > 0 && s.p[0] == '-' ? -1 : 1;
	if (s.n > 200)
		return false;
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		s.p++;
		s.n--;
	}
	while (point < s.n && s.p[point] != '.')
		point++;
	if (point == 0 || point + 1 == s.n || s.n > point + 20)
		return false;
	for (i = 0; i < s.n; i++) {
		if (i == point)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		zero = zero && s.p[i] == '0';
		digits[(i < point ? 204 : 203) - point + i] = s.p[i];
	}
	if (zero)
		*sign = 0;
	return true;
}

static bool holds_number(struct dn_str cmp, struct dn_str a, struct dn_str b)
{
	char x[224], y[224];
	int x_sign, y_sign, r;

	if (!digits_of(a, x, &x_sign) || !digits_of(b, y, &y_sign))
		return false;
	r = x_sign != y_sign ? x_sign - y_sign
			     : x_sign * memcmp(x, y, sizeof(x));
	if (dn_str_is(cmp, "lt"))
		return r < 0;
	if (dn_str_is(cmp, "lte"))
		return r <= 0;
	if (dn_str_is(cmp, "gt"))
		return r > 0;
	DN_ASSERT(dn_str_is(cmp, "gte"));
	return r >= 0;
}

static bool among(struct dn_json vals, struct dn_str value)
{
	struct dn_buf scratch = {0};
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	bool found = false;

	dn_json_iter_init(&it, vals);
	while (dn_json_next(&it, &key, &item))
		found = found || dn_str_eq(text_of(item, &scratch), value);
	dn_buf_release(&scratch);
	return found;
}

static bool holds_leaf(struct dn_json node, struct dn_str cmp, bool there,
    struct dn_str tag, struct dn_str val)
{
	size_t at;

	if (dn_str_is(cmp, "ex") || dn_str_is(cmp, "nex"))
		return there == (cmp.n == 2);
	if (dn_str_is(cmp, "in") || dn_str_is(cmp, "nin"))
		return among(dn_json_member(node, "vals"), tag) == (cmp.n == 2);
	if (dn_str_is(cmp, "eq") || dn_str_is(cmp, "neq"))
		return (there && dn_str_eq(tag, val)) == (cmp.n == 2);
	if (!there)
		return false;
	if (cmp.p[0] == 'l' || cmp.p[0] == 'g')
		return holds_number(cmp, tag, val);
	for (at = 0; at + val.n <= tag.n; at++)
		if ((at == 0 || cmp.p[0] != 's') &&
		    (at + val.n == tag.n || cmp.p[0] != 'e') &&
		    memcmp(tag.p + at, val.p, val.n) == 0)
			return true;
	return false;
}

static bool holds(struct dn_json node, struct dn_json tags);

static bool holds_all(
    struct dn_json node, struct dn_str op, struct dn_json tags)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	size_t yes = 0, n = 0;

	dn_json_iter_init(&it, dn_json_member(node, "nodes"));
	for (; dn_json_next(&it, &key, &item); n++)
		yes += holds(item, tags);
	DN_ASSERT(n > 0);
	if (dn_str_is(op, "and"))
		return yes == n;
	if (dn_str_is(op, "or"))
		return yes > 0;
	DN_ASSERT(dn_str_is(op, "not") && n == 1);
	return yes == 0;
}

static bool holds(struct dn_json node, struct dn_json tags)
{
	struct dn_buf b[5] = {{0}};
	struct dn_str op = text_of(dn_json_member(node, "op"), &b[0]), tag;
	struct dn_str cmp = text_of(dn_json_member(node, "cmp"), &b[1]);
	struct dn_str key = text_of(dn_json_member(node, "key"), &b[2]);
	struct dn_str val = text_of(dn_json_member(node, "val"), &b[3]);
	bool there = tag_of(tags, key, &tag, &b[4]), result;
	size_t i;

	if (op.n > 0)
		result = holds_all(node, op, tags);
	else
		result = holds_leaf(node, cmp, there, tag, val);
	for (i = 0; i < DN_ARRAY_LEN(b); i++)
		dn_buf_release(&b[i]);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = n > 0 ? memchr(data, '\n', n) : NULL;
	size_t size = end != NULL ? (size_t)(end - data) : n;
	struct dn_str text = {(const char *)data, size};
	struct dn_str rest = {NULL, 0};
	struct dn_json node, tags = {DN_JSON_NONE, {NULL, 0}};
	struct dn_tagfilter *filter = NULL;
	struct dn_tagfilter_view view = {0};
	struct dn_err err = {0, ""};

	if (end != NULL)
		rest = (struct dn_str){text.p + size + 1, n - size - 1};
	if (dn_json_parse(text, &node, &err) != 0)
		return 0;
	err.text[0] = '\0';
	if (dn_tagfilter_parse(&filter, node, &err) != 0) {
		DN_ASSERT(filter == NULL && err.text[0] != '\0');
		return 0;
	}
	dn_tagfilter_view_read(&view, tags);
	DN_ASSERT(dn_tagfilter_matches(filter, &view) == holds(node, tags));
	if (dn_json_parse(rest, &tags, &err) == 0) {
		dn_tagfilter_view_read(&view, tags);
		DN_ASSERT(
		    dn_tagfilter_matches(filter, &view) == holds(node, tags));
	}
	dn_tagfilter_view_release(&view);
	dn_tagfilter_free(&filter);
	return 0;
}
