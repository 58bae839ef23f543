/* SPDX-License-Identifier: MIT */
/*
 * How it works: a position moves when a record was handled, but counts for
 * the state file only once stdout has got all bytes up to there. So each move
 * leaves a mark with the number of bytes; marks that are reached become the
 * channel's saved position, and a timer writes the file at most every 200 ms.
 *
 * How it fails: a state file that cannot be written is told (78) and tried
 * again; reading goes on.
 */
#include "sub.h"

#include <stdlib.h>

const char *place_epoch(const struct chan *c)
{
	return c->placed ? c->epochs[c->generation] : "";
}

static void add_epoch(struct chan *c, struct dn_str epoch)
{
	c->epochs =
	    dn_xrealloc(c->epochs, (c->epochs_n + 1) * sizeof(*c->epochs));
	c->epochs[c->epochs_n++] = dn_xstrndup(epoch.p, epoch.n);
	c->generation = (uint32_t)c->epochs_n - 1;
}

static void add_mark(struct chan *c)
{
	struct sub *p = c->sub;
	struct sub_mark mark = {
	    output_added(p->out), c, c->generation, c->offset};

	if (p->marks_n > p->marks_at && p->marks[p->marks_n - 1].chan == c &&
	    p->marks[p->marks_n - 1].end == mark.end) {
		p->marks[p->marks_n - 1] = mark; /* nothing was printed */
		return;
	}
	if (p->marks_n == p->marks_cap && p->marks_at > p->marks_cap / 2) {
		memmove(p->marks, p->marks + p->marks_at,
		    (p->marks_n - p->marks_at) * sizeof(*p->marks));
		p->marks_n -= p->marks_at;
		p->marks_at = 0;
	}
	if (p->marks_n == p->marks_cap) {
		p->marks_cap = p->marks_cap == 0 ? 256 : p->marks_cap * 2;
		p->marks =
		    dn_xrealloc(p->marks, p->marks_cap * sizeof(*p->marks));
	}
	p->marks[p->marks_n++] = mark;
}

static void moved(struct chan *c)
{
	if (c->s != NULL)
		dn_client_sub_seek(c->s, dn_str_of(place_epoch(c)), c->offset);
	if (c->sub->cursor.path != NULL)
		add_mark(c);
}

void place_set(struct chan *c, struct dn_str epoch, uint64_t offset)
{
	if (!c->placed || !dn_str_is(epoch, place_epoch(c)))
		add_epoch(c, epoch);
	c->placed = true;
	c->offset = offset;
	moved(c);
}

void place_advance(struct chan *c, uint64_t offset)
{
	c->offset = offset;
	moved(c);
}

void place_load(struct chan *c)
{
	const struct dn_cursor_mark *tail;
	struct dn_str epoch;
	uint64_t offset;
	size_t i, n;

	if (c->sub->cursor.path == NULL ||
	    !dn_cursor_get(
		&c->sub->cursor, dn_str_of(c->name), &epoch, &offset))
		return;
	add_epoch(c, epoch);
	c->placed = c->saved = true;
	c->offset = c->saved_offset = offset;
	n = dn_cursor_tail(&c->sub->cursor, dn_str_of(c->name), &tail);
	for (i = 0; i < n; i++) {
		c->recent[tail[i].offset % SUB_RECENT] = (struct sub_recent){
		    tail[i].offset, tail[i].proof, tail[i].content};
		dn_dedup_add(&c->seen, dn_dedup_content_key(tail[i].content),
		    tail[i].offset, c->generation);
	}
}

void place_written(struct sub *p)
{
	uint64_t written = output_written(p->out);
	const struct sub_mark *m;

	for (; p->marks_at < p->marks_n; p->marks_at++) {
		m = &p->marks[p->marks_at];
		if (m->end > written)
			break;
		m->chan->saved = true;
		m->chan->saved_generation = m->generation;
		m->chan->saved_offset = m->offset;
		p->save_due = true;
	}
	if (p->marks_at == p->marks_n)
		p->marks_at = p->marks_n = 0;
}

/* The run of remembered records that ends at the saved position. */
static void save_tail(struct chan *c)
{
	struct dn_cursor_mark tail[DN_CURSOR_TAIL];
	uint64_t at = c->saved_offset;
	const struct sub_recent *r;
	size_t n = 0;

	for (; n < DN_CURSOR_TAIL && at > 0; at--, n++) {
		r = &c->recent[at % SUB_RECENT];
		if (r->offset != at)
			break;
		tail[DN_CURSOR_TAIL - 1 - n] =
		    (struct dn_cursor_mark){at, r->proof, r->content};
	}
	dn_cursor_set_tail(
	    &c->sub->cursor, dn_str_of(c->name), tail + DN_CURSOR_TAIL - n, n);
}

void place_save(struct sub *p)
{
	struct dn_err err = {0};
	struct chan *c;
	size_t i;

	if (p->cursor.path == NULL || !p->save_due)
		return;
	p->save_due = false;
	for (i = 0; i < p->chans_n; i++) {
		c = &p->chans[i];
		if (!c->saved)
			continue;
		dn_cursor_set(&p->cursor, dn_str_of(c->name),
		    dn_str_of(c->epochs[c->saved_generation]), c->saved_offset);
		save_tail(c);
	}
	if (dn_cursor_save(&p->cursor, &err) < 0) {
		dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		p->save_due = !p->ended;
	}
}
