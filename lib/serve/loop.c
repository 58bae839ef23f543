/* SPDX-License-Identifier: MIT */
/*
 * Mail: a send goes into the outbox for its target and is handed over before
 * the loop sleeps, under the target's lock, with one wake-up where its inbox
 * was empty. The target runs what it finds, in order. A mail to oneself runs
 * at once.
 *
 * The log's thread hands back done requests the same way, in a list of its
 * own.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "serve/conn.h"
#include "serve/loop.h"
#include "serve/server.h"
#include "session/events.h"
#include "session/local.h"
#include "session/session.h"

enum { LOOP_MAGIC = 0x6c6f6f70, TICK_MS = 10, SCRATCH_KEEP = 256 * 1024 };

/* --- mail --------------------------------------------------------------- */

static struct dn_loop *loop_at(struct dn_loop *from, unsigned ix)
{
	return dn_server_loop(from->server, ix);
}

void dn_loop_send(struct dn_loop *from, unsigned to, struct dn_mail *mail)
{
	if (to == from->ix) {
		mail->run(from, mail);
		return;
	}
	atomic_fetch_add_explicit(
	    &loop_at(from, to)->inbox_count, 1, memory_order_relaxed);
	dn_mailbox_add(&from->outbox[to], mail);
}

bool dn_loop_has_room(struct dn_loop *from, unsigned to)
{
	return to == from->ix ||
	       atomic_load_explicit(&loop_at(from, to)->inbox_count,
		   memory_order_relaxed) < DN_INBOX_MAX;
}

static void hand_over(struct dn_loop *to, struct dn_mailbox *box)
{
	bool was_empty;

	uv_mutex_lock(&to->lock);
	was_empty = to->inbox.count == 0;
	dn_mailbox_move(&to->inbox, box);
	uv_mutex_unlock(&to->lock);
	if (was_empty)
		uv_async_send(&to->wake);
}

void dn_loop_post_log(struct dn_loop *to, struct dn_logreq *done)
{
	struct dn_logreq *last = done;

	while (last->next != NULL)
		last = last->next;
	uv_mutex_lock(&to->lock);
	*to->log_done_last = done;
	to->log_done_last = &last->next;
	uv_mutex_unlock(&to->lock);
	uv_async_send(&to->wake);
}

static void run_log_done(struct dn_loop *loop, struct dn_logreq *req)
{
	struct dn_logreq *next;

	for (; req != NULL; req = next) {
		next = req->next;
		req->done(loop, req);
	}
}

static void on_wake(uv_async_t *handle)
{
	struct dn_loop *loop = handle->data;
	struct dn_mailbox box = {0};
	struct dn_logreq *done;
	struct dn_mail *mail, *next;

	uv_mutex_lock(&loop->lock);
	dn_mailbox_move(&box, &loop->inbox);
	done = loop->log_done;
	loop->log_done = NULL;
	loop->log_done_last = &loop->log_done;
	uv_mutex_unlock(&loop->lock);
	atomic_fetch_sub_explicit(
	    &loop->inbox_count, box.count, memory_order_relaxed);
	for (mail = box.first; mail != NULL; mail = next) {
		next = mail->next;
		mail->run(loop, mail);
	}
	run_log_done(loop, done);
}

/* --- asks and answers
 * --------------------------------------------------------- */

static void run_ask(struct dn_loop *loop, struct dn_mail *mail)
{
	dn_hub_ask(loop->hub, DN_CONTAINER(mail, struct dn_ask, mail));
}

static void run_answer(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_ask *ask = DN_CONTAINER(mail, struct dn_ask, mail);

	ask->done(loop, ask);
}

void dn_loop_ask_at(struct dn_loop *loop, unsigned owner, struct dn_ask *ask)
{
	ask->mail.run = run_ask;
	if (ask->op != DN_ASK_UNSUBSCRIBE && !dn_loop_has_room(loop, owner)) {
		dn_stat_add(&loop->stats.refused, 1);
		dn_ask_fail(ask, 111,
		    "too many requests: the channel's loop is behind");
		ask->done(loop, ask);
		return;
	}
	dn_loop_send(loop, owner, &ask->mail);
}

void dn_loop_ask(struct dn_loop *loop, struct dn_ask *ask)
{
	unsigned owner = dn_hub_owner(dn_str_of(ask->tenant->name),
	    ask->channel, dn_server_loops(loop->server));

	dn_loop_ask_at(loop, owner, ask);
}

static void hub_answer(void *arg, struct dn_ask *ask)
{
	struct dn_loop *loop = arg;

	ask->mail.run = run_answer;
	dn_loop_send(loop, ask->origin, &ask->mail);
}

/* --- the hub's way out
 * --------------------------------------------------------- */

struct fan_mail {
	struct dn_mail mail;
	struct dn_fan fan;
	unsigned owner;
	bool lost;
	char key[];
};

