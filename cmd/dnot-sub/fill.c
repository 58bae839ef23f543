/* SPDX-License-Identifier: MIT */
/*
 * How it works: FILL_PAGES asks for history behind the position, shows what
 * comes, and asks on until the target is reached. FILL_SEARCH halves the
 * stream until it knows the last record before a time; offsets have no holes,
 * so one record a step is enough. Where stdout is congested the next question
 * waits.
 *
 * How it fails: a temporary error is asked again after half a second. A lost
 * connection ends the fill: the next `subscribed` begins anew from the
 * position. Offsets that history has no more are a gap, which is told, and
 * the position moves behind it.
 */
#include "sub.h"

#include <errno.h>
#include <stdlib.h>

enum { RETRY_MS = 500 };

void fill_stop(struct chan *c)
{
	bool asked = c->fill.asked;

	(void)uv_timer_stop(&c->timer);
	free(c->fill.epoch);
	c->fill = (struct sub_fill){.asked = asked};
}

static void on_timer(uv_timer_t *timer)
{
	fill_step(timer->data);
}

void fill_later(struct chan *c, unsigned ms)
{
	int rc = uv_timer_start(&c->timer, on_timer, ms, 0);

	DN_ASSERT(rc == 0);
}

void fill_ask(
    struct chan *c, uint64_t since, unsigned limit, dn_client_reply_fn *fn)
{
	const char *epoch =
	    c->fill.epoch != NULL ? c->fill.epoch : place_epoch(c);
	struct dn_buf b = {0};
	int rc;

	if (c->fill.asked || c->sub->finishing)
		return; /* that reply comes first, and steps again */
	dn_buf_lit(&b, "{\"channel\":");
	dn_buf_json_str(&b, dn_str_of(c->name));
	dn_buf_printf(&b, ",\"limit\":%d,\"since\":{\"offset\":",
	    limit == 0 ? -1 : (int)limit);
	dn_buf_u64(&b, since);
	dn_buf_lit(&b, ",\"epoch\":");
	dn_buf_json_str(&b, dn_str_of(epoch));
	dn_buf_lit(&b, "}}");
	rc = dn_client_call(c->sub->client, "history", dn_buf_view(&b), fn, c);
	dn_buf_release(&b);
	if (rc == 0)
		c->fill.asked = true;
	else if (rc == -EAGAIN)
		fill_later(c, RETRY_MS);
	else
		DN_ASSERT(rc == -ENOTCONN); /* `subscribed` begins anew */
}

/* History is of no use: what it should have brought is missing. */
static void refused(struct chan *c, const struct dn_client_reply *reply)
{
	char reason[160];

	(void)snprintf(reason, sizeof(reason), "history: %u %.*s", reply->code,
	    DN_FMT(reply->message));
	if (c->fill.epoch != NULL || c->fill.target > c->offset)
		sub_gap(c, c->offset + 1,
		    c->fill.epoch != NULL ? 0 : c->fill.target, reason);
	place_set(c,
	    dn_str_of(c->fill.epoch != NULL ? c->fill.epoch : place_epoch(c)),
	    c->fill.target);
	chan_live(c);
}

bool fill_answered(struct chan *c, const struct dn_client_reply *reply)
{
	c->fill.asked = false;
	if (c->sub->finishing || reply->code == DN_CLIENT_LOST ||
	    c->fill.kind == FILL_NONE)
		return false;
	if (reply->code == 0)
		return true;
	if (reply->temporary)
		fill_later(c, RETRY_MS);
	else
		refused(c, reply);
	return false;
}

static bool first_item(struct dn_json array, struct dn_json *item)
{
	struct dn_json_iter it;
	struct dn_str key;

	if (array.type != DN_JSON_ARRAY)
		return false;
	dn_json_iter_init(&it, array);
	return dn_json_next(&it, &key, item);
}

static uint64_t offset_of(struct dn_json pub)
{
	uint64_t offset = 0;

	(void)dn_json_u64(dn_json_member(pub, "offset"), &offset);
	return offset;
}

uint64_t fill_first(struct chan *c, const struct dn_client_reply *reply)
{
	struct dn_json pub;

	if (!first_item(dn_json_member(reply->result, "publications"), &pub) ||
	    !chan_read(c, pub))
		return 0;
	return offset_of(pub);
}

static void page_item(struct chan *c, struct dn_json pub)
{
	uint64_t offset = offset_of(pub);

	if (offset <= c->offset)
		return;
	if (offset > c->offset + 1 && !c->fill.lenient)
		sub_gap(c, c->offset + 1, offset - 1,
		    "history does not reach back so far");
	c->fill.lenient = false;
	if (chan_read(c, pub))
		show_record(c, SUB_REPLAY, offset);
	else
		place_advance(c, offset);
}

