/* SPDX-License-Identifier: MIT */
/*
 * bench_deflate: what permessage-deflate costs and saves. First a message
 * alone: the CPU to compress and to inflate it, and its size. Then a
 * publication to a thousand subscribers of a real dnot-serve (from PATH, one
 * loop, over loopback): the server's CPU, and the bytes each subscriber gets,
 * as it is and compressed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/deflate.h"

enum { SUBSCRIBERS = 1000, PUBLICATIONS = 200, READ = 65536 };

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* JSON of n bytes as a dashboard has it: names that repeat, numbers that do
 * not, and some words. */
static struct dn_buf document(size_t n)
{
	static const char *const words[] = {"waits", "for", "the", "model",
	    "token", "stream", "and", "then", "answers", "in", "order"};
	struct dn_buf b = {0};
	uint32_t seed = 1;

	dn_buf_lit(&b, "{\"rows\":[");
	for (unsigned i = 0; b.n + 120 < n; i++) {
		dn_buf_printf(&b, "{\"id\":%u,\"price\":%u.%02u,\"text\":\"",
		    1000 + i * 7, (seed >> 8) % 900, (seed >> 16) % 100);
		for (int w = 0; w < 6; w++) {
			seed = seed * 1103515245 + 12345;
			dn_buf_lit(
			    &b, words[(seed >> 16) % DN_ARRAY_LEN(words)]);
			dn_buf_byte(&b, ' ');
		}
		dn_buf_lit(&b, "\"},");
	}
	dn_buf_lit(&b, "0],\"pad\":\"");
	while (b.n + 2 < n)
		dn_buf_byte(&b, (char)('a' + b.n % 26));
	dn_buf_lit(&b, "\"}");
	return b;
}

/* ---- a message ---- */

static void one_message(size_t n, unsigned level)
{
	struct dn_deflate *d = dn_deflate_new();
	struct dn_inflate *s = dn_inflate_new();
	struct dn_buf text = document(n);
	struct dn_frame *frame = NULL;
	struct dn_str out;
	int i, turns = n < 5000 ? 2000 : 200;
	double began, there, back;

	dn_deflate_tune(d, level, 0);
	began = seconds(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < turns; i++) {
		dn_frame_unref(&frame);
		frame = dn_deflate_frame(d, dn_buf_view(&text));
	}
	there = seconds(CLOCK_THREAD_CPUTIME_ID) - began;
	for (i = 0; i < turns; i++)
		if (dn_inflate(s, dn_frame_payload(frame), n, &out) != 0)
			abort();
	back = seconds(CLOCK_THREAD_CPUTIME_ID) - began - there;
	printf("%8zu bytes, level %u: %7zu bytes, %8.1f us to compress, "
	       "%7.1f us to inflate\n",
	    n, level, dn_frame_payload(frame).n, there * 1e6 / turns,
	    back * 1e6 / turns);
	dn_frame_unref(&frame);
	dn_buf_release(&text);
	dn_deflate_free(&d);
	dn_inflate_free(&s);
}

/* ---- a server and its clients ---- */

static void fail(const char *what)
{
	fprintf(stderr, "bench_deflate: %s: %s\n", what, strerror(errno));
	exit(70);
}

struct server {
	pid_t pid;
	clockid_t cpu;
	struct sockaddr_in address;
};

static void write_conf(const char *path, unsigned level)
{
	FILE *f = fopen(path, "w");

	/* Replies to the setup are easier to read as they are. */
	if (f == NULL ||
	    fprintf(f,
		"{\"websocket\":{\"compression\":true,"
		"\"compression_min_size\":200,\"compression_level\":%u}}",
		level) < 0 ||
	    fclose(f) != 0)
		fail(path);
}

static struct server start(const char *conf)
{
	struct server s = {.address = {.sin_family = AF_INET}};
	char ready[64] = "", *colon;
	int fds[2];

	if (pipe(fds) != 0)
		fail("pipe");
	s.pid = fork();
	if (s.pid == 0) {
		dup2(fds[1], 3);
		execlp("dnot-serve", "dnot-serve", "--dev", "--log", "none",
		    "--threads", "1", "--listen", "127.0.0.1:0", "--config",
		    conf, "--ready-fd", "3", "-q", (char *)NULL);
		fail("dnot-serve");
	}
	close(fds[1]);
	if (read(fds[0], ready, sizeof(ready) - 1) <= 0 ||
	    (colon = strrchr(ready, ':')) == NULL ||
	    clock_getcpuclockid(s.pid, &s.cpu) != 0)
		fail("the server");
	close(fds[0]);
	s.address.sin_port = htons((uint16_t)atoi(colon + 1));
	s.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return s;
}

static void send_all(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		fail("send");
}

