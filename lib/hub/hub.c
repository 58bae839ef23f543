/* SPDX-License-Identifier: MIT */
/*
 * The channels of one loop: made at the first use, kept while somebody is
 * there, while history, keys or flights are, and then for as long as their
 * position has to be remembered (history_meta_ttl). Housekeeping goes round
 * them in slices.
 *
 * Of those where no offset was ever given only so many are kept unused:
 * anybody who may subscribe can name as many as he likes. One that was dropped
 * comes back with the same epoch, since all channels begin with the hub's;
 * when one that gave offsets is forgotten, the hub begins another epoch, so
 * that none of it is believed to go on.
 */
#include <fnmatch.h>
#include <stdlib.h>

#include "hub/hub_impl.h"

enum {
	ROUND_SLICE = 2000, /* channels a tick of housekeeping looks at */
	UNUSED_MAX = 10000, /* channels without offsets, and */
	UNUSED_TTL_US = 600000000, /* for how long they are kept */
};

struct dn_str dn_hub_key(char *buf, struct dn_str tenant, struct dn_str channel)
{
	memcpy(buf, tenant.p, tenant.n);
	buf[tenant.n] = '\0';
	memcpy(buf + tenant.n + 1, channel.p, channel.n);
	return (struct dn_str){buf, tenant.n + 1 + channel.n};
}

unsigned dn_hub_owner(
    struct dn_str tenant, struct dn_str channel, unsigned loops)
{
	if (loops == 1)
		return 0;
	return (unsigned)(dn_hash(channel.p, channel.n,
			      dn_hash(tenant.p, tenant.n, 0)) %
			  loops);
}

/* Random, of letters and digits that need no escape anywhere. */
static void new_epoch(const struct dn_hub *hub, char out[DN_EPOCH_MAX])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char r[8];
	unsigned i;

	hub->io->random(hub->arg, r, sizeof(r));
	for (i = 0; i < sizeof(r); i++)
		out[i] = digits[r[i] % 32];
	out[i] = '\0';
}

struct dn_hub *dn_hub_new(unsigned loop, unsigned loops, struct dn_wheel *wheel,
    struct dn_stats *stats, const struct dn_hub_io *io, void *arg)
{
	struct dn_hub *hub = dn_xcalloc(1, sizeof(*hub));

	hub->loop = loop;
	hub->loops = loops;
	hub->wheel = wheel;
	hub->stats = stats;
	hub->io = io;
	hub->arg = arg;
	hub->taken_last = &hub->taken_first;
	hub->unused_last = &hub->unused;
	new_epoch(hub, hub->epoch);
	return hub;
}

/* --- channels ----------------------------------------------------------- */

static void free_members(struct dn_chan *chan)
{
	size_t at = 0;
	void *v;

	while ((v = dn_map_next(&chan->members, &at)) != NULL)
		free(v);
	at = 0;
	while ((v = dn_map_next(&chan->users, &at)) != NULL)
		free(v);
	dn_map_release(&chan->members);
	dn_map_release(&chan->users);
}

static void unused_add(struct dn_hub *hub, struct dn_chan *chan)
{
	chan->unused_next = NULL;
	chan->unused_prev = hub->unused_last;
	*hub->unused_last = chan;
	hub->unused_last = &chan->unused_next;
	hub->unused_n++;
}

static void unused_remove(struct dn_hub *hub, struct dn_chan *chan)
{
	if (chan->unused_prev == NULL)
		return;
	*chan->unused_prev = chan->unused_next;
	if (chan->unused_next != NULL)
		chan->unused_next->unused_prev = chan->unused_prev;
	else
		hub->unused_last = chan->unused_prev;
	chan->unused_prev = NULL;
	hub->unused_n--;
}

