/* SPDX-License-Identifier: MIT */
/*
 * How it works: a server that crashed goes on counting offsets, but under a
 * new epoch, because the last records it gave out may never have reached its
 * log. So the stream under the new epoch is the old one up to some offset
 * that we do not know, and new from there. With --log the log tells. Else
 * history does: we ask for the oldest record that we still remember. If it is
 * the same, nothing up to there was lost, and everything behind it is shown
 * that we have not had.
 *
 * How it fails: where nothing that we remember is found again, what there is
 * is shown, and a gap is told, since nobody can say that it is all.
 */
#include "sub.h"

#include "base/diag.h"

static bool remembered(const struct chan *c, uint64_t offset)
{
	return offset > 0 && c->recent[offset % SUB_RECENT].offset == offset;
}

/* The offset before the oldest one in the unbroken run that we remember. */
static uint64_t before_oldest(const struct chan *c)
{
	uint64_t at = c->offset, n = 0;

	for (; remembered(c, at) && n < SUB_RECENT; n++)
		at--;
	return at;
}

void change_epoch(struct chan *c, struct dn_str epoch, uint64_t top)
{
	dn_diag(DN_INFO, NULL, "%s: epoch %s at %llu became %.*s at %llu",
	    c->name, place_epoch(c), (unsigned long long)c->offset,
	    DN_FMT(epoch), (unsigned long long)top);
	fill_stop(c);
	c->caught_up = false;
	c->proven = 0;
	c->fill.epoch = dn_xstrndup(epoch.p, epoch.n);
	c->fill.target = top;
	if (!logread_start(c))
		change_from_history(c);
}

/* Goes on under the new epoch from `offset`. */
static void go_on(struct chan *c, uint64_t offset, bool lenient)
{
	uint64_t top = c->fill.target;

	place_set(c, dn_str_of(c->fill.epoch), offset);
	fill_pages(c, top, lenient);
}

static void unproven(struct chan *c, uint64_t offset, uint64_t first)
{
	uint64_t from = c->offset + 1;

	sub_gap(c, from, first > from ? first - 1 : 0,
	    "the epoch changed, and nothing that was printed is found "
	    "again");
	go_on(c, offset, true);
}

/* `first` is the first offset behind `lo` that the new epoch has. */
static void judge(struct chan *c, uint64_t lo, uint64_t first)
{
	uint64_t had = c->offset;

	if (first > 0 && first <= had &&
	    show_known_at(c, first, dn_dedup_proof(&c->sub->record))) {
		c->proven = first;
		go_on(c, first, false);
	} else if (first == 1 && lo == 0) {
		go_on(c, 0, false); /* all of it is read */
	} else if (first == had + 1) {
		/* It has what comes right behind ours: it goes on. */
		go_on(c, had, false);
	} else {
		unproven(c, first > lo ? lo : 0, first);
	}
}

static void on_probed(void *arg, const struct dn_client_reply *reply)
{
	struct chan *c = arg;

	if (!fill_answered(c, reply))
		return;
	if (c->fill.kind == FILL_PROBE)
		judge(c, c->fill.lo, fill_first(c, reply));
	else
		fill_step(c);
}

void change_step(struct chan *c)
{
	fill_ask(c, c->fill.lo, 1, on_probed);
}

void change_from_history(struct chan *c)
{
	uint64_t lo = before_oldest(c);

	if (c->fill.target == c->offset && !remembered(c, c->offset)) {
		/* Nothing came since, and nothing tells otherwise. */
		c->proven = c->offset;
		go_on(c, c->offset, false);
		return;
	}
	if (c->fill.target <= lo && lo > 0) {
		unproven(c, 0, 0); /* it is shorter: a new stream */
		return;
	}
	c->fill.kind = FILL_PROBE;
	c->fill.lo = lo;
	fill_step(c);
}
