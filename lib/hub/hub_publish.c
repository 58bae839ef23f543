/* SPDX-License-Identifier: MIT */
/*
 * A publication's way in: the idempotency window, room in the log, an offset,
 * the frame's completion, and then either at once to the subscribers (durable
 * "after") or first to the log (durable "before": held, in order, until the
 * log confirms).
 *
 * It fails before it has an offset (no room: 100), or not at all.
 */
#include "hub/hub_impl.h"

/* Log room: a row costs its text again and the columns beside it; with
 * fallback its outcome may become a second row. */
static size_t log_cost(const struct dn_ask *ask)
{
	const struct dn_frame *frame = ask->publish.frame;
	size_t row = (size_t)(frame->end - frame->start) * 2 + 1024;

	return row * (ask->ns->log ? 1 : 0) + row * (ask->ns->fallback ? 1 : 0);
}

/* True with the room reserved; false when the ask was made an error. */
static bool admit(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask, size_t cost)
{
	if (ask->publish.wait == DN_WAIT_LOGGED && !ask->ns->log) {
		dn_ask_fail(
		    ask, 108, "not available: the namespace has no log");
		return false;
	}
	/* A reload took the log away while earlier ones wait for it. */
	if (chan->held != NULL && !ask->ns->log) {
		dn_ask_fail(ask, 100,
		    "internal server error: earlier publications wait for the "
		    "log");
		return false;
	}
	if (cost > 0 && !hub->io->log_reserve(hub->arg, cost)) {
		dn_stat_add(&hub->stats->refused, 1);
		dn_ask_fail(ask, 100,
		    "internal server error: the log is behind and its queue "
		    "is full");
		return false;
	}
	return true;
}

/* An answer for a key that is known; its flight may be over. */
static void repeat(struct dn_hub *hub, struct dn_idem *idem,
    struct dn_chan *chan, struct dn_ask *ask)
{
	dn_stat_add(&hub->stats->duplicates, 1);
	if (idem->flight != NULL) {
		dn_flight_wait(idem->flight, ask, true);
		return;
	}
	if (idem->offset > 0)
		dn_buf_printf(&ask->body, "\"offset\":%llu,\"epoch\":\"%s\",",
		    (unsigned long long)idem->offset,
		    dn_chan_epoch_of(chan, idem->offset).p);
	dn_buf_printf(
	    &ask->body, "\"matched\":%u,\"duplicate\":true", idem->matched);
	if (idem->logged)
		dn_buf_lit(&ask->body, ",\"logged\":true");
	if (idem->fallen)
		dn_buf_lit(&ask->body, ",\"fallback\":\"undelivered\"");
	dn_hub_answer(hub, ask);
}

/* Whether a newer version of the document was published before. */
static bool out_of_date(const struct dn_chan *chan, const struct dn_ask *ask)
{
	const struct dn_ask_publish *p = &ask->publish;

	return p->version > 0 && p->version <= chan->version &&
	       dn_str_eq(p->version_epoch, dn_buf_view(&chan->version_epoch));
}

static void answer_suppressed(
    struct dn_hub *hub, const struct dn_chan *chan, struct dn_ask *ask)
{
	dn_buf_printf(&ask->body,
	    "\"offset\":%llu,\"epoch\":\"%s\",\"suppressed\":true",
	    (unsigned long long)chan->top, chan->epoch);
	dn_hub_answer(hub, ask);
}

static void note_version(struct dn_chan *chan, const struct dn_ask *ask)
{
	if (ask->publish.version == 0)
		return;
	chan->version = ask->publish.version;
	chan->version_epoch.n = 0;
	dn_buf_str(&chan->version_epoch, ask->publish.version_epoch);
}

static void remember(
    struct dn_hub *hub, struct dn_flight *flight, const struct dn_ask *ask)
{
	uint64_t cut = 0;
	struct dn_chan *chan = flight->chan;
	size_t max = (size_t)ask->tenant->limits.idempotency_keys / hub->loops;

