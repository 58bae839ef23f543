/* SPDX-License-Identifier: MIT */
/*
 * The client against a small server on the same loop, which each test scripts
 * by a function that answers lines. Nothing waits for time but the client's
 * own backoff, which is made short.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tool/client.h"
#include "base/exit.h"
#include "tap.h"
#include "wire/ws.h"

enum { BUFFER = 65536 };

struct peer;
typedef void answer_fn(struct peer *peer, struct dn_str line);

/* One accepted connection. */
struct peer {
	uv_tcp_t tcp;
	struct server *server;
	struct dn_buf head;
	bool open;
	struct dn_ws_input *input;
	unsigned number; /* 1: the first connection */
	unsigned lines;  /* received */
};

struct server {
	uv_loop_t loop;
	uv_tcp_t listener;
	char url[64];
	struct dn_ws_reader *reader;
	answer_fn *answer;
	const char *refuse; /* instead of 101 */
	unsigned accepted;
	struct peer *last;
	char buf[BUFFER];
	/* The client's side. */
	struct dn_client_net *net;
	struct dn_client *client;
	struct dn_client_why why;
	char reason[256];
	unsigned connected, lost, replies, errors, temporary, pubs, drained;
	uint64_t offsets[16];
	struct dn_client_reply reply;
	struct dn_client_subscribed info;
	char message[64];
	uv_timer_t guard;
};

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

static void put(struct peer *peer, struct dn_str bytes)
{
	uv_write_t *write = dn_xmalloc(sizeof(*write));
	uv_buf_t buf;

	write->data = dn_xstrndup(bytes.p, bytes.n);
	buf = uv_buf_init(write->data, (unsigned)bytes.n);
	if (uv_write(write, (uv_stream_t *)&peer->tcp, &buf, 1, on_written) < 0)
		on_written(write, 0);
}

static void put_frame(struct peer *peer, struct dn_frame *frame)
{
	put(peer, dn_frame_bytes(frame));
	dn_frame_unref(&frame);
}

DN_PRINTF(2, 3) static void say(struct peer *peer, const char *fmt, ...)
{
	struct dn_buf b = {0};
	char text[4096];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	dn_buf_lit(&b, text);
	put_frame(peer, dn_frame_ws(DN_WS_TEXT, dn_buf_view(&b)));
	dn_buf_release(&b);
}

static void on_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	dn_ws_input_free(&peer->input);
	dn_buf_release(&peer->head);
	if (peer->server->last == peer)
		peer->server->last = NULL;
	free(peer);
}

static void hang_up(struct peer *peer)
{
	if (!uv_is_closing((uv_handle_t *)&peer->tcp))
		uv_close((uv_handle_t *)&peer->tcp, on_closed);
}

static void shake_hands(struct peer *peer, struct dn_str bytes)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	char accept[DN_WS_ACCEPT_LEN + 1], answer[256];
	const char *key;

	dn_buf_str(&peer->head, bytes);
	dn_buf_byte(&peer->head, '\0');
	peer->head.n--;
	if (strstr(peer->head.p, "\r\n\r\n") == NULL)
		return;
	key = strstr(peer->head.p, name);
	if (peer->server->refuse != NULL || key == NULL ||
	    !dn_ws_accept(
		(struct dn_str){key + sizeof(name) - 1, DN_WS_KEY_LEN},
		accept)) {
		put(peer, dn_str_of(peer->server->refuse));
		return;
	}
	(void)snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	put(peer, dn_str_of(answer));
	peer->open = true;
}

