/* SPDX-License-Identifier: MIT */
/*
 * cursor: a small file that remembers, for each channel, up to where it was
 * read: {"version":1,"channels":{"NAME":{"epoch":"E","offset":N,
 * "tail":[[OFFSET,"PROOF","CONTENT"],...]},...}}. The tail is what the last
 * few records were, as hashes: with it a reader can tell a stream that goes on
 * under a new epoch from a new one.
 *
 * It is replaced whole (written beside, fsynced, renamed, folder fsynced), so
 * that there is always either the old or the new one.
 *
 * Ownership: the caller owns the struct and calls dn_cursor_release.
 * Limits: a file of at most DN_CURSOR_MAX bytes.
 * Errors: negative -errno with a text that names the file; -EINVAL where it
 *   is not such a file.
 * Thread: one at a time; load and save block.
 */
#ifndef DN_CURSOR_H
#define DN_CURSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"

enum { DN_CURSOR_MAX = 16 << 20, DN_CURSOR_TAIL = 32 };

struct dn_cursor_mark {
	uint64_t offset, proof, content;
};

struct dn_cursor {
	char *path;
	bool existed; /* dn_cursor_load found a file */
	bool changed; /* since the last save */
	struct dn_map channels;
};

/* A file that is not there is an empty one. The folder must be there. */
DN_MUST_CHECK int dn_cursor_load(
    struct dn_cursor *c, const char *path, struct dn_err *err);
void dn_cursor_release(struct dn_cursor *c);

/* False when the channel is not in it. epoch is valid until the next set. */
DN_MUST_CHECK bool dn_cursor_get(const struct dn_cursor *c,
    struct dn_str channel, struct dn_str *epoch, uint64_t *offset);
void dn_cursor_set(struct dn_cursor *c, struct dn_str channel,
    struct dn_str epoch, uint64_t offset);
/* The tail, ascending; at most DN_CURSOR_TAIL marks, of which get gives the
 * number. A set with another epoch clears it. */
size_t dn_cursor_tail(const struct dn_cursor *c, struct dn_str channel,
    const struct dn_cursor_mark **marks);
void dn_cursor_set_tail(struct dn_cursor *c, struct dn_str channel,
    const struct dn_cursor_mark *marks, size_t n);
/* Channels that nobody set keep what they had. */
DN_MUST_CHECK int dn_cursor_save(struct dn_cursor *c, struct dn_err *err);

#endif
