/* SPDX-License-Identifier: MIT */
/*
 * Reading a stream: history, and what a subscriber missed.
 *
 * Publications are gathered from the ring; what lies below it comes from the
 * log, page by page, where the namespace has one. While the log reads, the
 * ask is parked; afterwards gathering goes on where it stood, so that a
 * subscriber is joined in the same step in which it has everything: no gap
 * and no repeat between what it is given and what it will be sent.
 *
 * Recovery fails, and says so, when there is a hole, when the epoch is another
 * one, or when it would not fit into the limits. While the log is away what
 * lies there is not taken for missing: a history fails with 100, a subscriber
 * who wants all or nothing, too.
 */
#include <stdlib.h>

#include "hub/hub_impl.h"

enum { LOG_PAGE = 500 };

static void note_open(struct dn_gather *g, uint64_t offset)
{
	if ((g->taken_n & (g->taken_n - 1)) == 0)
		g->taken = dn_xrealloc(g->taken,
		    (g->taken_n == 0 ? 4 : g->taken_n * 2) * sizeof(*g->taken));
	g->taken[g->taken_n++] = offset;
}

/* False when the limits are reached. */
static bool add(struct dn_gather *g, struct dn_buf *body, struct dn_str pub,
    uint64_t offset, bool open)
{
	if (g->found >= g->limit ||
	    (g->found > 0 && body->n + pub.n > g->bytes_max)) {
		g->full = true;
		return false;
	}
	if (g->found++ > 0)
		dn_buf_byte(body, ',');
	dn_buf_str(body, pub);
	g->have = offset;
	if (open && g->takes)
		note_open(g, offset);
	return true;
}

/* The offset to look for next; 0 when the end is reached. */
static uint64_t next_offset(const struct dn_chan *chan, struct dn_gather *g)
{
	if (g->reverse)
		return g->have > chan->floor + 1 ? g->have - 1 : 0;
	if (g->have < chan->floor) {
		g->hole = g->exact;
		g->have = chan->floor;
	}
	return g->have < chan->top ? g->have + 1 : 0;
}

/* What the ring has from here on. True when the log has to be asked. */
static bool from_ring(struct dn_chan *chan, const struct dn_ask *ask,
    struct dn_gather *g, struct dn_buf *body)
{
	uint64_t want, first;

	while (!g->full && !g->hole && g->found < g->limit &&
	       (want = next_offset(chan, g)) != 0) {
		struct dn_ring_entry *e = dn_ring_find(&chan->ring, want);

		if (e != NULL) {
			add(g, body, dn_push_pub(e->frame), want,
			    e->taken != DN_TAKEN);
			continue;
		}
		if (ask->ns->log)
			return true;
		first = dn_ring_first(&chan->ring);
		if (g->exact || g->reverse || first < want) {
			g->hole = g->exact;
			return false;
		}
		g->have = first - 1; /* older ones are history no more */
	}
	return false;
}

static void go_on(struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask);

/* Where an offset that the log lacks ends the search below the ring. */
static void skip_missing(struct dn_chan *chan, struct dn_gather *g)
{
	uint64_t first = dn_ring_first(&chan->ring);
	const struct dn_lineage *old =
	    dn_lineage_of(chan->lineage, g->have + 1);

	if (g->exact)
		g->hole = true;
	else if (g->reverse)
		g->have = 0;
	else if (old != NULL && (first == 0 || old->top < first - 1))
		g->have = old->top; /* go on with the next epoch */
	else
		g->have = first > g->have + 1 ? first - 1 : chan->top;
}

struct reading {
	struct dn_hub *hub;
	struct dn_chan *chan;
	struct dn_ask *ask;
};

static struct dn_gather *gather_of(struct dn_ask *ask)
{
	return ask->op == DN_ASK_SUBSCRIBE ? &ask->subscribe.gather
					   : &ask->history.gather;
}

/* A row of the log as a publication of the wire. */
static bool add_row(struct dn_gather *g, struct dn_buf *body,
    const struct dn_logrow *row, bool fallback)
{
	struct dn_record r = {0};
	struct dn_buf pub = {0};
	struct dn_err err;
	bool more = false;

	dn_record_init(&r);
	if (dn_record_parse(&r, row->value, &err) == 0) {
		r.epoch = (struct dn_str){0};
		dn_record_write_pub(&pub, &r);
		more = add(g, body, dn_buf_view(&pub), row->offset, fallback);
	} else {
		g->hole = g->exact;
		g->have = row->offset;
	}
	dn_record_release(&r);
	dn_buf_release(&pub);
	return more;
}

