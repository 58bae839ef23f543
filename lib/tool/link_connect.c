/* SPDX-License-Identifier: MIT */
/*
 * How it works: a name is resolved by libuv's threads; each address gets a
 * fresh handle, since libuv's cannot be used again after a failed connect.
 *
 * How it fails: when no address is left, `closed` tells the last address's
 * error (UNREACHABLE). A link that is closed meanwhile waits for the resolver
 * or the handle to come back, and is freed there.
 */
#include "tool/link_impl.h"

#include <errno.h>

static void unreachable(struct dn_link *link, int error)
{
	dn_link_fail(
	    link, DN_LINK_UNREACHABLE, 0, dn_str_of(uv_strerror(error)));
}

static void on_connect(uv_connect_t *connect, int status)
{
	struct dn_link *link = connect->data;

	if (link->state == DN_LINK_ENDED)
		return; /* its handle is being closed */
	if (status < 0) {
		link->connect_error = status;
		dn_link_drop_handle(link);
		return;
	}
	dn_link_handshake(link);
}

static void connect_unix(struct dn_link *link)
{
	int rc = uv_pipe_init(link->net->loop, &link->u.pipe, 0);

	DN_ASSERT(rc == 0);
	link->handle_open = true;
	link->u.handle.data = link;
	uv_pipe_connect(
	    &link->connect, &link->u.pipe, link->url->unix_path, on_connect);
}

static void connect_tcp(struct dn_link *link)
{
	struct addrinfo *address = link->next;
	int rc;

	if (address == NULL) {
		unreachable(link, link->connect_error);
		return;
	}
	link->next = address->ai_next;
	rc = uv_tcp_init(link->net->loop, &link->u.tcp);
	DN_ASSERT(rc == 0);
	link->handle_open = true;
	link->u.handle.data = link;
	rc = uv_tcp_connect(
	    &link->connect, &link->u.tcp, address->ai_addr, on_connect);
	if (rc == 0)
		rc = uv_tcp_nodelay(&link->u.tcp, 1);
	if (rc < 0) {
		link->connect_error = rc;
		dn_link_drop_handle(link);
	}
}

static void on_resolved(
    uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
	struct dn_link *link = resolve->data;

	link->resolving = false;
	link->addresses = addresses;
	link->next = addresses;
	if (link->state == DN_LINK_ENDED) {
		dn_link_drop_handle(link);
		return;
	}
	if (status < 0)
		unreachable(link, status);
	else
		dn_link_connect(link);
}

void dn_link_connect(struct dn_link *link)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	};
	int rc;

	link->connect.data = link;
	if (link->url->unix_path == NULL && link->state == DN_LINK_RESOLVING &&
	    link->addresses == NULL) {
		link->resolve.data = link;
		link->resolving = true;
		rc = uv_getaddrinfo(link->net->loop, &link->resolve,
		    on_resolved, link->url->host, link->url->port, &hints);
		if (rc < 0) { /* no name that could be looked up */
			link->resolving = false;
			link->connect_error = rc;
			dn_link_mark_dirty(link); /* told by the flush */
		}
		return;
	}
	link->state = DN_LINK_CONNECTING;
	if (link->url->unix_path != NULL)
		connect_unix(link);
	else
		connect_tcp(link);
}
