/* SPDX-License-Identifier: MIT */
/*
 * How it works: a text was validated once, so reading trusts it. The iterator
 * looks for quotes and brackets alone, eight bytes at a time, and hands out
 * what lies between; a string is decoded only where it has a backslash.
 *
 * How it fails: a reader says false where the value is of another type or
 * does not fit. Handing in a text that was not validated is a bug of the
 * caller.
 */
#include "base/json.h"

#include "base/text.h"

enum dn_json_type dn_json_type_of(char c)
{
	switch (c) {
	case 'n':
		return DN_JSON_NULL;
	case 'f':
		return DN_JSON_FALSE;
	case 't':
		return DN_JSON_TRUE;
	case '"':
		return DN_JSON_STRING;
	case '[':
		return DN_JSON_ARRAY;
	case '{':
		return DN_JSON_OBJECT;
	default:
		return DN_JSON_NUMBER;
	}
}

void dn_json_iter_init(struct dn_json_iter *it, struct dn_json container)
{
	DN_ASSERT(container.type == DN_JSON_OBJECT ||
		  container.type == DN_JSON_ARRAY);
	it->at = container.raw.p + 1;
	it->end = container.raw.p + container.raw.n - 1;
	it->object = container.type == DN_JSON_OBJECT;
}

void dn_json_iter_items(struct dn_json_iter *it, struct dn_str items)
{
	*it = (struct dn_json_iter){.at = items.p, .end = items.p + items.n};
}

/* At the opening quote of a validated string; behind the closing one. */
static const char *pass_string(const char *at, const char *end)
{
	at++;
	for (;;) {
		while (end - at >= 8) {
			uint64_t w = dn_load8(at);

			w = dn_bytes_equal(w, '"') | dn_bytes_equal(w, '\\');
			if (w != 0) {
				at += dn_first_marked(w);
				break;
			}
			at += 8;
		}
		while (*at != '"' && *at != '\\') {
			at++;
			DN_ASSERT(at < end);
		}
		if (*at == '"')
			return at + 1;
		at += 2;
	}
}

/* To the next quote or bracket of a validated container. */
static const char *next_mark(const char *at, const char *end)
{
	while (end - at >= 8) {
		uint64_t w = dn_load8(at);
		/* '[' and '{', ']' and '}' differ in this bit alone. */
		uint64_t folded = w | DN_ONES * 0x20;

		w = dn_bytes_equal(w, '"') | dn_bytes_equal(folded, '{') |
		    dn_bytes_equal(folded, '}');
		if (w != 0)
			return at + dn_first_marked(w);
		at += 8;
	}
	while (at < end && strchr("\"{}[]", *at) == NULL)
		at++;
	return at;
}

/* At the opening bracket; *deepest is raised to the levels seen. */
static const char *pass_container(
    const char *at, const char *end, unsigned *deepest)
{
	unsigned depth = 0;

	for (;;) {
		at = next_mark(at, end);
		DN_ASSERT(at < end);
		switch (*at) {
		case '"':
			at = pass_string(at, end);
			continue;
		case '{':
		case '[':
			if (++depth > *deepest)
				*deepest = depth;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return at + 1;
			break;
		default:
			break;
		}
		at++;
	}
}

unsigned dn_json_depth(struct dn_json value)
{
	unsigned deepest = 0;

	if (value.type == DN_JSON_OBJECT || value.type == DN_JSON_ARRAY)
		(void)pass_container(
		    value.raw.p, value.raw.p + value.raw.n, &deepest);
	return deepest;
}

bool dn_json_is_part(struct dn_json value)
{
	return dn_json_depth(value) <= DN_JSON_PART_DEPTH_MAX;
}

static const char *pass_value(const char *at, const char *end)
{
	unsigned deepest = 0;

	switch (*at) {
	case '"':
		return pass_string(at, end);
	case '{':
	case '[':
		return pass_container(at, end, &deepest);
	default:
		while (at < end && *at != ',' && !dn_is_space(*at))
			at++;
		return at;
	}
}

bool dn_json_next(
    struct dn_json_iter *it, struct dn_str *key, struct dn_json *value)
{
	const char *at = dn_skip_space(it->at, it->end), *from;