static void page_end(struct chan *c)
{
	if (c->offset < c->fill.target) {
		if (!c->fill.lenient)
			sub_gap(c, c->offset + 1, c->fill.target,
			    "history has them no more");
		place_advance(c, c->fill.target);
	}
	chan_live(c);
}

static void on_page(void *arg, const struct dn_client_reply *reply)
{
	struct chan *c = arg;
	struct dn_json pubs, pub;
	struct dn_json_iter it;
	struct dn_str key;
	size_t n = 0;

	if (!fill_answered(c, reply))
		return;
	if (c->fill.kind != FILL_PAGES) {
		fill_step(c); /* it was for an older fill */
		return;
	}
	pubs = dn_json_member(reply->result, "publications");
	if (pubs.type == DN_JSON_ARRAY) {
		dn_json_iter_init(&it, pubs);
		for (; !c->sub->finishing && dn_json_next(&it, &key, &pub); n++)
			page_item(c, pub);
	}
	if (c->sub->finishing)
		return;
	if (n == 0 || c->offset >= c->fill.target)
		page_end(c);
	else
		fill_step(c);
}

void fill_pages(struct chan *c, uint64_t target, bool lenient)
{
	fill_stop(c);
	if (c->offset >= target) {
		chan_live(c);
		return;
	}
	c->caught_up = false;
	c->fill.kind = FILL_PAGES;
	c->fill.target = target;
	c->fill.lenient = lenient;
	fill_step(c);
}

void fill_search(struct chan *c, struct dn_str epoch, uint64_t top)
{
	fill_stop(c);
	c->fill.kind = FILL_SEARCH;
	c->fill.epoch = dn_xstrndup(epoch.p, epoch.n);
	c->fill.hi = c->fill.target = top;
	fill_step(c);
}

static void on_found(void *arg, const struct dn_client_reply *reply)
{
	struct chan *c = arg;
	struct sub_fill *f = &c->fill;
	uint64_t mid, offset;

	if (!fill_answered(c, reply))
		return;
	if (f->kind == FILL_SEARCH) {
		mid = f->lo + (f->hi - f->lo + 1) / 2;
		offset = fill_first(c, reply);
		if (offset == 0 ||
		    c->sub->record.accepted >= c->sub->since.time_us)
			f->hi = mid - 1;
		else
			f->lo = offset < f->hi ? offset : f->hi;
	}
	fill_step(c);
}

/* Everything above hi is late enough, everything up to lo is not. */
static void search_step(struct chan *c)
{
	struct sub_fill *f = &c->fill;
	uint64_t top = f->target;

	if (f->lo < f->hi) {
		fill_ask(c, f->lo + (f->hi - f->lo + 1) / 2 - 1, 1, on_found);
		return;
	}
	place_set(c, dn_str_of(f->epoch), f->lo);
	fill_pages(c, top, true);
}

void fill_step(struct chan *c)
{
	if (c->sub->finishing)
		return;
	c->fill.stalled = sub_congested(c->sub);
	if (c->fill.stalled)
		return; /* goes on when stdout has room */
	switch (c->fill.kind) {
	case FILL_NONE:
		return;
	case FILL_SEARCH:
		search_step(c);
		return;
	case FILL_PROBE:
		change_step(c);
		return;
	case FILL_PAGES:
		fill_ask(c, c->offset, 0, on_page);
		return;
	case FILL_LOG:
		logread_step(c);
		return;
	}
}

static void on_anchor(void *arg, const struct dn_client_reply *reply)
{
	struct chan *c = arg;
	uint64_t offset;

	if (reply->code != 0 || c->sub->finishing)
		return;
	offset = fill_first(c, reply);
	if (offset > 0 && c->recent[offset % SUB_RECENT].offset == 0)
		show_remember(c, offset, &c->sub->record);
}

/* Only with a server key: a client that reads a record has taken it, and this
 * one is not printed. */
void fill_anchor(struct chan *c)
{
	struct dn_buf b = {0};

	if (c->sub->finishing || c->offset == 0 ||
	    dn_client_tenant(c->sub->client) == NULL)
		return;
	dn_buf_lit(&b, "{\"channel\":");
	dn_buf_json_str(&b, dn_str_of(c->name));
	dn_buf_printf(&b, ",\"limit\":1,\"since\":{\"offset\":%llu,\"epoch\":",
	    (unsigned long long)c->offset - 1);
	dn_buf_json_str(&b, dn_str_of(place_epoch(c)));
	dn_buf_lit(&b, "}}");
	if (dn_client_call(
		c->sub->client, "history", dn_buf_view(&b), on_anchor, c) < 0)
		c->proven = c->offset; /* goes without */
	dn_buf_release(&b);
}
