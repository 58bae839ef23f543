/* SPDX-License-Identifier: MIT */
/*
 * How it works: the system calls under listen.c, one job each.
 *
 * How it fails: with the negative errno of the call that failed; the
 * descriptor is closed by then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/listen.h"

static int fail(int fd)
{
	int code = -errno;

	close(fd);
	return code;
}

static int bound_tcp(const struct sockaddr *sa, socklen_t n, bool shared)
{
	int on = 1;
	int fd = socket(
	    sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return fail(fd);
	if (shared &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		return fail(fd);
	if (sa->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return fail(fd);
	if (bind(fd, sa, n) < 0)
		return fail(fd);
	return fd;
}

int dn_listen_probe(const struct sockaddr *sa, socklen_t n)
{
	int fd = bound_tcp(sa, n, false);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int dn_listen_tcp(const struct sockaddr *sa, socklen_t n)
{
	return bound_tcp(sa, n, true);
}

/* Removes a socket's file that nobody listens on. */
static int remove_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, rc;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? -errno
								       : 0;
	close(fd);
	if (rc == 0 || rc == -EAGAIN)
		return -EADDRINUSE;
	if (rc == -ENOENT)
		return 0;
	if (rc != -ECONNREFUSED)
		return rc;
	return unlink(sa->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int dn_listen_unix(struct dn_str path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc;

	if (path.n >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path.p, path.n);
	rc = remove_stale(&sa);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return fail(fd);
	return fd;
}

union address {
	struct sockaddr_storage room;
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static bool write_name(const union address *a, struct dn_buf *out)
{
	char host[INET6_ADDRSTRLEN] = "";

	switch (a->sa.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		dn_buf_printf(
		    out, "%s:%u", host, (unsigned)ntohs(a->v4.sin_port));
		return true;
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		dn_buf_printf(
		    out, "[%s]:%u", host, (unsigned)ntohs(a->v6.sin6_port));
		return true;
	case AF_UNIX:
		dn_buf_printf(out, "unix:%.*s", (int)sizeof(a->un.sun_path),
		    a->un.sun_path);
		return true;
	default:
		return false;
	}
}

bool dn_listen_name(int fd, struct dn_buf *out)
{
	union address a = {0};
	socklen_t n = sizeof(a);

	return getsockname(fd, &a.sa, &n) == 0 && write_name(&a, out);
}

bool dn_listen_peer(int fd, struct dn_buf *out)
{
	union address a = {0};
	socklen_t n = sizeof(a);

	return getpeername(fd, &a.sa, &n) == 0 && write_name(&a, out);
}

bool dn_listen_is_local(int fd)
{
	union address a = {0};
	socklen_t n = sizeof(a);

	if (getsockname(fd, &a.sa, &n) < 0)
		return false;
	if (a.sa.sa_family == AF_INET)
		return ntohl(a.v4.sin_addr.s_addr) >> 24 == 127;
	if (a.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
	return a.sa.sa_family == AF_UNIX;
}
