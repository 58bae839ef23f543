/* SPDX-License-Identifier: MIT */
/*
 * track: follows one publication into the sockets of one loop.
 *
 * Where somebody wants to know (fallback, wait:"written"), the fan-out of a
 * loop carries one track: each connection that queues the frame adds one, and
 * each entry's end takes one away. The first written one and the final tally
 * are told to the channel's owner.
 *
 * Ownership: freed when its last entry ended and it was closed.
 * Thread: the loop of the connections.
 */
#ifndef DN_TRACK_H
#define DN_TRACK_H

#include "base/base.h"

enum dn_track_end {
	DN_TRACK_WRITTEN, /* all its bytes are in the kernel */
	DN_TRACK_SLOW,    /* dropped, the queue was over its limit */
	DN_TRACK_GONE,    /* dropped, the connection ended */
};

struct dn_tally {
	uint32_t queued, written, slow, gone;
};

struct dn_track {
	uint32_t open; /* entries without an end, and 1 for the maker */
	bool told;     /* the first written one was reported */
	struct dn_tally tally;
	/* final: no more will come, the track is freed right after. */
	void (*report)(void *arg, const struct dn_tally *tally, bool final);
	void *arg;
};

DN_MUST_CHECK struct dn_track *dn_track_new(
    void (*report)(void *arg, const struct dn_tally *tally, bool final),
    void *arg);
/* One more entry carries it. */
void dn_track_add(struct dn_track *t);
/* One entry's end; also how a subscriber that could not even queue counts
 * (after dn_track_add). */
void dn_track_end(struct dn_track *t, enum dn_track_end how);
/* The maker is done adding. */
void dn_track_close(struct dn_track *t);

#endif
