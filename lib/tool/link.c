/* SPDX-License-Identifier: MIT */
/*
 * How it works: once connected, the upgrade goes out and bytes go through
 * ws_client as they come. Commands are joined by newlines in `batch`; a full
 * batch, or the flush at the end of the loop turn, makes it a masked frame
 * in `out`. The flush tries to write `out` at once; what the kernel does not
 * take goes with uv_write (`flight`), and frames gather in `out` meanwhile.
 *
 * How it fails: whatever ends the connection goes through dn_link_fail, which
 * tells the owner once and closes the handle. Events find `events` NULL after
 * that, or after dn_link_close. A read that is under way sees the new state
 * and stops; the memory stays until libuv's close.
 */
#include "tool/link_impl.h"

#include <errno.h>
#include <stdlib.h>

enum { KEEP_MAX = 1 << 20 };

struct dn_link *dn_link_open(struct dn_client_net *net,
    const struct dn_client_url *url, const char *headers,
    const struct dn_link_events *events, void *arg)
{
	struct dn_link *link = dn_xcalloc(1, sizeof(*link));

	link->magic = DN_LINK_MAGIC;
	link->net = net;
	net->refs++;
	link->url = url;
	link->headers = headers != NULL ? dn_xstrdup(headers) : NULL;
	link->events = events;
	link->arg = arg;
	link->ws = dn_ws_client_new(net->reader);
	dn_link_connect(link);
	return link;
}

static void unlist(struct dn_link **list, const struct dn_link *link)
{
	for (; *list != NULL; list = &(*list)->dirty_next) {
		if (*list == link) {
			*list = link->dirty_next;
			return;
		}
	}
}

static void link_free(struct dn_link *link)
{
	struct dn_client_net *net = link->net;

	if (link->dirty) {
		unlist(&net->dirty, link);
		unlist(&net->flushing, link);
	}
	dn_ws_client_free(&link->ws);
	uv_freeaddrinfo(link->addresses);
	free(link->headers);
	dn_buf_release(&link->batch);
	dn_buf_release(&link->out);
	dn_buf_release(&link->flight);
	link->magic = 0;
	free(link);
	dn_client_net_unref(net);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct dn_link *link = handle->data;

	DN_CHECK(link, DN_LINK_MAGIC);
	link->handle_open = false;
	if (link->state != DN_LINK_ENDED)
		dn_link_connect(link);
	else if (!link->resolving)
		link_free(link);
}

void dn_link_drop_handle(struct dn_link *link)
{
	if (link->handle_open) {
		if (!uv_is_closing(&link->u.handle))
			uv_close(&link->u.handle, on_handle_closed);
	} else if (!link->resolving) {
		link_free(link);
	}
}

void dn_link_fail(struct dn_link *link, enum dn_link_end end, unsigned code,
    struct dn_str reason)
{
	const struct dn_link_events *events = link->events;

	if (link->state == DN_LINK_ENDED)
		return;
	link->state = DN_LINK_ENDED;
	link->events = NULL;
	events->closed(link->arg, end, code, reason);
	dn_link_drop_handle(link);
}

static void lost(struct dn_link *link, int error)
{
	bool early = link->state == DN_LINK_HANDSHAKE;

	dn_link_fail(link, early ? DN_LINK_UNREACHABLE : DN_LINK_LOST, 0,
	    dn_str_of(
		error == UV_EOF ? "connection closed" : uv_strerror(error)));
}

