/* SPDX-License-Identifier: MIT */
/*
 * http: each case is the bytes of one connection and what they must come to.
 * Every case is fed whole, byte by byte and in pieces of seven, from memory
 * of the exact size.
 */
#include "wire/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

enum { BODY_MAX = 1000 };

/* ---- what a run comes to, as text ---- */

static void write_request(struct dn_buf *out, struct dn_http *h)
{
	const struct dn_http_request *r = dn_http_request(h);

	dn_buf_printf(out, "%.*s %.*s", DN_FMT(r->method), DN_FMT(r->path));
	if (r->query.n > 0)
		dn_buf_printf(out, " ?%.*s", DN_FMT(r->query));
	if (r->body.n > 20)
		dn_buf_printf(out, " (%zu)", r->body.n);
	else if (r->body.n > 0)
		dn_buf_printf(out, " [%.*s]", DN_FMT(r->body));
	dn_buf_printf(out, "%s%s\n", r->keep_alive ? "" : " close",
	    r->upgrade_websocket ? " websocket" : "");
}

/* Feeds one piece; false once the connection is over. */
static bool feed(struct dn_http *h, struct dn_str piece, struct dn_buf *out)
{
	while (piece.n > 0) {
		size_t taken = 0;
		enum dn_http_state state =
		    dn_http_feed(h, piece.p, piece.n, &taken);

		piece = (struct dn_str){piece.p + taken, piece.n - taken};
		if (state == DN_HTTP_BAD) {
			dn_buf_printf(out, "%u %s\n", dn_http_status(h),
			    dn_http_reason(h));
			return false;
		}
		if (state == DN_HTTP_MORE)
			return true;
		write_request(out, h);
		if (dn_http_request(h)->upgrade_websocket) {
			dn_buf_printf(out, "rest [%.*s]\n", DN_FMT(piece));
			return false;
		}
		dn_http_reset(h);
	}
	return true;
}

static void run(struct dn_str bytes, size_t step, struct dn_buf *out)
{
	struct dn_http *h = dn_http_new(BODY_MAX);
	bool open = true;

	while (open && bytes.n > 0) {
		size_t n = bytes.n < step ? bytes.n : step;
		char *copy = malloc(n);

		memcpy(copy, bytes.p, n);
		open = feed(h, (struct dn_str){copy, n}, out);
		free(copy);
		bytes = (struct dn_str){bytes.p + n, bytes.n - n};
	}
	dn_http_free(&h);
}

static void check_bytes(struct dn_str bytes, const char *want, const char *name)
{
	static const size_t steps[] = {SIZE_MAX, 1, 7};

	for (size_t i = 0; i < DN_ARRAY_LEN(steps); i++) {
		struct dn_buf out = {0};

		run(bytes, steps[i], &out);
		IS_SLICE(dn_buf_view(&out), want, name);
		dn_buf_release(&out);
	}
}

static void check(const char *text, const char *want, const char *name)
{
	check_bytes(dn_str_of(text), want, name);
}

/* A request of which only the headers matter. */
static void check_headers(
    const char *headers, const char *want, const char *name)
{
	char text[2048];

	snprintf(text, sizeof(text), "POST /p HTTP/1.1\r\nHost: h\r\n%s\r\n",
	    headers);
	check(text, want, name);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- cases ---- */

static void test_requests(void)
{
	check(GET("/"), "GET /\n", "the smallest request");
	check(GET("/a%20b?x=1&y=2?"), "GET /a%20b ?x=1&y=2?\n",
	    "path and query as sent");
	check(GET("/a") GET("/b"), "GET /a\nGET /b\n", "two in one go");
	check("\r\n" GET("/"), "GET /\n", "an empty line before it");
	check("\r\n\r\n" GET("/"), "400 malformed method\n", "two of them");
	check("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
	      "hello" GET("/"),
	    "POST /p [hello]\nGET /\n", "a body, then another request");
	check("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
	    "POST /p\n", "a body of no bytes");
	check("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n",
	    "GET / close\n", "Connection: close");
	check("GET / HTTP/1.0\r\n\r\n", "GET / close\n",
	    "HTTP/1.0 needs no Host");
	check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    "GET / close\n", "HTTP/1.0 is never kept alive");
	check("DELETE /x HTTP/1.1\r\nHost: h:80\r\n\r\n", "DELETE /x\n",
	    "another method");
}

