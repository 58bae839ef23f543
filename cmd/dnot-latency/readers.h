/* SPDX-License-Identifier: MIT */
/*
 * readers: the subscribers of a run, each with a connection of its own.
 *
 * Ownership: options and tally are borrowed until readers_free.
 * Lifetime: new (connects, some at a time) -> `ready` when all have
 *   subscribed -> readers_close -> the loop runs out -> readers_free.
 * Errors: before `ready`, `failed` with an exit code and a reason; later ones
 *   are reported at once, and show as lost records.
 * Thread: the main one.
 */
#ifndef DN_LATENCY_READERS_H
#define DN_LATENCY_READERS_H

#include "latency_tool.h"

struct readers;

struct readers_options {
	struct latency *tool;
	struct dn_client_net *net;
	const char *prefix; /* reader i is on PREFIX and i mod channels */
	int64_t offset_us;  /* the server's clock minus ours */
	struct tally *tally;
	void (*ready)(void *arg);
	void (*failed)(void *arg, int exit_code, const char *reason);
	void (*received)(void *arg); /* a record that was not here before */
	void *arg;
};

DN_MUST_CHECK struct readers *readers_new(const struct readers_options *o);
void readers_close(struct readers *r);
void readers_free(struct readers **r);

#endif
