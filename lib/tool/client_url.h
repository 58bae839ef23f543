/* SPDX-License-Identifier: MIT */
/*
 * client_url: the address of a dnot-serve, taken apart.
 *
 *	http://HOST[:PORT][/PREFIX]    HOST a name, an IPv4 or [IPv6] address
 *	unix:PATH
 *
 * Ownership: the caller frees with dn_client_url_release.
 * Errors: -EINVAL with the reason; https gets its own.
 * Thread: any.
 */
#ifndef DN_CLIENT_URL_H
#define DN_CLIENT_URL_H

#include "base/err.h"

struct dn_client_url {
	char *text;      /* as it was given, for messages */
	char *unix_path; /* NULL for TCP */
	char *host;      /* without brackets; NULL for a Unix socket */
	char *port;      /* digits */
	char *authority; /* what the Host header says */
	char *prefix;    /* "" or "/PREFIX", no slash at the end */
};

DN_MUST_CHECK int dn_client_url_parse(
    struct dn_client_url *url, const char *text, struct dn_err *err);
void dn_client_url_release(struct dn_client_url *url);

#endif
