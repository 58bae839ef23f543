/* SPDX-License-Identifier: MIT */
/*
 * server: dnot-serve's insides put together: the loops, the listeners, the
 * log, start, reload and stop.
 *
 * Start: the log is opened and locked, streams are rehydrated, listeners are
 * bound (each address is probed first, so that a port in use is named), the
 * loops' threads run, and only then it is ready.
 * Stop (SIGTERM): listeners close; clients are closed with 3001, spread over
 * the drain time; outcomes and the log are waited for; positions are saved;
 * the log is marked clean.
 *
 * Thread: dn_server_run runs loop 0 on the calling thread; the functions that
 * other modules call say what they may be called from.
 */
#ifndef DN_SERVER_H
#define DN_SERVER_H

#include "serve/admission.h"
#include "serve/loop.h"

struct dn_server;

struct dn_server_options {
	struct dn_conf *conf; /* taken */
	unsigned threads;
	int ready_fd; /* -1: none */
	/* Makes the conf again at SIGHUP; NULL with errors told by itself. */
	struct dn_conf *(*reload)(void *arg);
	void *reload_arg;
};

/* Runs until it is stopped; the exit code. */
DN_MUST_CHECK int dn_server_run(const struct dn_server_options *options);

/* Any thread. */
struct dn_loop *dn_server_loop(struct dn_server *server, unsigned ix);
unsigned dn_server_loops(const struct dn_server *server);
struct dn_logq *dn_server_logq(struct dn_server *server); /* NULL: none */
struct dn_revoked *dn_server_revoked(struct dn_server *server);
/* More than half of the log's queue is taken. */
bool dn_server_log_behind(struct dn_server *server);
bool dn_server_ready(struct dn_server *server, bool *degraded);
int64_t dn_server_uptime_s(const struct dn_server *server);
struct dn_admission *dn_server_admission(struct dn_server *server);
const char *dn_server_node(const struct dn_server *server);

#endif
