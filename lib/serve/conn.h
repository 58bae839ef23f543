/* SPDX-License-Identifier: MIT */
/*
 * conn: one socket: HTTP first, then perhaps a client of the protocol: over a
 * WebSocket, or reading an HTTP answer that does not end.
 *
 * It reads into the loop's buffer and keeps only unfinished input; it writes
 * from a queue of shared frames. An idle connection of a client owns this
 * struct, its session and nothing else.
 *
 * The life: open → (draining →) closing → closed. dn_conn_close sends what is
 * queued and code and reason, waits three seconds at most for the peer, and
 * ends; dn_conn_drop ends at once.
 *
 * Limits: replies waiting (DN_REPLY_BYTES_MAX) and calls in flight
 *   (DN_CALLS_MAX) stop reading, also between the commands of one message;
 *   pushes are limited by the namespace.
 * Thread: its loop's.
 */
#ifndef DN_CONN_H
#define DN_CONN_H

#include "base/rate.h"
#include "serve/loop.h"
#include "wire/form.h"
#include "wire/http.h"
#include "wire/outq.h"

enum {
	DN_REPLY_BYTES_MAX = 128 * 1024,
	DN_CALLS_MAX = 4096,
	DN_CALL_HEAVY = 512, /* one that may give much counts like so many */
	DN_KEEP_ALIVE_US = 60000000, /* between two requests */
};

enum dn_conn_state {
	DN_CONN_HTTP,
	DN_CONN_LIVE,    /* it has a session */
	DN_CONN_CLOSING, /* only sends what is queued */
	DN_CONN_CLOSED,
};

struct dn_session;

struct dn_conn {
	uint32_t magic;
	uint8_t state;
	uint8_t serve; /* DN_SERVE_* of its listener */
	uint8_t form;  /* of its messages (form.h) */
	bool is_dirty, is_blocked, is_paused;
	bool in_flight; /* uv_write of the first frame's rest */
	bool shut;      /* our side is closed */
	bool http_busy; /* a request is being answered */
	bool http_close;
	bool http_head; /* it asks for the head alone */
	bool http_idle; /* between two requests: nothing of one is there */
	bool publishes; /* not read from while the log is behind */
	bool unix_socket;
	uint32_t calls; /* asked and not answered, by weight */
	uint64_t id;
	struct dn_str key; /* the id's bytes, for the loop's map */
	struct dn_loop *loop;
	struct dn_conn *next_dirty;
	struct dn_conn *next_blocked, *prev_blocked;
	struct dn_conn *next_paused;
	struct dn_outq out;
	struct dn_rate sent; /* bytes */
	int64_t queue_age_us;
	struct dn_timer timer; /* http: the deadline; ws: session's; closing:
				  the end of patience */
	struct dn_http *http;
	struct dn_buf kept; /* input behind a request being answered */
	struct dn_ws_input *input;
	struct dn_session *session;
	uv_write_t write;
	uv_shutdown_t shutdown;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
};

/* Accepts from a listening stream. */
void dn_conn_accept(struct dn_loop *loop, uv_stream_t *listener, unsigned serve,
    bool unix_socket);
/* NULL when it is gone. */
struct dn_conn *dn_conn_find(struct dn_loop *loop, uint64_t id);
/* Where it comes from, in place of what the buffer holds: "HOST:PORT" or
 * "unix:"; nothing when it is gone. */
void dn_conn_peer(const struct dn_conn *conn, struct dn_buf *out);

/* Queues a frame; keeps a reference. */
void dn_conn_send(struct dn_conn *conn, struct dn_frame *frame,
    struct dn_track *track, bool reply);
/* The same with another frame in front that is tied to it (outq.h). */
void dn_conn_send_behind(struct dn_conn *conn, struct dn_frame *first,
    struct dn_frame *frame, struct dn_track *track, bool reply);
/* Queues a control frame in front of whole frames. */
void dn_conn_control(struct dn_conn *conn, struct dn_frame *frame);
/* Queues a message that is a reply, in the connection's form. */
void dn_conn_reply(struct dn_conn *conn, struct dn_str text);
/* The same with a track that has been made for it (NULL: none), and is
 * closed here. */
void dn_conn_reply_tracked(
    struct dn_conn *conn, struct dn_str text, struct dn_track *track);
/* A client's end. The reason must not be empty. */
void dn_conn_close(struct dn_conn *conn, unsigned code, const char *reason);
/* The same for one that reads too slowly: what was not begun is dropped. */
void dn_conn_close_slow(struct dn_conn *conn);
void dn_conn_drop(struct dn_conn *conn);
/* Sends what is queued, then ends. */
void dn_conn_end(struct dn_conn *conn);
/* An HTTP answer; starts the next request or ends the connection. */
void dn_conn_http_answer(struct dn_conn *conn, unsigned status,
    const char *content_type, const char *extra, struct dn_str body);
/* After the head of the answer: from now on it is a client's, which has been
 * admitted (admission.h). */
void dn_conn_live(
    struct dn_conn *conn, struct dn_session *session, unsigned form);

/* The loop's side. */
void dn_conn_flush(struct dn_conn *conn);
void dn_conn_resume(struct dn_conn *conn);
/* Once a second: closes what has been blocked for too long. */
void dn_conn_check_blocked(struct dn_loop *loop);
/* No command may be run now: replies or calls pile up, the last command has to
 * be over first, or it publishes and the log is behind. */
bool dn_conn_is_full(const struct dn_conn *conn);
/* That, or commands of its last message wait. */
bool dn_conn_should_pause(const struct dn_conn *conn);
/* It is resumed in the first turn in which it is not full. One that reads an
 * endless answer is read from nevertheless: its end has to be seen. */
void dn_conn_pause(struct dn_conn *conn);
/* It is not read from, pongs included, because the log is behind. */
bool dn_conn_waits_for_log(const struct dn_conn *conn);

#endif
