/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a publication after it has its offset.
 *
 * The happy path: it is launched (into history, to the subscribers), the log
 * confirms, a subscriber's socket takes it, and whoever waits is answered.
 *
 * Where the namespace has fallback its delivery is judged, once: taken by the
 * first subscriber that got all its bytes; or fallen, when every loop has
 * told that nobody got it, or at deliver_timeout. A fallen one goes into
 * undelivered, and is reported as fallen only after that was committed. If a
 * late socket takes it all the same, that is noted too, so that the sweep
 * finds it done.
 *
 * A flight lives as long as somebody refers to it: its maker, each loop that
 * still tracks it, each log write, each waiter.
 */
#include <stdlib.h>

#include "hub/hub_impl.h"

enum {
	LOGGED_WAIT_US = 10000000,  /* wait:"logged" without timeout_ms */
	FALLBACK_WAIT_US = 2000000, /* how long an answer waits to be able to
				       say `fallback` */
};

struct dn_waiter {
	struct dn_waiter *next;
	struct dn_flight *flight;
	struct dn_ask *ask;
	struct dn_timer timer;
	bool duplicate;
	bool late; /* its time is up */
};

static void flight_ref(struct dn_flight *flight)
{
	flight->refs++;
}

static void on_deadline(struct dn_timer *timer, int64_t now_us);

struct dn_flight *dn_flight_new(struct dn_hub *hub, struct dn_chan *chan,
    const struct dn_ask *ask, struct dn_frame *frame)
{
	struct dn_flight *flight = dn_xcalloc(1, sizeof(*flight));

	flight->magic = DN_FLIGHT_MAGIC;
	flight->refs = 1;
	flight->hub = hub;
	flight->chan = chan;
	flight->conf = dn_conf_ref(ask->conf);
	flight->tenant = ask->tenant;
	flight->ns = ask->ns;
	flight->frame = dn_frame_ref(frame);
	flight->accepted_us = chan->touched_us;
	flight->deadline.fire = on_deadline;
	memcpy(flight->epoch, chan->epoch, sizeof(flight->epoch));
	dn_chan_hold(hub, chan);
	hub->flights++;
	return flight;
}

void dn_flight_drop(struct dn_flight *flight)
{
	DN_CHECK(flight, DN_FLIGHT_MAGIC);
	if (--flight->refs > 0)
		return;
	dn_timer_cancel(&flight->deadline);
	if (flight->idem != NULL) {
		flight->idem->flight = NULL;
		flight->idem->holder = NULL;
		flight->idem->matched = flight->matched;
		flight->idem->logged = flight->logged;
		flight->idem->fallen = flight->outcome == DN_OUTCOME_FALLEN;
	}
	if (flight->reserved > 0)
		flight->hub->io->log_unreserve(
		    flight->hub->arg, flight->reserved);
	if (flight->redelivery)
		dn_map_remove(
		    &flight->hub->redeliveries, dn_str_of(flight->uid));
	dn_chan_release(flight->hub, flight->chan);
	flight->hub->flights--;
	dn_frame_unref(&flight->frame);
	dn_conf_unref(&flight->conf);
	flight->magic = 0;
	free(flight);
}

/* --- answers ------------------------------------------------------------ */

static void write_result(const struct dn_flight *f, const struct dn_waiter *w)
{
	struct dn_buf *b = &w->ask->body;

	if (f->offset > 0) {
		dn_buf_lit(b, "\"offset\":");
		dn_buf_u64(b, f->offset);
		dn_buf_lit(b, ",\"epoch\":\"");
		dn_buf_lit(b, f->epoch);
		dn_buf_lit(b, "\",");
	}
	dn_buf_lit(b, "\"matched\":");
	dn_buf_u64(b, f->matched);
	if (w->ask->publish.wait == DN_WAIT_WRITTEN)
		dn_buf_printf(b, ",\"queued\":%u,\"written\":%u,\"slow\":%u",
		    f->tally.queued, f->tally.written, f->tally.slow);
	if (f->logged)
		dn_buf_lit(b, ",\"logged\":true");
	if (w->duplicate)
		dn_buf_lit(b, ",\"duplicate\":true");
	if (f->outcome == DN_OUTCOME_FALLEN)
		dn_buf_printf(b,
		    ",\"fallback\":\"undelivered\",\"reason\":\"%s\"",
		    f->reason);
}

