/* SPDX-License-Identifier: MIT */
/*
 * listen: the listening sockets of a server, one of each address in every
 * loop.
 *
 * A TCP address is probed without SO_REUSEPORT, so that a port in use is
 * named, and then bound by every loop with it: the kernel spreads the
 * connections. A Unix socket, or one handed over by the service manager
 * (LISTEN_FDS), is shared by all loops.
 *
 * Ownership: a listener belongs to its loop (loop->listeners) until
 *   dn_listen_close or the loop's end.
 * Errors: -EADDRINUSE, -EACCES, or another code, with the address.
 * Thread: dn_listen_all before the loops run; dn_listen_close on the loop's.
 */
#ifndef DN_LISTEN_H
#define DN_LISTEN_H

#include "base/buf.h"
#include "base/err.h"
#include "serve/loop.h"

struct dn_listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct dn_listener *next;
	struct dn_loop *loop;
	unsigned serve;
	bool is_unix;
};

struct dn_listen {
	char *first;  /* the first address as it is: "HOST:PORT", "unix:P" */
	char **paths; /* of the Unix sockets that were made here */
	size_t paths_n;
};

/* Binds what the conf (or LISTEN_FDS) says in all n loops. */
DN_MUST_CHECK int dn_listen_all(struct dn_listen *listen, struct dn_loop *loops,
    unsigned n, const struct dn_conf *conf, struct dn_err *err);
void dn_listen_close(struct dn_loop *loop);
/* Removes the Unix sockets' files. */
void dn_listen_release(struct dn_listen *listen);

/* Sockets, in listen_socket.c. Each gives a descriptor or a negative code. */

/* Whether nobody has that address. */
DN_MUST_CHECK int dn_listen_probe(const struct sockaddr *sa, socklen_t n);
DN_MUST_CHECK int dn_listen_tcp(const struct sockaddr *sa, socklen_t n);
/* A file that a dead server left is replaced. */
DN_MUST_CHECK int dn_listen_unix(struct dn_str path);
/* What a socket is bound to, as text; false when that can't be told. */
DN_MUST_CHECK bool dn_listen_name(int fd, struct dn_buf *out);
/* The same of its peer; a Unix socket's has no name behind "unix:". */
DN_MUST_CHECK bool dn_listen_peer(int fd, struct dn_buf *out);
/* Whether only this machine reaches it. */
bool dn_listen_is_local(int fd);

#endif
