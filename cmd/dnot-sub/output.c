/* SPDX-License-Identifier: MIT */
/*
 * How it works: a pipe, socket or terminal sits in an epoll set of our own,
 * which libuv polls. A pipe that polls writable takes PIPE_BUF bytes without
 * waiting, also in blocking mode, so that much is written at a time. What
 * cannot be polled, a regular file, is written at once.
 *
 * How it fails: the first error is told and everything is dropped.
 */
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { KEEP_MAX = 1 << 20, COMPACT_MIN = 1 << 20 };

struct output {
	int fd, epoll_fd;
	const struct output_events *events;
	void *arg;
	bool pollable, waiting, failed;
	uv_poll_t poll;
	struct dn_buf buf;
	size_t start; /* written bytes at the front of buf */
	uint64_t written;
};

struct output *output_open(
    uv_loop_t *loop, int fd, const struct output_events *events, void *arg)
{
	struct output *out = dn_xcalloc(1, sizeof(*out));
	struct epoll_event event = {.events = EPOLLOUT};

	out->fd = fd;
	out->events = events;
	out->arg = arg;
	out->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	out->pollable =
	    out->epoll_fd >= 0 &&
	    epoll_ctl(out->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 &&
	    uv_poll_init(loop, &out->poll, out->epoll_fd) == 0;
	out->poll.data = out;
	return out;
}

struct dn_buf *output_buf(struct output *out)
{
	return &out->buf;
}

size_t output_pending(const struct output *out)
{
	return out->buf.n - out->start;
}

uint64_t output_written(const struct output *out)
{
	return out->written;
}

uint64_t output_added(const struct output *out)
{
	return out->written + output_pending(out);
}

static void fail(struct output *out, int error)
{
	out->failed = true;
	out->events->failed(out->arg, error);
}

static bool writable(const struct output *out)
{
	struct pollfd fd = {.fd = out->fd, .events = POLLOUT};

	/* An error or a reader that left shows in the write. */
	return !out->pollable || poll(&fd, 1, 0) > 0;
}

static void compact(struct output *out)
{
	if (output_pending(out) == 0) {
		dn_buf_reset(&out->buf, KEEP_MAX);
		out->start = 0;
	} else if (out->start > COMPACT_MIN && out->start > out->buf.n / 2) {
		dn_buf_consume(&out->buf, out->start);
		out->start = 0;
	}
}

/* Writes what goes without waiting. */
static void write_some(struct output *out)
{
	size_t most = out->pollable ? PIPE_BUF : SIZE_MAX, n;
	uint64_t before = out->written;
	ssize_t wrote;

	while (!out->failed && output_pending(out) > 0 && writable(out)) {
		n = output_pending(out);
		wrote = write(
		    out->fd, out->buf.p + out->start, n < most ? n : most);
		if (wrote >= 0) {
			out->start += (size_t)wrote;
			out->written += (uint64_t)wrote;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			fail(out, errno);
		}
	}
	compact(out);
	if (out->written != before)
		out->events->written(out->arg);
}

static void on_writable(uv_poll_t *poll_handle, int status, int events)
{
	struct output *out = poll_handle->data;

	(void)status;
	(void)events;
	(void)uv_poll_stop(&out->poll);
	out->waiting = false;
	output_flush(out);
}

void output_flush(struct output *out)
{
	int rc;

	if (out->waiting)
		return;
	if (!out->failed)
		write_some(out);
	if (out->failed) {
		dn_buf_reset(&out->buf, 0);
		out->start = 0;
		return;
	}
	if (output_pending(out) == 0 || !out->pollable)
		return;
	/* libuv only knows the epoll set, which is readable when stdout is
	 * writable. */
	rc = uv_poll_start(&out->poll, UV_READABLE, on_writable);
	DN_ASSERT(rc == 0);
	out->waiting = true;
}

static void output_free(struct output *out)
{
	if (out->epoll_fd >= 0)
		(void)close(out->epoll_fd);
	dn_buf_release(&out->buf);
	free(out);
}

static void on_closed(uv_handle_t *handle)
{
	output_free(handle->data);
}

void output_close(struct output **slot)
{
	struct output *out = *slot;

	*slot = NULL;
	if (out->pollable)
		uv_close((uv_handle_t *)&out->poll, on_closed);
	else
		output_free(out);
}
