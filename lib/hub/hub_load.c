/* SPDX-License-Identifier: MIT */
/*
 * Start and stop: streams out of the log into memory, and back.
 *
 * At a start the records of the last window are replayed in log order: each
 * brings its channel's offset and epoch forward, fills the ring as far as the
 * namespace keeps history, and puts its key back into the window. The saved
 * positions then bring streams that were idle for longer, and after a clean
 * stop say exactly where each one stood.
 * After a crash a namespace with durable "after" may have given out offsets
 * that the log lacks, so its channels go on under a new epoch: the numbering
 * continues, clients are told that they can't recover.
 */
#include "hub/hub_impl.h"

/* The key under which a record was accepted. */
static void load_key(struct dn_hub *hub, struct dn_chan *chan,
    const struct dn_conf_tenant *tenant, const struct dn_conf_ns *ns,
    const struct dn_record *r, int64_t now)
{
	struct dn_buf key = {0};
	struct dn_idem *idem;
	uint64_t cut = 0;
	size_t max = (size_t)tenant->limits.idempotency_keys / hub->loops;

	dn_idem_key(&key, r);
	if (key.n > 0 && r->accepted + ns->idempotency_window_us > now &&
	    dn_map_get(&chan->keys, dn_buf_view(&key)) == NULL) {
		idem = dn_idem_add(&chan->tenant->keys, &chan->keys,
		    dn_buf_view(&key), r->accepted, ns->idempotency_window_us,
		    max > 0 ? max : 1, &cut);
		idem->offset = r->offset;
		idem->logged = true;
	}
	if (cut > 0)
		dn_stat_add(&hub->stats->keys_cut, cut);
	dn_buf_release(&key);
}

static void load_ring(
    struct dn_chan *chan, const struct dn_conf_ns *ns, struct dn_record *r)
{
	struct dn_frame *frame;

	if (ns->history_size == 0)
		return;
	frame = dn_push_begin(r, r->info, (struct dn_str){0});
	dn_push_finish(frame, r->accepted, r->offset, r->epoch);
	dn_ring_add(
	    &chan->ring, ns->history_size, frame, r->offset, r->accepted);
	dn_frame_unref(&frame);
}

/* From here on the stream has that epoch, which continues the one before or
 * begins anew. */
static void go_on_under(
    struct dn_chan *chan, struct dn_str epoch, bool continues)
{
	if (dn_str_is(epoch, chan->epoch))
		return;
	if (continues)
		dn_lineage_add(&chan->lineage, chan->epoch, chan->top);
	else
		dn_lineage_clear(&chan->lineage);
	memcpy(chan->epoch, epoch.p, epoch.n);
	chan->epoch[epoch.n] = '\0';
}

void dn_hub_load_record(struct dn_hub *hub, const struct dn_conf_tenant *tenant,
    const struct dn_conf_ns *ns, const struct dn_log_row *row)
{
	struct dn_chan *chan = dn_chan_get(hub, row->tenant, row->channel, ns);
	int64_t now = hub->io->wall_us(hub->arg);
	struct dn_record r = {0};
	struct dn_err err;

	dn_record_init(&r);
	if (row->offset > 0 && row->epoch.n < DN_EPOCH_MAX &&
	    dn_record_parse(&r, row->value, &err) == 0) {
		go_on_under(chan, row->epoch, row->offset > chan->top);
		chan->top = chan->assigned = row->offset;
		chan->touched_us = row->ts_us;
		if (row->ts_us > now - ns->history_ttl_us)
			load_ring(chan, ns, &r);
		load_key(hub, chan, tenant, ns, &r, now);
	}
	dn_record_release(&r);
}

void dn_hub_load_position(struct dn_hub *hub,
    const struct dn_conf_tenant *tenant, const struct dn_conf_ns *ns,
    const struct dn_log_position *pos)
{
	struct dn_chan *chan = dn_chan_get(hub, pos->tenant, pos->channel, ns);
	bool past;

	(void)tenant;
	if (pos->epoch.n >= DN_EPOCH_MAX)
		return;
	/* It was left before a crash, after which records went on under a
	 * newer epoch. */
	past = pos->offset < chan->top && !dn_str_is(pos->epoch, chan->epoch);
	if (past && !dn_lineage_has(chan->lineage, pos->epoch))
		return;
	if (!past)
		go_on_under(chan, pos->epoch, pos->offset >= chan->top);
	if (pos->offset > chan->top)
		chan->top = chan->assigned = pos->offset;
	chan->floor = pos->removed;
	while (dn_ring_first(&chan->ring) != 0 &&
	       dn_ring_first(&chan->ring) <= chan->floor)
		dn_ring_drop_first(&chan->ring);
}

void dn_hub_load_undelivered(struct dn_hub *hub, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset)
{
	struct dn_chan *chan = dn_chan_find(hub, tenant, channel);
	struct dn_ring_entry *e;

	if (chan == NULL || !dn_str_eq(epoch, dn_chan_epoch_of(chan, offset)))
		return;
	e = dn_ring_find(&chan->ring, offset);
	if (e != NULL)
		e->taken = DN_UNDELIVERED;
}

void dn_hub_load_taken(struct dn_hub *hub, struct dn_str uid)
{
	dn_hub_note_taken(hub, uid);
}

void dn_hub_loaded(struct dn_hub *hub, struct dn_conf *conf, bool clean)
{
	size_t at = 0;
	struct dn_chan *chan;
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns;

	if (clean)
		return;
	while ((chan = dn_map_next(&hub->chans, &at)) != NULL) {
		tenant = dn_conf_tenant(conf, chan->tenant->name);
		ns = tenant != NULL ? dn_conf_ns(tenant, chan->name) : NULL;
		if (ns != NULL && ns->durable == DN_DURABLE_BEFORE)
			continue;
		dn_lineage_add(&chan->lineage, chan->epoch, chan->top);
		dn_chan_new_epoch(hub, chan);
	}
}

static void on_saved(void *loop, struct dn_logreq *req)
{
	(void)loop;
	dn_logreq_free(req);
}

void dn_chan_save(struct dn_hub *hub, struct dn_chan *chan)
{
	struct dn_str epoch = dn_str_of(chan->epoch);
	struct dn_logreq *req = dn_logreq_new(DN_LOGREQ_POSITION, hub->loop,
	    chan->tenant->name.n + chan->name.n + epoch.n);
	size_t used = 0;

	req->row.tenant = dn_logreq_copy(req, &used, chan->tenant->name);
	req->row.channel = dn_logreq_copy(req, &used, chan->name);
	req->row.epoch = dn_logreq_copy(req, &used, epoch);
	req->row.offset = chan->top;
	req->removed = chan->floor;
	req->done = on_saved;
	chan->saved = chan->top;
	hub->io->log_push(hub->arg, req);
}

void dn_hub_save(struct dn_hub *hub, struct dn_conf *conf)
{
	size_t at = 0;
	struct dn_chan *chan;

	while ((chan = dn_map_next(&hub->chans, &at)) != NULL) {
		const struct dn_conf_tenant *tenant =
		    dn_conf_tenant(conf, chan->tenant->name);
		const struct dn_conf_ns *ns =
		    tenant != NULL ? dn_conf_ns(tenant, chan->name) : NULL;

		if (ns != NULL && ns->log)
			dn_chan_save(hub, chan);
	}
}