static void read_lines(struct peer *peer, struct dn_str text)
{
	const char *end;

	for (; text.n > 0; text.p = end + 1) {
		end = memchr(text.p, '\n', text.n);
		if (end == NULL)
			end = text.p + text.n;
		peer->lines++;
		peer->server->answer(
		    peer, (struct dn_str){text.p, (size_t)(end - text.p)});
		text.n -= (size_t)(end - text.p);
		if (text.n > 0)
			text.n--;
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer *peer = stream->data;
	struct dn_str bytes = {buf->base, n > 0 ? (size_t)n : 0};
	struct dn_ws_event ev;

	if (n < 0) {
		hang_up(peer);
		return;
	}
	if (!peer->open) {
		shake_hands(peer, bytes);
		return;
	}
	do {
		ev = dn_ws_next(peer->server->reader, &peer->input, &bytes);
		if (ev.kind == DN_WS_MESSAGE)
			read_lines(peer, ev.payload);
		else if (ev.kind == DN_WS_CLOSED)
			hang_up(peer);
	} while (ev.kind == DN_WS_MESSAGE);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct peer *peer = handle->data;

	(void)suggested;
	*buf = uv_buf_init(peer->server->buf, BUFFER);
}

static void on_accept(uv_stream_t *listener, int status)
{
	struct server *s = listener->data;
	struct peer *peer = dn_xcalloc(1, sizeof(*peer));

	if (status < 0 || uv_tcp_init(&s->loop, &peer->tcp) < 0 ||
	    uv_accept(listener, (uv_stream_t *)&peer->tcp) < 0 ||
	    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read) < 0)
		abort();
	peer->tcp.data = peer;
	peer->server = s;
	peer->number = ++s->accepted;
	s->last = peer;
}

static void on_guard(uv_timer_t *guard)
{
	(void)guard;
	OK(false, "the test did not end in time");
	exit(tap_done());
}

/* Ends the loop of a test. */
static void finish(struct server *s)
{
	if (s->client != NULL)
		dn_client_close(&s->client);
	if (s->net == NULL)
		return;
	dn_client_net_close(&s->net);
	uv_close((uv_handle_t *)&s->listener, NULL);
	uv_close((uv_handle_t *)&s->guard, NULL);
}

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct server *s = arg;

	s->why = *why;
	(void)snprintf(s->reason, sizeof(s->reason), "%s", why->reason);
	if (why->state == DN_CLIENT_CONNECTED)
		s->connected++;
	else
		s->lost++;
	if (why->state == DN_CLIENT_ENDED)
		finish(s);
}

static void on_drained(void *arg)
{
	struct server *s = arg;

	s->drained++;
}

static const struct dn_client_events client_events = {
    .state = on_state, .drained = on_drained};

static void start(struct server *s, answer_fn *answer)
{
	struct sockaddr_in address;
	int n = sizeof(address);

	memset(s, 0, sizeof(*s));
	s->answer = answer;
	s->reader = dn_ws_reader_new(DN_WS_FROM_CLIENT, 1 << 20);
	if (uv_loop_init(&s->loop) < 0 ||
	    uv_tcp_init(&s->loop, &s->listener) < 0 ||
	    uv_ip4_addr("127.0.0.1", 0, &address) < 0 ||
	    uv_tcp_bind(&s->listener, (struct sockaddr *)&address, 0) < 0 ||
	    uv_listen((uv_stream_t *)&s->listener, 8, on_accept) < 0 ||
	    uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &n) <
		0 ||
	    uv_timer_init(&s->loop, &s->guard) < 0 ||
	    uv_timer_start(&s->guard, on_guard, 20000, 0) < 0)
		abort();
	s->listener.data = s;
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d",
	    ntohs(address.sin_port));
	s->net = dn_client_net_new(&s->loop);
}

static void open_client(struct server *s, const char *token)
{
	const struct dn_client_options options = {
	    .url = s->url,
	    .key = token == NULL ? "dev" : NULL,
	    .token = token,
	    .name = "test",
	    .queue_max = 100000,
	    .backoff_min_us = 1000,
	    .backoff_max_us = 5000,
	};
	struct dn_err err = {0};

	if (dn_client_open(
		&s->client, s->net, &options, &client_events, s, &err) < 0)
		abort();
}

static void run(struct server *s)
{
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	dn_ws_reader_free(&s->reader);
	OK(uv_loop_close(&s->loop) == 0, "every handle was closed");
}

static bool has(struct dn_str line, const char *part)
{
	return memmem(line.p, line.n, part, strlen(part)) != NULL;
}

static unsigned id_of(struct dn_str line)
{
	struct dn_json value;
	struct dn_err err = {0};
	uint64_t id = 0;

	if (dn_json_parse(line, &value, &err) == 0)
		(void)dn_json_u64(dn_json_member(value, "id"), &id);
	return (unsigned)id;
}

/* Answers `connect`; true when it was that. */
static bool welcome(struct peer *peer, struct dn_str line)
{
	if (!has(line, "\"connect\""))
		return false;
	say(peer,
	    "{\"id\":%u,\"connect\":{\"client\":\"c\",\"version\":\"0\","
	    "\"ping\":25,\"pong\":true,\"data\":{\"tenant\":\"acme\","
	    "\"dev\":true}}}",
	    id_of(line));
	return true;
}

