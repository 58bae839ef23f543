/* SPDX-License-Identifier: MIT */
/* ws_client: the handshake's every way, and frames that the server's reader
 * takes back. */
#include "wire/ws_client.h"

#include <stdlib.h>

#include "tap.h"

static struct dn_ws_reader *from_server;
static struct dn_ws_reader *from_client;

static struct dn_str key_of(const struct dn_buf *request)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	const char *p = memmem(request->p, request->n, name, sizeof(name) - 1);

	if (p == NULL)
		return (struct dn_str){NULL, 0};
	return (struct dn_str){p + sizeof(name) - 1, DN_WS_KEY_LEN};
}

static struct dn_ws_client *asked(char accept[DN_WS_ACCEPT_LEN + 1])
{
	struct dn_ws_client *c = dn_ws_client_new(from_server);
	struct dn_buf out = {0};

	dn_ws_client_upgrade(c, &out, "h:1", "/p", NULL);
	if (!dn_ws_accept(key_of(&out), accept))
		OK(false, "the request has a key");
	dn_buf_release(&out);
	return c;
}

static void test_request(void)
{
	struct dn_ws_client *c = dn_ws_client_new(from_server);
	struct dn_buf out = {0};
	char want[512];

	dn_ws_client_upgrade(c, &out, "127.0.0.1:8000", "/connection/websocket",
	    "X-API-Key: dev\r\n");
	snprintf(want, sizeof(want),
	    "GET /connection/websocket HTTP/1.1\r\n"
	    "Host: 127.0.0.1:8000\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %.*s\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "X-API-Key: dev\r\n\r\n",
	    DN_FMT(key_of(&out)));
	IS_SLICE(dn_buf_view(&out), want, "the upgrade request");
	dn_buf_release(&out);
	dn_ws_client_free(&c);
	OK(c == NULL, "free clears the pointer");
	dn_ws_client_free(&c);
}

/* The answer with "%s" for the right accept value, in pieces. */
static struct dn_ws_event answer(
    struct dn_ws_client *c, const char *accept, const char *format, size_t step)
{
	struct dn_ws_event ev = {.kind = DN_WS_MORE};
	char *text = malloc(32768);
	struct dn_str all, bytes;

	snprintf(text, 32768, format, accept);
	all = dn_str_of(text);
	while (ev.kind == DN_WS_MORE && all.n > 0) {
		size_t n = all.n < step ? all.n : step;

		bytes = (struct dn_str){all.p, n};
		ev = dn_ws_client_next(c, &bytes);
		all = (struct dn_str){all.p + n, all.n - n};
	}
	free(text);
	return ev;
}

static void check(const char *format, enum dn_ws_kind kind, unsigned code,
    const char *reason, const char *name)
{
	static const size_t steps[] = {1, 5, SIZE_MAX};

	for (size_t i = 0; i < DN_ARRAY_LEN(steps); i++) {
		char accept[DN_WS_ACCEPT_LEN + 1];
		struct dn_ws_client *c = asked(accept);
		struct dn_ws_event ev = answer(c, accept, format, steps[i]);
		struct dn_str late = DN_STR("\x81\x01x");

		IS_NUM(ev.kind, kind, name);
		IS_NUM(ev.code, code, "its status");
		if (reason)
			IS_STR(ev.reason, reason, "its reason");
		if (kind == DN_WS_REFUSED)
			IS_NUM(dn_ws_client_next(c, &late).kind, DN_WS_MORE,
			    "nothing follows");
		dn_ws_client_free(&c);
	}
}

#define SWITCHING \
	"HTTP/1.1 101 Switching Protocols\r\n" \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: %s\r\n"

static void test_accepted(void)
{
	check(SWITCHING ACCEPT "\r\n", DN_WS_OPEN, 101, NULL, "a 101");
	check("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" SWITCHING ACCEPT
	      "\r\n",
	    DN_WS_OPEN, 101, NULL, "an interim answer before it");
	check("HTTP/1.1 101\r\nUPGRADE:WebSocket\r\n"
	      "connection: keep-alive ,\tUPGRADE\r\n"
	      "sec-websocket-accept:\t%s \r\n\r\n",
	    DN_WS_OPEN, 101, NULL, "a 101 in other letters");
}

