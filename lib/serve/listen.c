/* SPDX-License-Identifier: MIT */
/*
 * How it works: each address is resolved, probed, and then opened in every
 * loop; nothing is accepted before the loops run. Port 0 is chosen by the
 * first socket and taken over by the others.
 *
 * How it fails: the first address that can't be had ends it, by name. What
 * was opened by then belongs to its loop and ends with it.
 */
#include "serve/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"
#include "conf/address.h"
#include "serve/conn.h"

enum { BACKLOG = 511, HANDED_FIRST = 3, HANDED_MAX = 64 };

struct place {
	struct dn_listen *listen;
	struct dn_loop *loops;
	unsigned n;
	const char *text; /* as it was asked for */
	unsigned serve;
};

static void on_connection(uv_stream_t *stream, int status)
{
	struct dn_listener *l = stream->data;

	if (status < 0) {
		dn_diag(DN_WARN, NULL, "cannot accept a connection: %s",
		    uv_strerror(status));
		return;
	}
	dn_conn_accept(l->loop, stream, l->serve, l->is_unix);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Takes fd. */
static int attach(struct dn_loop *loop, int fd, unsigned serve, bool is_unix)
{
	struct dn_listener *l = dn_xcalloc(1, sizeof(*l));
	int rc;

	l->loop = loop;
	l->serve = serve;
	l->is_unix = is_unix;
	rc = is_unix ? uv_pipe_init(&loop->uv, &l->pipe, 0)
		     : uv_tcp_init(&loop->uv, &l->tcp);
	if (rc < 0) {
		close(fd);
		free(l);
		return rc;
	}
	l->handle.data = l;
	l->next = loop->listeners;
	loop->listeners = l;
	rc = is_unix ? uv_pipe_open(&l->pipe, fd) : uv_tcp_open(&l->tcp, fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return uv_listen(&l->stream, BACKLOG, on_connection);
}

void dn_listen_close(struct dn_loop *loop)
{
	struct dn_listener *l;

	while ((l = loop->listeners) != NULL) {
		loop->listeners = l->next;
		uv_close(&l->handle, on_closed);
	}
}

static int refuse(const struct place *p, int code, struct dn_err *err)
{
	return dn_err_set(err, code, "cannot listen on %s: %s", p->text,
	    code == -EADDRINUSE ? "it is in use" : strerror(-code));
}

/* Says that this socket listens, once for all loops. */
static void say(const struct place *p, int fd)
{
	struct dn_buf name = {0}, fields = {0};

	if (dn_listen_name(fd, &name)) {
		dn_buf_byte(&name, '\0');
		dn_buf_lit(&fields, "\"address\":");
		dn_buf_json_str(&fields, dn_str_of(name.p));
		dn_buf_byte(&fields, '\0');
		dn_diag(DN_INFO, fields.p, "listening");
		if (p->listen->first == NULL)
			p->listen->first = dn_xstrdup(name.p);
	}
	dn_buf_release(&name);
	dn_buf_release(&fields);
}

/* One socket for all loops; takes fd. */
static int share(const struct place *p, int fd, bool is_unix)
{
	unsigned i;
	int rc = 0, copy;

	say(p, fd);
	for (i = 0; i < p->n && rc == 0; i++) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		rc = copy < 0 ? -errno
			      : attach(&p->loops[i], copy, p->serve, is_unix);
	}
	close(fd);
	return rc;
}

static in_port_t *port_of(struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6
		   ? &((struct sockaddr_in6 *)(void *)sa)->sin6_port
		   : &((struct sockaddr_in *)(void *)sa)->sin_port;
}

/* One address in every loop; a chosen port is put into sa. */
static int open_tcp(const struct place *p, struct sockaddr *sa, socklen_t n)
{
	socklen_t got = n;
	unsigned i;
	int fd, rc = 0;

	if (*port_of(sa) != 0)
		rc = dn_listen_probe(sa, n);
	for (i = 0; i < p->n && rc == 0; i++) {
		fd = dn_listen_tcp(sa, n);
		if (fd < 0)
			return fd;
		if (*port_of(sa) == 0 && getsockname(fd, sa, &got) < 0) {
			rc = -errno;
			close(fd);
			return rc;
		}
		if (i == 0)
			say(p, fd);
		rc = attach(&p->loops[i], fd, p->serve, false);
	}
	return rc;
}

static bool seen(const struct addrinfo *list, const struct addrinfo *a)
{
	for (; list != a; list = list->ai_next)
		if (list->ai_addrlen == a->ai_addrlen &&
		    memcmp(list->ai_addr, a->ai_addr, a->ai_addrlen) == 0)
			return true;
	return false;
}

/* Every address of the name; one that this machine lacks is passed over as
 * long as there is another. */
static int open_name(
    const struct place *p, const struct dn_address *at, struct dn_err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL, *a;
	char *host = dn_xstrndup(at->host.p, at->host.n);
	in_port_t port = htons(at->port);
	int rc, missing = 0;
	unsigned opened = 0;

	rc = getaddrinfo(host, "0", &hints, &list);
	free(host);
	if (rc != 0)
		return dn_err_set(err, -EINVAL, "cannot listen on %s: %s",
		    p->text, gai_strerror(rc));
	for (a = list; a != NULL && rc == 0; a = a->ai_next) {
		if (seen(list, a))
			continue;
		*port_of(a->ai_addr) = port;
		rc = open_tcp(p, a->ai_addr, a->ai_addrlen);
		if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) {
			missing = rc;
			rc = 0;
			continue;
		}
		port = *port_of(a->ai_addr);
		opened++;
		*port_of(a->ai_addr) = 0; /* as resolved, for seen() */
	}
	freeaddrinfo(list);
	if (rc == 0 && opened == 0)
		rc = missing != 0 ? missing : -EADDRNOTAVAIL;
	return rc < 0 ? refuse(p, rc, err) : 0;
}