static void chan_free(struct dn_hub *hub, struct dn_chan *chan)
{
	DN_ASSERT(dn_map_remove(&hub->chans, chan->key) == chan);
	unused_remove(hub, chan);
	if (chan->assigned > 0)
		new_epoch(hub, hub->epoch);
	if (chan->next == chan) {
		hub->round = NULL;
	} else {
		chan->next->prev = chan->prev;
		chan->prev->next = chan->next;
		if (hub->round == chan)
			hub->round = chan->next;
	}
	dn_ring_release(&chan->ring);
	free_members(chan);
	dn_lineage_clear(&chan->lineage);
	dn_map_release(&chan->keys);
	dn_buf_release(&chan->version_epoch);
	dn_stat_sub(&hub->stats->channels, 1);
	chan->magic = 0;
	free(chan);
}

void dn_hub_free(struct dn_hub **hubp)
{
	struct dn_hub *hub = *hubp;
	size_t at = 0;
	struct dn_hub_tenant *tenant;
	struct dn_taken_id *id;

	*hubp = NULL;
	while ((tenant = dn_map_next(&hub->tenants, &at)) != NULL) {
		while (tenant->keys.first != NULL)
			dn_idem_remove(&tenant->keys, tenant->keys.first);
		free(tenant);
	}
	while (hub->round != NULL)
		chan_free(hub, hub->round);
	while ((id = hub->taken_first) != NULL) {
		hub->taken_first = id->next;
		free(id);
	}
	dn_map_release(&hub->chans);
	dn_map_release(&hub->tenants);
	dn_map_release(&hub->taken);
	dn_map_release(&hub->redeliveries);
	free(hub);
}

static struct dn_hub_tenant *tenant_get(struct dn_hub *hub, struct dn_str name)
{
	struct dn_hub_tenant *tenant = dn_map_get(&hub->tenants, name);

	if (tenant != NULL)
		return tenant;
	tenant = dn_xcalloc(1, sizeof(*tenant) + name.n);
	memcpy(tenant->bytes, name.p, name.n);
	tenant->name = (struct dn_str){tenant->bytes, name.n};
	dn_map_put(&hub->tenants, tenant->name, tenant);
	return tenant;
}

void dn_chan_new_epoch(struct dn_hub *hub, struct dn_chan *chan)
{
	new_epoch(hub, chan->epoch);
}

struct dn_str dn_chan_epoch_of(const struct dn_chan *chan, uint64_t offset)
{
	const struct dn_lineage *old = dn_lineage_of(chan->lineage, offset);

	return dn_str_of(old != NULL ? old->epoch : chan->epoch);
}

struct dn_chan *dn_chan_find(
    struct dn_hub *hub, struct dn_str tenant, struct dn_str name)
{
	char key[DN_CHANNEL_MAX * 2 + 1];

	return dn_map_get(&hub->chans, dn_hub_key(key, tenant, name));
}

static struct dn_chan *chan_new(
    struct dn_hub *hub, struct dn_str tenant, struct dn_str name)
{
	size_t loops = hub->loops * sizeof(uint32_t);
	size_t key_n = tenant.n + 1 + name.n;
	struct dn_chan *chan = dn_xcalloc(1, sizeof(*chan) + loops + key_n);
	char *bytes = (char *)chan->subs + loops;

	chan->magic = DN_CHAN_MAGIC;
	chan->tenant = tenant_get(hub, tenant);
	chan->key = dn_hub_key(bytes, tenant, name);
	chan->name = (struct dn_str){bytes + tenant.n + 1, name.n};
	memcpy(chan->epoch, hub->epoch, sizeof(chan->epoch));
	if (hub->round == NULL) {
		chan->next = chan->prev = hub->round = chan;
	} else {
		chan->next = hub->round;
		chan->prev = hub->round->prev;
		chan->prev->next = chan->next->prev = chan;
	}
	dn_map_put(&hub->chans, chan->key, chan);
	dn_stat_add(&hub->stats->channels, 1);
	return chan;
}

struct dn_chan *dn_chan_get(struct dn_hub *hub, struct dn_str tenant,
    struct dn_str name, const struct dn_conf_ns *ns)
{
	struct dn_chan *chan = dn_chan_find(hub, tenant, name);

