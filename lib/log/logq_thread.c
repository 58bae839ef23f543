/* SPDX-License-Identifier: MIT */
/*
 * logq_thread: the log's thread.
 *
 * A turn: take writes up to a group's bounds, commit them, hand them back;
 * run the reads that have no earlier write waiting, for a bounded time; do a
 * slice of housekeeping when it is due. With nothing to do it first does the
 * idle work, then sleeps.
 *
 * How it fails: the log is away: it is said once, waiting reads fail, and
 * the group is tried again after 50 ms, then twice as long, up to 1 s, with
 * everything behind it waiting; when it works again that is said, too. At
 * the stop the thread goes on like that until all is written or the time is
 * up; what is left then comes back with -EAGAIN.
 */
#include <errno.h>
#include <time.h>

#include "base/diag.h"
#include "log/logq_impl.h"

enum {
	BACKOFF_MIN_US = 50000,
	BACKOFF_MAX_US = 1000000,
	READS_US = 20000,     /* for reads, between two groups */
	TRIM_SLICE = 256,     /* records */
	TRIM_PAUSE_US = 2000, /* between two slices */
	IDLE_US = 1000000,    /* idle work, after the last write */
};

static struct dn_logreq *list_take(struct dn_logq_list *list)
{
	struct dn_logreq *req = list->head;

	list->head = req->next;
	if (list->head == NULL)
		list->tail = NULL;
	req->next = NULL;
	return req;
}

/* Sleeps until `until_us` (of dn_mono_us), a push when `pushes` matter, or
 * the stop. With the mutex held. */
static void sleep_until(struct dn_logq *q, int64_t until_us, bool pushes)
{
	struct timespec ts = {
	    .tv_sec = (time_t)(until_us / 1000000),
	    .tv_nsec = (long)(until_us % 1000000) * 1000,
	};
	bool stopping = q->stopping;
	int rc = 0;

	q->sleeping = pushes;
	while (rc == 0 && q->stopping == stopping && (!pushes || q->sleeping))
		rc = pthread_cond_timedwait(&q->wake, &q->mutex, &ts);
	q->sleeping = false;
}

/* Puts a request that is done on its loop's list. */
static void finish(struct dn_logq *q, struct dn_logreq *req)
{
	if (req->reserved > 0)
		dn_logq_unreserve(q, req->reserved);
	req->reserved = 0;
	if (req->op != DN_LOGREQ_READ && req->status != 0)
		q->lost++;
	atomic_fetch_sub(&q->pending, 1);
	dn_logq_list_add(&q->done[req->loop], req);
}

static void post_done(struct dn_logq *q)
{
	for (unsigned i = 0; i < q->options.loops; i++) {
		struct dn_logreq *head = q->done[i].head;

		q->done[i] = (struct dn_logq_list){NULL, NULL};
		if (head != NULL)
			q->post(q->post_arg, i, head);
	}
}

static size_t cost_of(const struct dn_logreq *req)
{
	return req->row.value.n + 256;
}

static void take_group(struct dn_logq *q)
{
	struct dn_logq_group *group = &q->group;
	size_t bytes = 0;

	group->n = 0;
	pthread_mutex_lock(&q->mutex);
	while (q->writes.head != NULL && group->n < DN_LOGQ_GROUP_MAX) {
		bytes += cost_of(q->writes.head);
		if (group->n > 0 && bytes > DN_LOGQ_GROUP_BYTES_MAX)
			break;
		group->writes[group->n++].req = list_take(&q->writes);
	}
	pthread_mutex_unlock(&q->mutex);
	q->taken_writes += group->n;
}

/* The next read that has no earlier write waiting. */
static struct dn_logreq *take_read(struct dn_logq *q, bool any)
{
	struct dn_logreq *req = NULL;

	pthread_mutex_lock(&q->mutex);
	if (q->reads.head != NULL &&
	    (any || q->reads.head->order <= q->taken_writes))
		req = list_take(&q->reads);
	pthread_mutex_unlock(&q->mutex);
	return req;
}

static void fail_reads(struct dn_logq *q)
{
	struct dn_logreq *req;

	while ((req = take_read(q, true)) != NULL) {
		req->status = -EAGAIN;
		finish(q, req);
	}
	post_done(q);
}

static void run_reads(struct dn_logq *q)
{
	int64_t end_us = dn_mono_us() + READS_US;
	struct dn_logreq *req;

	do {
		req = take_read(q, false);
		if (req == NULL)
			return;
		dn_logq_read(q->log, req);
		finish(q, req);
		post_done(q);
	} while (dn_mono_us() < end_us);
}

static void gone_away(struct dn_logq *q, const struct dn_err *err)
{
	atomic_fetch_add(&q->retries, 1);
	if (!atomic_exchange(&q->away, true)) {
		q->away_since_us = dn_mono_us();
		dn_diag(DN_WARN, "\"event\":\"log_away\"",
		    "the log is away, records wait for it: %s", err->text);
	}
	fail_reads(q);
}

