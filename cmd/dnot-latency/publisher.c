/* SPDX-License-Identifier: MIT */
/*
 * How it works: a timerfd wakes the loop when the next record is due (a uv
 * timer knows milliseconds only); all records that are due by then go out,
 * each stamped with its planned and its actual time. Calls are pipelined. When
 * all are sent and answered, or TAIL_US after the schedule's end, the phase is
 * DONE; the connection stays until the join.
 *
 * How it fails: a full queue, a lost connection, or a server that has answered
 * nothing for a while (no real publisher goes on into silence) delays what is
 * due; it goes out later and is charged from its planned time. An answer that
 * went with the connection is only counted: the record may have been delivered.
 * A refused record was not sent. Where the connection cannot be made, or ends
 * for good, DONE comes with the exit code and the reason.
 */
#include "publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/diag.h"
#include "record/channel.h"

enum {
	BURST = 1024,       /* records a loop turn, so that each turn flushes */
	CLOCK_SAMPLES = 16, /* round trips */
	/* A server that owes answers and gives none for this long, and eight
	 * times the clock's error (four round trips), is not sent to. */
	SILENCE_US = 50000,
};

struct channel {
	struct publisher *publisher;
	uint64_t refused;
};

struct publisher {
	const struct latency *tool;
	const char *prefix;
	uv_async_t *notify;

	/* Between the threads, under the lock. */
	uv_mutex_t lock;
	struct publisher_report report;
	bool go, stop, quit;
	int64_t start_us;

	/* Of the thread; channels also of the main one after DONE. */
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t wake;
	uv_poll_t poll;
	uv_timer_t tail;
	int timer_fd;
	struct dn_client_net *net;
	struct dn_client *client;
	struct publisher_report own; /* copied to report when it changes */
	struct channel *channels;
	uint64_t next; /* record */
	uint64_t total;
	uint64_t outstanding, lost; /* calls without an answer */
	int64_t started_us;
	int64_t heard_us; /* the last answer, or when the first one was due */
	bool sending, full, silent, finishing, done;
	struct dn_buf params;
};

static void tell(struct publisher *p)
{
	uv_mutex_lock(&p->lock);
	p->report = p->own;
	uv_mutex_unlock(&p->lock);
	(void)uv_async_send(p->notify);
}

static void finish(struct publisher *p)
{
	if (p->done)
		return;
	p->done = true;
	p->sending = false;
	(void)uv_timer_stop(&p->tail);
	p->own.phase = PUBLISHER_DONE;
	p->own.sent = p->next;
	p->own.unanswered = p->outstanding + p->lost;
	tell(p);
}

static void fail(struct publisher *p, int exit_code, const char *reason)
{
	if (p->done)
		return;
	p->own.exit_code = exit_code;
	(void)snprintf(p->own.reason, sizeof(p->own.reason), "%s", reason);
	finish(p);
}

static void on_tail(uv_timer_t *timer)
{
	finish(timer->data);
}

/* Nothing more is sent; answers are still waited for. */
static void wind_up(struct publisher *p)
{
	int rc;

	p->sending = false;
	p->finishing = true;
	if (p->outstanding == 0) {
		finish(p);
		return;
	}
	rc = uv_timer_start(&p->tail, on_tail, TAIL_US / 1000, 0);
	DN_ASSERT(rc == 0);
}

static int refusal_exit(unsigned code)
{
	switch (code) {
	case 101:
	case 102:
	case 103:
		return DN_EXIT_REFUSED;
	case 107:
		return DN_EXIT_DATA;
	default:
		return DN_EXIT_OK; /* the schedule was missed, that is all */
	}
}

static void note_refusal(
    struct publisher *p, const struct dn_client_reply *reply)
{
	if (p->own.refused++ > 0)
		return;
	p->own.exit_code = refusal_exit(reply->code);
	(void)snprintf(p->own.reason, sizeof(p->own.reason),
	    "publish was refused: error %u %.*s%s", reply->code,
	    DN_FMT(reply->message),
	    reply->code == 102 ? "; --channel names another namespace" : "");
	if (p->own.exit_code == DN_EXIT_OK)
		dn_diag(DN_WARN, NULL, "%s", p->own.reason);
}

static void send_due(struct publisher *p);

static void on_reply(void *arg, const struct dn_client_reply *reply)
{
	struct channel *channel = arg;
	struct publisher *p = channel->publisher;

	p->outstanding--;
	p->heard_us = steady_now(&p->tool->clock);
	p->lost += reply->code == DN_CLIENT_LOST;
	if (reply->code != DN_CLIENT_OK && reply->code != DN_CLIENT_LOST &&
	    !p->done) {
		channel->refused++;
		note_refusal(p, reply);
	}
	if (p->finishing && p->outstanding == 0)
		finish(p);
	if (p->silent)
		send_due(p);
}