	if (chan == NULL)
		chan = chan_new(hub, tenant, name);
	chan->touched_us = hub->io->wall_us(hub->arg);
	chan->ring_size = ns->history_size;
	chan->ring_ttl_us = ns->history_ttl_us;
	chan->meta_ttl_us = ns->history_meta_ttl_us;
	chan->keeps_epoch = ns->log && ns->durable == DN_DURABLE_BEFORE;
	dn_ring_expire(&chan->ring, chan->touched_us - chan->ring_ttl_us);
	return chan;
}

static bool chan_is_unused(const struct dn_chan *chan)
{
	return chan->subs_n == 0 && chan->busy == 0 && chan->ring.count == 0 &&
	       chan->keys.count == 0;
}

static bool chan_idle(const struct dn_chan *chan, int64_t now)
{
	int64_t keep = chan->assigned > 0 ? chan->meta_ttl_us : UNUSED_TTL_US;

	return chan_is_unused(chan) && now - chan->touched_us > keep;
}

void dn_chan_hold(struct dn_hub *hub, struct dn_chan *chan)
{
	unused_remove(hub, chan);
	chan->busy++;
}

void dn_chan_release(struct dn_hub *hub, struct dn_chan *chan)
{
	DN_ASSERT(chan->busy > 0);
	chan->busy--;
	if (chan->assigned > 0 || !chan_is_unused(chan))
		return;
	unused_add(hub, chan);
	if (hub->unused_n > UNUSED_MAX)
		chan_free(hub, hub->unused);
}

void dn_hub_tick(struct dn_hub *hub, const struct dn_conf *conf)
{
	int64_t now = hub->io->wall_us(hub->arg);
	size_t at = 0, n = hub->chans.count;
	struct dn_hub_tenant *tenant;

	while ((tenant = dn_map_next(&hub->tenants, &at)) != NULL)
		dn_idem_expire(&tenant->keys, now);
	if (n > ROUND_SLICE)
		n = ROUND_SLICE;
	while (n-- > 0) {
		struct dn_chan *chan = hub->round;

		hub->round = chan->next;
		/* A start after a crash reads records of the rehydrate window
		 * only; who is idle for longer is found by its position. */
		if (chan->keeps_epoch && chan->saved != chan->top &&
		    now - chan->touched_us > conf->rehydrate_us / 2)
			dn_chan_save(hub, chan);
		dn_ring_expire(&chan->ring, now - chan->ring_ttl_us);
		if (chan_idle(chan, now))
			chan_free(hub, chan);
	}
}

size_t dn_hub_flights(const struct dn_hub *hub)
{
	return hub->flights;
}

/* --- undelivered ids that were taken ------------------------------------ */

bool dn_hub_is_taken(struct dn_hub *hub, struct dn_str uid)
{
	return dn_map_get(&hub->taken, uid) != NULL;
}

void dn_hub_note_taken(struct dn_hub *hub, struct dn_str uid)
{
	struct dn_taken_id *id;

	if (uid.n == 0 || dn_hub_is_taken(hub, uid))
		return;
	if (hub->taken.count >= DN_TAKEN_IDS_MAX) {
		id = hub->taken_first;
		hub->taken_first = id->next;
		dn_map_remove(&hub->taken, id->uid);
		free(id);
	}
	id = dn_xcalloc(1, sizeof(*id) + uid.n);
	memcpy(id->bytes, uid.p, uid.n);
	id->uid = (struct dn_str){id->bytes, uid.n};
	*hub->taken_last = id;
	hub->taken_last = &id->next;
	dn_map_put(&hub->taken, id->uid, id);
}

/* --- who is there ------------------------------------------------------- */

/* Whether it is new here. */
static bool member_add(struct dn_chan *chan, const struct dn_who *who)
{
	struct dn_member *m = dn_map_get(&chan->members, who->client);
	struct dn_member_user *u;
	char *to;

	if (m != NULL) {
		m->subs++;
		return false;
	}
	m = dn_xmalloc(sizeof(*m) + who->client.n + who->user.n + who->info.n);
	m->subs = 1;
	to = m->bytes;
	m->client = (struct dn_str){to, who->client.n};
	memcpy(to, who->client.p, who->client.n);
	to += who->client.n;
	m->user = (struct dn_str){to, who->user.n};
	if (who->user.n > 0)
		memcpy(to, who->user.p, who->user.n);
	to += who->user.n;
	m->info = (struct dn_str){to, who->info.n};
	memcpy(to, who->info.p, who->info.n);
	dn_map_put(&chan->members, m->client, m);

	u = dn_map_get(&chan->users, m->user);
	if (u == NULL) {
		u = dn_xcalloc(1, sizeof(*u) + m->user.n);
		if (m->user.n > 0)
			memcpy(u->bytes, m->user.p, m->user.n);
		u->name = (struct dn_str){u->bytes, m->user.n};
		dn_map_put(&chan->users, u->name, u);
	}
	u->clients++;
	return true;
}