static void test_refused(void)
{
	check("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}",
	    DN_WS_REFUSED, 401, "the server does not upgrade", "401");
	check("HTTP/1.1 403 Forbidden\r\n\r\n", DN_WS_REFUSED, 403,
	    "the server does not upgrade", "403");
	check("HTTP/1.0 502 Bad Gateway\r\n\r\n", DN_WS_REFUSED, 502,
	    "the server does not upgrade", "502 of a proxy");
	check("HTTP/1.1 200 OK\r\n\r\n", DN_WS_REFUSED, 200,
	    "the server does not upgrade", "200");
	check("SSH-2.0-OpenSSH_9.2\r\n", DN_WS_REFUSED, 0,
	    "the answer is not HTTP", "another protocol");
	check("HTTP/1.1 099 Low\r\n\r\n", DN_WS_REFUSED, 0,
	    "the answer is not HTTP", "a status below 100");
	check("HTTP/1.1 2000 OK\r\n\r\n", DN_WS_REFUSED, 0,
	    "the answer is not HTTP", "a status of four digits");
	check("HTTP/1.\n\r\n\r\n", DN_WS_REFUSED, 0, "the answer is not HTTP",
	    "a broken status line");
}

static void test_wrong_101(void)
{
	check(SWITCHING "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
			"\r\n\r\n",
	    DN_WS_REFUSED, 101, "Sec-WebSocket-Accept is wrong",
	    "the accept value of another handshake");
	check(SWITCHING "\r\n", DN_WS_REFUSED, 101,
	    "the answer needs one Sec-WebSocket-Accept", "no accept value");
	check(SWITCHING ACCEPT "Upgrade: websocket\r\n\r\n", DN_WS_REFUSED, 101,
	    "the answer upgrades nothing", "two upgrades");
	check("HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT
	      "\r\n",
	    DN_WS_REFUSED, 101, "the server upgrades to something else",
	    "another protocol");
	check("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
	    DN_WS_REFUSED, 101, "the answer upgrades nothing",
	    "no Connection header");
	check(SWITCHING ACCEPT
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	    DN_WS_REFUSED, 101, "the server chose what was not offered",
	    "an extension");
	check(SWITCHING ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
	    DN_WS_REFUSED, 101, "the server chose what was not offered",
	    "a subprotocol");
	check(SWITCHING ACCEPT ": x\r\n\r\n", DN_WS_REFUSED, 101,
	    "a header without a name", "a nameless header");
	check(SWITCHING ACCEPT "X: a\nb\r\n\r\n", DN_WS_REFUSED, 101,
	    "a line feed stands alone", "a bare line feed");
	check("HTTP/1.0 101 X\r\nUpgrade: websocket\r\n"
	      "Connection: Upgrade\r\n" ACCEPT "\r\n",
	    DN_WS_REFUSED, 101, "the upgrade is not HTTP/1.1", "HTTP/1.0");
}

static void test_long_head(void)
{
	char format[DN_WS_CLIENT_HEAD_MAX + 256] = "HTTP/1.1 200 %s";

	memset(format + 15, 'x', sizeof(format) - 16);
	format[sizeof(format) - 1] = '\0';
	check(format, DN_WS_REFUSED, 0, "the answer's head is too long",
	    "a head over the limit");
}

static void test_bytes_behind(void)
{
	char accept[DN_WS_ACCEPT_LEN + 1], text[256];
	struct dn_ws_client *c = asked(accept);
	struct dn_ws_event ev;
	struct dn_str bytes;

	snprintf(text, sizeof(text), SWITCHING ACCEPT "\r\n\x81\x02{}\x89\x01p",
	    accept);
	bytes = dn_str_of(text);
	IS_NUM(dn_ws_client_next(c, &bytes).kind, DN_WS_OPEN, "open");
	dn_ws_client_keep(c, &bytes);
	IS_NUM(bytes.n, 0, "kept");
	ev = dn_ws_client_next(c, &bytes);
	IS_NUM(ev.kind, DN_WS_MESSAGE, "a message right behind the head");
	IS_SLICE(ev.payload, "{}", "its payload");
	ev = dn_ws_client_next(c, &bytes);
	IS_NUM(ev.kind, DN_WS_PINGED, "a ping");
	IS_NUM(dn_ws_client_next(c, &bytes).kind, DN_WS_MORE, "no more");
	bytes = DN_STR("\x88\x06\x0b\xb9stop\x81\x01x");
	ev = dn_ws_client_next(c, &bytes);
	IS_NUM(ev.kind, DN_WS_CLOSED, "closed");
	IS_NUM(ev.code, 3001, "its code");
	IS_SLICE(ev.payload, "stop", "its reason");
	bytes = DN_STR("\x81\x01x");
	IS_NUM(dn_ws_client_next(c, &bytes).kind, DN_WS_MORE, "over");
	dn_ws_client_free(&c);
}

