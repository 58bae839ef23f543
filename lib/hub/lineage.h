/* SPDX-License-Identifier: MIT */
/*
 * lineage: the earlier epochs of a stream whose offsets its current epoch
 * continues.
 *
 * After a crash a stream may get a new epoch, so that clients are told; its
 * numbering goes on. What the log holds from before is filed under the old
 * epoch, and this tells which one an offset belongs to.
 *
 * Ownership: the list belongs to its channel. NULL is an empty one.
 * Limits: the newest DN_LINEAGE_MAX epochs.
 * Thread: the owner loop.
 */
#ifndef DN_LINEAGE_H
#define DN_LINEAGE_H

#include "base/base.h"

enum { DN_EPOCH_MAX = 16, DN_LINEAGE_MAX = 8 };

struct dn_lineage {
	struct dn_lineage *older;
	uint64_t top; /* its last offset */
	char epoch[DN_EPOCH_MAX];
};

/* The epoch ended at that offset; nothing to remember where that is 0. */
void dn_lineage_add(struct dn_lineage **list, const char *epoch, uint64_t top);
/* The epoch that an offset was given in; NULL: in the current one. */
const struct dn_lineage *dn_lineage_of(
    const struct dn_lineage *list, uint64_t offset);
bool dn_lineage_has(const struct dn_lineage *list, struct dn_str epoch);
void dn_lineage_clear(struct dn_lineage **list);

#endif
