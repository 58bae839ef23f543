/* SPDX-License-Identifier: MIT */
/*
 * Start and end of dnot-serve. Loop 0 runs on the calling thread, the others
 * on their own; until the threads run everything belongs to the caller, and
 * after they are joined it does so again.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/exit.h"
#include "serve/notify.h"
#include "serve/server_impl.h"

enum { LOG_STOP_US = 10000000 };

struct dn_loop *dn_server_loop(struct dn_server *server, unsigned ix)
{
	return &server->loops[ix];
}

unsigned dn_server_loops(const struct dn_server *server)
{
	return server->n;
}

struct dn_logq *dn_server_logq(struct dn_server *server)
{
	return server->logq;
}

struct dn_revoked *dn_server_revoked(struct dn_server *server)
{
	return server->revoked;
}

bool dn_server_log_behind(struct dn_server *server)
{
	struct dn_logq_stats stats;

	if (server->logq == NULL)
		return false;
	dn_logq_stats(server->logq, &stats);
	return stats.pending_bytes > server->log_queue_bytes / 2;
}

bool dn_server_ready(struct dn_server *server, bool *degraded)
{
	struct dn_logq_stats stats = {0};

	if (server->logq != NULL)
		dn_logq_stats(server->logq, &stats);
	*degraded = stats.away;
	return atomic_load(&server->ready);
}

int64_t dn_server_uptime_s(const struct dn_server *server)
{
	return (dn_mono_us() - server->started_us) / 1000000;
}

struct dn_admission *dn_server_admission(struct dn_server *server)
{
	return &server->admission;
}

const char *dn_server_node(const struct dn_server *server)
{
	return server->node;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void tell_ready(struct dn_server *s)
{
	struct dn_buf line = {0};

	dn_buf_lit(&line, s->listen.first);
	dn_buf_byte(&line, '\n');
	atomic_store(&s->ready, true);
	if (s->options->ready_fd >= 0) {
		if (write(s->options->ready_fd, line.p, line.n) !=
		    (ssize_t)line.n)
			dn_diag(DN_WARN, NULL, "--ready-fd %d: %s",
			    s->options->ready_fd, strerror(errno));
		close(s->options->ready_fd);
	}
	dn_buf_release(&line);
	dn_notify_ready();
	dn_diag(DN_INFO, NULL, "ready on %s", s->listen.first);
}

static void run(struct dn_server *s)
{
	unsigned i;

	for (i = 1; i < s->n; i++)
		if (uv_thread_create(
			&s->loops[i].thread, dn_loop_run, &s->loops[i]) != 0)
			DN_ASSERT(!"a thread");
	dn_server_watch_signals(s);
	tell_ready(s);
	dn_loop_run(&s->loops[0]);
	for (i = 1; i < s->n; i++)
		uv_thread_join(&s->loops[i].thread);
}

/* The handlers go with loop 0; a signal that comes later changes nothing. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* A loop that was stopped at once left asks and answers on their way. */
static void deliver_all(struct dn_server *s)
{
	bool any;
	unsigned i;

	do {
		any = false;
		for (i = 0; i < s->n; i++)
			if (dn_loop_deliver(&s->loops[i]))
				any = true;
	} while (any);
}

static void release(struct dn_server *s)
{
	uint64_t lost = 0;
	unsigned i;

	block_signals();
	dn_listen_release(&s->listen);
	if (s->logq != NULL)
		lost = dn_logq_stop(&s->logq, s->saved == s->n, LOG_STOP_US);
	if (lost > 0)
		dn_diag(DN_ERROR, NULL,
		    "%llu writes could not be kept: the log was away",
		    (unsigned long long)lost);
	for (i = 0; i < s->n; i++) {
		dn_listen_close(&s->loops[i]);
		dn_loop_end(&s->loops[i]);
	}
	deliver_all(s);
	for (i = 0; i < s->n; i++)
		dn_loop_release(&s->loops[i]);
	dn_revoked_free(&s->revoked);
	dn_conf_unref(&s->conf);
	free(s->loops);
}

static int start_listening(struct dn_server *s)
{
	struct dn_err err = {0};
	int rc = dn_listen_all(&s->listen, s->loops, s->n, s->conf, &err);

	if (rc == 0)
		return 0;
	dn_diag(DN_ERROR, NULL, "%s", err.text);
	return rc == -EADDRINUSE ? DN_EXIT_AGAIN : DN_EXIT_CONFIG;
}

int dn_server_run(const struct dn_server_options *options)
{
	struct dn_server s = {
	    .n = options->threads,
	    .conf = options->conf,
	    .options = options,
	    .log_queue_bytes = options->conf->log_queue_bytes,
	    .started_us = dn_mono_us(),
	};
	int code;
	unsigned i;

	raise_descriptors();
	dn_uuid(s.node);
	s.revoked = dn_revoked_new();
	s.loops = dn_xcalloc(s.n, sizeof(*s.loops));
	for (i = 0; i < s.n; i++)
		dn_loop_init(&s.loops[i], &s, i, s.n, s.conf);
	code = dn_server_load(&s);
	if (code == 0)
		code = start_listening(&s);
	if (code == 0)
		run(&s);
	release(&s);
	return code;
}
