/* SPDX-License-Identifier: MIT */
/*
 * event_id: the id of an event of EventSource: where the client is in each of
 * its channels once it has that event. It comes back as Last-Event-ID when the
 * client connects again.
 *
 * To a client it is a word of letters, digits, '-' and '_', safe in a header
 * and in a URL; only the server reads it.
 *
 * Ownership: writes into the caller's buffers.
 * Limits: an id has at most DN_EVENT_ID_MAX bytes; where the positions do not
 *   fit, it is empty, by which a client forgets the one before.
 * Errors: -EINVAL for text that is no such id.
 * Thread: any.
 */
#ifndef DN_EVENT_ID_H
#define DN_EVENT_ID_H

#include "base/buf.h"

enum { DN_EVENT_ID_MAX = 2048 };

/* Adds one position to those that an id is made of. */
void dn_event_id_add(struct dn_buf *positions, struct dn_str channel,
    uint64_t offset, struct dn_str epoch);
/* The line "id: ID\n"; true unless they do not fit. */
bool dn_event_id_write(struct dn_buf *out, struct dn_str positions);
/* The positions as `subs` of connect has them:
 * {"CHANNEL":{"recover":true,"offset":N,"epoch":E},...} */
DN_MUST_CHECK int dn_event_id_read(struct dn_str id, struct dn_buf *json);

#endif
