/* SPDX-License-Identifier: MIT */
/*
 * How it works: the first time, a channel begins where --since (or the state
 * file) says; from then on it has a position. A publication right behind the
 * position is shown; while a fill is under way, live ones are held.
 *
 * How it fails: after a reconnect the server recovers what we missed, or says
 * that it did not: under the same epoch history has it, under another one
 * change.c finds out. A publication that leaves offsets out starts a fill of
 * its own. Above SUB_HELD held bytes those with an offset are let go, and the
 * fill goes on to them; so a fill that is slower than the stream costs
 * repeated reading, not memory.
 */
#include "sub.h"

#include <stdlib.h>

#include "base/diag.h"

void chan_init(struct chan *c, struct sub *p, const char *name)
{
	int rc = uv_timer_init(p->loop, &c->timer);

	DN_ASSERT(rc == 0);
	c->sub = p;
	c->name = name;
	c->timer.data = c;
	c->recent = dn_xcalloc(SUB_RECENT, sizeof(*c->recent));
	dn_dedup_init(&c->seen, SUB_DEDUP);
}

void chan_release(struct chan *c)
{
	size_t i;

	for (i = 0; i < c->epochs_n; i++)
		free(c->epochs[i]);
	free(c->epochs);
	free(c->recent);
	free(c->fill.epoch);
	dn_buf_release(&c->held);
	dn_dedup_release(&c->seen);
}

bool chan_read(struct chan *c, struct dn_json pub)
{
	struct dn_err err = {0};

	if (dn_record_from_pub(&c->sub->record, pub, &err) == 0)
		return true;
	dn_diag(DN_WARN, NULL, "%s: a publication that is no record: %s",
	    c->name, err.text);
	return false;
}

static void hold(struct chan *c, struct dn_json pub, uint64_t offset)
{
	if (c->held.n + pub.raw.n > SUB_HELD && offset > 0) {
		if (offset > c->fill.target)
			c->fill.target = offset;
		return;
	}
	dn_buf_add(&c->held, &offset, sizeof(offset));
	dn_buf_add(&c->held, &pub.raw.n, sizeof(pub.raw.n));
	dn_buf_str(&c->held, pub.raw);
}

/* Shows it, or finds that something before it is missing. */
static void take(struct chan *c, struct dn_json pub, uint64_t offset)
{
	if (offset > 0 && !c->placed)
		place_set(c, DN_STR(""), offset - 1);
	if (offset > 0 && offset <= c->offset)
		return;
	if (offset > c->offset + 1) {
		hold(c, pub, offset);
		fill_pages(c, offset - 1, false);
		return;
	}
	if (chan_read(c, pub))
		show_record(c, SUB_LIVE, offset);
	else if (offset > 0)
		place_advance(c, offset);
}

static void check_end(struct sub *p)
{
	size_t i;

	if (!p->opt.end)
		return;
	for (i = 0; i < p->chans_n; i++)
		if (!p->chans[i].caught_up)
			return;
	sub_finish(p);
}

/* Takes what was held, as far as no new fill begins. `placed` false: only what
 * has no offset, the rest is forgotten. */
static void take_held(struct chan *c, bool placed)
{
	struct dn_buf held = c->held;
	struct dn_json pub = {.type = DN_JSON_OBJECT};
	uint64_t offset;
	size_t at = 0;

	c->held = (struct dn_buf){0};
	while (at < held.n) {
		memcpy(&offset, held.p + at, sizeof(offset));
		at += sizeof(offset);
		memcpy(&pub.raw.n, held.p + at, sizeof(pub.raw.n));
		at += sizeof(pub.raw.n);
		pub.raw.p = held.p + at;
		at += pub.raw.n;
		if (offset > 0 && !placed)
			continue;
		if (c->fill.kind != FILL_NONE)
			hold(c, pub, offset);
		else
			take(c, pub, offset);
	}
	dn_buf_release(&held);
}

void chan_live(struct chan *c)
{
	fill_stop(c);
	take_held(c, true);
	if (c->fill.kind != FILL_NONE)
		return;
	c->caught_up = true;
	check_end(c->sub);
}

