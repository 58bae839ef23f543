/* SPDX-License-Identifier: MIT */
/*
 * How it works: each function judges one line, or one value, against the
 * grammar of RFC 9112 without the leniency that the RFC allows to old
 * senders: that is where two parsers on one path come to differ.
 *
 * It fails with the status that the RFC names: 505 for a version other than
 * 1.0 and 1.1, otherwise 400. Whether a method is known is not judged here.
 */
#include "wire/http_line.h"

#include <strings.h>

static const struct dn_http_fault fine = {0};

static struct dn_http_fault fault(unsigned status, const char *reason)
{
	return (struct dn_http_fault){status, reason};
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* True when all are letters, digits or of `more`, and there is one. */
static bool made_of(struct dn_str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) &&
		    (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
			return false;
	return s.n > 0;
}

bool dn_http_is_token(struct dn_str s)
{
	return made_of(s, "!#$%&'*+-.^_`|~");
}

static bool is_visible(struct dn_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0;
}

/* The part before `c`, or all of it; *rest is what stands behind. */
static struct dn_str cut(struct dn_str s, char c, struct dn_str *rest)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	*rest = (struct dn_str){NULL, 0};
	if (at == NULL)
		return s;
	*rest = (struct dn_str){at + 1, s.n - (size_t)(at - s.p) - 1};
	return (struct dn_str){s.p, (size_t)(at - s.p)};
}

bool dn_http_line_bytes(struct dn_str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') ||
		    c == 0x7f)
			return false;
	}
	return true;
}

static struct dn_http_fault check_version(struct dn_str version)
{
	const char *p = version.p;

	if (version.n != 8 || memcmp(p, "HTTP/", 5) != 0 || !is_digit(p[5]) ||
	    p[6] != '.' || !is_digit(p[7]))
		return fault(400, "malformed request line");
	if (p[5] != '1' || p[7] > '1')
		return fault(505, "HTTP version not supported");
	return fine;
}

struct dn_http_fault dn_http_line_request(struct dn_str line)
{
	struct dn_str rest, version;
	struct dn_str method = cut(line, ' ', &rest);
	struct dn_str target = cut(rest, ' ', &version);

	if (!dn_http_is_token(method))
		return fault(400, "malformed method");
	if (!is_visible(target))
		return fault(400, "malformed request target");
	return check_version(version);
}

struct dn_http_fault dn_http_line_header(
    struct dn_str line, struct dn_str *name, struct dn_str *value)
{
	struct dn_str rest;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return fault(400, "folded header");
	*name = cut(line, ':', &rest);
	*value = dn_http_trim(rest);
	if (rest.p == NULL)
		return fault(400, "header without a colon");
	if (!dn_http_is_token(*name))
		return fault(400, "malformed header name");
	if (value->n > 0 && memchr(value->p, '\r', value->n) != NULL)
		return fault(400, "carriage return in a header");
	return fine;
}

bool dn_http_line_host(struct dn_str host)
{
	return made_of(host, "-._~%!$&'()*+,;=:[]");
}

static bool take_prefix(struct dn_str *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || strncasecmp(s->p, prefix, n) != 0)
		return false;
	*s = (struct dn_str){s->p + n, s->n - n};
	return true;
}

struct dn_http_fault dn_http_line_target(struct dn_str target,
    struct dn_str host, struct dn_str *path, struct dn_str *query)
{
	struct dn_str authority;
	size_t n = 0;

	if (memchr(target.p, '#', target.n) != NULL)
		return fault(400, "fragment in the request target");
	if (take_prefix(&target, "http://") ||
	    take_prefix(&target, "https://")) {
		while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
			n++;
		authority = (struct dn_str){target.p, n};
		if (!dn_http_same(authority, host))
			return fault(400, "request target of another host");
		target = (struct dn_str){target.p + n, target.n - n};
		if (target.n == 0 || target.p[0] == '?') {
			*path = DN_STR("/");
			(void)cut(target, '?', query);
			return fine;
		}
	}
	if (target.n == 0 || target.p[0] != '/')
		return fault(400, "request target is no path");
	*path = cut(target, '?', query);
	return fine;
}

bool dn_http_line_length(struct dn_str text, uint64_t *length)
{
	*length = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_digit(text.p[i]) ||
		    *length > (uint64_t)INT64_MAX / 10 - 1)
			return false;
		*length = *length * 10 + (uint64_t)(text.p[i] - '0');
	}
	return text.n > 0;
}

struct dn_str dn_http_trim(struct dn_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct dn_str){s.p + 1, s.n - 1};
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool dn_http_same(struct dn_str a, struct dn_str b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

struct dn_str dn_http_list_next(struct dn_str *list)
{
	return dn_http_trim(cut(*list, ',', list));
}

bool dn_http_list_has(struct dn_str list, const char *word)
{
	while (list.n > 0)
		if (dn_http_same(dn_http_list_next(&list), dn_str_of(word)))
			return true;
	return false;
}