static void write_redelivered(
    const struct dn_flight *f, const struct dn_waiter *w)
{
	if (f->taken)
		dn_buf_lit(&w->ask->body, "\"taken\":true");
	else
		dn_buf_printf(&w->ask->body,
		    "\"taken\":false,\"reason\":\"%s\"",
		    f->reason != NULL ? f->reason : "deadline");
}

static bool judged(const struct dn_flight *f)
{
	return f->outcome != DN_OUTCOME_OPEN &&
	       f->outcome != DN_OUTCOME_WRITING;
}

/* Whether this wait is over; a late one that cannot be answered well fails. */
static bool waited(const struct dn_flight *f, struct dn_waiter *w)
{
	enum dn_wait want;

	if (f->redelivery)
		return judged(f) || w->late;
	want = w->ask->publish.wait;
	if (f->failed) {
		dn_ask_fail(w->ask, 100,
		    "internal server error: the log did not keep it");
		return true;
	}
	if (f->held || (want == DN_WAIT_LOGGED && !f->logged)) {
		if (w->late)
			dn_ask_fail(w->ask, 100,
			    "internal server error: the log did not confirm "
			    "in time");
		return w->late;
	}
	/* Neither path took it: to be sent again under the same key. */
	if (w->late && f->outcome == DN_OUTCOME_WRITING) {
		dn_ask_fail(w->ask, 100,
		    "internal server error: nobody took it, and the log did "
		    "not confirm the fallback in time");
		return true;
	}
	if (want == DN_WAIT_WRITTEN)
		return w->late || (f->loops_open == 0 && judged(f));
	return w->late || f->outcome != DN_OUTCOME_WRITING || f->matched > 0;
}

static void answer(const struct dn_flight *f, struct dn_waiter *w)
{
	if (w->ask->code == 0) {
		if (f->redelivery)
			write_redelivered(f, w);
		else
			write_result(f, w);
	}
	dn_hub_answer(f->hub, w->ask);
}