static void write_record(struct publisher *p, int64_t planned_us, int64_t now)
{
	struct dn_buf *b = &p->params;
	char name[DN_CHANNEL_MAX + 1];

	(void)snprintf(name, sizeof(name), "%s%llu", p->prefix,
	    (unsigned long long)(p->next % p->tool->channels));
	dn_buf_reset(b, SIZE_MAX);
	dn_buf_lit(b, "{\"channel\":");
	dn_buf_json_str(b, dn_str_of(name));
	dn_buf_lit(b, ",\"data\":");
	dn_latency_payload(b, p->next, planned_us, p->tool->size);
	dn_buf_lit(b, ",\"ts\":{\"enqueued\":");
	dn_buf_i64(b, now);
	dn_buf_lit(b, "}}");
}

/* Sends one record; false when that cannot be done now. */
static bool send_next(struct publisher *p, int64_t planned_us, int64_t now)
{
	struct channel *channel = &p->channels[p->next % p->tool->channels];
	int rc;

	write_record(p, planned_us, now);
	rc = dn_client_call(
	    p->client, "publish", dn_buf_view(&p->params), on_reply, channel);
	if (rc != 0) {
		p->full = rc == -EAGAIN;
		return false;
	}
	if (p->next == 0)
		p->own.first_us = now;
	p->own.last_us = now;
	if (now - planned_us > p->own.late_us)
		p->own.late_us = now - planned_us;
	p->next++;
	if (p->outstanding++ == 0)
		p->heard_us = now;
	return true;
}

/* Wakes the loop when the next record is due, at once if it is. */
static void arm(struct publisher *p)
{
	int64_t at = p->started_us + dn_latency_due_us(p->next, p->tool->rate) -
		     p->tool->clock.wall_us + p->tool->clock.mono_us;
	struct itimerspec when = {0};
	int rc;

	/* A time in the past fires at once; 0 would disarm. */
	at = at > 0 ? at : 1;
	when.it_value.tv_sec = at / 1000000;
	when.it_value.tv_nsec = at % 1000000 * 1000;
	rc = timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	DN_ASSERT(rc == 0);
}

static bool is_silent(const struct publisher *p)
{
	return p->outstanding > 0 && steady_now(&p->tool->clock) - p->heard_us >
					 SILENCE_US + 8 * p->own.error_us;
}

static void send_due(struct publisher *p)
{
	unsigned burst = 0;

	p->silent = p->sending && is_silent(p);
	if (p->silent)
		return; /* the next answer calls again */
	if (!p->sending || p->full ||
	    dn_client_state(p->client) != DN_CLIENT_CONNECTED)
		return; /* `drained` or the next connection calls again */
	while (p->next < p->total && burst++ < BURST) {
		int64_t planned =
		    p->started_us + dn_latency_due_us(p->next, p->tool->rate);
		int64_t now = steady_now(&p->tool->clock);

		if (planned > now)
			break;
		if (!send_next(p, planned, now))
			return;
	}
	if (p->next < p->total)
		arm(p);
	else
		wind_up(p);
}

static void on_due(uv_poll_t *poll, int status, int events)
{
	struct publisher *p = poll->data;
	uint64_t fired;

	(void)status;
	(void)events;
	if (read(p->timer_fd, &fired, sizeof(fired)) == sizeof(fired))
		send_due(p);
}

static void on_clock(void *arg, bool ok, int64_t offset_us, int64_t error_us)
{
	struct publisher *p = arg;

	if (p->own.phase != PUBLISHER_STARTING)
		return;
	p->own.phase = PUBLISHER_READY;
	p->own.has_clock = ok;
	p->own.offset_us = offset_us;
	p->own.error_us = error_us;
	tell(p);
}

static void on_connected(struct publisher *p)
{
	if (p->own.phase != PUBLISHER_STARTING)
		send_due(p);
	else if (dn_client_clock(p->client, CLOCK_SAMPLES, on_clock, p) != 0)
		fail(p, DN_EXIT_UNAVAILABLE, "the connection went at once");
}

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct publisher *p = arg;

	switch (why->state) {
	case DN_CLIENT_CONNECTED:
		on_connected(p);
		break;
	case DN_CLIENT_CONNECTING:
		p->full = false;
		if (p->own.phase == PUBLISHER_STARTING && why->tries > 0)
			fail(p, why->exit_code, why->reason);
		else if (p->sending)
			dn_diag(DN_WARN, NULL, "publisher: %s", why->reason);
		break;
	case DN_CLIENT_ENDED:
		fail(p, why->exit_code, why->reason);
		break;
	}
}

static void on_drained(void *arg)
{
	struct publisher *p = arg;

	p->full = false;
	send_due(p);
}

static void on_schedule_over(uv_timer_t *timer)
{
	struct publisher *p = timer->data;

	/* What is still not sent never will be. */
	wind_up(p);
}

static void start(struct publisher *p, int64_t start_us)
{
	int64_t over_us = start_us - steady_now(&p->tool->clock) +
			  p->tool->duration_us + TAIL_US;
	int rc;

	p->started_us = start_us;
	p->sending = true;
	rc = uv_timer_start(
	    &p->tail, on_schedule_over, (uint64_t)over_us / 1000, 0);
	DN_ASSERT(rc == 0);
	arm(p);
}

