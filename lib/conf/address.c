/* SPDX-License-Identifier: MIT */
/*
 * How it works: "unix:" or the last ':' decides; what stands in brackets is
 * an IPv6 address, digits and dots are an IPv4 one, the rest is a name.
 *
 * How it fails: each part has its own message. An IPv6 address without
 * brackets is told where they go, an empty host what to write instead.
 */
#include "conf/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

enum {
	HOST_MAX = 253,
	PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
};

static int fail(struct dn_err *err, struct dn_str text, const char *why)
{
	if (text.n > 120)
		text.n = 120;
	return dn_err_set(
	    err, -EINVAL, "address \"%.*s\" %s", DN_FMT(text), why);
}

/* A NUL-terminated copy for inet_pton; false when it is too long for any
 * address. */
static bool is_ip(int family, struct dn_str host, void *out)
{
	char text[INET6_ADDRSTRLEN];

	if (host.n == 0 || host.n >= sizeof(text) ||
	    memchr(host.p, '\0', host.n) != NULL)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(family, text, out) == 1;
}

static bool all_of(struct dn_str s, const char *set)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
			return false;
	return true;
}

static int parse_unix(
    struct dn_str text, struct dn_address *a, struct dn_err *err)
{
	a->path = (struct dn_str){text.p + 5, text.n - 5};
	if (a->path.n == 0)
		return fail(err, text, "has no path");
	if (a->path.n > PATH_MAX_BYTES)
		return fail(err, text, "is longer than a socket's path can be");
	if (memchr(a->path.p, '\0', a->path.n) != NULL)
		return fail(err, text, "has a NUL byte");
	return 0;
}

static int parse_port(struct dn_str text, struct dn_str digits,
    struct dn_address *a, struct dn_err *err)
{
	unsigned port = 0;
	size_t i;

	if (digits.n == 0 || digits.n > 5 || !all_of(digits, "0123456789"))
		return fail(err, text, "has no port from 0 to 65535");
	for (i = 0; i < digits.n; i++)
		port = port * 10 + (unsigned)(digits.p[i] - '0');
	if (port > 65535)
		return fail(err, text, "has no port from 0 to 65535");
	a->port = (uint16_t)port;
	return 0;
}

static int parse_v6(
    struct dn_str text, struct dn_address *a, struct dn_err *err)
{
	unsigned char ip[16];

	a->host = (struct dn_str){a->host.p + 1, a->host.n - 2};
	a->v6 = true;
	if (!is_ip(AF_INET6, a->host, ip))
		return fail(err, text, "has no IPv6 address in its brackets");
	return 0;
}

static int parse_host(
    struct dn_str text, struct dn_address *a, struct dn_err *err)
{
	unsigned char ip[4];

	if (a->host.n == 0)
		return fail(err, text, "has no host; 0.0.0.0 or [::] is all");
	if (a->host.n > HOST_MAX)
		return fail(err, text, "has too long a host");
	if (a->host.n > 2 && a->host.p[0] == '[' &&
	    a->host.p[a->host.n - 1] == ']')
		return parse_v6(text, a, err);
	if (memchr(a->host.p, ':', a->host.n) != NULL)
		return fail(
		    err, text, "is not HOST:PORT (an IPv6 host: [::1]:8000)");
	if (!all_of(a->host, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"))
		return fail(err, text, "has characters that no host has");
	if (all_of(a->host, "0123456789.") && !is_ip(AF_INET, a->host, ip))
		return fail(err, text, "has no valid IPv4 address");
	return 0;
}

int dn_address_parse(
    struct dn_str text, struct dn_address *a, struct dn_err *err)
{
	struct dn_str digits;
	size_t colon = text.n;
	int rc;

	*a = (struct dn_address){0};
	if (text.n >= 5 && memcmp(text.p, "unix:", 5) == 0)
		return parse_unix(text, a, err);
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return fail(
		    err, text, "is not HOST:PORT, [V6]:PORT or unix:PATH");
	a->host = (struct dn_str){text.p, colon - 1};
	digits = (struct dn_str){text.p + colon, text.n - colon};
	rc = parse_host(text, a, err);
	if (rc == 0)
		rc = parse_port(text, digits, a, err);
	return rc;
}

bool dn_address_is_loopback(const struct dn_address *a)
{
	static const unsigned char loopback6[16] = {[15] = 1};
	unsigned char ip[16];

	if (a->path.p != NULL || dn_str_is(a->host, "localhost"))
		return true;
	if (a->v6)
		return is_ip(AF_INET6, a->host, ip) &&
		       memcmp(ip, loopback6, sizeof(ip)) == 0;
	return is_ip(AF_INET, a->host, ip) && ip[0] == 127;
}