void dn_flight_settle(struct dn_flight *f)
{
	struct dn_waiter **at = &f->waiters;
	struct dn_waiter *w;

	/* An answer may not drop the last reference under the loop. */
	flight_ref(f);
	while ((w = *at) != NULL) {
		if (!waited(f, w)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		dn_timer_cancel(&w->timer);
		answer(f, w);
		free(w);
		dn_flight_drop(f);
	}
	dn_flight_drop(f);
}

static void on_waiter_late(struct dn_timer *timer, int64_t now_us)
{
	struct dn_waiter *w = DN_CONTAINER(timer, struct dn_waiter, timer);

	(void)now_us;
	w->late = true;
	dn_flight_settle(w->flight);
}

static int64_t patience(const struct dn_flight *f, const struct dn_ask *ask)
{
	if (f->redelivery)
		return f->ns->deliver_timeout_us + FALLBACK_WAIT_US;
	if (ask->publish.timeout_us > 0)
		return ask->publish.timeout_us;
	if (ask->publish.wait == DN_WAIT_WRITTEN)
		return f->ns->deliver_timeout_us + FALLBACK_WAIT_US;
	return f->held || ask->publish.wait == DN_WAIT_LOGGED
		   ? LOGGED_WAIT_US
		   : FALLBACK_WAIT_US;
}

void dn_flight_wait(struct dn_flight *f, struct dn_ask *ask, bool duplicate)
{
	struct dn_waiter now = {
	    .flight = f, .ask = ask, .duplicate = duplicate};
	struct dn_waiter *w;

	if (waited(f, &now)) {
		answer(f, &now);
		return;
	}
	w = dn_xcalloc(1, sizeof(*w));
	*w = now;
	w->next = f->waiters;
	w->timer.fire = on_waiter_late;
	f->waiters = w;
	flight_ref(f);
	dn_wheel_arm(f->hub->wheel, &w->timer,
	    f->hub->io->mono_us(f->hub->arg) + patience(f, ask));
}

/* --- the log ------------------------------------------------------------ */

/* Runs on the log's thread: makes the row from the frame that everybody
 * shares, so that no loop formats it. */
static int prepare_row(struct dn_logreq *req, struct dn_err *err)
{
	struct dn_record r = {0};
	struct dn_json pub;
	int rc = dn_json_parse(dn_push_pub(req->keep), &pub, err);

	if (rc != 0)
		return rc;
	dn_record_init(&r);
	rc = dn_record_from_pub(&r, pub, err);
	if (rc == 0) {
		r.channel = req->row.channel;
		r.redelivery = (struct dn_str){0};
		r.idempotency_key = req->undelivered.key;
		r.offset = req->row.offset;
		r.has_offset = r.offset > 0;
		r.epoch = r.has_offset ? req->row.epoch : (struct dn_str){0};
		dn_record_write(&req->text, &r);
		req->row.request_id = r.request_id;
		req->row.seq = r.seq;
		req->row.status = r.status;
		req->row.value = dn_buf_view(&req->text);
	}
	req->scratch = r.scratch;
	r.scratch = (struct dn_buf){0};
	dn_record_release(&r);
	return rc;
}

static void release_frame(void *keep)
{
	struct dn_frame *frame = keep;

	dn_frame_unref(&frame);
}

static struct dn_logreq *new_req(
    enum dn_logreq_op op, struct dn_flight *f, struct dn_str key)
{
	struct dn_str tenant = dn_str_of(f->tenant->name);
	struct dn_str epoch = dn_str_of(f->epoch);
	struct dn_logreq *req = dn_logreq_new(op, f->hub->loop,
	    tenant.n + f->chan->name.n + epoch.n + sizeof(f->uid) + key.n);
	size_t used = 0;

	req->row.tenant = dn_logreq_copy(req, &used, tenant);
	req->row.channel = dn_logreq_copy(req, &used, f->chan->name);
	req->row.epoch = dn_logreq_copy(req, &used, epoch);
	req->row.offset = f->offset;
	req->row.seq = -1;
	req->row.ts_us = f->accepted_us;
	req->undelivered.uid = dn_logreq_copy(req, &used, dn_str_of(f->uid));
	req->undelivered.key = dn_logreq_copy(req, &used, key);
	if (op == DN_LOGREQ_RECORD || op == DN_LOGREQ_UNDELIVERED) {
		req->keep = dn_frame_ref(f->frame);
		req->release = release_frame;
		req->prepare = prepare_row;
	}
	req->ctx = f;
	flight_ref(f);
	return req;
}

static void push(struct dn_flight *f, struct dn_logreq *req,
    void (*done)(void *loop, struct dn_logreq *req))
{
	req->done = done;
	f->hub->io->log_push(f->hub->arg, req);
}

static void finish_req(struct dn_flight *f, struct dn_logreq *req)
{
	if (req->status != 0)
		dn_stat_add(&f->hub->stats->log_lost, 1);
	dn_logreq_free(req);
}

static void on_logged(void *loop, struct dn_logreq *req)
{
	struct dn_flight *f = req->ctx;

	(void)loop;
	f->logged = req->status == 0;
	if (f->held) {
		DN_ASSERT(f->chan->held == f);
		f->chan->held = f->held_next;
		f->held = false;
		f->failed = !f->logged;
		/* Only an accepted publication is remembered. */
		if (f->failed && f->idem != NULL)
			dn_idem_remove(&f->chan->tenant->keys, f->idem);
		if (!f->failed)
			dn_flight_launch(f);
	}
	finish_req(f, req);
	dn_flight_settle(f);
	dn_flight_drop(f);
}

/* Called once, when the offset is given; the room was reserved before. */
void dn_flight_log(struct dn_flight *f, struct dn_str key)
{
	struct dn_logreq *req;

	if (!f->ns->log)
		return;
	req = new_req(DN_LOGREQ_RECORD, f, key);
	/* Open ones are found again by their position. */
	req->open = f->ns->fallback && f->offset > 0;
	/* The other half is for the outcome. */
	req->reserved = f->ns->fallback ? f->reserved / 2 : f->reserved;
	f->reserved -= req->reserved;
	push(f, req, on_logged);
}

static void on_fallen(void *loop, struct dn_logreq *req)
{
	struct dn_flight *f = req->ctx;

	(void)loop;
	/* Said only of what is there; else it stays open in the log. */
	if (f->outcome == DN_OUTCOME_WRITING)
		f->outcome =
		    req->status == 0 ? DN_OUTCOME_FALLEN : DN_OUTCOME_FREE;
	finish_req(f, req);
	dn_flight_settle(f);
	dn_flight_drop(f);
}

static void on_noted(void *loop, struct dn_logreq *req)
{
	struct dn_flight *f = req->ctx;

	(void)loop;
	finish_req(f, req);
	if (f->redelivery && f->outcome == DN_OUTCOME_WRITING)
		f->outcome = DN_OUTCOME_DELIVERED;
	dn_flight_settle(f);
	dn_flight_drop(f);
}

static void log_undelivered(struct dn_flight *f)
{
	struct dn_logreq *req;

	dn_uuid(f->uid);
	req = new_req(DN_LOGREQ_UNDELIVERED, f, (struct dn_str){0});
	req->undelivered.reason = dn_str_of(f->reason);
	req->undelivered.first_us = f->hub->io->wall_us(f->hub->arg);
	req->undelivered.not_before_us = req->undelivered.first_us;
	req->reserved = f->reserved;
	f->reserved = 0;
	push(f, req, on_fallen);
}

/* --- the outcome -------------------------------------------------------- */

static void count_fallen(struct dn_stats *stats, const char *reason)
{
	if (strcmp(reason, "no_subscriber") == 0)
		dn_stat_add(&stats->no_subscriber, 1);
	else if (strcmp(reason, "slow") == 0)
		dn_stat_add(&stats->un_slow, 1);
	else if (strcmp(reason, "deadline") == 0)
		dn_stat_add(&stats->un_deadline, 1);
	else
		dn_stat_add(&stats->un_disconnected, 1);
}

static void mark_ring(struct dn_flight *f, enum dn_taken taken)
{
	struct dn_ring_entry *e = dn_ring_find(&f->chan->ring, f->offset);

	if (f->redelivery &&
	    !dn_str_is(dn_chan_epoch_of(f->chan, f->offset), f->epoch))
		return;
	if (f->offset == 0 || e == NULL)
		return;
	e->taken = taken;
	e->flight = taken == DN_OPEN ? f : NULL;
}

static void judge_fallen(struct dn_flight *f, const char *reason)
{
	f->reason = reason;
	if (f->redelivery) {
		f->outcome = DN_OUTCOME_MISSED;
		return;
	}
	f->outcome = DN_OUTCOME_WRITING;
	mark_ring(f, DN_UNDELIVERED);
	count_fallen(f->hub->stats, reason);
	log_undelivered(f);
}

/* The last loop has told, or the time is up. */
static void judge(struct dn_flight *f, bool late)
{
	if (f->outcome != DN_OUTCOME_OPEN || f->taken)
		return;
	if (f->loops_open == 0 && f->matched == 0)
		judge_fallen(f, "no_subscriber");
	else if (f->loops_open == 0)
		judge_fallen(f, f->tally.slow > 0 ? "slow" : "disconnected");
	else if (late)
		judge_fallen(f, "deadline");
}

void dn_flight_taken(struct dn_flight *f)
{
	struct dn_logreq *req;

	if (f->taken)
		return;
	f->taken = true;
	dn_timer_cancel(&f->deadline);
	if (f->outcome == DN_OUTCOME_FREE)
		return;
	mark_ring(f, DN_TAKEN);
	if (f->redelivery) {
		/* Answered when the log knows, so that a sweep that asks
		 * again, now or after a restart, is told so. */
		dn_stat_add(&f->hub->stats->redelivered, 1);
		if (f->outcome == DN_OUTCOME_OPEN)
			f->outcome = DN_OUTCOME_WRITING;
		dn_hub_note_taken(f->hub, dn_str_of(f->uid));
		push(f, new_req(DN_LOGREQ_TAKEN, f, (struct dn_str){0}),
		    on_noted);
		return;
	}
	if (f->outcome != DN_OUTCOME_OPEN) {
		/* It fell before: the sweep shall find it done. */
		dn_hub_note_taken(f->hub, dn_str_of(f->uid));
		push(f, new_req(DN_LOGREQ_TAKEN, f, (struct dn_str){0}),
		    on_noted);
		return;
	}
	f->outcome = DN_OUTCOME_DELIVERED;
	if (f->ns->log) {
		req = new_req(DN_LOGREQ_DELIVERED, f, (struct dn_str){0});
		req->reserved = f->reserved;
		f->reserved = 0;
		push(f, req, on_noted);
	}
}

static void on_deadline(struct dn_timer *timer, int64_t now_us)
{
	struct dn_flight *f = DN_CONTAINER(timer, struct dn_flight, deadline);

	(void)now_us;
	flight_ref(f);
	judge(f, true);
	dn_flight_settle(f);
	dn_flight_drop(f);
}

static bool is_tracked(const struct dn_flight *f)
{
	return f->redelivery || f->ns->fallback || f->wants_tally;
}

void dn_flight_launch(struct dn_flight *f)
{
	struct dn_hub *hub = f->hub;
	struct dn_chan *chan = f->chan;
	bool follow = is_tracked(f);

	flight_ref(f);
	if (f->redelivery || f->ns->fallback)
		f->outcome = DN_OUTCOME_OPEN;
	if (f->offset > 0 && !f->redelivery) {
		chan->top = f->offset;
		if (chan->assigned < chan->top)
			chan->assigned = chan->top;
		if (chan->ring_size > 0) {
			dn_ring_add(&chan->ring, chan->ring_size, f->frame,
			    f->offset, f->accepted_us);
			if (f->ns->fallback)
				mark_ring(f, DN_OPEN);
		}
	}
	f->launching = true;
	f->matched = dn_hub_fanout(hub, chan,
	    (struct dn_fan){.frame = f->frame,
		.offset = f->redelivery ? 0 : f->offset,
		.delta = f->delta,
		.flight = follow ? f : NULL});
	f->launching = false;
	if (f->outcome == DN_OUTCOME_OPEN) {
		judge(f, false);
		if (f->outcome == DN_OUTCOME_OPEN)
			dn_wheel_arm(hub->wheel, &f->deadline,
			    hub->io->mono_us(hub->arg) +
				f->ns->deliver_timeout_us);
	}
	dn_flight_drop(f);
}

void dn_hub_report(struct dn_hub *hub, struct dn_flight *f,
    const struct dn_tally *tally, bool final)
{
	DN_CHECK(f, DN_FLIGHT_MAGIC);
	flight_ref(f);
	if (final) {
		f->tally.queued += tally->queued;
		f->tally.written += tally->written;
		f->tally.slow += tally->slow;
		f->tally.gone += tally->gone;
		DN_ASSERT(f->loops_open > 0);
		f->loops_open--;
		dn_flight_drop(f); /* the loop's reference */
	}
	if (tally->written > 0)
		dn_flight_taken(f);
	/* During the fan-out itself `matched` is not known yet. */
	if (!f->launching) {
		if (final)
			judge(f, false);
		dn_flight_settle(f);
	}
	dn_flight_drop(f);
	(void)hub;
}

/* --- taken in a recovery or history reply
 * ------------------------------------- */

static void on_position_taken(void *loop, struct dn_logreq *req)
{
	(void)loop;
	dn_logreq_free(req);
}

/* By its position: which undelivered id it has, if any, the log knows. */
static void log_position_taken(
    struct dn_hub *hub, struct dn_chan *chan, uint64_t offset)
{
	struct dn_str epoch = dn_chan_epoch_of(chan, offset);
	struct dn_logreq *req = dn_logreq_new(DN_LOGREQ_TAKEN, hub->loop,
	    chan->tenant->name.n + chan->name.n + epoch.n);
	size_t used = 0;

	req->row.tenant = dn_logreq_copy(req, &used, chan->tenant->name);
	req->row.channel = dn_logreq_copy(req, &used, chan->name);
	req->row.epoch = dn_logreq_copy(req, &used, epoch);
	req->row.offset = offset;
	req->done = on_position_taken;
	hub->io->log_push(hub->arg, req);
}

void dn_hub_taken(struct dn_hub *hub, struct dn_str key, struct dn_str epoch,
    const uint64_t *offsets, size_t n)
{
	struct dn_chan *chan = dn_map_get(&hub->chans, key);
	struct dn_ring_entry *e;
	size_t i;

	if (chan == NULL || !dn_str_is(epoch, chan->epoch))
		return;
	for (i = 0; i < n; i++) {
		e = dn_ring_find(&chan->ring, offsets[i]);
		if (e != NULL && e->flight != NULL) {
			struct dn_flight *f = e->flight;

			flight_ref(f);
			dn_flight_taken(f);
			dn_flight_settle(f);
			dn_flight_drop(f);
			continue;
		}
		if (e != NULL && e->taken == DN_TAKEN)
			continue;
		if (e != NULL)
			e->taken = DN_TAKEN;
		log_position_taken(hub, chan, offsets[i]);
	}
}