/* A frame masked with zeros. */
static void send_frame(int fd, struct dn_str text)
{
	struct dn_buf b = {0};
	char head[DN_FRAME_HEAD_MAX];
	size_t n = dn_frame_head(head, DN_WS_TEXT, text.n);

	head[1] = (char)(head[1] | 0x80);
	dn_buf_add(&b, head, n);
	dn_buf_add(&b, "\0\0\0\0", 4);
	dn_buf_str(&b, text);
	send_all(fd, b.p, b.n);
	dn_buf_release(&b);
}

/* A connected client, subscribed where there is a channel. */
static int client(const struct server *s, bool deflate, const char *channel)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct dn_buf b = {0};
	const char *end = channel != NULL ? "\"epoch\":" : "\"pong\":";
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)&s->address,
		sizeof(s->address)) != 0)
		fail("connect");
	dn_buf_printf(&b,
	    "GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
	    deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
	send_all(fd, b.p, b.n);
	b.n = 0;
	dn_buf_lit(&b, "{\"id\":1,\"connect\":{}}");
	if (channel != NULL)
		dn_buf_printf(&b,
		    "\n{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", channel);
	send_frame(fd, dn_buf_view(&b));
	b.n = 0;
	do {
		n = recv(fd, dn_buf_reserve(&b, READ), READ, 0);
		if (n <= 0)
			fail("connect or subscribe");
		b.n += (size_t)n;
	} while (memmem(b.p, b.n, end, strlen(end)) == NULL);
	dn_buf_release(&b);
	return fd;
}

static char room[READ + DN_FRAME_HEAD_MAX];

static void receive(int fd, size_t n)
{
	if (n > sizeof(room) || recv(fd, room, n, MSG_WAITALL) != (ssize_t)n)
		fail("receive");
}

/* The next frame of less than 64 KiB; gives its size. */
static size_t receive_frame(int fd)
{
	size_t n, head = 2;

	receive(fd, 2);
	n = (unsigned char)room[1];
	if (n == 126) {
		receive(fd, 2);
		n = (size_t)(unsigned char)room[0] << 8 |
		    (unsigned char)room[1];
		head = 4;
	}
	receive(fd, n);
	return head + n;
}

/* Everybody gets the same bytes, so that the first one tells how many. */
static void fan_out(
    const struct server *s, size_t n, bool deflate, const char *name)
{
	struct dn_buf text = document(n), command = {0};
	int publisher = client(s, false, NULL), fds[SUBSCRIBERS];
	size_t size = 0;
	double cpu;

	for (int i = 0; i < SUBSCRIBERS; i++)
		fds[i] = client(s, deflate, "bench");
	dn_buf_lit(&command, "{\"id\":3,\"publish\":{\"channel\":\"bench\","
			     "\"data\":");
	dn_buf_str(&command, dn_buf_view(&text));
	dn_buf_lit(&command, "}}");
	cpu = seconds(s->cpu);
	for (int p = 0; p < PUBLICATIONS; p++) {
		send_frame(publisher, dn_buf_view(&command));
		size = receive_frame(fds[0]);
		for (int i = 1; i < SUBSCRIBERS; i++)
			receive(fds[i], size);
		(void)receive_frame(publisher);
	}
	cpu = (seconds(s->cpu) - cpu) / PUBLICATIONS;
	printf("%8zu bytes, %-10s %8.2f ms of CPU, %7zu bytes a subscriber\n",
	    n, name, cpu * 1e3, size);
	for (int i = 0; i < SUBSCRIBERS; i++)
		close(fds[i]);
	close(publisher);
	dn_buf_release(&command);
	dn_buf_release(&text);
}

static void fan_outs(void)
{
	static const size_t sizes[] = {300, 1000, 4000, 16000};
	static const unsigned levels[] = {1, 6};
	char folder[] = "/var/tmp/dnot-bench-deflate-XXXXXX", conf[64];

	if (mkdtemp(folder) == NULL)
		fail(folder);
	snprintf(conf, sizeof(conf), "%s/conf.json", folder);
	for (size_t l = 0; l < DN_ARRAY_LEN(levels); l++) {
		struct server s;
		char name[16];

		write_conf(conf, levels[l]);
		snprintf(name, sizeof(name), "level %u", levels[l]);
		s = start(conf);
		for (size_t i = 0; i < DN_ARRAY_LEN(sizes); i++) {
			if (l == 0)
				fan_out(&s, sizes[i], false, "as it is");
			fan_out(&s, sizes[i], true, name);
		}
		kill(s.pid, SIGTERM);
		waitpid(s.pid, NULL, 0);
	}
	unlink(conf);
	rmdir(folder);
}

int main(void)
{
	static const size_t sizes[] = {300, 1000, 4000, 16000, 64000, 1000000};

	for (size_t i = 0; i < DN_ARRAY_LEN(sizes); i++) {
		one_message(sizes[i], 1);
		one_message(sizes[i], 6);
	}
	printf("-- a publication to %d subscribers\n", SUBSCRIBERS);
	fan_outs();
	return 0;
}