	if (ask->publish.key.n == 0)
		return;
	flight->idem = dn_idem_add(&chan->tenant->keys, &chan->keys,
	    ask->publish.key, flight->accepted_us,
	    ask->ns->idempotency_window_us, max > 0 ? max : 1, &cut);
	flight->idem->flight = flight;
	flight->idem->holder = &flight->idem;
	flight->idem->offset = flight->offset;
	if (cut > 0)
		dn_stat_add(&hub->stats->keys_cut, cut);
}

void dn_hub_publish(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	const struct dn_conf_ns *ns = ask->ns;
	struct dn_idem *known =
	    ask->publish.key.n == 0
		? NULL
		: dn_idem_find(&chan->keys, ask->publish.key, chan->touched_us);
	bool stream =
	    (ns->history_size > 0 || ns->log) && !ask->publish.skip_history;
	size_t cost = log_cost(ask);
	struct dn_flight *flight;

	if (known != NULL) {
		repeat(hub, known, chan, ask);
		return;
	}
	if (stream && out_of_date(chan, ask)) {
		answer_suppressed(hub, chan, ask);
		return;
	}
	if (!admit(hub, chan, ask, cost)) {
		dn_hub_answer(hub, ask);
		return;
	}
	note_version(chan, ask);
	dn_stat_add(&hub->stats->publications, 1);
	flight = dn_flight_new(hub, chan, ask, ask->publish.frame);
	flight->reserved = cost;
	flight->wants_tally = ask->publish.wait == DN_WAIT_WRITTEN;
	flight->delta = ask->publish.delta;
	flight->offset = stream ? ++chan->assigned : 0;
	dn_push_finish(flight->frame, flight->accepted_us, flight->offset,
	    dn_str_of(chan->epoch));
	remember(hub, flight, ask);
	if (chan->held != NULL ||
	    (ns->log && ns->durable == DN_DURABLE_BEFORE)) {
		flight->held = true;
		if (chan->held == NULL)
			chan->held = flight;
		else
			chan->held_last->held_next = flight;
		chan->held_last = flight;
	}
	dn_flight_log(flight, ask->publish.named_key);
	if (!flight->held)
		dn_flight_launch(flight);
	dn_flight_wait(flight, ask, false);
	dn_flight_drop(flight);
}

/* --- redelivery --------------------------------------------------------- */

static void redelivered_before(struct dn_hub *hub, struct dn_ask *ask)
{
	dn_buf_lit(&ask->body, "\"taken\":true,\"already\":true");
	dn_hub_answer(hub, ask);
}

void dn_hub_redeliver(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	const struct dn_ask_redeliver *r = &ask->redeliver;
	struct dn_ring_entry *entry = dn_ring_find(&chan->ring, r->offset);
	struct dn_flight *flight = dn_map_get(&hub->redeliveries, r->uid);

	if (flight != NULL) {
		dn_flight_wait(flight, ask, false);
		return;
	}
	if (dn_hub_is_taken(hub, r->uid) ||
	    (r->offset > 0 &&
		dn_str_eq(r->epoch, dn_chan_epoch_of(chan, r->offset)) &&
		entry != NULL && entry->taken == DN_TAKEN)) {
		redelivered_before(hub, ask);
		return;
	}
	if (chan->subs_n == 0) {
		dn_buf_lit(
		    &ask->body, "\"taken\":false,\"reason\":\"no_subscriber\"");
		dn_hub_answer(hub, ask);
		return;
	}
	flight = dn_flight_new(hub, chan, ask, ask->redeliver.frame);
	flight->redelivery = true;
	flight->offset = r->offset;
	DN_ASSERT(r->epoch.n < sizeof(flight->epoch) &&
		  r->uid.n < sizeof(flight->uid));
	memcpy(flight->epoch, r->epoch.p, r->epoch.n);
	flight->epoch[r->epoch.n] = '\0';
	memcpy(flight->uid, r->uid.p, r->uid.n);
	flight->uid[r->uid.n] = '\0';
	dn_map_put(&hub->redeliveries, dn_str_of(flight->uid), flight);
	dn_push_finish(
	    flight->frame, flight->accepted_us, 0, (struct dn_str){0});
	dn_flight_launch(flight);
	dn_flight_wait(flight, ask, false);
	dn_flight_drop(flight);
}