static void handle_event(struct dn_link *link, const struct dn_ws_event *ev)
{
	switch (ev->kind) {
	case DN_WS_OPEN:
		link->state = DN_LINK_OPEN;
		link->events->open(link->arg);
		return;
	case DN_WS_MESSAGE:
		if (ev->binary)
			dn_link_fail(link, DN_LINK_BAD, 1003,
			    DN_STR("a binary message"));
		else
			link->events->message(link->arg, ev->payload);
		return;
	case DN_WS_PINGED:
		dn_ws_client_send(
		    link->ws, &link->out, DN_WS_PONG, ev->payload);
		dn_link_mark_dirty(link);
		return;
	case DN_WS_CLOSED:
		dn_link_fail(link, DN_LINK_CLOSED, ev->code, ev->payload);
		return;
	case DN_WS_BAD:
		dn_link_fail(
		    link, DN_LINK_BAD, ev->code, dn_str_of(ev->reason));
		return;
	case DN_WS_REFUSED:
		dn_link_fail(
		    link, DN_LINK_REFUSED, ev->code, dn_str_of(ev->reason));
		return;
	case DN_WS_PONGED:
	case DN_WS_MORE:
		return;
	}
}

/* Hands out events until the bytes are used up, or the owner pauses or ends
 * the link. */
