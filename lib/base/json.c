/* SPDX-License-Identifier: MIT */
/*
 * How it works: one loop without recursion. A bit stack remembers whether
 * each open container is an object; depth is at most 64, so it is one word.
 * Strings, where nearly all bytes are, are passed eight at a time.
 *
 * How it fails: the scan stops at the first byte that is wrong and keeps the
 * reason and the place; the message is made only then, so the good path
 * formats nothing.
 */
#include "base/json.h"

#include <errno.h>

#include "base/text.h"

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

/* Behind "\u": four digits, and the second half where it is the first. */
static bool scan_unicode(struct scan *s)
{
	int32_t unit = s->end - s->at >= 4 ? dn_hex4(s->at) : -1;

	if (unit < 0)
		return bad(s, "\\u without four hex digits");
	if (dn_is_low(unit))
		return bad(s, "lone low surrogate");
	s->at += 4;
	if (!dn_is_high(unit))
		return true;
	if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u' ||
	    !dn_is_low(dn_hex4(s->at + 2)))
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

	if (at == end || !dn_is_digit(*at))
		return bad(s, "digit expected");
	do
		at++;
	while (at < end && dn_is_digit(*at));
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
		if (s->at < end && dn_is_digit(*s->at))
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
		if (dn_is_digit(*s->at))
			return scan_number(s);
		return bad(s, "value expected");
	}
}

/* A key and its colon; stands before the value then. */
static bool scan_key(struct scan *s)
{
	s->at = dn_skip_space(s->at, s->end);
	if (s->at == s->end || *s->at != '"')
		return bad(s, "key expected");
	if (!scan_string(s))
		return false;
	s->at = dn_skip_space(s->at, s->end);
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

		s->at = dn_skip_space(s->at, s->end);
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
	s->at = dn_skip_space(s->at + 1, s->end);
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
		s->at = dn_skip_space(s->at, s->end);
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

	s.at = first = dn_skip_space(s.at, s.end);
	if (!scan_value(&s))
		return fail(&s, err);
	value->type = dn_json_type_of(*first);
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
	while (taken < text.n && dn_is_space(text.p[taken]))
		taken++;
	if (taken < text.n)
		return dn_err_set(err, -EINVAL,
		    "JSON: more than one value at offset %zu", taken);
	return 0;
}
