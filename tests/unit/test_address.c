/* SPDX-License-Identifier: MIT */
/* Addresses of listeners: what is one, what is loopback, what is said of the
 * rest. */
#include "conf/address.h"
#include "base/buf.h"
#include "tap.h"

#include <errno.h>

static void good(
    const char *text, const char *host, uint16_t port, bool v6, bool loopback)
{
	struct dn_address a;
	struct dn_err err = {0};

	if (!OK(dn_address_parse(dn_str_of(text), &a, &err) == 0, text)) {
		printf("# %s\n", err.text);
		return;
	}
	IS_SLICE(a.host, host, "its host");
	IS_NUM(a.port, port, "its port");
	OK(a.v6 == v6 && a.path.p == NULL, "its family");
	OK(dn_address_is_loopback(&a) == loopback, "whether it is loopback");
}

static void bad(struct dn_str text, const char *why)
{
	struct dn_address a;
	struct dn_err err = {0};

	OK(dn_address_parse(text, &a, &err) == -EINVAL, why);
	if (!OK(strstr(err.text, why) != NULL, "the reason"))
		printf("# %s\n", err.text);
}

static void sockets(void)
{
	struct dn_address a;
	struct dn_err err = {0};
	struct dn_buf text = {0};
	int i;

	OK(dn_address_parse(DN_STR("unix:/run/a:b.sock"), &a, &err) == 0,
	    "a Unix socket");
	IS_SLICE(a.path, "/run/a:b.sock", "its path");
	OK(dn_address_is_loopback(&a), "is no network");
	dn_buf_lit(&text, "unix:");
	for (i = 0; i < 107; i++)
		dn_buf_byte(&text, 'x');
	OK(dn_address_parse(dn_buf_view(&text), &a, &err) == 0,
	    "107 bytes of path are fine");
	dn_buf_byte(&text, 'x');
	bad(dn_buf_view(&text), "longer than a socket's path can be");
	dn_buf_release(&text);
	bad(DN_STR("unix:"), "has no path");
	bad(DN_STR("unix:a\0b"), "NUL");
}

static void long_host(void)
{
	struct dn_buf text = {0};
	int i;

	for (i = 0; i < 254; i++)
		dn_buf_byte(&text, 'h');
	dn_buf_lit(&text, ":80");
	bad(dn_buf_view(&text), "too long a host");
	dn_buf_release(&text);
}

int main(void)
{
	good("127.0.0.1:8000", "127.0.0.1", 8000, false, true);
	good("127.255.0.9:0", "127.255.0.9", 0, false, true);
	good("128.0.0.1:1", "128.0.0.1", 1, false, false);
	good("0.0.0.0:65535", "0.0.0.0", 65535, false, false);
	good("localhost:80", "localhost", 80, false, true);
	good("localhost.:80", "localhost.", 80, false, false);
	good("app-1.example:00080", "app-1.example", 80, false, false);
	good("[::1]:8000", "::1", 8000, true, true);
	good("[::]:8000", "::", 8000, true, false);
	good("[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, true, false);
	bad(DN_STR(""), "is not HOST:PORT");
	bad((struct dn_str){0}, "is not HOST:PORT");
	bad(DN_STR("localhost"), "is not HOST:PORT");
	bad(DN_STR(":80"), "has no host");
	bad(DN_STR("h:"), "has no port");
	bad(DN_STR("h:65536"), "has no port");
	bad(DN_STR("h:000080"), "has no port");
	bad(DN_STR("h:8 "), "has no port");
	bad(DN_STR("h:-1"), "has no port");
	bad(DN_STR("::1:80"), "an IPv6 host: [::1]:8000");
	bad(DN_STR("[::1:80"), "an IPv6 host: [::1]:8000");
	bad(DN_STR("[::1]80"), "an IPv6 host: [::1]:8000");
	bad(DN_STR("[]:80"), "characters that no host has");
	bad(DN_STR("[fe80::zz]:80"), "no IPv6 address in its brackets");
	bad(DN_STR("[127.0.0.1]:80"), "no IPv6 address in its brackets");
	bad(DN_STR("127.1:80"), "no valid IPv4 address");
	bad(DN_STR("256.0.0.1:80"), "no valid IPv4 address");
	bad(DN_STR("a b:80"), "characters that no host has");
	bad(DN_STR("http://h:80"), "is not HOST:PORT");
	bad(DN_STR("h\0:80"), "characters that no host has");
	sockets();
	long_host();
	return tap_done();
}
