/* SPDX-License-Identifier: MIT */
/*
 * server_impl: what the parts of the server share.
 *
 * Thread: loop 0's, but where an element says otherwise.
 */
#ifndef DN_SERVER_IMPL_H
#define DN_SERVER_IMPL_H

#include <stdatomic.h>

#include "serve/listen.h"
#include "serve/server.h"

struct dn_server {
	uint32_t magic;
	struct dn_loop *loops;
	unsigned n;
	struct dn_conf *conf;
	struct dn_logq *logq;
	struct dn_revoked *revoked;
	uint64_t log_queue_bytes;
	struct dn_admission admission;
	struct dn_listen listen;
	const struct dn_server_options *options;
	char node[37];
	int64_t started_us;
	_Atomic bool ready;
	uv_signal_t term, intr, hup;
	unsigned signals;        /* to stop, so far */
	unsigned drained, saved; /* loops that ended that step */
};

/* Opens the log, fills the hubs from it and starts its queue; 0 or an exit
 * code, the reason told. */
DN_MUST_CHECK int dn_server_load(struct dn_server *server);
/* On loop 0, before it runs. */
void dn_server_watch_signals(struct dn_server *server);

#endif