/* Whether that was its last one here; gives what the others knew of it. */
static bool member_remove(
    struct dn_chan *chan, struct dn_str client, struct dn_buf *info)
{
	struct dn_member *m = dn_map_get(&chan->members, client);
	struct dn_member_user *u;

	if (m == NULL || --m->subs > 0)
		return false;
	dn_map_remove(&chan->members, client);
	u = dn_map_get(&chan->users, m->user);
	DN_ASSERT(u != NULL);
	if (--u->clients == 0) {
		dn_map_remove(&chan->users, u->name);
		free(u);
	}
	dn_buf_str(info, m->info);
	free(m);
	return true;
}

static void tell_presence(
    struct dn_hub *hub, struct dn_chan *chan, bool join, struct dn_str info)
{
	struct dn_frame *frame;

	if (chan->subs_n == 0)
		return;
	frame = dn_push_presence(chan->name, join, info);
	dn_hub_fanout(
	    hub, chan, (struct dn_fan){.frame = frame, .presence = true});
	dn_frame_unref(&frame);
}

void dn_hub_join(struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask)
{
	struct dn_who who = ask->subscribe.who;
	bool told = false;
	struct dn_buf info = {0};

	if (ask->code == 0) {
		chan->subs[ask->origin]++;
		if (chan->subs_n++ == 0)
			hub->io->occupancy(hub->arg, ask, true);
		told = ask->subscribe.told;
		if (ask->subscribe.present)
			told = member_add(chan, &who) && told;
	}
	/* The ask goes back before the join is told. */
	if (told)
		dn_buf_str(&info, who.info);
	dn_hub_answer(hub, ask);
	if (told)
		tell_presence(hub, chan, true, dn_buf_view(&info));
	dn_buf_release(&info);
}

static void unsubscribe(struct dn_hub *hub, struct dn_ask *ask)
{
	struct dn_chan *chan =
	    dn_chan_find(hub, dn_str_of(ask->tenant->name), ask->channel);
	struct dn_who who = ask->subscribe.who;
	bool told = ask->subscribe.told;
	struct dn_buf info = {0};

	DN_ASSERT(chan != NULL && chan->subs[ask->origin] > 0);
	chan->subs[ask->origin]--;
	if (--chan->subs_n == 0)
		hub->io->occupancy(hub->arg, ask, false);
	chan->touched_us = hub->io->wall_us(hub->arg);
	if (ask->subscribe.present)
		told = member_remove(chan, who.client, &info) && told;
	else if (told)
		dn_buf_str(&info, who.info);
	dn_chan_hold(hub, chan);
	dn_hub_answer(hub, ask);
	if (told)
		tell_presence(hub, chan, false, dn_buf_view(&info));
	dn_chan_release(hub, chan);
	dn_buf_release(&info);
}

static void presence(struct dn_hub *hub, struct dn_ask *ask)
{
	struct dn_chan *chan =
	    dn_chan_find(hub, dn_str_of(ask->tenant->name), ask->channel);
	struct dn_member *m;
	size_t at = 0;
	bool first = true;

	if (!ask->ns->presence) {
		dn_ask_fail(ask, 108, "not available");
	} else if (ask->op == DN_ASK_PRESENCE_STATS) {
		dn_buf_printf(&ask->body,
		    "\"num_clients\":%zu,\"num_users\":%zu",
		    chan == NULL ? 0 : chan->members.count,
		    chan == NULL ? 0 : chan->users.count);
	} else {
		dn_buf_lit(&ask->body, "\"presence\":{");
		while (chan != NULL &&
		       (m = dn_map_next(&chan->members, &at)) != NULL) {
			if (!first)
				dn_buf_byte(&ask->body, ',');
			first = false;
			dn_buf_json_str(&ask->body, m->client);
			dn_buf_byte(&ask->body, ':');
			dn_buf_str(&ask->body, m->info);
		}
		dn_buf_byte(&ask->body, '}');
	}
	dn_hub_answer(hub, ask);
}