static void on_read(void *loop, struct dn_logreq *req)
{
	struct reading *reading = req->ctx;
	struct dn_chan *chan = reading->chan;
	struct dn_ask *ask = reading->ask;
	struct dn_gather *g = gather_of(ask);
	uint64_t before = g->have;
	size_t i;

	(void)loop;
	if (req->status != 0)
		g->unread = g->hole = true;
	for (i = 0; i < req->found_n && !g->full && !g->hole; i++) {
		if (g->exact && req->found[i].offset != g->have + 1) {
			g->hole = true;
			break;
		}
		/* The log forgets a removal when the epoch is another one. */
		if (g->reverse && req->found[i].offset <= chan->floor) {
			g->have = chan->floor + 1;
			break;
		}
		add_row(g, &ask->body, &req->found[i], ask->ns->fallback);
	}
	if (g->have == before && !g->full && !g->hole)
		skip_missing(chan, g);
	go_on(reading->hub, chan, ask);
	dn_chan_release(reading->hub, chan);
	free(reading);
	dn_logreq_free(req);
}

/* How many rows to ask for: within the limits, not into the ring, and not
 * beyond the epoch that the search is in. */
static uint64_t rows_wanted(const struct dn_chan *chan,
    const struct dn_gather *g, const struct dn_lineage *old)
{
	uint64_t first = dn_ring_first(&chan->ring);
	uint64_t want = g->limit - g->found;

	if (want > LOG_PAGE)
		want = LOG_PAGE;
	if (g->reverse)
		return want;
	if (first > g->have + 1 && first - 1 - g->have < want)
		want = first - 1 - g->have;
	if (old != NULL && old->top - g->have < want)
		want = old->top - g->have;
	return want;
}

static void read_log(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_gather *g = gather_of(ask);
	uint64_t next = g->reverse ? g->have - 1 : g->have + 1;
	struct dn_str epoch = dn_chan_epoch_of(chan, next);
	struct reading *reading = dn_xmalloc(sizeof(*reading));
	struct dn_logreq *req = dn_logreq_new(DN_LOGREQ_READ, hub->loop,
	    chan->tenant->name.n + chan->name.n + epoch.n);
	size_t used = 0;

	*reading = (struct reading){hub, chan, ask};
	req->row.tenant = dn_logreq_copy(req, &used, chan->tenant->name);
	req->row.channel = dn_logreq_copy(req, &used, chan->name);
	req->row.epoch = dn_logreq_copy(req, &used, epoch);
	req->after = g->have;
	req->reverse = g->reverse;
	req->limit = rows_wanted(chan, g, dn_lineage_of(chan->lineage, next));
	req->bytes_max = g->bytes_max;
	req->ctx = reading;
	req->done = on_read;
	dn_chan_hold(hub, chan);
	hub->io->log_push(hub->arg, req);
}

/* --- the end of each ---------------------------------------------------- */

static void fail_unread(struct dn_ask *ask)
{
	dn_ask_fail(
	    ask, 100, "internal server error: the log cannot be read now");
}

static void end_history(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_buf list;

	if (ask->history.gather.unread) {
		fail_unread(ask);
		dn_hub_answer(hub, ask);
		return;
	}
	list = ask->body;
	memcpy(ask->history.gather.epoch, chan->epoch, sizeof(chan->epoch));
	ask->body = (struct dn_buf){0};
	dn_buf_lit(&ask->body, "\"publications\":[");
	dn_buf_str(&ask->body, dn_buf_view(&list));
	dn_buf_printf(&ask->body, "],\"epoch\":\"%s\",\"offset\":%llu",
	    chan->epoch, (unsigned long long)chan->top);
	dn_buf_release(&list);
	dn_hub_answer(hub, ask);
}

static bool other_epoch(const struct dn_chan *chan, struct dn_str epoch)
{
	return epoch.n > 0 && !dn_str_is(epoch, chan->epoch);
}

static bool is_cache(const struct dn_ask *ask)
{
	return ask->ns->recovery_mode == DN_RECOVERY_CACHE;
}

/* Whether everything that was missed has been gathered; in cache mode: the
 * newest publication, which is left out where the client has it. */
static bool has_recovered(const struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_ask_subscribe *s = &ask->subscribe;
	struct dn_gather *g = &s->gather;

	if (!s->was_recovering)
		return false;
	if (!is_cache(ask))
		return !g->hole && !g->full && g->have == chan->top;
	if (g->found != 1 || g->have != chan->top)
		return false;
	if (s->recover && s->offset == chan->top &&
	    !other_epoch(chan, s->epoch)) {
		ask->body.n = 0;
		g->taken_n = 0;
	}
	s->offset = chan->top;
	return true;
}