static void on_reply(void *arg, const struct dn_client_reply *reply)
{
	struct server *s = arg;

	s->replies++;
	s->reply = *reply;
	s->errors += reply->code == 100;
	s->temporary += reply->temporary;
	(void)snprintf(s->message, sizeof(s->message), "%.*s",
	    DN_FMT(reply->code == 0 ? reply->result.raw : reply->message));
}

static int call(struct server *s, const char *method)
{
	return dn_client_call(
	    s->client, method, DN_STR("{\"a\":1}"), on_reply, s);
}

/* Calls and their replies, out of order. */
static void answer_calls(struct peer *peer, struct dn_str line)
{
	struct server *s = peer->server;

	if (welcome(peer, line)) {
		OK(has(line, "\"name\":\"test\""), "it tells its name");
		OK(strstr(peer->head.p, "\r\nX-API-Key: dev\r\n") != NULL,
		    "and its key, in the head");
		say(peer, "{}");
	} else if (has(line, "\"x\"")) {
		OK(has(line, "\"rpc\":{\"method\":\"x\",\"data\":{\"a\":1}}"),
		    "a call is an rpc");
	} else if (has(line, "\"y\"")) {
		unsigned id = id_of(line);

		/* Two lines in one frame; then one nobody waits for. */
		say(peer,
		    "{\"id\":%u,\"error\":{\"code\":100,\"message\":\"no\","
		    "\"temporary\":true}}\n"
		    "{\"id\":%u,\"rpc\":{\"data\":{\"b\":2}}}\n{\"id\":999,"
		    "\"rpc\":{}}",
		    id, id - 1);
	} else if (line.n == 2) {
		OK(true, "a ping is answered");
		IS_NUM(call(s, "x"), 0, "a call");
		IS_NUM(call(s, "y"), 0, "and one more");
	}
}

static void on_replies_done(void *arg, const struct dn_client_reply *reply)
{
	struct server *s = arg;

	(void)reply;
	on_reply(s, reply);
	if (s->replies == 3)
		finish(s);
}

static void test_calls(void)
{
	struct server s;

	start(&s, answer_calls);
	open_client(&s, NULL);
	IS_NUM(call(&s, "x"), -ENOTCONN, "no call before the connection");
	while (s.replies < 2)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	IS_STR(
	    s.message, "{\"b\":2}", "a result, which came after a later one");
	IS_STR(dn_client_tenant(s.client), "acme", "the tenant");
	OK(dn_client_dev(s.client), "the server is in --dev");
	/* The connection goes before the reply. */
	IS_NUM(dn_client_call(
		   s.client, "x", DN_STR("{\"a\":1}"), on_replies_done, &s),
	    0, "a call");
	hang_up(s.last);
	run(&s);
	IS_NUM(s.reply.code, DN_CLIENT_LOST, "its reply is LOST");
	IS_NUM(s.connected, 1, "connected once");
}

/* Subscriptions recover over a reconnect. */
static void answer_sub(struct peer *peer, struct dn_str line)
{
	if (welcome(peer, line) || !has(line, "\"subscribe\""))
		return;
	if (peer->number == 1) {
		OK(has(line, "\"channel\":\"ch\"") && !has(line, "\"recover\""),
		    "the first subscribe does not recover");
		say(peer,
		    "{\"id\":%u,\"subscribe\":{\"recoverable\":true,"
		    "\"epoch\":\"e\\u0031\",\"offset\":7}}\n"
		    "{\"push\":{\"channel\":\"ch\",\"pub\":{\"data\":1,"
		    "\"offset\":8}}}\n"
		    "{\"push\":{\"channel\":\"other\",\"pub\":{\"offset\":1}}}",
		    id_of(line));
	} else if (peer->lines == 2) {
		OK(has(line, "\"recover\":true,\"offset\":8,\"epoch\":\"e1\""),
		    "the next one does, from what was handed out");
		say(peer,
		    "{\"id\":%u,\"error\":{\"code\":111,\"message\":\"busy\","
		    "\"temporary\":true}}",
		    id_of(line));
	} else {
		OK(true, "a temporary error is tried again");
		say(peer,
		    "{\"id\":%u,\"subscribe\":{\"epoch\":\"e1\",\"offset\":8,"
		    "\"was_recovering\":true,\"recovered\":true,"
		    "\"publications\":[{\"offset\":9},{\"offset\":10}]}}",
		    id_of(line));
	}
}

