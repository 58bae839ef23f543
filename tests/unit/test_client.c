/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "tool/backoff.h"
#include "tool/client_calls.h"
#include "tool/client_url.h"
#include "tap.h"

static void url_is(const char *text, const char *host, const char *port,
    const char *authority, const char *prefix)
{
	struct dn_client_url url;
	struct dn_err err = {0};

	if (!OK(dn_client_url_parse(&url, text, &err) == 0, text)) {
		printf("# %s\n", err.text);
		return;
	}
	IS_STR(url.host, host, "host");
	IS_STR(url.port, port, "port");
	IS_STR(url.authority, authority, "authority");
	IS_STR(url.prefix, prefix, "prefix");
	dn_client_url_release(&url);
}

static void test_url(void)
{
	static const char *const bad[] = {
	    "",
	    "http://",
	    "http://:80",
	    "http://h:",
	    "http://h:0",
	    "http://h:65536",
	    "http://h:8x",
	    "http://h:123456",
	    "http://[::1",
	    "http://[::1]x",
	    "http://[]:1",
	    "http://h/?q",
	    "http://h/a#b",
	    "http://h/a b",
	    "http://a b/",
	    "http://h\r\nX/",
	    "ftp://h",
	    "unix:",
	    "h:80",
	};
	struct dn_client_url url;
	struct dn_err err = {0};
	char longer[200] = "unix:";
	size_t i;

	url_is(
	    "http://127.0.0.1:8000", "127.0.0.1", "8000", "127.0.0.1:8000", "");
	url_is("http://dn.example", "dn.example", "80", "dn.example", "");
	url_is("http://h:1/", "h", "1", "h:1", "");
	url_is("http://h:1/a/b/", "h", "1", "h:1", "/a/b");
	url_is("http://[::1]:9", "::1", "9", "[::1]:9", "");
	OK(dn_client_url_parse(&url, "unix:/run/x.sock", &err) == 0, "unix");
	IS_STR(url.unix_path, "/run/x.sock", "its path");
	IS_STR(url.authority, "localhost", "its Host");
	OK(url.host == NULL, "it has no host");
	dn_client_url_release(&url);
	for (i = 0; i < DN_ARRAY_LEN(bad); i++)
		OK(dn_client_url_parse(&url, bad[i], &err) == -EINVAL, bad[i]);
	OK(dn_client_url_parse(&url, "https://h", &err) == -EINVAL, "https");
	OK(strstr(err.text, "terminate TLS in front") != NULL, "says why");
	OK(dn_client_url_parse(&url, "http://u:secret@h", &err) == -EINVAL,
	    "a password in the URL");
	OK(strstr(err.text, "secret") == NULL, "is not repeated");
	memset(longer + 5, 'x', 150);
	OK(dn_client_url_parse(&url, longer, &err) == -EINVAL,
	    "a path too long for a socket");
}

static void on_reply(void *arg, const struct dn_client_reply *reply)
{
	(void)arg;
	(void)reply;
}

static void test_calls(void)
{
	struct dn_client_calls calls = {0};
	struct dn_client_wait wait, *all;
	bool there[4096] = {false};
	uint32_t id, base = UINT32_MAX - 1000;
	size_t n, i, wrong = 0;

	OK(!dn_client_calls_take(&calls, 1, &wait), "nothing waits");
	/* Random puts and takes against a plain array, ids at the wrap. */
	srand(7);
	for (i = 0; i < 200000; i++) {
		n = (size_t)rand() % DN_ARRAY_LEN(there);
		id = base + (uint32_t)n;
		if (id == 0)
			continue;
		if (there[n] != dn_client_calls_take(&calls, id, &wait) ||
		    (there[n] && wait.arg != &there[n]))
			wrong++;
		if (!there[n])
			dn_client_calls_put(&calls, id, on_reply, &there[n]);
		there[n] = !there[n];
	}
	IS_NUM(wrong, 0, "each call is found once, under its id");
	for (n = 0, i = 0; i < DN_ARRAY_LEN(there); i++)
		n += there[i];
	IS_NUM(calls.count, n, "the count is right");
	dn_client_calls_release(&calls);

	for (id = 300; id > 100; id--)
		dn_client_calls_put(&calls, id, on_reply, NULL);
	all = dn_client_calls_take_all(&calls, &n);
	IS_NUM(n, 200, "all are taken");
	for (wrong = 0, i = 0; i < n; i++)
		wrong += all[i].id != 101 + i;
	IS_NUM(wrong, 0, "in the order of their ids");
	free(all);
	all = dn_client_calls_take_all(&calls, &n);
	OK(all == NULL && n == 0, "none is left");
	dn_client_calls_release(&calls);
}

static uint64_t most(uint64_t bound)
{
	return bound - 1;
}

static uint64_t least(uint64_t bound)
{
	(void)bound;
	return 0;
}

static void test_backoff(void)
{
	IS_NUM(dn_backoff_us(0, 500, 20000, least), 500, "at least min");
	IS_NUM(dn_backoff_us(9, 500, 20000, least), 500, "also later");
	IS_NUM(dn_backoff_us(0, 500, 20000, most), 1000, "first at most 2 min");
	IS_NUM(dn_backoff_us(2, 500, 20000, most), 2500, "then doubling");
	IS_NUM(dn_backoff_us(6, 500, 20000, most), 20000, "at most max");
	IS_NUM(dn_backoff_us(4000000000, 500, 20000, most), 20000, "for ever");
}

int main(void)
{
	test_url();
	test_calls();
	test_backoff();
	return tap_done();
}
