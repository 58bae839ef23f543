/* SPDX-License-Identifier: MIT */
/*
 * Signals. SIGHUP reloads; SIGTERM and SIGINT drain, and a second one stops
 * at once.
 *
 * Draining goes in steps, each when every loop has done the one before:
 * close listeners and spread the clients' ends over the drain time; wait for
 * open outcomes; save positions; stop the loops. Loop 0 counts, by mail.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "serve/conn.h"
#include "serve/notify.h"
#include "serve/server_impl.h"
#include "session/events.h"
#include "session/session.h"

enum {
	POLL_MS = 10,
	SPREAD_US = 2000,         /* a client's share of the drain time */
	DRAIN_GRACE_US = 1500000, /* for the last close frames */
	OUTCOMES_US = 2000000,    /* for open outcomes */
};

struct note {
	struct dn_mail mail;
	struct dn_conf *conf;
};

static void send_all(
    struct dn_server *s, void (*run)(struct dn_loop *, struct dn_mail *))
{
	unsigned i;

	for (i = s->n; i-- > 0;) {
		struct note *note = dn_xcalloc(1, sizeof(*note));

		note->mail.run = run;
		dn_loop_send(&s->loops[0], i, &note->mail);
	}
}

static void tell_first(
    struct dn_loop *loop, void (*run)(struct dn_loop *, struct dn_mail *))
{
	struct note *note = dn_xcalloc(1, sizeof(*note));

	note->mail.run = run;
	dn_loop_send(loop, 0, &note->mail);
}

/* --- the steps, last one first ------------------------------------------ */

static void run_stop(struct dn_loop *loop, struct dn_mail *mail)
{
	free(DN_CONTAINER(mail, struct note, mail));
	loop->stopped = true;
	uv_stop(&loop->uv);
}

static void run_saved(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_server *s = loop->server;

	free(DN_CONTAINER(mail, struct note, mail));
	if (++s->saved == s->n)
		send_all(s, run_stop);
}

static void on_outcomes(uv_timer_t *timer)
{
	struct dn_loop *loop = timer->data;

	if (dn_hub_flights(loop->hub) > 0 &&
	    dn_mono_us() < loop->drain_until_us)
		return;
	uv_timer_stop(timer);
	if (dn_server_logq(loop->server) != NULL)
		dn_hub_save(loop->hub, loop->conf);
	tell_first(loop, run_saved);
}

static void run_save(struct dn_loop *loop, struct dn_mail *mail)
{
	free(DN_CONTAINER(mail, struct note, mail));
	loop->drain_until_us = dn_mono_us() + OUTCOMES_US;
	(void)uv_timer_start(&loop->drain, on_outcomes, 0, POLL_MS);
}

static void run_drained(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_server *s = loop->server;

	free(DN_CONTAINER(mail, struct note, mail));
	if (++s->drained == s->n)
		send_all(s, run_save);
}

static void on_drain(uv_timer_t *timer)
{
	struct dn_loop *loop = timer->data;
	struct dn_conn *conn;
	size_t at = 0;

	if (loop->conns.count > 0 && dn_mono_us() < loop->drain_until_us)
		return;
	while ((conn = dn_map_any(&loop->conns, &at)) != NULL)
		dn_conn_drop(conn);
	/* The events of their ends are publications, too. */
	dn_events_send(loop);
	if (loop->events_open > 0 &&
	    dn_mono_us() < loop->drain_until_us + OUTCOMES_US)
		return;
	uv_timer_stop(timer);
	tell_first(loop, run_drained);
}

static void on_shutdown_due(struct dn_timer *timer, int64_t now_us)
{
	(void)now_us;
	dn_conn_close(
	    DN_CONTAINER(timer, struct dn_conn, timer), 3001, "shutdown");
}