static void feed(struct dn_link *link, struct dn_str bytes)
{
	struct dn_ws_event ev;

	for (;;) {
		if (link->paused) {
			dn_ws_client_keep(link->ws, &bytes);
			return;
		}
		ev = dn_ws_client_next(link->ws, &bytes);
		if (ev.kind == DN_WS_MORE)
			return;
		handle_event(link, &ev);
		if (link->state == DN_LINK_ENDED)
			return;
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct dn_link *link = handle->data;

	(void)suggested;
	*buf = uv_buf_init(link->net->buf, sizeof(link->net->buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct dn_link *link = stream->data;

	DN_CHECK(link, DN_LINK_MAGIC);
	if (n == 0 || link->state == DN_LINK_ENDED)
		return;
	if (n < 0) {
		lost(link, (int)n);
		return;
	}
	link->heard_ms = uv_now(link->net->loop);
	feed(link, (struct dn_str){buf->base, (size_t)n});
}

static void read_start(struct dn_link *link)
{
	int rc = uv_read_start(&link->u.stream, on_alloc, on_read);

	/* Only a handle that is closing or not connected fails here. */
	DN_ASSERT(rc == 0 || rc == UV_EALREADY);
}

void dn_link_handshake(struct dn_link *link)
{
	struct dn_buf path = {0};

	link->state = DN_LINK_HANDSHAKE;
	link->heard_ms = uv_now(link->net->loop);
	dn_buf_printf(&path, "%s/connection/websocket", link->url->prefix);
	dn_buf_byte(&path, '\0');
	dn_ws_client_upgrade(
	    link->ws, &link->out, link->url->authority, path.p, link->headers);
	dn_buf_release(&path);
	dn_link_mark_dirty(link);
	read_start(link);
}

void dn_link_mark_dirty(struct dn_link *link)
{
	if (link->dirty || link->state == DN_LINK_ENDED)
		return;
	link->dirty = true;
	link->dirty_next = link->net->dirty;
	link->net->dirty = link;
}

static void frame_batch(struct dn_link *link)
{
	if (link->batch.n == 0)
		return;
	dn_ws_client_send(
	    link->ws, &link->out, DN_WS_TEXT, dn_buf_view(&link->batch));
	dn_buf_reset(&link->batch, DN_LINK_BATCH * 2);
}

struct dn_buf *dn_link_begin(struct dn_link *link, size_t n)
{
	DN_ASSERT(link->state == DN_LINK_OPEN);
	if (link->batch.n + 1 + n > DN_LINK_BATCH)
		frame_batch(link);
	if (link->batch.n > 0)
		dn_buf_byte(&link->batch, '\n');
	return &link->batch;
}

void dn_link_end(struct dn_link *link)
{
	dn_link_mark_dirty(link);
}

size_t dn_link_queued(const struct dn_link *link)
{
	return link->batch.n + link->out.n + link->flight.n;
}

uint64_t dn_link_heard_ms(const struct dn_link *link)
{
	return link->heard_ms;
}

/* What the server said last may still be unread, and a close code tells more
 * than EPIPE does: so the read is left to find the end, unless nobody
 * reads. */
static void write_failed(struct dn_link *link, int error)
{
	dn_buf_reset(&link->out, KEEP_MAX);
	if (link->paused)
		lost(link, error);
}

static void on_written(uv_write_t *write, int status)
{
	struct dn_link *link = write->data;

	link->writing = false;
	dn_buf_reset(&link->flight, KEEP_MAX);
	if (link->state == DN_LINK_ENDED)
		return;
	if (status < 0)
		write_failed(link, status);
	else if (link->out.n > 0 || link->batch.n > 0)
		dn_link_mark_dirty(link);
	else
		link->events->written(link->arg);
}

/* The rest of out goes with uv_write. */
static void write_rest(struct dn_link *link)
{
	struct dn_buf empty = link->flight;
	uv_buf_t buf;
	int rc;

	DN_ASSERT(!link->writing && empty.n == 0);
	link->flight = link->out;
	link->out = empty;
	buf = uv_buf_init(link->flight.p, (unsigned)link->flight.n);
	link->write.data = link;
	link->writing = true;
	rc = uv_write(&link->write, &link->u.stream, &buf, 1, on_written);
	if (rc < 0) {
		link->writing = false;
		dn_buf_reset(&link->flight, KEEP_MAX);
		write_failed(link, rc);
	}
}

static void write_out(struct dn_link *link)
{
	uv_buf_t buf;
	int wrote;

	if (link->writing || link->out.n == 0)
		return;
	buf = uv_buf_init(link->out.p, (unsigned)link->out.n);
	wrote = uv_try_write(&link->u.stream, &buf, 1);
	if (wrote < 0 && wrote != UV_EAGAIN) {
		write_failed(link, wrote);
		return;
	}
	if (wrote > 0 && (size_t)wrote == link->out.n)
		dn_buf_reset(&link->out, KEEP_MAX);
	else if (wrote > 0)
		dn_buf_consume(&link->out, (size_t)wrote);
	if (link->out.n > 0)
		write_rest(link);
	else
		link->events->written(link->arg);
}

void dn_link_flush(struct dn_link *link)
{
	DN_CHECK(link, DN_LINK_MAGIC);
	if (link->resumed && link->state != DN_LINK_ENDED) {
		link->resumed = false;
		feed(link, (struct dn_str){NULL, 0});
		if (link->state != DN_LINK_ENDED && !link->paused)
			read_start(link);
	}
	if (link->state == DN_LINK_RESOLVING)
		dn_link_fail(link, DN_LINK_UNREACHABLE, 0,
		    dn_str_of(uv_strerror(link->connect_error)));
	else if (link->state != DN_LINK_ENDED) {
		frame_batch(link);
		write_out(link);
	}
}

void dn_link_pause(struct dn_link *link)
{
	if (link->paused || link->state < DN_LINK_HANDSHAKE ||
	    link->state == DN_LINK_ENDED)
		return;
	link->paused = true;
	link->resumed = false;
	(void)uv_read_stop(&link->u.stream);
}

void dn_link_resume(struct dn_link *link)
{
	if (!link->paused)
		return;
	link->paused = false;
	link->resumed = true;
	link->heard_ms = uv_now(link->net->loop);
	dn_link_mark_dirty(link);
}

void dn_link_close(struct dn_link **slot, unsigned code, const char *reason)
{
	struct dn_link *link = *slot;
	uv_buf_t buf;

	*slot = NULL;
	DN_CHECK(link, DN_LINK_MAGIC);
	DN_ASSERT(link->state != DN_LINK_ENDED);
	if (link->state == DN_LINK_OPEN && code != 0) {
		frame_batch(link);
		dn_ws_client_close(link->ws, &link->out, code, reason);
		buf = uv_buf_init(link->out.p, (unsigned)link->out.n);
		if (!link->writing)
			(void)uv_try_write(&link->u.stream, &buf, 1);
	}
	link->state = DN_LINK_ENDED;
	link->events = NULL;
	dn_link_drop_handle(link);
}
