/* SPDX-License-Identifier: MIT */
/*
 * A subscriber that is positioned gets each offset once: what is at or below
 * its position is skipped (it was in the recovery), a jump means that
 * something was lost on the way and is told with 2500.
 *
 * A connection whose queue is over its limit is not closed inside the
 * fan-out, but marked and closed at the end of the turn.
 */
#include <stdlib.h>

#include "record/tagfilter.h"
#include "serve/conn.h"
#include "session/local.h"
#include "session/session.h"
#include "wire/push.h"
#include "wire/variant.h"

void dn_local_add(struct dn_loop *loop, struct dn_str key, struct dn_sub *sub)
{
	struct dn_local *local = dn_map_get(&loop->locals, key);

	if (local == NULL) {
		local = dn_xcalloc(1, sizeof(*local) + key.n);
		memcpy(local->bytes, key.p, key.n);
		local->key = (struct dn_str){local->bytes, key.n};
		dn_map_put(&loop->locals, local->key, local);
	}
	if (local->count == local->cap) {
		local->cap = local->cap == 0 ? 1 : local->cap * 2;
		local->subs = dn_xrealloc(
		    local->subs, local->cap * sizeof(struct dn_sub *));
	}
	sub->local = local;
	sub->at = local->count;
	local->subs[local->count++] = sub;
	local->deltas += sub->delta;
	dn_stat_add(&loop->stats.subscriptions, 1);
}

void dn_local_remove(struct dn_loop *loop, struct dn_sub *sub)
{
	struct dn_local *local = sub->local;

	if (local == NULL)
		return;
	local->deltas -= sub->delta;
	if (local->deltas == 0)
		dn_frame_unref(&local->base);
	local->subs[sub->at] = local->subs[--local->count];
	local->subs[sub->at]->at = sub->at;
	sub->local = NULL;
	dn_stat_sub(&loop->stats.subscriptions, 1);
	if (local->count > 0)
		return;
	dn_map_remove(&loop->locals, local->key);
	free(local->subs);
	free(local);
}

/* How the loop of the subscribers tells the owner how a fan-out went. */
struct report {
	struct dn_mail mail;
	struct dn_flight *flight;
	struct dn_tally tally;
	bool final;
};

static void run_report(struct dn_loop *loop, struct dn_mail *mail)
{
	struct report *report = DN_CONTAINER(mail, struct report, mail);

	dn_hub_report(loop->hub, report->flight, &report->tally, report->final);
	free(report);
}

struct follow {
	struct dn_loop *loop;
	struct dn_flight *flight;
	unsigned owner;
};

static void on_track(void *arg, const struct dn_tally *tally, bool final)
{
	struct follow *follow = arg;
	struct report *report;

	if (follow->owner == follow->loop->ix) {
		dn_hub_report(follow->loop->hub, follow->flight, tally, final);
	} else {
		report = dn_xcalloc(1, sizeof(*report));
		report->mail.run = run_report;
		report->flight = follow->flight;
		report->tally = *tally;
		report->final = final;
		dn_loop_send(follow->loop, follow->owner, &report->mail);
	}
	if (final)
		free(follow);
}

static struct dn_track *follow_new(
    struct dn_loop *loop, unsigned owner, struct dn_flight *flight)
{
	struct follow *follow;

	if (flight == NULL)
		return NULL;
	follow = dn_xcalloc(1, sizeof(*follow));
	*follow = (struct follow){loop, flight, owner};
	return dn_track_new(on_track, follow);
}

/* One fan-out in this loop. */
struct round {
	const struct dn_fan *fan;
	struct dn_variants variants;
	struct dn_track *track;
	struct dn_tagfilter_view tags; /* once somebody filters */
	bool has_tags;
	bool lost; /* somebody was due an earlier one */
};

/* Whether a subscriber's filter lets the publication through. */
static bool passes(struct round *round, const struct dn_sub *sub)
{
	struct dn_json pub = {DN_JSON_OBJECT, {0}};

	if (sub->filter == NULL)
		return true;
	if (!round->has_tags) {
		pub.raw = dn_push_pub(round->fan->frame);
		dn_tagfilter_view_read(
		    &round->tags, dn_json_member(pub, "tags"));
		round->has_tags = true;
	}
	return dn_tagfilter_matches(sub->filter, &round->tags);
}

/* Whether this subscriber is due this push; moves its position. */
static bool due(struct round *round, struct dn_sub *sub)
{
	const struct dn_fan *fan = round->fan;

	if (fan->presence)
		return sub->join_leave;
	if (sub->positioned && fan->offset > 0) {
		if (fan->offset <= sub->offset)
			return false;
		if (fan->offset != sub->offset + 1) {
			round->lost = true;
			return false;
		}
		sub->offset = fan->offset;
	}
	return passes(round, sub);
}

static struct dn_frame *variant_for(struct round *round, struct dn_sub *sub)
{
	enum dn_data data = DN_DATA_JSON;

	if (sub->delta && !round->fan->presence) {
		data = sub->has_base && round->fan->delta ? DN_DATA_DELTA
							  : DN_DATA_TEXT;
		sub->has_base = true;
	}
	return dn_variant(&round->variants, data, sub->session->conn->form);
}

static void deliver(struct dn_sub *sub, struct round *round)
{
	struct dn_session *s = sub->session;
	struct dn_frame *frame = variant_for(round, sub);
	size_t n = dn_frame_bytes(frame).n;

	if (round->track != NULL)
		dn_track_add(round->track);
	if (dn_session_takes(s, n, sub->queue_bytes_max))
		dn_session_push_at(s, sub,
		    round->fan->presence ? 0 : round->fan->offset, frame,
		    round->track, false);
	else if (round->track != NULL)
		dn_track_end(round->track, DN_TRACK_SLOW);
}

void dn_local_fanout(
    struct dn_loop *loop, unsigned owner, const struct dn_fan *fan)
{
	struct dn_local *local = dn_map_get(&loop->locals, fan->key);
	struct round round = {.fan = fan,
	    .variants = {.frame = fan->frame,
		.base = local != NULL ? local->base : NULL,
		.deflate = loop->deflate},
	    .track = follow_new(loop, owner, fan->flight)};
	uint32_t i, queued = 0;

	for (i = 0; local != NULL && i < local->count; i++) {
		if (!due(&round, local->subs[i]))
			continue;
		queued++;
		deliver(local->subs[i], &round);
	}
	dn_variants_release(&round.variants);
	dn_tagfilter_view_release(&round.tags);
	if (local != NULL && local->deltas > 0 && !fan->presence) {
		dn_frame_unref(&local->base);
		local->base = dn_frame_ref(fan->frame);
	}
	dn_stat_add(&loop->stats.queued, queued);
	if (round.track != NULL)
		dn_track_close(round.track);
	if (round.lost)
		dn_local_lost(loop, fan->key);
}

void dn_local_lost(struct dn_loop *loop, struct dn_str key)
{
	struct dn_local *local;

	/* Each one leaves the list, and the last one ends it. */
	while ((local = dn_map_get(&loop->locals, key)) != NULL)
		dn_sub_lost(local->subs[local->count - 1]);
}
