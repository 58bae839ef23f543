/* SPDX-License-Identifier: MIT */
/*
 * log_value: the `undelivered` member of a record's JSON text, and the story
 * of a record that failed (a JSON array of {at_us, reason, attempt}).
 *
 * Ownership: borrows; writes to the caller's buffer.
 * Limits: a story keeps its first entry and the last
 *   DN_LOG_STORY_MAX - 1.
 * Errors: -EINVAL for a value that is no JSON object.
 * Thread: any.
 */
#ifndef DN_LOG_VALUE_H
#define DN_LOG_VALUE_H

#include "base/buf.h"
#include "log/log.h"

enum { DN_LOG_STORY_MAX = 100 };

/* Appends the record with `undelivered` as its last member, in place of one
 * it may have; a story (n == 0: none) goes in as undelivered.history. */
DN_MUST_CHECK int dn_log_value_undelivered(struct dn_buf *out,
    struct dn_str value, const struct dn_log_undelivered *u,
    struct dn_str story, struct dn_err *err);

/* Appends the story (n == 0: an empty one) with one more entry. */
void dn_log_value_story(struct dn_buf *out, struct dn_str story, int64_t at_us,
    struct dn_str reason, int64_t attempt);

#endif
