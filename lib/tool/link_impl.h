/* SPDX-License-Identifier: MIT */
/*
 * link_impl: the inside of a link, for link.c, link_connect.c and the net.
 */
#ifndef DN_LINK_IMPL_H
#define DN_LINK_IMPL_H

#include "tool/link.h"

enum dn_link_state {
	DN_LINK_RESOLVING,
	DN_LINK_CONNECTING,
	DN_LINK_HANDSHAKE,
	DN_LINK_OPEN,
	DN_LINK_ENDED, /* waits for libuv's close */
};

struct dn_link {
	uint32_t magic;
	enum dn_link_state state;
	struct dn_client_net *net;
	const struct dn_client_url *url;
	char *headers;
	const struct dn_link_events *events; /* NULL once ended */
	void *arg;
	struct dn_ws_client *ws;
	/* Connecting. */
	uv_getaddrinfo_t resolve;
	bool resolving;
	struct addrinfo *addresses; /* from libuv; NULL for a Unix socket */
	struct addrinfo *next;      /* the one to try next */
	uv_connect_t connect;
	int connect_error; /* of the last address */
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} u;
	bool handle_open; /* initialised, not yet closed */
	/* Reading. */
	bool paused;
	bool resumed; /* what was kept is to be read this turn */
	uint64_t heard_ms;
	/* Writing: commands gather in batch, frames in out; what the kernel
	 * did not take at once is in flight. */
	struct dn_buf batch, out, flight;
	uv_write_t write;
	bool writing;
	bool dirty;
	struct dn_link *dirty_next;
};

enum { DN_LINK_MAGIC = 0x4c494e4b };

/* Starts or goes on with connecting. */
void dn_link_connect(struct dn_link *link);
/* Connected: sends the upgrade and reads. */
void dn_link_handshake(struct dn_link *link);
/* Ends it with an event. */
void dn_link_fail(struct dn_link *link, enum dn_link_end end, unsigned code,
    struct dn_str reason);
/* Closes the handle; frees the link in the close, or connects to the next
 * address where the link has not ended. */
void dn_link_drop_handle(struct dn_link *link);
void dn_link_mark_dirty(struct dn_link *link);

#endif
