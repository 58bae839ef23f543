/* SPDX-License-Identifier: MIT */
/*
 * takes: publications that a client is given in a recovery or history reply,
 * and that nobody had taken before: when the reply's bytes are out, the owner
 * of the channel is told that they are taken.
 *
 * Thread: the loop of the connection.
 */
#ifndef DN_TAKES_H
#define DN_TAKES_H

#include "serve/loop.h"

/* The track that the reply's frame carries; NULL where nothing in it was
 * open. Takes the list of offsets out of the gather. Where the reply has such
 * a track already, for another channel, it is given as `more` and goes on. */
DN_MUST_CHECK struct dn_track *dn_takes_track(struct dn_loop *loop,
    const struct dn_ask *ask, struct dn_gather *gather, struct dn_track *more);

#endif
