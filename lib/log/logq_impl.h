/* SPDX-License-Identifier: MIT */
/*
 * logq_impl: what logq.c (the loops' side), logq_thread.c (the thread) and
 * logq_group.c (one group's writes, one read) share; only they include it.
 */
#ifndef DN_LOGQ_IMPL_H
#define DN_LOGQ_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "log/logq.h"

enum {
	DN_LOGQ_MAGIC = 0x6c6f6771,
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

struct dn_logq_list {
	struct dn_logreq *head, *tail;
};

struct dn_logq {
	uint32_t magic;
	struct dn_log *log;
	struct dn_logq_options options;
	dn_logq_post_fn *post;
	void *post_arg;
	pthread_t thread;

	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t wake;
	struct dn_logq_list writes, reads;
	uint64_t pushed_writes; /* ever */
	bool sleeping;
	bool stopping;
	bool clean;
	int64_t give_up_us; /* at the stop */

	atomic_size_t reserved;
	atomic_uint_least64_t pending, written, groups, retries;
	atomic_bool away;

	/* The thread's own. */
	struct dn_logq_group group;
	struct dn_logq_list *done; /* a loop each */
	uint64_t taken_writes;
	int64_t away_since_us;
	int64_t trim_due_us;
	bool trimming;
	int64_t idle_due_us; /* 0: nothing was written since */
	uint64_t lost;
};

static inline void dn_logq_list_add(
    struct dn_logq_list *list, struct dn_logreq *req)
{
	req->next = NULL;
	if (list->tail != NULL)
		list->tail->next = req;
	else
		list->head = req;
	list->tail = req;
}

/* Between two rounds of retention: a bound in bytes is soon outgrown. */
static inline int64_t dn_logq_trim_us(const struct dn_logq *q)
{
	return q->options.records_bytes_max > 0 ? 1000000 : 10000000;
}

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

/* The thread; arg is the queue. */
void *dn_logq_run(void *arg);

#endif