static void run_fan(struct dn_loop *loop, struct dn_mail *mail)
{
	struct fan_mail *m = DN_CONTAINER(mail, struct fan_mail, mail);

	if (m->lost) {
		dn_local_lost(loop, m->fan.key);
	} else {
		dn_local_fanout(loop, m->owner, &m->fan);
		dn_frame_unref(&m->fan.frame);
	}
	free(m);
}

static bool hub_fanout(void *arg, unsigned to, const struct dn_fan *fan)
{
	struct dn_loop *loop = arg;
	struct fan_mail *m;

	if (to == loop->ix) {
		dn_local_fanout(loop, loop->ix, fan);
		return true;
	}
	m = dn_xmalloc(sizeof(*m) + fan->key.n);
	m->mail.run = run_fan;
	m->fan = *fan;
	m->owner = loop->ix;
	memcpy(m->key, fan->key.p, fan->key.n);
	m->fan.key.p = m->key;
	/* Presence may be lost silently nowhere, but it has no position:
	 * only publications are worth a resubscription. */
	m->lost = !dn_loop_has_room(loop, to);
	if (!m->lost)
		dn_frame_ref(fan->frame);
	dn_loop_send(loop, to, &m->mail);
	return !m->lost;
}

static void hub_occupancy(void *arg, const struct dn_ask *ask, bool occupied)
{
	dn_events_occupancy(arg, ask, occupied);
}

static int64_t hub_wall(void *arg)
{
	(void)arg;
	return dn_wall_us();
}

static int64_t hub_mono(void *arg)
{
	(void)arg;
	return dn_mono_us();
}

static void hub_random(void *arg, void *p, size_t n)
{
	(void)arg;
	dn_random(p, n);
}

/* Of a stopped server the log is gone before its loops are: what ends with
 * them finds none (NULL) any more. */
static struct dn_logq *logq_of(void *arg)
{
	return dn_server_logq(((struct dn_loop *)arg)->server);
}

static bool hub_log_reserve(void *arg, size_t bytes)
{
	return logq_of(arg) != NULL && dn_logq_reserve(logq_of(arg), bytes);
}

static void hub_log_unreserve(void *arg, size_t bytes)
{
	if (logq_of(arg) != NULL)
		dn_logq_unreserve(logq_of(arg), bytes);
}

static void hub_log_push(void *arg, struct dn_logreq *req)
{
	if (logq_of(arg) != NULL) {
		dn_logq_push(logq_of(arg), req);
		return;
	}
	req->status = -EAGAIN;
	req->done(arg, req);
}

const struct dn_hub_io dn_loop_hub_io = {
    .wall_us = hub_wall,
    .mono_us = hub_mono,
    .random = hub_random,
    .fanout = hub_fanout,
    .answer = hub_answer,
    .occupancy = hub_occupancy,
    .log_reserve = hub_log_reserve,
    .log_unreserve = hub_log_unreserve,
    .log_push = hub_log_push,
};

/* --- a turn
 * --------------------------------------------------------------------- */

static void on_spin(uv_idle_t *handle)
{
	(void)handle; /* keeps the loop from sleeping; prepare does the rest */
}

static void flush_dirty(struct dn_loop *loop)
{
	struct dn_conn *list = loop->dirty;

	loop->dirty = NULL;
	while (list != NULL) {
		struct dn_conn *conn = list;

		list = conn->next_dirty;
		conn->is_dirty = false;
		dn_conn_flush(conn);
	}
	if (loop->dirty != NULL)
		uv_idle_start(&loop->spin, on_spin);
	else
		uv_idle_stop(&loop->spin);
}

static void resume_paused(struct dn_loop *loop)
{
	struct dn_conn *list = loop->paused;

	loop->paused = NULL;
	while (list != NULL) {
		struct dn_conn *conn = list;

		list = conn->next_paused;
		if (dn_conn_is_full(conn)) {
			conn->next_paused = loop->paused;
			loop->paused = conn;
		} else {
			dn_conn_resume(conn);
		}
	}
}

/* Somebody paused again and could go on at once: the loop must not sleep. */
static void spin_for_paused(struct dn_loop *loop)
{
	const struct dn_conn *conn = loop->paused;

	while (conn != NULL && dn_conn_is_full(conn))
		conn = conn->next_paused;
	if (conn != NULL)
		uv_idle_start(&loop->spin, on_spin);
}

static void hand_over_all(struct dn_loop *loop)
{
	unsigned i, n = dn_server_loops(loop->server);

	for (i = 0; i < n; i++)
		if (loop->outbox[i].count > 0)
			hand_over(loop_at(loop, i), &loop->outbox[i]);
}

static void on_prepare(uv_prepare_t *handle)
{
	struct dn_loop *loop = handle->data;

	dn_session_end_doomed(loop);
	flush_dirty(loop);
	if (loop->paused != NULL) {
		resume_paused(loop);
		flush_dirty(loop);
	}
	if (loop->events.count > 0) {
		dn_events_send(loop);
		flush_dirty(loop);
	}
	spin_for_paused(loop);
	hand_over_all(loop);
}

