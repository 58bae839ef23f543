/* SPDX-License-Identifier: MIT */
/*
 * push: the frames of the client protocol that a channel's subscribers share
 * (docs/PROTOCOL.md): publications, joins, leaves.
 *
 * A publication's frame is begun on the publisher's loop, from the record,
 * and finished by the channel's owner, who alone knows time, offset and
 * epoch. Its bytes are then sent, kept as history and logged: one copy.
 *
 * Thread: any; a frame is one loop's until it is finished.
 */
#ifndef DN_PUSH_H
#define DN_PUSH_H

#include "record/record.h"
#include "wire/frame.h"

/* {"push":{"channel":C,"pub":{"data":..,"info":..,"tags":{.. so far open.
 * info is JSON or unset; redelivery is the undelivered id or unset. */
DN_MUST_CHECK struct dn_frame *dn_push_begin(
    const struct dn_record *r, struct dn_str info, struct dn_str redelivery);
/* Completes and seals it. offset 0: none; the epoch is told with offset 1,
 * so that a subscriber to an empty stream learns it. */
void dn_push_finish(struct dn_frame *frame, int64_t accepted_us,
    uint64_t offset, struct dn_str epoch);
/* The publication object inside a finished frame. */
struct dn_str dn_push_pub(const struct dn_frame *frame);
/* {"push":{"channel":C,"join"|"leave":{"info":INFO}}} */
DN_MUST_CHECK struct dn_frame *dn_push_presence(
    struct dn_str channel, bool join, struct dn_str info);
/* {"push":{"channel":C,"unsubscribe":{"code":..,"reason":..}}} */
void dn_push_unsubscribe(
    struct dn_buf *b, struct dn_str channel, unsigned code, const char *reason);

#endif