static void end_subscribe(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_ask_subscribe *s = &ask->subscribe;
	struct dn_gather *g = &s->gather;

	s->recovered = has_recovered(chan, ask);
	if (!s->recovered) {
		ask->body.n = 0;
		g->taken_n = 0;
	}
	if (s->was_recovering && !s->recovered && s->reject_unrecovered) {
		if (g->unread)
			fail_unread(ask);
		else
			dn_ask_fail(ask, 112, "unrecoverable position");
	}
	memcpy(g->epoch, chan->epoch, sizeof(chan->epoch));
	s->top = chan->top;
	s->offset_now = s->recovered ? s->offset : chan->top;
	dn_hub_join(hub, chan, ask);
}

static void go_on(struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_gather *g = gather_of(ask);

	if (!g->full && !g->hole && g->found >= g->limit &&
	    next_offset(chan, g) != 0)
		g->full = true;
	if (!g->full && from_ring(chan, ask, g, &ask->body)) {
		read_log(hub, chan, ask);
		return;
	}
	if (ask->op == DN_ASK_SUBSCRIBE)
		end_subscribe(hub, chan, ask);
	else
		end_history(hub, chan, ask);
}

/* --- the asks ------------------------------------------------------------ */

/* Where the gathering of what was missed begins. */
static void start_recovery(const struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_ask_subscribe *s = &ask->subscribe;
	struct dn_gather *g = &s->gather;

	g->takes = ask->ns->fallback;
	if (is_cache(ask)) {
		g->have = chan->top + 1;
		g->reverse = true;
		g->limit = 1;
		return;
	}
	g->have = s->offset;
	g->exact = true;
	g->hole = other_epoch(chan, s->epoch) || s->offset > chan->top ||
		  chan->top - s->offset > g->limit;
}

void dn_hub_subscribe(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_ask_subscribe *s = &ask->subscribe;
	const struct dn_conf_ns *ns = ask->ns;
	bool stream = ns->history_size > 0 || ns->log;

	s->recoverable =
	    stream &&
	    (s->force_recovery ||
		(ns->allow_recovery && (s->ask_recoverable || s->recover)));
	s->positioned =
	    stream && (s->recoverable || s->force_positioning ||
			  (ns->allow_positioning && s->ask_positioned));
	s->was_recovering =
	    s->recoverable &&
	    (s->recover || (is_cache(ask) && ns->auto_cache_recover));
	if (!s->was_recovering) {
		end_subscribe(hub, chan, ask);
		return;
	}
	start_recovery(chan, ask);
	go_on(hub, chan, ask);
}

static void history_remove(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask);

void dn_hub_history(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_ask_history *h = &ask->history;
	struct dn_gather *g = &h->gather;

	if (ask->ns->history_size == 0 && !ask->ns->log) {
		dn_ask_fail(ask, 108, "not available");
		dn_hub_answer(hub, ask);
		return;
	}
	if (ask->op == DN_ASK_HISTORY_REMOVE) {
		history_remove(hub, chan, ask);
		return;
	}
	if (h->has_since && other_epoch(chan, h->epoch)) {
		dn_ask_fail(ask, 112, "unrecoverable position");
		dn_hub_answer(hub, ask);
		return;
	}
	g->have = h->has_since ? h->since : g->reverse ? chan->top + 1 : 0;
	if (g->reverse && g->have > chan->top + 1)
		g->have = chan->top + 1;
	if (g->limit == 0)
		end_history(hub, chan, ask);
	else
		go_on(hub, chan, ask);
}

/* --- removal ------------------------------------------------------------ */

static void on_removed(void *loop, struct dn_logreq *req)
{
	struct reading *reading = req->ctx;

	(void)loop;
	if (req->status != 0)
		dn_ask_fail(reading->ask, 100,
		    "internal server error: the log did not take it");
	dn_hub_answer(reading->hub, reading->ask);
	dn_chan_release(reading->hub, reading->chan);
	free(reading);
	dn_logreq_free(req);
}

static void history_remove(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_str epoch = dn_str_of(chan->epoch);
	struct dn_logreq *req;
	struct reading *reading;
	size_t used = 0;

	dn_ring_clear(&chan->ring);
	chan->floor = chan->top;
	if (!ask->ns->log) {
		dn_hub_answer(hub, ask);
		return;
	}
	req = dn_logreq_new(DN_LOGREQ_REMOVED, hub->loop,
	    chan->tenant->name.n + chan->name.n + epoch.n);
	reading = dn_xmalloc(sizeof(*reading));
	*reading = (struct reading){hub, chan, ask};
	req->row.tenant = dn_logreq_copy(req, &used, chan->tenant->name);
	req->row.channel = dn_logreq_copy(req, &used, chan->name);
	req->row.epoch = dn_logreq_copy(req, &used, epoch);
	req->row.offset = chan->top;
	req->ctx = reading;
	req->done = on_removed;
	dn_chan_hold(hub, chan);
	hub->io->log_push(hub->arg, req);
}