static void on_tick(uv_timer_t *handle)
{
	struct dn_loop *loop = handle->data;
	int64_t now = dn_mono_us();
	int64_t late = now - loop->tick_due_us;

	loop->now_ms = (uint32_t)(now / 1000);
	loop->tick_due_us = now + TICK_MS * 1000;
	if (late > 0 && (uint64_t)late > dn_stat_get(&loop->stats.loop_lag_us))
		atomic_store_explicit(&loop->stats.loop_lag_us, (uint64_t)late,
		    memory_order_relaxed);
	dn_wheel_run(&loop->wheel, now);
	if (now - loop->second_us < 1000000)
		return;
	loop->second_us = now;
	atomic_store_explicit(&loop->stats.loop_lag_us,
	    late > 0 ? (uint64_t)late : 0, memory_order_relaxed);
	dn_conn_check_blocked(loop);
	dn_hub_tick(loop->hub, loop->conf);
	dn_refusals_tick(loop);
	if (loop->ix == 0)
		dn_revoked_expire(
		    dn_server_revoked(loop->server), dn_wall_us() / 1000000);
	dn_buf_reset(&loop->scratch, SCRATCH_KEEP);
	dn_buf_reset(&loop->text, SCRATCH_KEEP);
}

/* --- life
 * ------------------------------------------------------------------------- */

void dn_loop_tune_deflate(struct dn_loop *loop)
{
	const struct dn_conf_websocket *ws = &loop->conf->websocket;

	/* Who negotiated it takes messages as they are, too. */
	dn_deflate_tune(loop->deflate, ws->compression_level,
	    ws->compression ? ws->compression_min_size : SIZE_MAX);
}

void dn_loop_init(struct dn_loop *loop, struct dn_server *server, unsigned ix,
    unsigned loops, struct dn_conf *conf)
{
	int64_t now = dn_mono_us();
	int rc;

	memset(loop, 0, sizeof(*loop));
	loop->magic = LOOP_MAGIC;
	loop->ix = ix;
	loop->server = server;
	loop->conf = dn_conf_ref(conf);
	loop->log_done_last = &loop->log_done;
	loop->outbox = dn_xcalloc(loops, sizeof(*loop->outbox));
	loop->reader = dn_ws_reader_new(
	    DN_WS_FROM_CLIENT, conf->api_body_limit > conf->message_size_limit
				   ? conf->api_body_limit
				   : conf->message_size_limit);
	loop->deflate = dn_deflate_new();
	dn_loop_tune_deflate(loop);
	loop->read_buf = dn_xmalloc(DN_READ_BUF);
	dn_wheel_init(&loop->wheel, now);
	loop->now_ms = (uint32_t)(now / 1000);
	loop->tick_due_us = now + TICK_MS * 1000;
	loop->hub = dn_hub_new(
	    ix, loops, &loop->wheel, &loop->stats, &dn_loop_hub_io, loop);
	rc = uv_loop_init(&loop->uv);
	rc |= uv_mutex_init(&loop->lock);
	rc |= uv_prepare_init(&loop->uv, &loop->prepare);
	rc |= uv_idle_init(&loop->uv, &loop->spin);
	rc |= uv_async_init(&loop->uv, &loop->wake, on_wake);
	rc |= uv_timer_init(&loop->uv, &loop->tick);
	rc |= uv_timer_init(&loop->uv, &loop->drain);
	DN_ASSERT(rc == 0);
	loop->uv.data = loop;
	loop->prepare.data = loop->spin.data = loop->wake.data =
	    loop->tick.data = loop->drain.data = loop;
	rc = uv_prepare_start(&loop->prepare, on_prepare);
	rc |= uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
	DN_ASSERT(rc == 0);
}

void dn_loop_run(void *arg)
{
	struct dn_loop *loop = arg;

	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	/* A stopped loop had no turn's end: its last mails still go out. */
	hand_over_all(loop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void dn_loop_end(struct dn_loop *loop)
{
	struct dn_conn *conn;
	size_t at = 0;

	while ((conn = dn_map_any(&loop->conns, &at)) != NULL)
		dn_conn_drop(conn);
}

bool dn_loop_deliver(struct dn_loop *loop)
{
	bool any;

	hand_over_all(loop);
	any = loop->inbox.count > 0 || loop->log_done != NULL;
	on_wake(&loop->wake);
	return any;
}

void dn_loop_release(struct dn_loop *loop)
{
	uv_walk(&loop->uv, close_handle, NULL);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	dn_events_release(loop);
	dn_hub_free(&loop->hub);
	DN_ASSERT(uv_loop_close(&loop->uv) == 0);
	uv_mutex_destroy(&loop->lock);
	dn_map_release(&loop->conns);
	dn_map_release(&loop->locals);
	dn_map_release(&loop->bearers);
	dn_roster_release(&loop->roster);
	dn_buf_release(&loop->scratch);
	dn_buf_release(&loop->text);
	dn_ws_reader_free(&loop->reader);
	dn_deflate_free(&loop->deflate);
	free(loop->read_buf);
	free(loop->outbox);
	dn_conf_unref(&loop->conf);
	loop->magic = 0;
}
