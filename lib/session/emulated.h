/* SPDX-License-Identifier: MIT */
/*
 * emulated: commands of a client that cannot write to its connection, because
 * that is an HTTP answer which it reads. They come by requests of their own
 * (POST /emulation), on any loop, and travel to the session's by mail.
 *
 * Each is one message and is run like one. While the session may not be read
 * from (dn_conn_should_pause) they wait in order; their requests are answered
 * when they were run, so that a client which waits for its answers keeps its
 * order, whatever connection each one takes.
 *
 * Ownership: copies what it is given. A session holds those that wait.
 * Limits: DN_EMULATED_BYTES_MAX waiting bytes, of a session; one more closes
 *   it as slow (3008).
 * Thread: dn_emulate: any loop's; the rest: the session's.
 */
#ifndef DN_EMULATED_H
#define DN_EMULATED_H

#include "session/session.h"

enum { DN_EMULATED_BYTES_MAX = 256 * 1024 };

struct dn_emulated;

/* Hands data to the session that has this id. `done` is called on this loop
 * with `request` when it was run, or when there is no such session (any more).
 * False, and no call, where that loop's inbox is full. */
DN_MUST_CHECK bool dn_emulate(struct dn_loop *loop, uint64_t request,
    struct dn_str sid, struct dn_str data,
    void (*done)(struct dn_loop *loop, uint64_t request));
/* The session may be read from again. */
void dn_emulated_go_on(struct dn_conn *conn);
/* It ends: what waits is not run, but answered. */
void dn_emulated_drop(struct dn_session *s);

#endif
