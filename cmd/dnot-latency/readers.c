/* SPDX-License-Identifier: MIT */
/*
 * How it works: connections are opened OPENING_MAX at a time, so that a
 * thousand of them do not overrun the server's listen queue; each subscribes,
 * and when the last one has, the run may begin. Every publication is stamped
 * when it is handed over; its payload tells which record it is and when that
 * was due, its tags tell when it was sent and accepted.
 *
 * How it fails: a first connection that cannot be made ends the run; a later
 * one is tried again by the client, up to TRIES_MAX times. A publication that
 * is none of ours (somebody else on the channel) is left out.
 */
#include "readers.h"

#include <stdlib.h>

#include "base/diag.h"
#include "record/channel.h"

enum { OPENING_MAX = 64, TRIES_MAX = 4 };

struct reader {
	struct readers *all;
	struct dn_client *client;
	struct dn_client_sub *sub;
	uint64_t channel;
	bool subscribed; /* once */
	struct dn_latency_track track;
};

struct readers {
	struct readers_options o;
	uint64_t count;
	uint64_t opened, subscribed;
	bool ready, failed;
	bool warned; /* of a lost connection: they come in crowds */
	struct reader *v;
};

static void open_more(struct readers *all);

static void give_up(struct readers *all, int exit_code, const char *reason)
{
	if (all->ready) {
		dn_tool_fail(&all->o.tool->tool, (enum dn_exit)exit_code, NULL,
		    "subscriber: %s", reason);
		return;
	}
	if (all->failed)
		return;
	all->failed = true;
	all->o.failed(all->o.arg, exit_code, reason);
}

static void note_loss(struct readers *all, const char *reason)
{
	dn_diag(all->warned ? DN_INFO : DN_WARN, NULL, "subscriber: %s%s",
	    reason, all->warned ? "" : " (further ones with -v)");
	all->warned = true;
}

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct reader *r = arg;
	struct readers *all = r->all;

	if (why->state == DN_CLIENT_ENDED)
		give_up(all, why->exit_code, why->reason);
	else if (why->state != DN_CLIENT_CONNECTING || why->tries == 0)
		return;
	else if (all->ready)
		note_loss(all, why->reason);
	else if (all->subscribed == 0 || why->tries > TRIES_MAX)
		give_up(all, why->exit_code, why->reason);
}

static void on_subscribed(void *arg, const struct dn_client_subscribed *info)
{
	struct reader *r = arg;
	struct readers *all = r->all;

	if (r->subscribed) {
		if (info->was_recovering && !info->recovered)
			dn_diag(DN_WARN, NULL,
			    "subscriber: what was missed during a reconnect "
			    "is not in the history");
		return;
	}
	r->subscribed = true;
	all->subscribed++;
	open_more(all);
	if (all->subscribed == all->count && !all->failed) {
		all->ready = true;
		all->o.ready(all->o.arg);
	}
}

static void on_refused(void *arg, unsigned code, struct dn_str message)
{
	struct reader *r = arg;
	char text[DN_ERR_TEXT_MAX];

	(void)snprintf(text, sizeof(text),
	    "subscribe was refused: error %u %.*s%s", code, DN_FMT(message),
	    code == 102 ? "; --channel names another namespace" : "");
	give_up(r->all, DN_EXIT_REFUSED, text);
}

/* The stamps are tags, that is, strings. */
static bool stamp(struct dn_json value, int64_t *us)
{
	struct dn_json number = {DN_JSON_NUMBER, value.raw};

	if (value.type != DN_JSON_STRING)
		return false;
	number.raw.p++;
	number.raw.n -= 2;
	return number.raw.n > 0 && dn_json_i64(number, us);
}

static void record_hops(
    struct readers *all, const struct dn_client_pub *pub, int64_t now)
{
	struct tally *tally = all->o.tally;
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	int64_t enqueued = 0, accepted = 0;

	if (pub->tags.type != DN_JSON_OBJECT)
		return;
	dn_json_iter_init(&it, pub->tags);
	while (dn_json_next(&it, &key, &value)) {
		if (dn_str_is(key, "enqueued") && !stamp(value, &enqueued))
			return;
		if (dn_str_is(key, "accepted") && !stamp(value, &accepted))
			return;
	}
	if (enqueued <= 0)
		return;
	dn_hist_add(&tally->actual, now - enqueued);
	if (accepted <= 0)
		return;
	accepted -= all->o.offset_us;
	dn_hist_add(&tally->enqueued, accepted - enqueued);
	dn_hist_add(&tally->delivery, now - accepted);
}

static void on_publication(void *arg, const struct dn_client_pub *pub)
{
	struct reader *r = arg;
	struct readers *all = r->all;
	uint64_t channels = all->o.tool->channels;
	int64_t now = steady_now(&all->o.tool->clock);
	int64_t planned;
	uint64_t k;

	if (!dn_latency_payload_read(pub->data, &k, &planned) ||
	    k % channels != r->channel || k / channels == UINT64_MAX)
		return;
	switch (dn_latency_see(&r->track, k / channels)) {
	case DN_LATENCY_DUPLICATE:
		all->o.tally->duplicate++;
		return;
	case DN_LATENCY_REORDERED:
		all->o.tally->reordered++;
		break;
	case DN_LATENCY_NEW:
		break;
	}
	all->o.tally->received++;
	dn_hist_add(&all->o.tally->latency, now - planned);
	record_hops(all, pub, now);
	all->o.received(all->o.arg);
}

static void open_one(struct readers *all)
{
	static const struct dn_client_events events = {.state = on_state};
	static const struct dn_client_sub_events sub_events = {
	    .subscribed = on_subscribed,
	    .publication = on_publication,
	    .refused = on_refused,
	};
	struct reader *r = &all->v[all->opened];
	struct dn_client_options options;
	struct dn_client_sub_options sub = {0};
	struct dn_err err = {0};
	char name[DN_CHANNEL_MAX + 1];

	r->all = all;
	r->channel = all->opened % all->o.tool->channels;
	all->opened++;
	dn_tool_client_options(&all->o.tool->tool, &options);
	if (dn_client_open(&r->client, all->o.net, &options, &events, r, &err) <
	    0) {
		give_up(all, DN_EXIT_CONFIG, err.text);
		return;
	}
	(void)snprintf(name, sizeof(name), "%s%llu", all->o.prefix,
	    (unsigned long long)r->channel);
	sub.channel = name;
	r->sub = dn_client_subscribe(r->client, &sub, &sub_events, r);
}

static void open_more(struct readers *all)
{
	while (all->opened < all->count &&
	       all->opened - all->subscribed < OPENING_MAX && !all->failed)
		open_one(all);
}

struct readers *readers_new(const struct readers_options *o)
{
	struct readers *all = dn_xcalloc(1, sizeof(*all));

	all->o = *o;
	all->count = o->tool->subscribers;
	all->v = dn_xcalloc(all->count, sizeof(*all->v));
	open_more(all);
	return all;
}

void readers_close(struct readers *all)
{
	all->failed = true; /* nothing is opened or told any more */
	for (uint64_t i = 0; i < all->opened; i++)
		if (all->v[i].client != NULL)
			dn_client_close(&all->v[i].client);
}

void readers_free(struct readers **readers)
{
	if (*readers == NULL)
		return;
	free((*readers)->v);
	free(*readers);
	*readers = NULL;
}
