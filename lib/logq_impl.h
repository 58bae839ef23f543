/* SPDX-License-Identifier: MIT */
/*
 * logq_impl: what logq.c (the queue and its thread) and logq_group.c (one
 * group's writes, one read) share; only they include it.
 */
#ifndef DN_LOGQ_IMPL_H
#define DN_LOGQ_IMPL_H

#include "logq.h"

enum {
	DN_LOGQ_GROUP_MAX = 4096,         /* writes a commit */
	DN_LOGQ_GROUP_BYTES_MAX = 4 << 20 /* of values a commit */
};

/* The writes of one commit. */
struct dn_logq_group {
	size_t n;
	struct dn_logq_write {
		struct dn_logreq *req;
		bool open; /* goes into open, too */
		bool skip; /* another write of the group stands for it */
	} writes[DN_LOGQ_GROUP_MAX];
	/* Finds the RECORD of a position: index + 1 into writes, 0 free. */
	uint16_t slots[2 * DN_LOGQ_GROUP_MAX];
};

/* Marks what need not be written: a record whose delivery is judged within
 * the group is never open. */
void dn_logq_group_fold(struct dn_logq_group *group);

/* Commits the group and sets each status. An error (-EAGAIN, -EIO) is the
 * log being away: nothing of the writes from *done on was kept; the call is
 * made again with *done as it is now. */
DN_MUST_CHECK int dn_logq_group_commit(struct dn_log *log,
    struct dn_logq_group *group, size_t *done, struct dn_err *err);

/* Runs a READ and sets its status. */
void dn_logq_read(struct dn_log *log, struct dn_logreq *req);

#endif
