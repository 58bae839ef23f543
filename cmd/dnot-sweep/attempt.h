/* SPDX-License-Identifier: MIT */
/*
 * attempt: the parameters of the two calls a sweep makes, from a row.
 *
 * Ownership: borrows the item; appends to the caller's buffer.
 * Errors: -EINVAL with a text for a row whose value is no record.
 * Thread: the main one.
 */
#ifndef DN_SWEEP_ATTEMPT_H
#define DN_SWEEP_ATTEMPT_H

#include "page.h"

/* `redeliver`: the record with its `undelivered` member, without the story of
 * its attempts. */
DN_MUST_CHECK int sweep_redeliver_params(
    struct dn_buf *out, const struct sweep_item *item, struct dn_err *err);

/* `publish`: the record as its publisher sent it, under its first key; the
 * answer waits for the log unless the item says that there is none. */
DN_MUST_CHECK int sweep_publish_params(
    struct dn_buf *out, const struct sweep_item *item, struct dn_err *err);

#endif