static void on_subscribed(void *arg, const struct dn_client_subscribed *info)
{
	struct server *s = arg;

	s->info = *info;
}

static void on_publication(void *arg, const struct dn_client_pub *pub)
{
	struct server *s = arg;

	s->offsets[s->pubs++] = pub->offset;
	if (pub->offset == 8)
		put_frame(s->last, dn_frame_ws_close(3001, "shutdown"));
	if (pub->offset == 10) {
		OK(pub->recovered, "it says that it was recovered");
		finish(s);
	}
}

static void on_refused(void *arg, unsigned code, struct dn_str message)
{
	struct server *s = arg;

	(void)message;
	s->reply.code = code;
	finish(s);
}

static const struct dn_client_sub_events sub_events = {
    .subscribed = on_subscribed,
    .publication = on_publication,
    .refused = on_refused,
};

static void test_recovery(void)
{
	const struct dn_client_sub_options options = {.channel = "ch"};
	struct server s;

	start(&s, answer_sub);
	open_client(&s, NULL);
	OK(dn_client_subscribe(s.client, &options, &sub_events, &s) != NULL,
	    "subscribe before there is a connection");
	run(&s);
	IS_NUM(s.pubs, 3, "three publications");
	OK(s.offsets[0] == 8 && s.offsets[1] == 9 && s.offsets[2] == 10,
	    "in order, of this channel only");
	OK(s.info.recovered && s.info.was_recovering && s.info.positioned &&
		s.info.publications == 2 && s.info.offset == 8,
	    "what the reply said");
	IS_NUM(s.accepted, 2, "3001 was reconnected");
}

static void answer_refusal(struct peer *peer, struct dn_str line)
{
	if (!welcome(peer, line))
		say(peer,
		    "{\"id\":%u,\"error\":{\"code\":103,\"message\":\"no\"}}",
		    id_of(line));
}

static void test_refused_sub(void)
{
	const struct dn_client_sub_options options = {.channel = "ch"};
	struct server s;

	start(&s, answer_refusal);
	open_client(&s, NULL);
	OK(dn_client_subscribe(s.client, &options, &sub_events, &s) != NULL,
	    "a subscription");
	run(&s);
	IS_NUM(s.reply.code, 103, "that is refused is told");
}

static void close_3501(struct peer *peer, struct dn_str line)
{
	(void)line;
	put_frame(peer, dn_frame_ws_close(3501, "bad request"));
}

static void close_3000(struct peer *peer, struct dn_str line)
{
	(void)line;
	if (peer->number == 3)
		put_frame(peer, dn_frame_ws_close(3500, "invalid token"));
	else
		put_frame(peer, dn_frame_ws_close(3000, "closed"));
}

static void refuse_connect(struct peer *peer, struct dn_str line)
{
	OK(has(line, "\"token\":\"tok\""), "the token is in connect");
	OK(strstr(peer->head.p, "X-API-Key") == NULL, "and no key is sent");
	say(peer, "{\"id\":%u,\"error\":{\"code\":109,\"message\":\"old\"}}",
	    id_of(line));
}

static void talk_rubbish(struct peer *peer, struct dn_str line)
{
	(void)line;
	say(peer, "rubbish");
}

static void ended(const char *name, answer_fn *answer, const char *refuse,
    int exit_code, unsigned code, unsigned tries)
{
	struct server s;

	start(&s, answer);
	s.refuse = refuse;
	open_client(&s, "tok");
	run(&s);
	OK(s.why.state == DN_CLIENT_ENDED, name);
	IS_NUM(s.why.exit_code, exit_code, "exit code");
	IS_NUM(s.why.code, code, "code");
	IS_NUM(s.accepted, tries, "tries");
	OK(strncmp(s.reason, s.url, strlen(s.url)) == 0, "names the address");
}

