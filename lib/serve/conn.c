/* SPDX-License-Identifier: MIT */
/*
 * Reading: bytes land in the loop's buffer and go to the HTTP parser or to
 * the WebSocket reader; what is unfinished is kept by those. A connection
 * that may not be read from for now keeps the rest and stops reading.
 *
 * Writing: frames are queued and the connection is marked dirty; once a turn
 * the queue goes out in gathered writes that do not wait. Where the kernel
 * takes no more, the first frame's rest is left to uv_write, whose callback
 * marks the connection dirty again: one write in flight, and only the frame
 * that is being written is pinned.
 *
 * Ending: dn_conn_close queues code and reason and shuts down behind them;
 * whatever happens, the timer ends it three seconds later.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "serve/conn.h"
#include "serve/listen.h"
#include "serve/server.h"
#include "session/emulated.h"
#include "web/web.h"

enum {
	CONN_MAGIC = 0x636f6e6e,
	IOV_MAX_TURN = 64,
	BATCHES_MAX_TURN = 8,
	CLOSE_PATIENCE_US = 3000000, /* also to be told why, for a slow one */
	NOTSENT_LOWAT = 16384,
	UNBLOCK_BYTES = DN_REPLY_BYTES_MAX / 2,
};

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct dn_conn *conn = handle->data;

	(void)hint;
	*buf = uv_buf_init(conn->loop->read_buf, DN_READ_BUF);
}

static void on_timer(struct dn_timer *timer, int64_t now_us)
{
	struct dn_conn *conn = DN_CONTAINER(timer, struct dn_conn, timer);

	(void)now_us;
	if (conn->state == DN_CONN_HTTP)
		dn_web_timeout(conn);
	else
		dn_conn_drop(conn);
}

struct dn_conn *dn_conn_find(struct dn_loop *loop, uint64_t id)
{
	return dn_map_get(
	    &loop->conns, (struct dn_str){(const char *)&id, sizeof(id)});
}

void dn_conn_peer(const struct dn_conn *conn, struct dn_buf *out)
{
	int fd;

	out->n = 0;
	if (uv_fileno(&conn->handle, &fd) != 0 || !dn_listen_peer(fd, out))
		out->n = 0;
}

/* --- reading ------------------------------------------------------------ */

bool dn_conn_is_full(const struct dn_conn *conn)
{
	return conn->out.reply_bytes > DN_REPLY_BYTES_MAX ||
	       conn->calls > DN_CALLS_MAX ||
	       (conn->session != NULL && dn_session_must_wait(conn->session)) ||
	       (conn->publishes && dn_server_log_behind(conn->loop->server));
}

bool dn_conn_should_pause(const struct dn_conn *conn)
{
	return (conn->session != NULL && conn->session->rest.n > 0) ||
	       dn_conn_is_full(conn);
}

bool dn_conn_waits_for_log(const struct dn_conn *conn)
{
	return conn->is_paused && conn->publishes &&
	       conn->out.reply_bytes <= DN_REPLY_BYTES_MAX &&
	       dn_server_log_behind(conn->loop->server);
}

/* Whoever reads an endless answer has nothing to say on its connection. */
static bool only_reads(const struct dn_conn *conn)
{
	return conn->state == DN_CONN_LIVE && !dn_form_is_ws(conn->form);
}

void dn_conn_pause(struct dn_conn *conn)
{
	if (conn->is_paused)
		return;
	conn->is_paused = true;
	conn->next_paused = conn->loop->paused;
	conn->loop->paused = conn;
	if (!only_reads(conn))
		uv_read_stop(&conn->stream);
}

static void send_close(struct dn_conn *conn, unsigned code, const char *reason)
{
	struct dn_frame *frame = dn_form_close(conn->form, code, reason);

	dn_conn_send(conn, frame, NULL, true);
	dn_frame_unref(&frame);
}

static void on_ws_event(struct dn_conn *conn, const struct dn_ws_event *ev)
{
	struct dn_frame *pong;

	switch (ev->kind) {
	case DN_WS_MESSAGE:
		if (ev->binary)
			dn_conn_close(conn, 3501,
			    "bad request: binary message on a JSON connection");
		else if ((conn->form & DN_FORM_UNI) != 0)
			dn_session_request(conn->session, ev->payload,
			    (struct dn_str){0}, (struct dn_str){0});
		else
			dn_session_message(conn->session, ev->payload);
		return;
	case DN_WS_PINGED:
		pong = dn_frame_ws(DN_WS_PONG, ev->payload);
		dn_conn_control(conn, pong);
		dn_frame_unref(&pong);
		return;
	case DN_WS_PONGED:
		dn_session_pong(conn->session);
		return;
	case DN_WS_CLOSED:
		send_close(conn, ev->code == 1005 ? 1000 : ev->code, "bye");
		dn_conn_end(conn);
		return;
	case DN_WS_BAD:
		dn_conn_close(conn, ev->code, ev->reason);
		return;
	default:
		return;
	}
}