	if (at < it->end && *at == ',')
		at = dn_skip_space(at + 1, it->end);
	if (at >= it->end)
		return false;
	*key = (struct dn_str){NULL, 0};
	if (it->object) {
		from = at;
		at = pass_string(at, it->end);
		*key = (struct dn_str){from + 1, (size_t)(at - from) - 2};
		at = dn_skip_space(at, it->end);
		at = dn_skip_space(at + 1, it->end);
	}
	from = at;
	at = pass_value(at, it->end);
	value->type = dn_json_type_of(*from);
	value->raw = (struct dn_str){from, (size_t)(at - from)};
	it->at = at;
	return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* One escape of a validated string, at its backslash: its bytes go to out
 * (at most 4), *at behind it. */
static size_t decode_escape(const char **at, char *out)
{
	const char *p = *at + 1;
	uint32_t c;

	*at += 2;
	switch (*p) {
	case 'b':
		*out = '\b';
		return 1;
	case 'f':
		*out = '\f';
		return 1;
	case 'n':
		*out = '\n';
		return 1;
	case 'r':
		*out = '\r';
		return 1;
	case 't':
		*out = '\t';
		return 1;
	case 'u':
		break;
	default:
		*out = *p;
		return 1;
	}
	c = (uint32_t)dn_hex4(p + 1);
	*at += 4;
	if (dn_is_high((int32_t)c)) {
		uint32_t low = (uint32_t)dn_hex4(p + 7);

		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*at += 6;
	}
	return put_utf8(out, c);
}

bool dn_json_key_is(struct dn_str raw_key, const char *name)
{
	size_t n = strlen(name), i = 0;
	const char *at = raw_key.p, *end = raw_key.p + raw_key.n;

	if (raw_key.n < n)
		return false;
	if (n == 0)
		return raw_key.n == 0;
	if (memchr(at, '\\', raw_key.n) == NULL)
		return raw_key.n == n && memcmp(at, name, n) == 0;
	while (at < end) {
		char unit[4];
		size_t len = 1;

		if (*at == '\\')
			len = decode_escape(&at, unit);
		else
			unit[0] = *at++;
		if (n - i < len || memcmp(name + i, unit, len) != 0)
			return false;
		i += len;
	}
	return i == n;
}

struct dn_json dn_json_member(struct dn_json object, const char *name)
{
	struct dn_json found = {DN_JSON_NONE, {NULL, 0}}, value;
	struct dn_json_iter it;
	struct dn_str key;

	if (object.type != DN_JSON_OBJECT)
		return found;
	dn_json_iter_init(&it, object);
	while (dn_json_next(&it, &key, &value))
		if (dn_json_key_is(key, name))
			found = value;
	return found;
}

bool dn_json_string(
    struct dn_json value, struct dn_str *out, struct dn_buf *scratch)
{
	const char *at, *end, *escape;
	size_t from;

	if (value.type != DN_JSON_STRING)
		return false;
	at = value.raw.p + 1;
	end = value.raw.p + value.raw.n - 1;
	escape = memchr(at, '\\', (size_t)(end - at));
	if (escape == NULL) {
		*out = (struct dn_str){at, (size_t)(end - at)};
		return true;
	}
	/* An escape is never shorter than what it stands for. */
	dn_buf_reserve(scratch, value.raw.n);
	from = scratch->n;
	while (escape != NULL) {
		dn_buf_add(scratch, at, (size_t)(escape - at));
		at = escape;
		scratch->n += decode_escape(&at, scratch->p + scratch->n);
		escape = memchr(at, '\\', (size_t)(end - at));
	}
	dn_buf_add(scratch, at, (size_t)(end - at));
	*out = (struct dn_str){scratch->p + from, scratch->n - from};
	return true;
}

bool dn_json_u64(struct dn_json value, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	if (value.type != DN_JSON_NUMBER)
		return false;
	for (i = 0; i < value.raw.n; i++) {
		char c = value.raw.p[i];

		if (!dn_is_digit(c) || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool dn_json_i64(struct dn_json value, int64_t *out)
{
	bool negative = value.type == DN_JSON_NUMBER && value.raw.p[0] == '-';
	uint64_t v;

	if (negative) {
		value.raw.p++;
		value.raw.n--;
	}
	if (!dn_json_u64(value, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	*out = (int64_t)(negative ? 0 - v : v);
	return true;
}

bool dn_json_bool(struct dn_json value, bool *out)
{
	if (value.type != DN_JSON_TRUE && value.type != DN_JSON_FALSE)
		return false;
	*out = value.type == DN_JSON_TRUE;
	return true;
}

bool dn_utf8_valid(struct dn_str s)
{
	const char *at = s.p, *end = s.p + s.n;

	while (at < end) {
		size_t n;

		while (end - at >= 8) {
			if ((dn_load8(at) & DN_HIGHS) != 0)
				break;
			at += 8;
		}
		while (at < end && (unsigned char)*at < 0x80)
			at++;
		if (at == end)
			break;
		n = dn_utf8_run(at, (size_t)(end - at));
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}
