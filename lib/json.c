/* SPDX-License-Identifier: MIT */
/*
 * How it works: one loop without recursion. A bit stack remembers whether
 * each open container is an object; depth is at most 64, so it is one word.
 * Strings, where nearly all bytes are, are passed eight at a time. Once a
 * text is validated the iterator trusts it: it looks for quotes and brackets
 * alone.
 *
 * How it fails: the scan stops at the first byte that is wrong and keeps the
 * reason and the place; the message is made only then, so the good path
 * formats nothing.
 */
#include "json.h"

#include <errno.h>

#include "text.h"

struct scan {
	const char *start;
	const char *at;
	const char *end;
	const char *why; /* NULL: no error yet */
};

static bool bad(struct scan *s, const char *why)
{
	s->why = why;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at p as a number, or -1. */
static int32_t hex4(const char *p)
{
	int32_t v = 0;
	int i;

	for (i = 0; i < 4; i++) {
		int digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

static bool is_high(int32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Behind "\u": four digits, and the second half where it is the first. */
static bool scan_unicode(struct scan *s)
{
	int32_t unit = s->end - s->at >= 4 ? hex4(s->at) : -1;

	if (unit < 0)
		return bad(s, "\\u without four hex digits");
	if (is_low(unit))
		return bad(s, "lone low surrogate");
	s->at += 4;
	if (!is_high(unit))
		return true;
	if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u' ||
	    !is_low(hex4(s->at + 2)))
		return bad(s, "lone high surrogate");
	s->at += 6;
	return true;
}

/* At the backslash. */
static bool scan_escape(struct scan *s)
{
	s->at++;
	if (s->at == s->end)
		return bad(s, "string without end");
	switch (*s->at++) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	case 'u':
		return scan_unicode(s);
	default:
		s->at--;
		return bad(s, "unknown escape");
	}
}

/* At the opening quote; goes behind the closing one. */
static bool scan_string(struct scan *s)
{
	s->at++;
	for (;;) {
		size_t n;

		s->at += dn_plain_run(s->at, (size_t)(s->end - s->at));
		if (s->at == s->end)
			return bad(s, "string without end");
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\') {
			if (!scan_escape(s))
				return false;
			continue;
		}
		if ((unsigned char)*s->at < 0x20)
			return bad(s, "control byte in a string");
		n = dn_utf8_run(s->at, (size_t)(s->end - s->at));
		if (n == 0)
			return bad(s, "not UTF-8");
		s->at += n;
	}
}

/* Goes behind the digits at the cursor; false where there is none. */
static bool scan_digits(struct scan *s)
{
	/* A local cursor: the bytes might alias the struct otherwise. */
	const char *at = s->at, *end = s->end;

	if (at == end || !is_digit(*at))
		return bad(s, "digit expected");
	do
		at++;
	while (at < end && is_digit(*at));
	s->at = at;
	return true;
}

static bool scan_number(struct scan *s)
{
	const char *end = s->end;

	if (*s->at == '-')
		s->at++;
	if (s->at < end && *s->at == '0') {
		s->at++;
		if (s->at < end && is_digit(*s->at))
			return bad(s, "leading zero");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (s->at < end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at < end && (*s->at | 0x20) == 'e') {
		s->at++;
		if (s->at < end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(struct scan *s, struct dn_str word)
{
	if ((size_t)(s->end - s->at) < word.n ||
	    memcmp(s->at, word.p, word.n) != 0)
		return bad(s, "value expected");
	s->at += word.n;
	return true;
}

/* A value that is no container. */
static bool scan_scalar(struct scan *s)
{
	switch (*s->at) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, DN_STR("true"));
	case 'f':
		return scan_word(s, DN_STR("false"));
	case 'n':
		return scan_word(s, DN_STR("null"));
	case '-':
		return scan_number(s);
	default:
		if (is_digit(*s->at))
			return scan_number(s);
		return bad(s, "value expected");
	}
}

/* A key and its colon; stands before the value then. */
static bool scan_key(struct scan *s)
{
	s->at = skip_space(s->at, s->end);
	if (s->at == s->end || *s->at != '"')
		return bad(s, "key expected");
	if (!scan_string(s))
		return false;
	s->at = skip_space(s->at, s->end);
	if (s->at == s->end || *s->at != ':')
		return bad(s, "':' expected");
	s->at++;
	return true;
}

/* The open containers, the innermost in the lowest bit: 1 for an object. */
struct stack {
	uint64_t bits;
	unsigned depth;
};

/* Behind a value: closes what ends here, or goes behind the comma (and the
 * key) to the next value. *more tells which. */
static bool scan_after(struct scan *s, struct stack *st, bool *more)
{
	*more = false;
	while (st->depth > 0) {
		bool object = (st->bits & 1) != 0;

		s->at = skip_space(s->at, s->end);
		if (s->at == s->end)
			return bad(s, "ends too early");
		if (*s->at == ',') {
			s->at++;
			*more = true;
			return !object || scan_key(s);
		}
		if (*s->at != (object ? '}' : ']'))
			return bad(s, object ? "',' or '}' expected"
					     : "',' or ']' expected");
		s->at++;
		st->bits >>= 1;
		st->depth--;
	}
	return true;
}

/* At '{' or '['. *empty: it was closed at once and counts as a value. */
static bool scan_open(struct scan *s, struct stack *st, bool *empty)
{
	bool object = *s->at == '{';

	if (st->depth == DN_JSON_DEPTH_MAX)
		return bad(s, "nested too deeply");
	s->at = skip_space(s->at + 1, s->end);
	*empty = s->at < s->end && *s->at == (object ? '}' : ']');
	if (*empty) {
		s->at++;
		return true;
	}
	st->bits = st->bits << 1 | (object ? 1u : 0u);
	st->depth++;
	return !object || scan_key(s);
}

static bool scan_value(struct scan *s)
{
	struct stack st = {0, 0};
	bool more = true;

	while (more) {
		s->at = skip_space(s->at, s->end);
		if (s->at == s->end)
			return bad(s, "ends too early");
		if (*s->at == '{' || *s->at == '[') {
			bool empty;

			if (!scan_open(s, &st, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!scan_scalar(s)) {
			return false;
		}
		if (!scan_after(s, &st, &more))
			return false;
	}
	return true;
}

static enum dn_json_type type_of(char c)
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

static int fail(const struct scan *s, struct dn_err *err)
{
	return dn_err_set(err, -EINVAL, "JSON: %s at offset %zu", s->why,
	    (size_t)(s->at - s->start));
}

int dn_json_parse_prefix(struct dn_str text, struct dn_json *value,
    size_t *taken, struct dn_err *err)
{
	/* An empty text may have no address; give it one. */
	const char *start = text.n > 0 ? text.p : "";
	struct scan s = {start, start, start + text.n, NULL};
	const char *first;

	s.at = first = skip_space(s.at, s.end);
	if (!scan_value(&s))
		return fail(&s, err);
	value->type = type_of(*first);
	value->raw = (struct dn_str){first, (size_t)(s.at - first)};
	*taken = (size_t)(s.at - start);
	return 0;
}

int dn_json_parse(struct dn_str text, struct dn_json *value, struct dn_err *err)
{
	size_t taken;
	int r = dn_json_parse_prefix(text, value, &taken, err);

	if (r != 0)
		return r;
	while (taken < text.n && is_space(text.p[taken]))
		taken++;
	if (taken < text.n)
		return dn_err_set(err, -EINVAL,
		    "JSON: more than one value at offset %zu", taken);
	return 0;
}

void dn_json_iter_init(struct dn_json_iter *it, struct dn_json container)
{
	DN_ASSERT(container.type == DN_JSON_OBJECT ||
		  container.type == DN_JSON_ARRAY);
	it->at = container.raw.p + 1;
	it->end = container.raw.p + container.raw.n - 1;
	it->object = container.type == DN_JSON_OBJECT;
}

/* At the opening quote of a validated string; behind the closing one. */
static const char *pass_string(const char *at, const char *end)
{
	at++;
	for (;;) {
		while (end - at >= 8) {
			uint64_t w;

			memcpy(&w, at, sizeof(w));
			if ((dn_bytes_equal(w, '"') |
				dn_bytes_equal(w, '\\')) != 0)
				break;
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
		while (at < end && *at != ',' && !is_space(*at))
			at++;
		return at;
	}
}

bool dn_json_next(
    struct dn_json_iter *it, struct dn_str *key, struct dn_json *value)
{
	const char *at = skip_space(it->at, it->end), *from;

	if (at < it->end && *at == ',')
		at = skip_space(at + 1, it->end);
	if (at >= it->end)
		return false;
	*key = (struct dn_str){NULL, 0};
	if (it->object) {
		from = at;
		at = pass_string(at, it->end);
		*key = (struct dn_str){from + 1, (size_t)(at - from) - 2};
		at = skip_space(at, it->end);
		at = skip_space(at + 1, it->end);
	}
	from = at;
	at = pass_value(at, it->end);
	value->type = type_of(*from);
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
	c = (uint32_t)hex4(p + 1);
	*at += 4;
	if (is_high((int32_t)c)) {
		uint32_t low = (uint32_t)hex4(p + 7);

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

		if (!is_digit(c) || __builtin_mul_overflow(v, 10u, &v) ||
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