static void feed_ws(struct dn_conn *conn, struct dn_str *bytes)
{
	struct dn_ws_terms terms = {
	    .message_max = conn->session->server
			       ? conn->loop->conf->api_body_limit
			       : conn->loop->conf->message_size_limit,
	    .deflate = (conn->form & DN_FORM_DEFLATE) != 0,
	};
	struct dn_ws_event ev;

	for (;;) {
		if (dn_conn_should_pause(conn)) {
			dn_ws_keep(&conn->input, bytes);
			dn_conn_pause(conn);
			return;
		}
		ev = dn_ws_next_on(
		    conn->loop->reader, &conn->input, bytes, terms);
		if (ev.kind == DN_WS_MORE)
			return;
		on_ws_event(conn, &ev);
		if (conn->state != DN_CONN_LIVE)
			return;
	}
}

/* Who sends it and what for shows only when it is there. */
static size_t body_limit(const struct dn_conf *conf)
{
	return conf->api_body_limit > conf->message_size_limit
		   ? conf->api_body_limit
		   : conf->message_size_limit;
}

static void feed_http(struct dn_conn *conn, struct dn_str *bytes)
{
	size_t taken = 0;
	enum dn_http_state state;

	if (conn->http == NULL)
		conn->http = dn_http_new(body_limit(conn->loop->conf));
	if (conn->http_idle) {
		conn->http_idle = false;
		dn_wheel_arm(&conn->loop->wheel, &conn->timer,
		    dn_mono_us() + conn->loop->conf->http_timeout_us);
	}
	state = dn_http_feed(conn->http, bytes->p, bytes->n, &taken);
	bytes->p += taken;
	bytes->n -= taken;
	if (state == DN_HTTP_MORE) {
		if (dn_http_wants_continue(conn->http))
			dn_web_continue(conn);
		return;
	}
	conn->http_busy = true;
	dn_timer_cancel(&conn->timer);
	if (state == DN_HTTP_BAD)
		dn_web_bad(conn);
	else
		dn_web_request(conn);
}

