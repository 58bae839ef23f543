/* SPDX-License-Identifier: MIT */
/*
 * client_calls: which callback waits for the reply of which id.
 *
 * Ids ascend and replies come mostly in that order, so the table is a hash
 * table whose hash is the id itself: neighbours in time are neighbours in
 * memory.
 *
 * Ownership: the caller owns the struct ({0} is an empty one).
 * Limits: grows with the number of calls that wait.
 * Thread: one at a time.
 */
#ifndef DN_CLIENT_CALLS_H
#define DN_CLIENT_CALLS_H

#include "tool/client.h"

struct dn_client_wait {
	uint32_t id; /* 0: a free slot */
	dn_client_reply_fn *fn;
	void *arg;
};

struct dn_client_calls {
	struct dn_client_wait *slots;
	size_t cap; /* power of two */
	size_t count;
};

void dn_client_calls_release(struct dn_client_calls *calls);
/* The id must not be there yet, and not be 0. */
void dn_client_calls_put(struct dn_client_calls *calls, uint32_t id,
    dn_client_reply_fn *fn, void *arg);
/* Takes it out; false where nobody waits for that id. */
DN_MUST_CHECK bool dn_client_calls_take(
    struct dn_client_calls *calls, uint32_t id, struct dn_client_wait *out);
/* Takes all out, by ascending id (as long as ids did not wrap); *n counts.
 * The caller frees the array; NULL when there is none. */
DN_MUST_CHECK struct dn_client_wait *dn_client_calls_take_all(
    struct dn_client_calls *calls, size_t *n);

#endif