static void test_targets(void)
{
	check("GET http://h/p?q HTTP/1.1\r\nHost: H\r\n\r\n", "GET /p ?q\n",
	    "absolute-form");
	check("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\n",
	    "absolute-form without a path");
	check("GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET / ?q\n",
	    "absolute-form with a query only");
	check("GET http://evil/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "400 request target of another host\n", "a lying authority");
	check("GET http://h@evil/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "400 request target of another host\n", "user information");
	check("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "400 request target is no path\n", "another scheme");
	check("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
	    "400 request target is no path\n", "asterisk-form");
	check("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
	    "400 request target is no path\n", "authority-form");
	check(
	    GET("/a#b"), "400 fragment in the request target\n", "a fragment");
	check(GET("a"), "400 invalid URL\n", "a relative path");
	check(GET("/\xc3\xbc"), "400 malformed request target\n",
	    "a byte over 0x7e");
}

static void test_request_lines(void)
{
	check("FOO / HTTP/1.1\r\nHost: h\r\n\r\n",
	    "501 method not implemented\n", "an unknown method");
	check("get / HTTP/1.1\r\nHost: h\r\n\r\n",
	    "501 method not implemented\n", "a method in small letters");
	check("G=T / HTTP/1.1\r\nHost: h\r\n\r\n", "400 malformed method\n",
	    "a method that is no token");
	check("GET / HTTP/1.2\r\nHost: h\r\n\r\n",
	    "505 HTTP version not supported\n", "HTTP/1.2");
	check("GET / HTTP/0.9\r\nHost: h\r\n\r\n",
	    "505 HTTP version not supported\n", "HTTP/0.9");
	check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	    "505 HTTP version not supported\n", "the preface of HTTP/2");
	check("GET / HTTP/11\r\nHost: h\r\n\r\n",
	    "400 malformed request line\n", "a broken version");
	check("GET / http/1.1\r\nHost: h\r\n\r\n",
	    "400 malformed request line\n", "a version in small letters");
	check("GET /\r\nHost: h\r\n\r\n", "400 malformed request line\n",
	    "no version");
	check("GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
	    "400 malformed request target\n", "two spaces");
	check("GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
	    "400 malformed request line\n", "a space at the end");
	check(" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 malformed method\n",
	    "a space in front");
	check("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", "400 malformed method\n",
	    "a tab");
}

static void test_bytes(void)
{
	check_bytes(DN_STR("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
	    "400 control byte in the head\n", "a NUL in the request line");
	check_bytes(DN_STR("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
	    "400 control byte in the head\n", "a NUL in a header");
	check("GET / HTTP/1.1\r\nHost: h\r\nX: \x01\r\n\r\n",
	    "400 control byte in the head\n", "a control byte");
	check("GET / HTTP/1.1\nHost: h\r\n\r\n",
	    "400 line feed without carriage return\n", "a bare LF");
	check("GET / HTTP/1.1\r\nHost: h\n\r\n",
	    "400 line feed without carriage return\n", "a bare LF later");
	check("GET / HTTP/1.1\r\nHost: h\r\n\n",
	    "400 line feed without carriage return\n", "a bare LF at the end");
	check("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
	    "400 carriage return in a header\n", "a bare CR");
	check("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
	    "400 malformed request line\n", "two CR");
	check("\x16\x03\x01\x02", "400 control byte in the head\n",
	    "a TLS greeting");
}

static void test_headers(void)
{
	check_headers("X : a\r\n", "400 malformed header name\n",
	    "a space before the colon");
	check_headers("X: a\r\n b\r\n", "400 folded header\n", "obs-fold");
	check_headers(
	    "X: a\r\n\tb\r\n", "400 folded header\n", "obs-fold with a tab");
	check_headers("X\r\n", "400 header without a colon\n", "no colon");
	check_headers(": a\r\n", "400 malformed header name\n", "no name");
	check_headers("X(: a\r\n", "400 malformed header name\n",
	    "a name that is no token");
	check_headers("X:\r\nY:  \t\r\n", "POST /p\n", "empty values");
	check_headers("X: \xc3\xbc\r\n", "POST /p\n", "bytes over 0x7f");
	check_headers(
	    "Host: h\r\n", "400 needs exactly one Host\n", "two Hosts");
	check("GET / HTTP/1.1\r\n\r\n", "400 needs exactly one Host\n",
	    "no Host");
	check("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
	    "400 needs exactly one Host\n", "two Hosts in HTTP/1.0");
	check("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 malformed Host\n",
	    "an empty Host");
	check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 malformed Host\n",
	    "a space in Host");
	check("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 malformed Host\n",
	    "a slash in Host");
	check("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", "GET /\n", "IPv6");
}

static void test_lengths(void)
{
	check_headers("Content-Length: 5\r\nContent-Length: 5\r\n",
	    "400 unexpected content-length header\n", "two lengths");
	check_headers("Content-Length: +5\r\n",
	    "400 invalid character in content-length header\n", "a sign");
	check_headers("Content-Length: 5, 5\r\n",
	    "400 invalid character in content-length header\n", "a list");
	check_headers("Content-Length: 0x5\r\n",
	    "400 invalid character in content-length header\n", "hex");
	check_headers("Content-Length:\r\n",
	    "400 invalid character in content-length header\n",
	    "an empty length");
	check_headers("Content-Length: 10000000000000000000\r\n",
	    "400 malformed Content-Length\n", "a length over 2^63");
	check_headers("Content-Length: 1001\r\n", "413 body is too big\n",
	    "one over the limit");
	check_headers("Content-Length: 18446744073709551621\r\n",
	    "400 invalid character in content-length header\n", "2^64+5");
	check_headers("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
	    "400 unexpected content-length header\n", "length and coding");
	check_headers("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
	    "400 unexpected content-length header\n", "coding and length");
	check_headers("Transfer-Encoding: gzip, chunked\r\n",
	    "501 transfer coding not implemented\n", "gzip");
	check_headers("Transfer-Encoding: gzip\r\n",
	    "501 transfer coding not implemented\n", "gzip alone");
	check_headers("Transfer-Encoding: chunked\r\n"
		      "Transfer-Encoding: chunked\r\n",
	    "501 transfer coding not implemented\n", "chunked twice");
	check("POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "400 Transfer-Encoding has no place here\n", "chunked in HTTP/1.0");
}

static void test_body_limit(void)
{
	char text[2048], body[BODY_MAX + 1];

	memset(body, 'b', BODY_MAX);
	body[BODY_MAX] = '\0';
	snprintf(text, sizeof(text),
	    "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s",
	    BODY_MAX, body);
	check(text, "POST /p (1000)\n", "a body of the limit");
	snprintf(text, sizeof(text),
	    "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1f4\r\n%.500s\r\n1F4\r\n%.500s\r\n0\r\n\r\n",
	    body, body);
	check(text, "POST /p (1000)\n", "chunks up to the limit");
	snprintf(text, sizeof(text),
	    "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1f4\r\n%.500s\r\n1f5\r\n",
	    body);
	check(text, "413 body is too big\n", "chunks over the limit");
}

static void check_chunks(const char *chunks, const char *want, const char *name)
{
	char text[2048];

	snprintf(text, sizeof(text),
	    "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
	    "%s",
	    chunks);
	check(text, want, name);
}

static void test_chunks(void)
{
	char line[512];

	check_chunks("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET("/"),
	    "POST /p [abcde]\nGET /\n", "chunks, then another request");
	check_chunks("0\r\n\r\n", "POST /p\n", "no chunks");
	check_chunks("003;a=\"b\"\r\nabc\r\n0 \r\n\r\n", "POST /p [abc]\n",
	    "an extension and spaces");
	check_chunks("1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n", "POST /p [a]\n",
	    "trailers are dropped");
	check_chunks("1\r\na\r\n0\r\nX : y\r\n\r\n", "400 malformed chunk\n",
	    "a broken trailer");
	check_chunks("1;a\nb\r\na\r\n0\r\n\r\n", "400 malformed chunk\n",
	    "a bare LF in an extension");
	check_chunks("1;a\rb\r\na\r\n0\r\n\r\n", "400 malformed chunk\n",
	    "a bare CR in an extension");
	check_chunks("1\na\r\n0\r\n\r\n", "400 malformed chunk\n",
	    "a bare LF behind the size");
	check_chunks("1\r\nab\r\n0\r\n\r\n", "400 malformed chunk\n",
	    "more data than said");
	check_chunks("1\r\naX\n0\r\n\r\n", "400 malformed chunk\n",
	    "no CRLF behind the data");
	check_chunks("x\r\n", "400 malformed chunk\n", "no number");
	check_chunks("-1\r\n", "400 malformed chunk\n", "a sign");
	check_chunks("1 a\r\n", "400 malformed chunk\n", "junk");
	check_chunks("\r\n", "400 malformed chunk\n", "no size");
	check_chunks("fffffffffffffffff\r\n", "400 malformed chunk\n",
	    "a size over 64 bits");
	check_chunks("ffffffffffffff\r\n", "413 body is too big\n",
	    "a size over the limit");
	memset(line, '0', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	check_chunks(line, "400 malformed chunk\n", "a long size line");
}

static void test_trailer_limit(void)
{
	struct dn_buf text = {0};

	dn_buf_lit(&text,
	    "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n");
	for (int i = 0; i < 100; i++)
		dn_buf_printf(&text, "X: %0120d\r\n", i);
	check_bytes(dn_buf_view(&text), "400 malformed chunk\n",
	    "trailers over the limit");
	dn_buf_release(&text);
}

static void test_head_limits(void)
{
	struct dn_buf text = {0};

	dn_buf_lit(&text, "GET /");
	while (text.n <= DN_HTTP_HEAD_MAX)
		dn_buf_byte(&text, 'a');
	check_bytes(dn_buf_view(&text), "414 head is too long\n",
	    "a long request line");
	text.p[100] = '\x01';
	check_bytes(dn_buf_view(&text), "400 control byte in the head\n",
	    "a long request line with a control byte");
	text.n = 0;
	dn_buf_lit(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	while (text.n < DN_HTTP_HEAD_MAX - 4)
		dn_buf_byte(&text, 'a');
	dn_buf_lit(&text, "\r\n\r\n");
	check_bytes(dn_buf_view(&text), "GET /\n", "a head of the limit");
	text.n -= 4;
	dn_buf_lit(&text, "a\r\n\r\n");
	check_bytes(
	    dn_buf_view(&text), "431 head is too long\n", "one byte more");
	text.n = 0;
	dn_buf_lit(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 1; i < DN_HTTP_HEADERS_MAX; i++)
		dn_buf_lit(&text, "X: y\r\n");
	dn_buf_lit(&text, "\r\n");
	check_bytes(
	    dn_buf_view(&text), "GET /\n", "as many headers as allowed");
	text.n -= 2;
	dn_buf_lit(&text, "X: y\r\n\r\n");
	check_bytes(dn_buf_view(&text), "431 too many headers\n", "one more");
	dn_buf_release(&text);
}

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"

static void test_upgrade(void)
{
	const char *kept = "GET /c HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n"
			   "\x81\x80mask";
	struct dn_buf out = {0};

	run(dn_str_of(kept), SIZE_MAX, &out);
	IS_SLICE(dn_buf_view(&out), "GET /c websocket\nrest [\x81\x80mask]\n",
	    "bytes behind the head are the caller's");
	dn_buf_release(&out);
	check("POST /c HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n" GET("/"),
	    "POST /c\nGET /\n", "no upgrade with POST");
	check("GET /c HTTP/1.0\r\nHost: h\r\n" UPGRADE "\r\n", "GET /c close\n",
	    "no upgrade in HTTP/1.0");
	check("GET /c HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
	    "GET /c\n", "no upgrade without Connection");
	check("GET /c HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, "
	      "HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n" GET("/"),
	    "GET /c\nGET /\n", "another upgrade is ignored");
	check("POST /c HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
	      "Upgrade: h2c\r\nContent-Length: 2\r\n\r\nhi" GET("/"),
	    "POST /c [hi]\nGET /\n", "another upgrade with a body");
	check("GET /c HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" UPGRADE
	      "\r\nx",
	    "400 upgrade with a body\n", "upgrade with a body");
}

static void test_expect(void)
{
	static const char head[] = "POST /p HTTP/1.1\r\nHost: h\r\n"
				   "Content-Length: 2\r\n"
				   "Expect: 100-Continue\r\n\r\n";
	struct dn_http *h = dn_http_new(BODY_MAX);
	size_t taken;

	IS_NUM(dn_http_feed(h, head, sizeof(head) - 1, &taken), DN_HTTP_MORE,
	    "a body is missing");
	OK(dn_http_wants_continue(h), "and waits for 100");
	OK(!dn_http_wants_continue(h), "told once");
	IS_NUM(dn_http_feed(h, "hi", 2, &taken), DN_HTTP_DONE, "the body");
	IS_SLICE(dn_http_request(h)->body, "hi", "is there");
	dn_http_reset(h);
	IS_NUM(dn_http_feed(h, head, 20, &taken), DN_HTTP_MORE, "half a head");
	OK(!dn_http_wants_continue(h), "waits for nothing");
	dn_http_free(&h);
	check_headers("Expect: 200-maybe\r\n", "417 unknown expectation\n",
	    "another expectation");
	check_headers("Content-Length: 1001\r\nExpect: 100-continue\r\n",
	    "413 body is too big\n", "a body that is not waited for");
}

static struct dn_http *parsed(const char *text)
{
	struct dn_http *h = dn_http_new(BODY_MAX);
	size_t taken;

	IS_NUM(dn_http_feed(h, text, strlen(text), &taken), DN_HTTP_DONE,
	    "a request");
	return h;
}

static void test_header(void)
{
	struct dn_http *h = parsed("GET / HTTP/1.1\r\nHOST: h\r\nA: 1\r\n"
				   "b: \t two words \r\na:2\r\nA:\r\n\r\n");
	struct dn_str v;

	OK(dn_http_header(h, "host", &v), "Host");
	IS_SLICE(v, "h", "its value");
	OK(dn_http_header(h, "b", &v), "b");
	IS_SLICE(v, "two words", "is trimmed");
	OK(dn_http_header(h, "a", &v), "a");
	IS_SLICE(v, "1, 2, ", "three of a name are joined");
	OK(!dn_http_header(h, "c", &v), "no c");
	OK(!dn_http_header(h, "", &v) || v.n > 0, "no nameless one");
	dn_http_free(&h);
	OK(h == NULL, "free clears the pointer");
}

static void test_query(void)
{
	struct dn_http *h =
	    parsed(GET("/a%2fb%C3%BC?x=1&xy=a%20b+c&e=&n=%00&h=%4&x=2&f"));
	struct dn_buf scratch = {0};
	struct dn_str v;

	OK(dn_http_query(h, "x", &v, &scratch), "x");
	IS_SLICE(v, "1", "the first of a name");
	OK(dn_http_query(h, "xy", &v, &scratch), "xy");
	IS_SLICE(v, "a b c", "escapes and plus");
	OK(dn_http_query(h, "e", &v, &scratch) && v.n == 0, "an empty value");
	OK(!dn_http_query(h, "n", &v, &scratch), "an escaped NUL");
	OK(!dn_http_query(h, "h", &v, &scratch), "half an escape");
	OK(!dn_http_query(h, "f", &v, &scratch), "a name without '='");
	OK(!dn_http_query(h, "y", &v, &scratch), "not the end of a name");
	OK(dn_http_has_query(h, "h") && dn_http_has_query(h, "e"),
	    "whatever the value is, it is there");
	OK(!dn_http_has_query(h, "f") && !dn_http_has_query(h, "z"), "or not");
	OK(dn_http_path(h, &v, &scratch), "the path");
	IS_SLICE(v, "/a/b\xc3\xbc", "decoded");
	dn_buf_release(&scratch);
	dn_http_free(&h);
}

/* The path as far as it is known after these bytes; "" when it is not. */
static void check_head(const char *text, enum dn_http_state state,
    const char *want, const char *name)
{
	struct dn_http *h = dn_http_new(10);
	const struct dn_http_request *head;
	size_t taken;

	OK(dn_http_feed(h, text, strlen(text), &taken) == state, name);
	head = dn_http_head(h);
	IS_SLICE(head != NULL ? head->path : DN_STR(""), want, name);
	dn_http_free(&h);
}

static void test_head(void)
{
	struct dn_http *h = parsed("GET / HTTP/1.0\r\n\r\n");

	OK(dn_http_request(h)->old, "HTTP/1.0 is old");
	dn_http_free(&h);
	h = parsed(GET("/"));
	OK(!dn_http_request(h)->old, "HTTP/1.1 is not");
	dn_http_free(&h);
	check_head("POST /p HTTP/1.1\r\nHost: h\r\n", DN_HTTP_MORE, "",
	    "no head is there yet");
	check_head("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
		   "ab",
	    DN_HTTP_MORE, "/p", "a head whose body is not");
	check_head(
	    "POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
	    DN_HTTP_BAD, "/p", "a head whose body is too big");
	check_head("GET /p HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", DN_HTTP_BAD,
	    "", "a head that is none");
	check_head("GET p HTTP/1.1\r\nHost: h\r\n\r\n", DN_HTTP_BAD, "",
	    "a target that is none");
}

static void check_response(unsigned status, const char *type, const char *extra,
    const char *body, bool keep, const char *want)
{
	struct dn_buf b = {0};

	dn_http_response(&b, status, type, extra, dn_str_of(body), keep);
	IS_SLICE(dn_buf_view(&b), want, "a response");
	dn_buf_release(&b);
}

static void test_response(void)
{
	check_response(200, "application/json", NULL, "{}", true,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	    "Content-Type: application/json\r\n\r\n{}");
	check_response(404, NULL, "X: y\r\n", "", false,
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
	    "Connection: close\r\nX: y\r\n\r\n");
	check_response(101, NULL, "Upgrade: websocket\r\n", "", false,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
	check_response(
	    204, NULL, NULL, "", true, "HTTP/1.1 204 No Content\r\n\r\n");
}

int main(void)
{
	test_requests();
	test_targets();
	test_request_lines();
	test_bytes();
	test_headers();
	test_lengths();
	test_body_limit();
	test_chunks();
	test_trailer_limit();
	test_head_limits();
	test_upgrade();
	test_expect();
	test_header();
	test_query();
	test_head();
	test_response();
	return tap_done();
}