static void check_sent(struct dn_ws_client *c, size_t n)
{
	struct dn_ws_input *input = NULL;
	struct dn_buf out = {0};
	char *text = malloc(n + 1), name[64];
	struct dn_ws_event ev;
	struct dn_str bytes;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 26);
	dn_ws_client_send(c, &out, DN_WS_TEXT, (struct dn_str){text, n});
	bytes = dn_buf_view(&out);
	ev = dn_ws_next(from_client, &input, &bytes);
	snprintf(name, sizeof(name), "a message of %zu bytes arrives", n);
	OK(ev.kind == DN_WS_MESSAGE &&
		dn_str_eq(ev.payload, (struct dn_str){text, n}),
	    name);
	OK(bytes.n == 0 && input == NULL, "and nothing else");
	free(text);
	dn_buf_release(&out);
}

static void test_send(void)
{
	static const size_t sizes[] = {
	    0, 1, 3, 4, 7, 8, 9, 125, 126, 65535, 65536, 70001};
	struct dn_ws_client *c = dn_ws_client_new(from_server);

	for (size_t i = 0; i < DN_ARRAY_LEN(sizes); i++)
		check_sent(c, sizes[i]);
	for (int i = 0; i < 40; i++)
		check_sent(c, 11);
	dn_ws_client_free(&c);
}

/* Two frames of one payload must not look alike (RFC 6455, 5.3). */
static void test_masks(void)
{
	struct dn_ws_client *c = dn_ws_client_new(from_server);
	struct dn_buf out = {0};
	size_t alike = 0;

	for (int i = 0; i < 64; i++)
		dn_ws_client_send(c, &out, DN_WS_PONG, DN_STR("pp"));
	for (size_t i = 8; i < out.n; i += 8)
		if (memcmp(out.p + i + 2, out.p + i - 6, 4) == 0)
			alike++;
	OK(alike < 2, "masks differ");
	IS_NUM(out.n, 64 * 8, "a pong of two bytes has eight");
	dn_ws_client_free(&c);
	dn_buf_release(&out);
}

static void check_close(unsigned code, const char *reason, unsigned want)
{
	struct dn_ws_client *c = dn_ws_client_new(from_server);
	struct dn_ws_input *input = NULL;
	struct dn_buf out = {0};
	struct dn_ws_event ev;
	struct dn_str bytes;

	dn_ws_client_close(c, &out, code, reason);
	bytes = dn_buf_view(&out);
	ev = dn_ws_next(from_client, &input, &bytes);
	IS_NUM(ev.kind, DN_WS_CLOSED, "a close arrives");
	IS_NUM(ev.code, want, "its code");
	OK(dn_str_is(ev.payload, reason), "its reason");
	dn_ws_client_free(&c);
	dn_buf_release(&out);
}

static void test_close(void)
{
	check_close(1000, "done", 1000);
	check_close(1000, "", 1000);
	check_close(0, "", 1005);
	check_close(1005, "", 1005);
}

static void test_values(void)
{
	OK(dn_ws_client_value_valid(DN_STR("k\xc3\xa9y-1")), "a key");
	OK(!dn_ws_client_value_valid(DN_STR("k\r\nX: y")), "a line end");
	OK(!dn_ws_client_value_valid(DN_STR("k\0")), "a NUL");
	OK(!dn_ws_client_value_valid(DN_STR("k\x7f")), "a DEL");
}

int main(void)
{
	from_server = dn_ws_reader_new(DN_WS_FROM_SERVER, 1 << 20);
	from_client = dn_ws_reader_new(DN_WS_FROM_CLIENT, 1 << 20);
	test_request();
	test_accepted();
	test_refused();
	test_wrong_101();
	test_long_head();
	test_bytes_behind();
	test_send();
	test_masks();
	test_close();
	test_values();
	dn_ws_reader_free(&from_server);
	dn_ws_reader_free(&from_client);
	return tap_done();
}