static void came_back(struct dn_logq *q)
{
	if (!atomic_exchange(&q->away, false))
		return;
	dn_diag(DN_INFO, "\"event\":\"log_back\"",
	    "the log is back after %.1f s",
	    (double)(dn_mono_us() - q->away_since_us) / 1e6);
}

/* False when the time of the stop is up. */
static bool back_off(struct dn_logq *q, int64_t *wait_us)
{
	int64_t until_us = dn_mono_us() + *wait_us;
	bool go_on;

	*wait_us =
	    *wait_us * 2 < BACKOFF_MAX_US ? *wait_us * 2 : BACKOFF_MAX_US;
	pthread_mutex_lock(&q->mutex);
	if (q->stopping && q->give_up_us < until_us)
		until_us = q->give_up_us;
	sleep_until(q, until_us, false);
	go_on = !q->stopping || dn_mono_us() < q->give_up_us;
	pthread_mutex_unlock(&q->mutex);
	return go_on;
}

static void finish_group(struct dn_logq *q)
{
	for (size_t i = 0; i < q->group.n; i++)
		finish(q, q->group.writes[i].req);
	post_done(q);
	q->idle_due_us = dn_mono_us() + IDLE_US;
}

/* Commits the group, however long that takes; false: given up. */
static bool commit_group(struct dn_logq *q)
{
	int64_t wait_us = BACKOFF_MIN_US;
	struct dn_err err;
	size_t done = 0;
	bool ok = true;

	dn_logq_group_fold(&q->group);
	while (dn_logq_group_commit(q->log, &q->group, &done, &err) != 0) {
		gone_away(q, &err);
		ok = back_off(q, &wait_us);
		if (!ok)
			break;
	}
	if (ok)
		came_back(q);
	for (size_t i = done; i < q->group.n; i++)
		q->group.writes[i].req->status = -EAGAIN;
	atomic_fetch_add(&q->written, done);
	atomic_fetch_add(&q->groups, 1);
	finish_group(q);
	return ok;
}

/* Everything that is left comes back with -EAGAIN. */
static void give_up(struct dn_logq *q)
{
	do {
		take_group(q);
		for (size_t i = 0; i < q->group.n; i++) {
			q->group.writes[i].req->status = -EAGAIN;
			finish(q, q->group.writes[i].req);
		}
		post_done(q);
	} while (q->group.n > 0);
	fail_reads(q);
}

static void trim(struct dn_logq *q)
{
	int64_t before_us = q->options.retention_us > 0
				? dn_wall_us() - q->options.retention_us
				: INT64_MIN;
	/* As much as the group wrote and more, so that a busy log does not
	 * outgrow its bounds. */
	uint64_t slice = TRIM_SLICE + q->group.n + q->group.n / 2;
	uint64_t removed;
	struct dn_err err;

	/* What fails here is tried again in the next round; if the log is
	 * away, the next group will say so. */
	q->trimming =
	    dn_log_trim(q->log, before_us, q->options.records_bytes_max, slice,
		&removed, &err) == 1;
	q->trim_due_us =
	    dn_mono_us() + (q->trimming ? TRIM_PAUSE_US : dn_logq_trim_us(q));
}

/* A slice of what is due. */
static void housekeeping(struct dn_logq *q)
{
	int64_t now_us = dn_mono_us();

	if (now_us >= q->trim_due_us) {
		trim(q);
	} else if (q->group.n == 0 && q->idle_due_us != 0 &&
		   now_us >= q->idle_due_us) {
		q->idle_due_us = 0;
		dn_log_idle(q->log);
	}
}

/* Waits for something to do; false at the stop with nothing or no time
 * left. */
static bool wait_for_work(struct dn_logq *q)
{
	int64_t until_us = q->trim_due_us;
	bool more = true;

	if (q->idle_due_us != 0 && q->idle_due_us < until_us)
		until_us = q->idle_due_us;
	pthread_mutex_lock(&q->mutex);
	if (q->writes.head == NULL && q->reads.head == NULL && !q->stopping)
		sleep_until(q, until_us, true);
	more = q->writes.head != NULL || q->reads.head != NULL || !q->stopping;
	pthread_mutex_unlock(&q->mutex);
	return more;
}

/* One turn; false when the time of the stop is up. */
static bool turn(struct dn_logq *q)
{
	take_group(q);
	if (q->group.n > 0 && !commit_group(q))
		return false;
	run_reads(q);
	housekeeping(q);
	return true;
}

static void mark_clean(struct dn_logq *q)
{
	int64_t wait_us = BACKOFF_MIN_US;
	struct dn_err err;

	while (dn_log_stop(q->log, &err) != 0) {
		if (!back_off(q, &wait_us)) {
			dn_diag(DN_WARN, NULL, "cannot mark the clean stop: %s",
			    err.text);
			return;
		}
	}
}

void *dn_logq_run(void *arg)
{
	struct dn_logq *q = arg;
	bool ok = true;

	while (ok && wait_for_work(q))
		ok = turn(q);
	give_up(q);
	if (q->clean && q->lost == 0)
		mark_clean(q);
	return NULL;
}