static void feed(struct dn_conn *conn, struct dn_str bytes)
{
	while (bytes.n > 0 && conn->state == DN_CONN_HTTP && !conn->http_busy &&
	       !dn_conn_should_pause(conn))
		feed_http(conn, &bytes);
	if (conn->state == DN_CONN_HTTP && bytes.n > 0) {
		/* Pipelined behind a request that is being answered, or
		 * behind answers that nobody reads. */
		dn_buf_str(&conn->kept, bytes);
		if (!conn->http_busy || conn->kept.n > DN_READ_BUF)
			dn_conn_pause(conn);
		return;
	}
	if (conn->state == DN_CONN_LIVE && !only_reads(conn))
		feed_ws(conn, &bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct dn_conn *conn = stream->data;

	if (n == 0)
		return;
	if (n < 0) {
		dn_conn_drop(conn);
		return;
	}
	dn_stat_add(&conn->loop->stats.bytes_in, (uint64_t)n);
	feed(conn, (struct dn_str){buf->base, (size_t)n});
}

void dn_conn_resume(struct dn_conn *conn)
{
	struct dn_buf kept = conn->kept;

	conn->is_paused = false;
	if (conn->state > DN_CONN_LIVE)
		return;
	conn->kept = (struct dn_buf){0};
	if (conn->state == DN_CONN_LIVE)
		dn_session_resumed(conn->session);
	feed(conn, dn_buf_view(&kept));
	dn_buf_release(&kept);
	if (only_reads(conn))
		dn_emulated_go_on(conn);
	if (!conn->is_paused && conn->state <= DN_CONN_LIVE)
		uv_read_start(&conn->stream, on_alloc, on_read);
}

/* --- writing ------------------------------------------------------------ */

static void mark_dirty(struct dn_conn *conn)
{
	if (conn->is_dirty)
		return;
	conn->is_dirty = true;
	conn->next_dirty = conn->loop->dirty;
	conn->loop->dirty = conn;
}

static void set_blocked(struct dn_conn *conn, bool blocked)
{
	if (conn->is_blocked == blocked)
		return;
	conn->is_blocked = blocked;
	if (blocked) {
		conn->prev_blocked = NULL;
		conn->next_blocked = conn->loop->blocked;
		if (conn->next_blocked != NULL)
			conn->next_blocked->prev_blocked = conn;
		conn->loop->blocked = conn;
		return;
	}
	if (conn->prev_blocked != NULL)
		conn->prev_blocked->next_blocked = conn->next_blocked;
	else
		conn->loop->blocked = conn->next_blocked;
	if (conn->next_blocked != NULL)
		conn->next_blocked->prev_blocked = conn->prev_blocked;
}

static void sent(struct dn_conn *conn, size_t n)
{
	dn_rate_add(&conn->sent, n, conn->loop->now_ms);
	dn_stat_add(&conn->loop->stats.bytes_out, n);
	dn_stat_add(&conn->loop->stats.written, dn_outq_sent(&conn->out, n));
}

static void on_written(uv_write_t *req, int status)
{
	struct dn_conn *conn = req->data;
	struct iovec first;

	if (conn->state == DN_CONN_CLOSED)
		return; /* accounted for when it was dropped */
	conn->in_flight = false;
	conn->out.pinned = false;
	set_blocked(conn, false);
	if (status != 0) {
		dn_conn_drop(conn);
		return;
	}
	(void)dn_outq_vectors(&conn->out, &first, 1);
	sent(conn, first.iov_len);
	mark_dirty(conn);
}

/* The kernel takes no more now: the first frame's rest waits in libuv. */
static void write_later(struct dn_conn *conn)
{
	struct iovec first;
	uv_buf_t buf;
	int rc;

	(void)dn_outq_vectors(&conn->out, &first, 1);
	buf = uv_buf_init(first.iov_base, (unsigned)first.iov_len);
	conn->write.data = conn;
	rc = uv_write(&conn->write, &conn->stream, &buf, 1, on_written);
	if (rc != 0) {
		dn_conn_drop(conn);
		return;
	}
	conn->in_flight = true;
	conn->out.pinned = true;
	set_blocked(conn, true);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct dn_conn *conn = req->data;

	/* The peer answers with its own end, or the timer ends it. */
	if (status != 0 && conn->state != DN_CONN_CLOSED)
		dn_conn_drop(conn);
}

static void all_is_sent(struct dn_conn *conn)
{
	if (conn->state != DN_CONN_CLOSING || conn->shut)
		return;
	conn->shut = true;
	conn->shutdown.data = conn;
	if (uv_shutdown(&conn->shutdown, &conn->stream, on_shutdown) != 0)
		dn_conn_drop(conn);
}

void dn_conn_flush(struct dn_conn *conn)
{
	struct iovec iov[IOV_MAX_TURN];
	uv_buf_t bufs[IOV_MAX_TURN];
	unsigned n, i, batch;
	size_t total;
	int rc;

	for (batch = 0; batch < BATCHES_MAX_TURN; batch++) {
		if (conn->in_flight || conn->state == DN_CONN_CLOSED)
			return;
		n = dn_outq_vectors(&conn->out, iov, IOV_MAX_TURN);
		if (n == 0) {
			all_is_sent(conn);
			return;
		}
		for (i = 0, total = 0; i < n; i++) {
			bufs[i] = uv_buf_init(
			    iov[i].iov_base, (unsigned)iov[i].iov_len);
			total += iov[i].iov_len;
		}
		rc = uv_try_write(&conn->stream, bufs, n);
		if (rc < 0 && rc != UV_EAGAIN) {
			dn_conn_drop(conn);
			return;
		}
		if (rc > 0)
			sent(conn, (size_t)rc);
		if (rc < 0 || (size_t)rc < total)
			write_later(conn);
	}
	mark_dirty(conn);
}

void dn_conn_send(struct dn_conn *conn, struct dn_frame *frame,
    struct dn_track *track, bool reply)
{
	if (conn->state > DN_CONN_LIVE) {
		if (track != NULL)
			dn_track_end(track, DN_TRACK_GONE);
		return;
	}
	dn_outq_push(&conn->out, frame, track, reply, conn->loop->now_ms);
	mark_dirty(conn);
}

void dn_conn_send_behind(struct dn_conn *conn, struct dn_frame *first,
    struct dn_frame *frame, struct dn_track *track, bool reply)
{
	if (conn->state <= DN_CONN_LIVE) {
		dn_conn_send(conn, first, NULL, reply);
		dn_outq_tie(&conn->out);
	}
	dn_conn_send(conn, frame, track, reply);
}

void dn_conn_control(struct dn_conn *conn, struct dn_frame *frame)
{
	/* Answering only the newest ping is enough (RFC 6455 5.5.3): behind a
	 * stuck reader pongs must not pile up. */
	if (conn->in_flight && conn->out.count > 1 &&
	    conn->out.reply_bytes > UNBLOCK_BYTES)
		return;
	dn_outq_push_control(&conn->out, frame, conn->loop->now_ms);
	mark_dirty(conn);
}

void dn_conn_reply_tracked(
    struct dn_conn *conn, struct dn_str text, struct dn_track *track)
{
	struct dn_frame *frame =
	    dn_form_message(conn->form, text, conn->loop->deflate);

	if (track != NULL)
		dn_track_add(track);
	dn_conn_send(conn, frame, track, true);
	if (track != NULL)
		dn_track_close(track);
	dn_frame_unref(&frame);
}

void dn_conn_reply(struct dn_conn *conn, struct dn_str text)
{
	dn_conn_reply_tracked(conn, text, NULL);
}

void dn_conn_http_answer(struct dn_conn *conn, unsigned status,
    const char *content_type, const char *extra, struct dn_str body)
{
	struct dn_buf b = {0};
	struct dn_frame *frame;
	bool keep = !conn->http_close && status < 500 && status != 400 &&
		    !conn->loop->draining;

	if (conn->state != DN_CONN_HTTP)
		return;
	dn_http_response(&b, status, content_type, extra, body, keep);
	if (conn->http_head)
		b.n -= body.n;
	frame = dn_frame_raw(dn_buf_view(&b));
	dn_buf_release(&b);
	dn_conn_send(conn, frame, NULL, true);
	dn_frame_unref(&frame);
	if (!keep) {
		dn_conn_end(conn);
		return;
	}
	dn_http_reset(conn->http);
	conn->http_busy = false;
	dn_wheel_arm(
	    &conn->loop->wheel, &conn->timer, dn_mono_us() + DN_KEEP_ALIVE_US);
	if (conn->kept.n > 0)
		dn_conn_pause(conn); /* and be resumed with it */
}

/* Nobody answers on a one-way stream. A peer that takes nothing for as long as
 * one who owes a pong may is given up by the kernel. */
static void give_up_in_time(struct dn_conn *conn)
{
	const struct dn_conf *conf = conn->loop->conf;
	int64_t us = conf->ping_interval_us + conf->pong_timeout_us;
	unsigned ms = (unsigned)(us / 1000);
	int fd;

	if (!conn->unix_socket && uv_fileno(&conn->handle, &fd) == 0)
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void dn_conn_live(
    struct dn_conn *conn, struct dn_session *session, unsigned form)
{
	conn->form = (uint8_t)form;
	conn->state = DN_CONN_LIVE;
	conn->session = session;
	conn->http_busy = false;
	dn_http_free(&conn->http);
	dn_stat_add(&conn->loop->stats.connections, 1);
	if (only_reads(conn) && (form & DN_FORM_UNI) != 0)
		give_up_in_time(conn);
}

/* --- ending ------------------------------------------------------------- */

/* From now on nothing is read or queued; what is queued goes out. Code and
 * reason are what the session's end is told as. */
static void end(struct dn_conn *conn, unsigned code, const char *reason)
{
	int64_t patience = conn->state == DN_CONN_HTTP
			       ? conn->loop->conf->http_timeout_us
			       : CLOSE_PATIENCE_US;

	if (conn->state > DN_CONN_LIVE)
		return;
	if (conn->state == DN_CONN_LIVE) {
		dn_stat_sub(&conn->loop->stats.connections, 1);
		dn_admission_leave(dn_server_admission(conn->loop->server));
	}
	conn->state = DN_CONN_CLOSING;
	if (conn->session != NULL)
		dn_session_end(&conn->session, code, reason);
	dn_ws_input_free(&conn->input);
	dn_http_free(&conn->http);
	dn_buf_release(&conn->kept);
	conn->timer.fire = on_timer;
	dn_wheel_arm(&conn->loop->wheel, &conn->timer, dn_mono_us() + patience);
	/* Reading goes on, into nothing: a reset would take back bytes that
	 * the peer has not read yet. */
	uv_read_start(&conn->stream, on_alloc, on_read);
	mark_dirty(conn);
}

void dn_conn_end(struct dn_conn *conn)
{
	end(conn, 3000, "connection closed");
}

void dn_conn_close(struct dn_conn *conn, unsigned code, const char *reason)
{
	if (conn->state != DN_CONN_LIVE)
		return;
	send_close(conn, code, reason);
	end(conn, code, reason);
}

void dn_conn_close_slow(struct dn_conn *conn)
{
	if (conn->state != DN_CONN_LIVE)
		return;
	dn_stat_add(&conn->loop->stats.slow, 1);
	dn_stat_add(&conn->loop->stats.slow_drops,
	    dn_outq_drop(&conn->out, true, DN_TRACK_SLOW));
	dn_conn_close(conn, 3008, "slow");
}

static void on_closed(uv_handle_t *handle)
{
	struct dn_conn *conn = handle->data;

	conn->magic = 0;
	free(conn);
}

static void leave_lists(struct dn_conn *conn)
{
	struct dn_conn **at;

	set_blocked(conn, false);
	for (at = &conn->loop->dirty; conn->is_dirty && *at != NULL;
	     at = &(*at)->next_dirty) {
		if (*at == conn) {
			*at = conn->next_dirty;
			conn->is_dirty = false;
			break;
		}
	}
	for (at = &conn->loop->paused; conn->is_paused && *at != NULL;
	     at = &(*at)->next_paused) {
		if (*at == conn) {
			*at = conn->next_paused;
			conn->is_paused = false;
			break;
		}
	}
}

void dn_conn_drop(struct dn_conn *conn)
{
	DN_CHECK(conn, CONN_MAGIC);
	if (conn->state == DN_CONN_CLOSED)
		return;
	dn_conn_end(conn);
	conn->state = DN_CONN_CLOSED;
	dn_timer_cancel(&conn->timer);
	/* What of the frame in flight is with the kernel already counts. */
	if (conn->in_flight) {
		struct iovec first;
		size_t left = uv_stream_get_write_queue_size(&conn->stream);

		(void)dn_outq_vectors(&conn->out, &first, 1);
		if (left < first.iov_len)
			sent(conn, first.iov_len - left);
	}
	dn_stat_add(&conn->loop->stats.gone_drops,
	    dn_outq_drop(&conn->out, false, DN_TRACK_GONE));
	leave_lists(conn);
	dn_map_remove(&conn->loop->conns, conn->key);
	uv_close(&conn->handle, on_closed);
}

void dn_conn_check_blocked(struct dn_loop *loop)
{
	struct dn_conn *conn, *next;

	for (conn = loop->blocked; conn != NULL; conn = next) {
		next = conn->next_blocked;
		if (conn->state == DN_CONN_LIVE &&
		    (int64_t)dn_outq_age_ms(&conn->out, loop->now_ms) * 1000 >
			conn->queue_age_us)
			dn_conn_close_slow(conn);
	}
}

/* --- beginning ---------------------------------------------------------- */

static void set_options(struct dn_conn *conn)
{
	int fd, lowat = NOTSENT_LOWAT;

	if (conn->unix_socket || uv_fileno(&conn->handle, &fd) != 0)
		return;
	(void)uv_tcp_nodelay(&conn->tcp, 1);
	/* Else the kernel takes megabytes before a reader shows as slow. */
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
}

void dn_conn_accept(struct dn_loop *loop, uv_stream_t *listener, unsigned serve,
    bool unix_socket)
{
	struct dn_conn *conn = dn_xcalloc(1, sizeof(*conn));
	int rc;

	conn->magic = CONN_MAGIC;
	conn->loop = loop;
	conn->serve = (uint8_t)serve;
	conn->unix_socket = unix_socket;
	conn->http_idle = true;
	conn->queue_age_us = INT64_MAX / 2;
	conn->id = ++loop->next_conn;
	conn->key = (struct dn_str){(const char *)&conn->id, sizeof(conn->id)};
	conn->timer.fire = on_timer;
	rc = unix_socket ? uv_pipe_init(&loop->uv, &conn->pipe, 0)
			 : uv_tcp_init(&loop->uv, &conn->tcp);
	DN_ASSERT(rc == 0);
	conn->handle.data = conn;
	dn_map_put(&loop->conns, conn->key, conn);
	rc = uv_accept(listener, &conn->stream);
	if (rc == 0)
		rc = uv_read_start(&conn->stream, on_alloc, on_read);
	if (rc != 0) {
		dn_conn_drop(conn);
		return;
	}
	dn_stat_add(&loop->stats.accepted, 1);
	set_options(conn);
	dn_wheel_arm(&loop->wheel, &conn->timer,
	    dn_mono_us() + loop->conf->http_timeout_us);
}
