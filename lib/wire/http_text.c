/* SPDX-License-Identifier: MIT */
/*
 * How it works: the parts of http.h that only read or write text. An escape
 * is decoded into the caller's scratch; text without one is not copied.
 *
 * It fails for an escape without two hex digits and for an escaped NUL,
 * which no name here may hold.
 */
#include "base/text.h"
#include "wire/http.h"

#include <http_parser.h>

static bool decode(
    struct dn_str text, bool plus, struct dn_str *out, struct dn_buf *scratch)
{
	int high, low;

	*out = text;
	if (text.n == 0 || (memchr(text.p, '%', text.n) == NULL &&
			       !(plus && memchr(text.p, '+', text.n))))
		return true;
	scratch->n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '%') {
			dn_buf_byte(scratch,
			    plus && text.p[i] == '+' ? ' ' : text.p[i]);
			continue;
		}
		if (text.n - i < 3)
			return false;
		high = dn_hex_value(text.p[i + 1]);
		low = dn_hex_value(text.p[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		dn_buf_byte(scratch, (char)(high << 4 | low));
		i += 2;
	}
	*out = dn_buf_view(scratch);
	return true;
}

bool dn_http_path(
    struct dn_http *http, struct dn_str *out, struct dn_buf *scratch)
{
	return decode(dn_http_request(http)->path, false, out, scratch);
}

/* The value of the first parameter of that name, as sent. */
static bool find(struct dn_str query, const char *name, struct dn_str *value)
{
	size_t name_n = strlen(name);

	while (query.n > 0) {
		const char *and = memchr(query.p, '&', query.n);
		size_t n = and? (size_t)(and-query.p) : query.n;
		size_t step = and? n + 1 : n;

		if (n > name_n && query.p[name_n] == '=' &&
		    memcmp(query.p, name, name_n) == 0) {
			*value = (struct dn_str){
			    query.p + name_n + 1, n - name_n - 1};
			return true;
		}
		query = (struct dn_str){query.p + step, query.n - step};
	}
	return false;
}

bool dn_http_has_query(struct dn_http *http, const char *name)
{
	struct dn_str value;

	return find(dn_http_request(http)->query, name, &value);
}

bool dn_http_query(struct dn_http *http, const char *name, struct dn_str *out,
    struct dn_buf *scratch)
{
	struct dn_str value;

	return find(dn_http_request(http)->query, name, &value) &&
	       decode(value, true, out, scratch);
}

void dn_http_response(struct dn_buf *b, unsigned status,
    const char *content_type, const char *extra, struct dn_str body,
    bool keep_alive)
{
	bool has_body = status >= 200 && status != 204;

	DN_ASSERT(has_body || body.n == 0);
	dn_buf_printf(b, "HTTP/1.1 %u %s\r\n", status,
	    http_status_str((enum http_status)status));
	if (has_body)
		dn_buf_printf(b, "Content-Length: %zu\r\n", body.n);
	if (content_type)
		dn_buf_printf(b, "Content-Type: %s\r\n", content_type);
	if (!keep_alive && status >= 200)
		dn_buf_lit(b, "Connection: close\r\n");
	if (extra)
		dn_buf_lit(b, extra);
	dn_buf_lit(b, "\r\n");
	dn_buf_str(b, body);
}
