/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "wire/track.h"

struct dn_track *dn_track_new(
    void (*report)(void *arg, const struct dn_tally *tally, bool final),
    void *arg)
{
	struct dn_track *t = dn_xcalloc(1, sizeof(*t));

	t->open = 1;
	t->report = report;
	t->arg = arg;
	return t;
}

void dn_track_add(struct dn_track *t)
{
	t->open++;
	t->tally.queued++;
}

static void drop_one(struct dn_track *t)
{
	DN_ASSERT(t->open > 0);
	if (--t->open > 0)
		return;
	t->report(t->arg, &t->tally, true);
	free(t);
}

void dn_track_end(struct dn_track *t, enum dn_track_end how)
{
	if (how == DN_TRACK_WRITTEN)
		t->tally.written++;
	else if (how == DN_TRACK_SLOW)
		t->tally.slow++;
	else
		t->tally.gone++;
	if (how == DN_TRACK_WRITTEN && !t->told && t->open > 1) {
		t->told = true;
		t->report(t->arg, &t->tally, false);
	}
	drop_one(t);
}

void dn_track_close(struct dn_track *t)
{
	drop_one(t);
}
