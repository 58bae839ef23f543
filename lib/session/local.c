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

#include "serve/conn.h"
#include "session/local.h"
#include "wire/push.h"
#include "session/session.h"

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
	dn_stat_add(&loop->stats.subscriptions, 1);
}

void dn_local_remove(struct dn_loop *loop, struct dn_sub *sub)
{
	struct dn_local *local = sub->local;

	if (local == NULL)
		return;
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

/* Whether this subscriber is due this push; moves its position. */
static bool due(struct dn_sub *sub, const struct dn_fan *fan, bool *lost)
{
	if (fan->presence)
		return sub->join_leave;
	if (!sub->positioned || fan->offset == 0)
		return true;
	if (fan->offset <= sub->offset)
		return false;
	if (fan->offset != sub->offset + 1) {
		*lost = true;
		return false;
	}
	sub->offset = fan->offset;
	return true;
}

static void deliver(struct dn_loop *loop, struct dn_sub *sub,
    const struct dn_fan *fan, struct dn_track *track)
{
	struct dn_conn *conn = sub->session->conn;
	struct dn_str bytes = dn_frame_bytes(fan->frame);

	if (track != NULL)
		dn_track_add(track);
	if (conn->out.push_bytes + bytes.n > sub->queue_bytes_max ||
	    sub->session->slow) {
		sub->session->slow = true;
		dn_session_doom(sub->session);
		dn_stat_add(&loop->stats.slow_drops, 1);
		if (track != NULL)
			dn_track_end(track, DN_TRACK_SLOW);
		return;
	}
	dn_conn_send(conn, fan->frame, track, false);
}

void dn_local_fanout(
    struct dn_loop *loop, unsigned owner, const struct dn_fan *fan)
{
	struct dn_local *local = dn_map_get(&loop->locals, fan->key);
	struct dn_track *track = follow_new(loop, owner, fan->flight);
	uint32_t i, queued = 0;
	bool lost = false;

	for (i = 0; local != NULL && i < local->count; i++) {
		if (!due(local->subs[i], fan, &lost))
			continue;
		queued++;
		deliver(loop, local->subs[i], fan, track);
	}
	dn_stat_add(&loop->stats.queued, queued);
	if (track != NULL)
		dn_track_close(track);
	if (lost)
		dn_local_lost(loop, fan->key);
}

void dn_local_lost(struct dn_loop *loop, struct dn_str key)
{
	struct dn_local *local;

	/* Each one leaves the list, and the last one ends it. */
	while ((local = dn_map_get(&loop->locals, key)) != NULL)
		dn_session_lost(local->subs[local->count - 1]);
}
