/* SPDX-License-Identifier: MIT */
/*
 * logq: the queue's side of the loops: push, reserve, start and stop.
 *
 * A push puts the request at the end of one of two lists, writes or reads,
 * and wakes the thread (logq_thread.c) if it sleeps.
 *
 * How it fails: no room is told by dn_logq_reserve, before there is anything
 * to push; a thread that cannot be started by dn_logq_start.
 */
#include <pthread.h>
#include <stdlib.h>

#include "log/logq_impl.h"

struct dn_logreq *dn_logreq_new(
    enum dn_logreq_op op, unsigned loop, size_t bytes)
{
	struct dn_logreq *req = dn_xcalloc(1, sizeof(*req) + bytes);

	req->op = op;
	req->loop = loop;
	req->row.seq = -1;
	return req;
}

struct dn_str dn_logreq_copy(
    struct dn_logreq *req, size_t *used, struct dn_str s)
{
	char *at = req->bytes + *used;

	if (s.n == 0)
		return (struct dn_str){NULL, 0};
	memcpy(at, s.p, s.n);
	*used += s.n;
	return (struct dn_str){at, s.n};
}

void dn_logreq_free(struct dn_logreq *req)
{
	if (req == NULL)
		return;
	free(req->found);
	free(req->found_bytes);
	dn_buf_release(&req->text);
	dn_buf_release(&req->scratch);
	if (req->release != NULL)
		req->release(req->keep);
	free(req);
}

bool dn_logq_reserve(struct dn_logq *q, size_t bytes)
{
	size_t held = atomic_load(&q->reserved);

	DN_CHECK(q, DN_LOGQ_MAGIC);
	do {
		if (bytes > q->options.bytes_max - held)
			return false;
	} while (
	    !atomic_compare_exchange_weak(&q->reserved, &held, held + bytes));
	return true;
}

void dn_logq_unreserve(struct dn_logq *q, size_t bytes)
{
	size_t held = atomic_fetch_sub(&q->reserved, bytes);

	DN_ASSERT(held >= bytes);
}

void dn_logq_push(struct dn_logq *q, struct dn_logreq *req)
{
	bool wake;

	DN_CHECK(q, DN_LOGQ_MAGIC);
	DN_ASSERT(req->loop < q->options.loops);
	atomic_fetch_add(&q->pending, 1);
	pthread_mutex_lock(&q->mutex);
	req->order = q->pushed_writes;
	if (req->op == DN_LOGREQ_READ) {
		dn_logq_list_add(&q->reads, req);
	} else {
		dn_logq_list_add(&q->writes, req);
		q->pushed_writes++;
	}
	wake = q->sleeping;
	q->sleeping = false;
	pthread_mutex_unlock(&q->mutex);
	if (wake)
		pthread_cond_signal(&q->wake);
}

void dn_logq_stats(struct dn_logq *q, struct dn_logq_stats *stats)
{
	DN_CHECK(q, DN_LOGQ_MAGIC);
	*stats = (struct dn_logq_stats){
	    .pending = atomic_load(&q->pending),
	    .pending_bytes = atomic_load(&q->reserved),
	    .written = atomic_load(&q->written),
	    .groups = atomic_load(&q->groups),
	    .retries = atomic_load(&q->retries),
	    .away = atomic_load(&q->away),
	};
}

static void init_wake(pthread_cond_t *wake)
{
	pthread_condattr_t attr;

	DN_ASSERT(pthread_condattr_init(&attr) == 0);
	DN_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	DN_ASSERT(pthread_cond_init(wake, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

static void logq_free(struct dn_logq *q)
{
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->mutex);
	dn_log_close(&q->log);
	free(q->done);
	q->magic = 0;
	free(q);
}

int dn_logq_start(struct dn_logq **out, struct dn_log *log,
    const struct dn_logq_options *options, dn_logq_post_fn *post, void *arg,
    struct dn_err *err)
{
	struct dn_logq *q = dn_xcalloc(1, sizeof(*q));
	int rc;

	DN_ASSERT(options->loops > 0);
	q->magic = DN_LOGQ_MAGIC;
	q->log = log;
	q->options = *options;
	q->post = post;
	q->post_arg = arg;
	q->done = dn_xcalloc(options->loops, sizeof(*q->done));
	q->trim_due_us = dn_mono_us() + dn_logq_trim_us(q);
	DN_ASSERT(pthread_mutex_init(&q->mutex, NULL) == 0);
	init_wake(&q->wake);
	rc = pthread_create(&q->thread, NULL, dn_logq_run, q);
	if (rc != 0) {
		logq_free(q);
		return dn_err_set(
		    err, -rc, "log: cannot start its thread: %s", strerror(rc));
	}
	*out = q;
	return 0;
}

uint64_t dn_logq_stop(struct dn_logq **qp, bool clean, int64_t timeout_us)
{
	struct dn_logq *q = *qp;
	uint64_t lost;

	DN_CHECK(q, DN_LOGQ_MAGIC);
	pthread_mutex_lock(&q->mutex);
	q->stopping = true;
	q->clean = clean;
	q->give_up_us = dn_mono_us() + timeout_us;
	pthread_mutex_unlock(&q->mutex);
	pthread_cond_signal(&q->wake);
	DN_ASSERT(pthread_join(q->thread, NULL) == 0);
	lost = q->lost;
	logq_free(q);
	*qp = NULL;
	return lost;
}