static bool matches(struct dn_str pattern, struct dn_str name)
{
	char p[DN_CHANNEL_MAX + 1], n[DN_CHANNEL_MAX + 1];

	if (pattern.n > DN_CHANNEL_MAX)
		return false;
	memcpy(p, pattern.p, pattern.n);
	p[pattern.n] = '\0';
	memcpy(n, name.p, name.n);
	n[name.n] = '\0';
	return fnmatch(p, n, 0) == 0;
}

/* The tenant's channels with subscribers here: `"name":{"num_clients":N}`,
 * comma-separated. */
static void channels(struct dn_hub *hub, struct dn_ask *ask)
{
	struct dn_chan *chan;
	size_t at = 0;

	while ((chan = dn_map_next(&hub->chans, &at)) != NULL) {
		if (chan->subs_n == 0 ||
		    !dn_str_is(chan->tenant->name, ask->tenant->name) ||
		    !matches(ask->channel, chan->name))
			continue;
		if (ask->body.n > 0)
			dn_buf_byte(&ask->body, ',');
		dn_buf_json_str(&ask->body, chan->name);
		dn_buf_printf(
		    &ask->body, ":{\"num_clients\":%u}", chan->subs_n);
	}
	dn_hub_answer(hub, ask);
}

/* --- asks and fan-out --------------------------------------------------- */

void dn_hub_answer(struct dn_hub *hub, struct dn_ask *ask)
{
	hub->io->answer(hub->arg, ask);
}

uint32_t dn_hub_fanout(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_fan fan)
{
	struct dn_flight *flight = fan.flight;
	unsigned i;

	fan.key = chan->key;
	/* Counted first: with one loop the report comes during the call. */
	for (i = 0; flight != NULL && i < hub->loops; i++) {
		flight->loops_open += chan->subs[i] > 0;
		flight->refs += chan->subs[i] > 0;
	}
	for (i = 0; i < hub->loops; i++) {
		if (chan->subs[i] == 0 || hub->io->fanout(hub->arg, i, &fan))
			continue;
		dn_stat_add(&hub->stats->fanout_lost, 1);
		if (flight != NULL)
			dn_hub_report(hub, flight, &(struct dn_tally){0}, true);
	}
	return chan->subs_n;
}

static void ask_chan(struct dn_hub *hub, struct dn_ask *ask, dn_hub_act *act)
{
	struct dn_chan *chan = dn_chan_get(
	    hub, dn_str_of(ask->tenant->name), ask->channel, ask->ns);

	dn_chan_hold(hub, chan);
	act(hub, chan, ask);
	dn_chan_release(hub, chan);
}

void dn_hub_ask(struct dn_hub *hub, struct dn_ask *ask)
{
	switch (ask->op) {
	case DN_ASK_PUBLISH:
		ask_chan(hub, ask, dn_hub_publish);
		return;
	case DN_ASK_REDELIVER:
		ask_chan(hub, ask, dn_hub_redeliver);
		return;
	case DN_ASK_SUBSCRIBE:
		ask_chan(hub, ask, dn_hub_subscribe);
		return;
	case DN_ASK_UNSUBSCRIBE:
		unsubscribe(hub, ask);
		return;
	case DN_ASK_HISTORY:
	case DN_ASK_HISTORY_REMOVE:
		ask_chan(hub, ask, dn_hub_history);
		return;
	case DN_ASK_PRESENCE:
	case DN_ASK_PRESENCE_STATS:
		presence(hub, ask);
		return;
	case DN_ASK_CHANNELS:
		channels(hub, ask);
		return;
	}
	DN_ASSERT(!"a known ask");
}
