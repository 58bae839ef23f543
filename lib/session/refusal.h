/* SPDX-License-Identifier: MIT */
/*
 * refusal: why a client was not let in or not obeyed, as lines of the
 * server's log. Clients choose how often they ask, so only some of it is
 * written: a few lines a second, of a client and of a loop; how many more
 * there were is told once a second, and counted (dnot_denied_total).
 *
 * The reason must not hold a token or a payload.
 *
 * Limits: DN_REFUSALS_CLIENT and DN_REFUSALS_LOOP lines a second.
 * Thread: the loop's.
 */
#ifndef DN_REFUSAL_H
#define DN_REFUSAL_H

#include "base/base.h"

enum { DN_REFUSALS_CLIENT = 5, DN_REFUSALS_LOOP = 20 };

/* Lines that were written in a second (of now_ms). */
struct dn_refusals {
	uint32_t second;
	uint32_t told;
	uint64_t left_out; /* since that was told; of a loop */
};

struct dn_loop;

/* mine: the client's own count; NULL: it is gone. */
void dn_refusal(struct dn_loop *loop, struct dn_refusals *mine, const char *fmt,
    ...) DN_PRINTF(3, 4);
/* Once a second. */
void dn_refusals_tick(struct dn_loop *loop);

#endif