static void run_drain(struct dn_loop *loop, struct dn_mail *mail)
{
	int64_t now = dn_mono_us();
	int64_t spread = loop->conf->drain_us * 8 / 10;
	int64_t fair = (int64_t)loop->conns.count * SPREAD_US;
	struct dn_conn *conn;
	size_t at = 0;

	free(DN_CONTAINER(mail, struct note, mail));
	if (loop->draining)
		return;
	loop->draining = true;
	dn_listen_close(loop);
	if (fair < spread)
		spread = fair;
	while ((conn = dn_map_next(&loop->conns, &at)) != NULL) {
		if (conn->state == DN_CONN_HTTP && !conn->http_busy) {
			dn_conn_end(conn);
		} else if (conn->state == DN_CONN_LIVE) {
			conn->timer.fire = on_shutdown_due;
			dn_wheel_arm(&loop->wheel, &conn->timer,
			    now +
				(int64_t)dn_random_below((uint64_t)spread + 1));
		}
	}
	loop->drain_until_us = now + loop->conf->drain_us + DRAIN_GRACE_US;
	(void)uv_timer_start(&loop->drain, on_drain, 0, POLL_MS);
}

/* --- signals ------------------------------------------------------------ */

static void on_stop(uv_signal_t *handle, int number)
{
	struct dn_server *s = handle->data;

	atomic_store(&s->ready, false);
	dn_diag(DN_INFO, NULL, "signal %d: %s", number,
	    s->signals == 0 ? "draining" : "stopping at once");
	if (s->signals++ == 0) {
		dn_notify_stopping();
		send_all(s, run_drain);
	} else {
		send_all(s, run_stop);
	}
}

static void run_reload(struct dn_loop *loop, struct dn_mail *mail)
{
	struct note *note = DN_CONTAINER(mail, struct note, mail);
	struct dn_conn *conn;
	size_t at = 0;

	dn_conf_unref(&loop->conf);
	loop->conf = note->conf;
	free(note);
	dn_loop_tune_deflate(loop);
	while ((conn = dn_map_next(&loop->conns, &at)) != NULL)
		if (conn->state == DN_CONN_LIVE)
			dn_session_reloaded(conn->session);
}

static bool listens_elsewhere(
    const struct dn_conf *now, const struct dn_conf *next)
{
	size_t i;

	if (now->listen_n != next->listen_n)
		return true;
	for (i = 0; i < now->listen_n; i++)
		if (strcmp(now->listen[i].address, next->listen[i].address) !=
			0 ||
		    now->listen[i].serve != next->listen[i].serve)
			return true;
	return false;
}

static void on_reload(uv_signal_t *handle, int number)
{
	struct dn_server *s = handle->data;
	struct dn_conf *conf;
	unsigned i;

	(void)number;
	dn_notify_reloading();
	conf = s->options->reload(s->options->reload_arg);
	if (conf != NULL && strcmp(conf->log, s->conf->log) != 0) {
		dn_diag(DN_ERROR, NULL,
		    "log: %s cannot become %s without a restart", s->conf->log,
		    conf->log);
		dn_conf_unref(&conf);
	}
	if (conf != NULL)
		dn_conf_adopt(conf, s->loops[0].conf);
	if (conf == NULL) {
		dn_diag(DN_ERROR, NULL,
		    "reload refused, the old configuration stays");
	} else {
		for (i = s->n; i-- > 0;) {
			struct note *note = dn_xcalloc(1, sizeof(*note));

			note->mail.run = run_reload;
			note->conf = dn_conf_ref(conf);
			dn_loop_send(&s->loops[0], i, &note->mail);
		}
		if (listens_elsewhere(s->conf, conf))
			dn_diag(DN_WARN, NULL,
			    "listen: the change waits for a restart");
		dn_conf_unref(&conf);
		dn_diag(DN_INFO, NULL, "configuration reloaded");
	}
	dn_notify_ready();
}

static void watch(
    struct dn_server *s, uv_signal_t *handle, uv_signal_cb cb, int number)
{
	int rc = uv_signal_init(&s->loops[0].uv, handle);

	rc |= uv_signal_start(handle, cb, number);
	DN_ASSERT(rc == 0);
	handle->data = s;
}

void dn_server_watch_signals(struct dn_server *s)
{
	(void)signal(SIGPIPE, SIG_IGN);
	watch(s, &s->term, on_stop, SIGTERM);
	watch(s, &s->intr, on_stop, SIGINT);
	watch(s, &s->hup, on_reload, SIGHUP);
}