static void test_ends(void)
{
	ended("close 3501", close_3501, NULL, DN_EXIT_PROTOCOL, 3501, 1);
	ended("close 3500", close_3000, NULL, DN_EXIT_REFUSED, 3500, 3);
	ended("connect refused", refuse_connect, NULL, DN_EXIT_REFUSED, 109, 1);
	ended("rubbish", talk_rubbish, NULL, DN_EXIT_PROTOCOL, 0, 1);
	ended("401", close_3501,
	    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
	    DN_EXIT_REFUSED, 401, 1);
	ended("404", close_3501,
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	    DN_EXIT_PROTOCOL, 404, 1);
	ended(
	    "no HTTP", close_3501, "SSH-2.0-x\r\n\r\n", DN_EXIT_PROTOCOL, 0, 1);
}

static void answer_echo(struct peer *peer, struct dn_str line)
{
	if (!welcome(peer, line))
		say(peer, "{\"id\":%u,\"rpc\":{\"data\":{}}}", id_of(line));
}

/* The queue has a bound, and says when there is room again. */
static void test_queue(void)
{
	static char big[30000];
	struct server s;
	unsigned sent = 0;
	int rc;

	memset(big, ' ', sizeof(big));
	big[0] = '{';
	big[sizeof(big) - 1] = '}';
	start(&s, answer_echo);
	open_client(&s, NULL);
	while (s.connected == 0)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	do {
		rc = dn_client_call(s.client, "x",
		    (struct dn_str){big, sizeof(big)}, on_reply, &s);
		sent += rc == 0;
	} while (rc == 0);
	IS_NUM(rc, -EAGAIN, "a full queue");
	IS_NUM(sent, 3, "holds as much as it should");
	IS_NUM(dn_client_call(s.client, "x",
		   (struct dn_str){big, DN_CLIENT_MESSAGE_MAX}, on_reply, &s),
	    -EMSGSIZE, "a message that is too long");
	dn_client_pause(s.client);
	while (s.drained == 0)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	OK(dn_client_queued(s.client) == 0, "there is room again");
	while (s.last->lines < 4)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	(void)uv_run(&s.loop, UV_RUN_NOWAIT);
	(void)uv_run(&s.loop, UV_RUN_NOWAIT);
	IS_NUM(s.replies, 0, "nothing is read while paused");
	dn_client_resume(s.client);
	while (s.replies < 3)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	OK(true, "and all of it afterwards");
	finish(&s);
	run(&s);
}

static void answer_clock(struct peer *peer, struct dn_str line)
{
	if (!welcome(peer, line))
		say(peer,
		    "{\"id\":%u,\"rpc\":{\"data\":{\"ready\":true,"
		    "\"now_us\":%lld}}}",
		    id_of(line), (long long)dn_wall_us() + 5000000);
}

static void on_clock(void *arg, bool ok, int64_t offset_us, int64_t error_us)
{
	struct server *s = arg;

	OK(ok, "an estimate");
	OK(offset_us > 5000000 - error_us - 10 &&
		offset_us < 5000000 + error_us + 10,
	    "of the clock's offset, within its error");
	OK(error_us >= 0 && error_us < 1000000, "which is small");
	finish(s);
}

static void test_clock(void)
{
	struct server s;

	start(&s, answer_clock);
	open_client(&s, NULL);
	while (s.connected == 0)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	IS_NUM(dn_client_clock(s.client, 5, on_clock, &s), 0, "ask the clock");
	run(&s);
	IS_NUM(s.replies, 0, "apart from other calls");
}

static void test_unreachable(void)
{
	struct server s;

	start(&s, answer_echo);
	uv_close((uv_handle_t *)&s.listener, NULL);
	(void)uv_run(&s.loop, UV_RUN_NOWAIT);
	open_client(&s, NULL);
	while (s.lost < 3)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	IS_NUM(s.why.state, DN_CLIENT_CONNECTING, "it tries on and on");
	IS_NUM(s.why.exit_code, DN_EXIT_UNAVAILABLE, "and says what it is");
	IS_NUM(s.why.tries, 3, "and counts");
	OK(strstr(s.reason, "connection refused") != NULL, "and says why");
	dn_client_close(&s.client);
	dn_client_net_close(&s.net);
	uv_close((uv_handle_t *)&s.guard, NULL);
	run(&s);
}

int main(void)
{
	test_calls();
	test_recovery();
	test_refused_sub();
	test_ends();
	test_queue();
	test_clock();
	test_unreachable();
	return tap_done();
}