static void begin(struct chan *c, const struct dn_client_subscribed *info)
{
	const struct dn_since *since = &c->sub->since;
	uint64_t from = info->offset;
	bool lenient = true;

	if (!info->positioned) {
		if (since->kind != DN_SINCE_NOW)
			dn_diag(DN_WARN, NULL,
			    "%s keeps no history; --since has no effect",
			    c->name);
		chan_live(c);
		return;
	}
	switch (since->kind) {
	case DN_SINCE_NOW:
		place_set(c, info->epoch, info->offset);
		fill_anchor(c);
		chan_live(c);
		return;
	case DN_SINCE_TIME:
		fill_search(c, info->epoch, info->offset);
		return;
	case DN_SINCE_ALL:
		from = 0;
		break;
	case DN_SINCE_OFFSET:
		lenient = since->value == 0;
		from = since->value > 0 ? since->value - 1 : 0;
		break;
	case DN_SINCE_LAST:
		from = info->offset > since->value ? info->offset - since->value
						   : 0;
		break;
	}
	place_set(c, info->epoch, from);
	fill_pages(c, info->offset, lenient);
}

/* Goes on from the position that we had. */
static void go_on(struct chan *c, const struct dn_client_subscribed *info)
{
	if (info->recovered) {
		if (!dn_str_is(info->epoch, place_epoch(c)))
			place_set(c, info->epoch, c->offset);
		c->recovering = info->publications;
		if (c->recovering == 0)
			chan_live(c);
	} else if (!dn_str_is(info->epoch, place_epoch(c))) {
		change_epoch(c, info->epoch, info->offset);
	} else if (info->offset > c->offset) {
		fill_pages(c, info->offset, false);
	} else if (info->offset < c->offset) {
		/* A log brought back from an older copy, or another one. */
		sub_gap(c, info->offset + 1, c->offset,
		    "the server's stream ends before what was read");
		place_set(c, info->epoch, info->offset);
		chan_live(c);
	} else {
		chan_live(c);
	}
}

static void check_ready(struct sub *p)
{
	size_t i;

	for (i = 0; i < p->chans_n; i++)
		if (!p->chans[i].subscribed)
			return;
	dn_tool_ready(&p->tool);
}

static void on_subscribed(void *arg, const struct dn_client_subscribed *info)
{
	struct chan *c = arg;
	bool again = c->subscribed;

	if (c->sub->finishing)
		return;
	c->subscribed = true;
	c->recovering = 0;
	fill_stop(c);
	take_held(c, false);
	if (c->sub->finishing)
		return;
	check_ready(c->sub);
	if (c->placed && info->positioned) {
		go_on(c, info);
	} else if (again || c->placed) {
		sub_gap(c, 0, 0, "the channel keeps no history");
		chan_live(c);
	} else {
		begin(c, info);
	}
}

static void on_publication(void *arg, const struct dn_client_pub *pub)
{
	struct chan *c = arg;
	uint64_t offset = pub->has_offset ? pub->offset : 0;

	if (c->sub->finishing)
		return;
	if (c->fill.kind != FILL_NONE)
		hold(c, pub->raw, offset);
	else
		take(c, pub->raw, offset);
	if (pub->recovered && c->recovering > 0 && --c->recovering == 0 &&
	    c->fill.kind == FILL_NONE)
		chan_live(c);
}

static void on_presence(void *arg, bool join, struct dn_json info)
{
	show_presence(arg, join, info);
}

static void on_refused(void *arg, unsigned code, struct dn_str message)
{
	struct chan *c = arg;
	enum dn_exit exit_code = code == 101 || code == 103   ? DN_EXIT_REFUSED
				 : code == 102 || code == 107 ? DN_EXIT_DATA
							      : DN_EXIT_REFUSED;

	dn_tool_fail(&c->sub->tool, exit_code, NULL,
	    "%s: subscription ended by the server: %u %.*s", c->name, code,
	    DN_FMT(message));
	sub_finish(c->sub);
}

void chan_subscribe(struct chan *c)
{
	static const struct dn_client_sub_events events = {
	    .subscribed = on_subscribed,
	    .publication = on_publication,
	    .presence = on_presence,
	    .refused = on_refused,
	};
	const struct dn_client_sub_options options = {
	    .channel = c->name,
	    .recover = c->placed,
	    .offset = c->offset,
	    .epoch = place_epoch(c),
	    .join_leave = c->sub->opt.presence,
	    .manual = true,
	};

	c->s = dn_client_subscribe(c->sub->client, &options, &events, c);
}