static int open_path(
    const struct place *p, struct dn_str path, struct dn_err *err)
{
	struct dn_listen *l = p->listen;
	int fd = dn_listen_unix(path), rc;

	if (fd < 0)
		return refuse(p, fd, err);
	l->paths = dn_xrealloc(l->paths, (l->paths_n + 1) * sizeof(*l->paths));
	l->paths[l->paths_n++] = dn_xstrndup(path.p, path.n);
	rc = share(p, fd, true);
	return rc < 0 ? refuse(p, rc, err) : 0;
}

/* How many sockets the service manager handed over. */
static unsigned handed_over(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	long n;

	if (pid == NULL || fds == NULL || atol(pid) != (long)getpid())
		return 0;
	n = atol(fds);
	return n > 0 && n <= HANDED_MAX ? (unsigned)n : 0;
}

static int open_handed(struct place *p, const struct dn_conf *conf,
    unsigned count, struct dn_err *err)
{
	struct sockaddr_storage sa = {0};
	socklen_t n;
	char text[32];
	unsigned i;
	int fd, rc = 0;

	for (i = 0; i < count && rc == 0; i++) {
		fd = HANDED_FIRST + (int)i;
		n = sizeof(sa);
		(void)snprintf(text, sizeof(text), "descriptor %d", fd);
		p->text = text;
		p->serve = i < conf->listen_n ? conf->listen[i].serve
					      : DN_SERVE_CLIENT | DN_SERVE_API;
		if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
			rc = -errno;
		else if (conf->dev && !dn_listen_is_local(fd))
			return dn_err_set(err, -EINVAL,
			    "%s is refused: --dev listens on loopback only",
			    text);
		else
			rc = share(p, fd, sa.ss_family == AF_UNIX);
	}
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	return rc < 0 ? refuse(p, rc, err) : 0;
}

int dn_listen_all(struct dn_listen *listen, struct dn_loop *loops, unsigned n,
    const struct dn_conf *conf, struct dn_err *err)
{
	struct place p = {.listen = listen, .loops = loops, .n = n};
	struct dn_address at;
	unsigned handed = handed_over();
	size_t i;
	int rc = 0;

	if (handed > 0)
		return open_handed(&p, conf, handed, err);
	for (i = 0; i < conf->listen_n && rc == 0; i++) {
		p.text = conf->listen[i].address;
		p.serve = conf->listen[i].serve;
		memset(&at, 0, sizeof(at));
		rc = dn_address_parse(dn_str_of(p.text), &at, err);
		if (rc == 0)
			rc = at.path.p != NULL ? open_path(&p, at.path, err)
					       : open_name(&p, &at, err);
	}
	return rc;
}

void dn_listen_release(struct dn_listen *listen)
{
	size_t i;

	for (i = 0; i < listen->paths_n; i++) {
		(void)unlink(listen->paths[i]);
		free(listen->paths[i]);
	}
	free(listen->paths);
	free(listen->first);
	memset(listen, 0, sizeof(*listen));
}
