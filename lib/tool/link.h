/* SPDX-License-Identifier: MIT */
/*
 * link: one WebSocket connection over libuv, from the name to the close: the
 * transport below client.
 *
 * A link resolves, connects (each address in turn), shakes hands, hands out
 * messages and joins what is sent in one loop turn into few frames and one
 * write. It is never connected again: the client makes a new one.
 *
 * Ownership: keeps the url until it is closed; texts are copied.
 * Lifetime: exactly one of the `closed` event and dn_link_close ends it; no
 *   event comes afterwards, and the link must not be used again. libuv's
 *   close frees it.
 * Limits: DN_LINK_BATCH bytes of joined commands a frame; what is unsent is
 *   the caller's to bound (dn_link_queued).
 * Errors: by `closed`.
 * Thread: that of the net's loop.
 */
#ifndef DN_LINK_H
#define DN_LINK_H

#include <uv.h>

#include "tool/client_url.h"
#include "wire/ws_client.h"

struct dn_link;

/* How far it came, and why it ended. */
enum dn_link_end {
	DN_LINK_UNREACHABLE, /* no connection, or gone before the answer */
	DN_LINK_REFUSED,     /* the answer was not 101: `code` is the status,
				0 where it was no HTTP */
	DN_LINK_CLOSED,      /* close frame with `code` */
	DN_LINK_LOST,        /* gone without one */
	DN_LINK_BAD,         /* the peer broke the protocol */
};

struct dn_link_events {
	void (*open)(void *arg);
	void (*message)(void *arg, struct dn_str text);
	/* Everything queued is in the kernel. */
	void (*written)(void *arg);
	void (*closed)(void *arg, enum dn_link_end end, unsigned code,
	    struct dn_str reason);
};

/* What the links of one loop share. */
struct dn_client_net {
	uint32_t magic;
	uv_loop_t *loop;
	uv_prepare_t prepare;
	uv_idle_t idle; /* runs while a link waits for the next turn */
	struct dn_ws_reader *reader;
	struct dn_link *dirty;    /* those with something to do this turn */
	struct dn_link *flushing; /* those left of a flush that runs */
	unsigned refs;            /* its handles, and each link */
	char buf[65536];          /* what was read */
};
void dn_client_net_unref(struct dn_client_net *net);

/* headers: NULL or complete lines for the upgrade. Calls back only later. */
DN_MUST_CHECK struct dn_link *dn_link_open(struct dn_client_net *net,
    const struct dn_client_url *url, const char *headers,
    const struct dn_link_events *events, void *arg);
/* With code 0 without a close frame. */
void dn_link_close(struct dn_link **link, unsigned code, const char *reason);

enum { DN_LINK_BATCH = 32768 };

/* Room for one command of at most n bytes: the caller appends it to the
 * buffer and calls dn_link_end. Only while open. */
DN_MUST_CHECK struct dn_buf *dn_link_begin(struct dn_link *link, size_t n);
void dn_link_end(struct dn_link *link);

/* Bytes that are not in the kernel. */
size_t dn_link_queued(const struct dn_link *link);
/* When bytes last came, in uv_now's milliseconds. */
uint64_t dn_link_heard_ms(const struct dn_link *link);

void dn_link_pause(struct dn_link *link);
void dn_link_resume(struct dn_link *link);

/* Called by the net's prepare hook. */
void dn_link_flush(struct dn_link *link);

#endif
