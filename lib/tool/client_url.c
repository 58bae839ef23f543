/* SPDX-License-Identifier: MIT */
/*
 * How it works: the scheme decides who reads the rest. Only bytes that names,
 * addresses and paths are made of pass, since host and path go into the
 * request as they are.
 *
 * How it fails: with the reason; a URL that may hold a password is not
 * repeated in it.
 */
#include "tool/client_url.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>

static int parse_unix(
    struct dn_client_url *url, const char *path, struct dn_err *err)
{
	size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (path[0] == '\0')
		return dn_err_set(err, -EINVAL, "%s: no path", url->text);
	if (strlen(path) > room)
		return dn_err_set(err, -EINVAL,
		    "%s: a socket's path has at most %zu bytes", url->text,
		    room);
	url->unix_path = dn_xstrdup(path);
	url->authority = dn_xstrdup("localhost");
	url->prefix = dn_xstrdup("");
	return 0;
}

static bool port_valid(const char *p, size_t n)
{
	unsigned port = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!isdigit((unsigned char)p[i]) || i >= 5)
			return false;
		port = port * 10 + (unsigned)(p[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* Letters, digits and what names and IPv6 addresses have besides; so nothing
 * in it can break the Host header. */
static bool host_valid(const char *p, size_t n, bool v6)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) &&
		    strchr(v6 ? ":.%-_" : ".-_", p[i]) == NULL)
			return false;
	return n > 0 && n <= 255;
}

/* HOST[:PORT] */
static int parse_authority(
    struct dn_client_url *url, const char *p, size_t n, struct dn_err *err)
{
	const char *host = p, *end = p + n, *host_end;
	bool v6 = n > 0 && p[0] == '[';

	if (memchr(p, '@', n) != NULL)
		return dn_err_set(err, -EINVAL,
		    "the URL holds a user or password: use --key-file or "
		    "--token-file");
	if (v6) {
		host++;
		host_end = memchr(p, ']', n);
		p = host_end != NULL ? host_end + 1 : end;
	} else {
		host_end = memchr(p, ':', n);
		if (host_end == NULL)
			host_end = end;
		p = host_end;
	}
	if (host_end == NULL ||
	    !host_valid(host, (size_t)(host_end - host), v6) ||
	    (p < end && *p != ':'))
		return dn_err_set(err, -EINVAL, "%s: no valid host", url->text);
	if (p < end && !port_valid(p + 1, (size_t)(end - p - 1)))
		return dn_err_set(err, -EINVAL, "%s: no valid port", url->text);
	url->host = dn_xstrndup(host, (size_t)(host_end - host));
	url->port = p < end ? dn_xstrndup(p + 1, (size_t)(end - p - 1))
			    : dn_xstrdup("80");
	url->authority = dn_xstrndup(end - n, n);
	return 0;
}

static int parse_http(
    struct dn_client_url *url, const char *rest, struct dn_err *err)
{
	size_t n = strcspn(rest, "/?#"), prefix_n;
	const char *prefix = rest + n;

	for (prefix_n = 0; prefix[prefix_n] != '\0'; prefix_n++) {
		unsigned char c = (unsigned char)prefix[prefix_n];

		if (c == '?' || c == '#' || c <= ' ' || c >= 127)
			return dn_err_set(err, -EINVAL,
			    "%s: only a plain path may stand behind the host",
			    url->text);
	}
	while (prefix_n > 0 && prefix[prefix_n - 1] == '/')
		prefix_n--;
	if (prefix_n > 1024)
		return dn_err_set(err, -EINVAL, "the URL is too long");
	url->prefix = dn_xstrndup(prefix, prefix_n);
	return parse_authority(url, rest, n, err);
}

int dn_client_url_parse(
    struct dn_client_url *url, const char *text, struct dn_err *err)
{
	int rc;

	memset(url, 0, sizeof(*url));
	url->text = dn_xstrdup(text);
	if (strncmp(text, "unix:", 5) == 0)
		rc = parse_unix(url, text + 5, err);
	else if (strncmp(text, "http://", 7) == 0)
		rc = parse_http(url, text + 7, err);
	else if (strncmp(text, "https://", 8) == 0)
		rc = dn_err_set(err, -EINVAL,
		    "%s: TLS is not supported; terminate TLS in front, and "
		    "use http:// or unix:",
		    text);
	else
		rc = dn_err_set(err, -EINVAL,
		    "%s: not of the form http://HOST:PORT or unix:PATH", text);
	if (rc < 0)
		dn_client_url_release(url);
	return rc;
}

void dn_client_url_release(struct dn_client_url *url)
{
	free(url->text);
	free(url->unix_path);
	free(url->host);
	free(url->port);
	free(url->authority);
	free(url->prefix);
	memset(url, 0, sizeof(*url));
}
