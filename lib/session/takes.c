/* SPDX-License-Identifier: MIT */
/*
 * A reply that is dropped with its connection took nothing: the list is
 * forgotten and the publications stay open.
 */
#include <stdlib.h>

#include "serve/server.h"
#include "session/takes.h"

struct takes {
	struct dn_mail mail;
	struct takes *next; /* another channel's, of the same reply */
	struct dn_loop *loop;
	unsigned owner;
	struct dn_str key, epoch;
	uint64_t *offsets;
	size_t n;
	char bytes[];
};

static void run_takes(struct dn_loop *loop, struct dn_mail *mail)
{
	struct takes *t = DN_CONTAINER(mail, struct takes, mail);

	dn_hub_taken(loop->hub, t->key, t->epoch, t->offsets, t->n);
	free(t->offsets);
	free(t);
}

static void on_takes(void *arg, const struct dn_tally *tally, bool final)
{
	struct takes *t, *next;

	if (!final)
		return;
	for (t = arg; t != NULL; t = next) {
		next = t->next;
		if (tally->written == 0) {
			free(t->offsets);
			free(t);
			continue;
		}
		t->mail.run = run_takes;
		dn_loop_send(t->loop, t->owner, &t->mail);
	}
}

struct dn_track *dn_takes_track(struct dn_loop *loop, const struct dn_ask *ask,
    struct dn_gather *g, struct dn_track *more)
{
	struct dn_str tenant = dn_str_of(ask->tenant->name);
	struct dn_str epoch = dn_str_of(g->epoch);
	struct takes *t;

	if (g->taken_n == 0)
		return more;
	t = dn_xcalloc(1, sizeof(*t) + tenant.n + 1 + ask->channel.n + epoch.n);
	t->loop = loop;
	t->owner =
	    dn_hub_owner(tenant, ask->channel, dn_server_loops(loop->server));
	t->key = dn_hub_key(t->bytes, tenant, ask->channel);
	memcpy(t->bytes + t->key.n, epoch.p, epoch.n);
	t->epoch = (struct dn_str){t->bytes + t->key.n, epoch.n};
	t->offsets = g->taken;
	t->n = g->taken_n;
	g->taken = NULL;
	if (more == NULL)
		return dn_track_new(on_takes, t);
	t->next = more->arg;
	more->arg = t;
	return more;
}