/* What is due by now was planned, the rest no longer is. */
static void interrupt(struct publisher *p)
{
	uint64_t due = 0;

	if (p->done || p->finishing)
		return;
	if (p->sending)
		due = dn_latency_due_count(
		    steady_now(&p->tool->clock) - p->started_us, p->tool->rate);
	if (due < p->own.planned)
		p->own.planned = due > p->next ? due : p->next;
	wind_up(p);
}

static void close_all(struct publisher *p)
{
	p->done = true;
	p->sending = false;
	if (p->client != NULL)
		dn_client_close(&p->client);
	dn_client_net_close(&p->net);
	uv_close((uv_handle_t *)&p->poll, NULL);
	uv_close((uv_handle_t *)&p->tail, NULL);
	uv_close((uv_handle_t *)&p->wake, NULL);
}

static void on_wake(uv_async_t *wake)
{
	struct publisher *p = wake->data;
	bool go, stop, quit;
	int64_t start_us;

	uv_mutex_lock(&p->lock);
	go = p->go;
	stop = p->stop;
	quit = p->quit;
	start_us = p->start_us;
	p->go = p->stop = p->quit = false;
	uv_mutex_unlock(&p->lock);
	if (go && !p->done)
		start(p, start_us);
	if (stop)
		interrupt(p);
	if (quit)
		close_all(p);
}

static void main_of_thread(void *arg)
{
	static const struct dn_client_events events = {
	    .state = on_state,
	    .drained = on_drained,
	};
	struct publisher *p = arg;
	struct dn_client_options options;
	struct dn_err err = {0};

	p->net = dn_client_net_new(&p->loop);
	dn_tool_client_options(&p->tool->tool, &options);
	if (dn_client_open(&p->client, p->net, &options, &events, p, &err) < 0)
		fail(p, DN_EXIT_CONFIG, err.text);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
}

static void init_handles(struct publisher *p)
{
	int rc;

	p->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	DN_ASSERT(p->timer_fd >= 0);
	rc = uv_loop_init(&p->loop);
	DN_ASSERT(rc == 0);
	rc = uv_async_init(&p->loop, &p->wake, on_wake);
	DN_ASSERT(rc == 0);
	rc = uv_timer_init(&p->loop, &p->tail);
	DN_ASSERT(rc == 0);
	rc = uv_poll_init(&p->loop, &p->poll, p->timer_fd);
	DN_ASSERT(rc == 0);
	p->wake.data = p->tail.data = p->poll.data = p;
	rc = uv_poll_start(&p->poll, UV_READABLE, on_due);
	DN_ASSERT(rc == 0);
}

struct publisher *publisher_new(const struct publisher_options *options)
{
	struct publisher *p = dn_xcalloc(1, sizeof(*p));
	uint64_t n = options->tool->channels;
	int rc;

	p->tool = options->tool;
	p->prefix = options->prefix;
	p->notify = options->notify;
	p->total =
	    dn_latency_due_count(p->tool->duration_us - 1, p->tool->rate);
	p->own.planned = p->total;
	p->report = p->own;
	p->channels = dn_xcalloc(n, sizeof(*p->channels));
	for (uint64_t i = 0; i < n; i++)
		p->channels[i].publisher = p;
	rc = uv_mutex_init(&p->lock);
	DN_ASSERT(rc == 0);
	init_handles(p);
	rc = uv_thread_create(&p->thread, main_of_thread, p);
	DN_ASSERT(rc == 0);
	return p;
}

void publisher_report(struct publisher *p, struct publisher_report *out)
{
	uv_mutex_lock(&p->lock);
	*out = p->report;
	uv_mutex_unlock(&p->lock);
}

void publisher_go(struct publisher *p, int64_t start_us)
{
	uv_mutex_lock(&p->lock);
	p->go = true;
	p->start_us = start_us;
	uv_mutex_unlock(&p->lock);
	(void)uv_async_send(&p->wake);
}

void publisher_stop(struct publisher *p)
{
	uv_mutex_lock(&p->lock);
	p->stop = true;
	uv_mutex_unlock(&p->lock);
	(void)uv_async_send(&p->wake);
}

uint64_t publisher_sent_to(struct publisher *p, uint64_t channel)
{
	uint64_t n = p->tool->channels;
	struct publisher_report report;

	publisher_report(p, &report);
	DN_ASSERT(report.phase == PUBLISHER_DONE);
	return report.sent / n + (channel < report.sent % n) -
	       p->channels[channel].refused;
}

void publisher_join(struct publisher **publisher)
{
	struct publisher *p = *publisher;
	int rc;

	uv_mutex_lock(&p->lock);
	p->quit = true;
	uv_mutex_unlock(&p->lock);
	(void)uv_async_send(&p->wake);
	rc = uv_thread_join(&p->thread);
	DN_ASSERT(rc == 0);
	rc = uv_loop_close(&p->loop);
	DN_ASSERT(rc == 0);
	(void)close(p->timer_fd);
	uv_mutex_destroy(&p->lock);
	dn_buf_release(&p->params);
	free(p->channels);
	free(p);
	*publisher = NULL;
}
