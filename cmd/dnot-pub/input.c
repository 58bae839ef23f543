/* SPDX-License-Identifier: MIT */
/*
 * How it works: bytes are read in chunks behind what is left of the last one;
 * input_next takes lines off the front. What can be polled sits in an epoll
 * set of our own, and libuv polls that set: it would make the descriptor
 * itself non-blocking, for everybody who shares it. What cannot be polled (a
 * regular file, /dev/null) is read by libuv's threads.
 *
 * How it fails: a read error is told once. An overlong line turns `skipping`
 * on until its newline, so it is never stored whole.
 */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	CHUNK = 65536,
	DRAIN_MAX = 4 << 20, /* of a pipe whose writer goes on and on */
};

struct input {
	uv_loop_t *loop;
	int fd, epoll_fd;
	size_t line_max;
	input_ready_fn *ready;
	void *arg;
	bool pollable, poll_open, reading, closing;
	bool eof, stopped, draining, skipping;
	int error;
	size_t drained;
	uv_poll_t poll;
	uv_fs_t fs;
	struct dn_buf buf;
	size_t taken;  /* bytes at the front that are used up */
	size_t looked; /* bytes behind them that hold no newline */
	uint64_t number;
};

static void input_free(struct input *in)
{
	if (in->poll_open || in->reading)
		return;
	if (in->epoll_fd >= 0)
		(void)close(in->epoll_fd);
	dn_buf_release(&in->buf);
	free(in);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct input *in = handle->data;

	in->poll_open = false;
	input_free(in);
}

static bool make_pollable(struct input *in)
{
	struct epoll_event event = {.events = EPOLLIN};

	in->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (in->epoll_fd < 0 ||
	    epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, in->fd, &event) < 0)
		return false;
	if (uv_poll_init(in->loop, &in->poll, in->epoll_fd) < 0)
		return false;
	in->poll.data = in;
	in->poll_open = true;
	return true;
}

struct input *input_open(
    uv_loop_t *loop, int fd, size_t line_max, input_ready_fn *ready, void *arg)
{
	struct input *in = dn_xcalloc(1, sizeof(*in));

	in->loop = loop;
	in->fd = fd;
	in->line_max = line_max;
	in->ready = ready;
	in->arg = arg;
	in->pollable = make_pollable(in);
	return in;
}

/* Room behind the unfinished line, which moves to the front. */
static char *room(struct input *in)
{
	dn_buf_consume(&in->buf, in->taken);
	in->taken = 0;
	return dn_buf_reserve(&in->buf, CHUNK);
}

static void take_read(struct input *in, ssize_t n)
{
	if (n > 0) {
		in->buf.n += (size_t)n;
	} else {
		in->eof = true;
		in->error = n < 0 ? (int)-n : 0;
	}
}

static void read_now(struct input *in)
{
	ssize_t n = read(in->fd, room(in), CHUNK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	take_read(in, n < 0 ? -errno : n);
}

static void on_pollable(uv_poll_t *handle, int status, int events)
{
	struct input *in = handle->data;

	(void)events;
	(void)uv_poll_stop(handle);
	if (status < 0)
		take_read(in, status);
	else
		read_now(in);
	in->ready(in->arg);
}

static void on_file_read(uv_fs_t *fs)
{
	struct input *in = fs->data;
	ssize_t n = fs->result;

	uv_fs_req_cleanup(fs);
	in->reading = false;
	if (in->closing) {
		input_free(in);
		return;
	}
	take_read(in, n);
	in->ready(in->arg);
}

static void start_read(struct input *in)
{
	uv_buf_t buf;
	int rc;

	if (in->reading)
		return;
	if (in->pollable) {
		rc = uv_poll_start(&in->poll, UV_READABLE, on_pollable);
	} else {
		buf = uv_buf_init(room(in), CHUNK);
		in->fs.data = in;
		in->reading = true;
		rc = uv_fs_read(
		    in->loop, &in->fs, in->fd, &buf, 1, -1, on_file_read);
	}
	DN_ASSERT(rc == 0);
}

/* Reads if that does not wait; false when it would, or enough was read. */
static bool read_without_waiting(struct input *in)
{
	struct pollfd fd = {.fd = in->fd, .events = POLLIN};

	if (in->pollable && in->drained > DRAIN_MAX)
		return false;
	if (poll(&fd, 1, 0) <= 0)
		return false;
	in->drained += CHUNK;
	read_now(in);
	return true;
}

/* Takes a line of n bytes and a newline (if there is one) off the front. */
static enum input_kind take_line(
    struct input *in, size_t n, bool newline, struct dn_str *line)
{
	bool skipped;

	*line = (struct dn_str){in->buf.p + in->taken, n};
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	skipped = in->skipping || line->n > in->line_max;
	in->taken += n + newline;
	in->looked = 0;
	in->skipping = false;
	in->number++;
	if (!skipped)
		return INPUT_LINE;
	*line = (struct dn_str){NULL, 0};
	return INPUT_TOO_LONG;
}

/* False when there is no whole line in the buffer. */
static bool find_line(
    struct input *in, struct dn_str *line, enum input_kind *kind)
{
	size_t n = in->buf.n - in->taken;
	const char *start = in->buf.p + in->taken, *end;

	end = n > in->looked ? memchr(start + in->looked, '\n', n - in->looked)
			     : NULL;
	if (end != NULL) {
		*kind = take_line(in, (size_t)(end - start), true, line);
		return true;
	}
	if (in->eof && !in->stopped && (n > 0 || in->skipping)) {
		*kind = take_line(in, n, false, line);
		return true;
	}
	in->looked = n;
	/* One byte more may be its carriage return. */
	if (n > in->line_max + 1 || in->skipping) {
		in->skipping = true;
		in->taken += n;
		in->looked = 0;
	}
	return false;
}

enum input_kind input_next(
    struct input *in, struct dn_str *line, uint64_t *number, struct dn_err *err)
{
	enum input_kind kind;

	for (;;) {
		if (!in->reading && find_line(in, line, &kind)) {
			*number = in->number;
			return kind;
		}
		if (in->reading)
			return INPUT_WAIT;
		if (in->error != 0) {
			(void)dn_err_set(
			    err, -in->error, "stdin: %s", strerror(in->error));
			in->error = 0;
			return INPUT_ERROR;
		}
		if (in->eof || in->stopped)
			return INPUT_END;
		if (in->draining) {
			in->stopped = !read_without_waiting(in);
			continue;
		}
		start_read(in);
		return INPUT_WAIT;
	}
}

void input_stop(struct input *in, bool drain)
{
	in->draining = drain;
	in->stopped = !drain;
	if (in->poll_open)
		(void)uv_poll_stop(&in->poll);
}

size_t input_left(const struct input *in)
{
	return in->buf.n - in->taken;
}

void input_close(struct input **slot)
{
	struct input *in = *slot;

	*slot = NULL;
	in->closing = true;
	if (in->poll_open)
		uv_close((uv_handle_t *)&in->poll, on_poll_closed);
	else
		input_free(in);
}
