/* SPDX-License-Identifier: MIT */
/*
 * bench_log: what a record costs in the log's thread: rows per second and
 * CPU per row of group commit, with and without a delivery to judge, and the
 * time from push to commit at a steady rate.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "log/logq.h"

enum { ROWS = 200000, CHANNELS = 50, WINDOW = 20000 };

static char folder[64];
static atomic_uint_least64_t done_n;
static int64_t *latency_us; /* by row, at a steady rate */

static void count_back(void *arg, unsigned loop, struct dn_logreq *req)
{
	uint64_t n = 0;

	(void)arg;
	(void)loop;
	while (req != NULL) {
		struct dn_logreq *next = req->next;

		if (latency_us != NULL && req->op == DN_LOGREQ_RECORD)
			latency_us[req->after] =
			    dn_mono_us() - latency_us[req->after];
		dn_logreq_free(req);
		req = next;
		n++;
	}
	atomic_fetch_add(&done_n, n);
}

static struct dn_logq *start(void)
{
	struct dn_logq_options options = {.bytes_max = 1 << 30, .loops = 1};
	struct dn_log *log = NULL;
	struct dn_logq *q = NULL;
	uint64_t restarted;
	struct dn_err err;
	char url[160];
	bool clean;

	snprintf(url, sizeof(url), "sqlite:%s/%d.db", folder, rand());
	if (dn_log_open(&log, url, NULL, DN_LOG_SERVER, &err) != 0 ||
	    dn_log_start(log, false, &clean, &restarted, &err) != 0 ||
	    dn_logq_start(&q, log, &options, count_back, NULL, &err) != 0) {
		fprintf(stderr, "bench_log: %s\n", err.text);
		exit(70);
	}
	atomic_store(&done_n, 0);
	return q;
}

static struct dn_logreq *record(uint64_t i, bool open)
{
	struct dn_logreq *req = dn_logreq_new(DN_LOGREQ_RECORD, 0, 512);
	char text[300];
	size_t used = 0;
	int n;

	n = snprintf(
	    text, sizeof(text), "session:user-%u", (unsigned)(i % CHANNELS));
	req->row.channel =
	    dn_logreq_copy(req, &used, (struct dn_str){text, (size_t)n});
	n = snprintf(text, sizeof(text),
	    "{\"channel\":\"session:user-%u\",\"data\":{\"token\":\"%0100u\"},"
	    "\"request_id\":\"3f2a-%u\",\"seq\":%u,\"offset\":%u,"
	    "\"epoch\":\"k3vQ\",\"ts\":{\"accepted\":1790000000000000}}",
	    (unsigned)(i % CHANNELS), (unsigned)i, (unsigned)(i % CHANNELS),
	    (unsigned)i, (unsigned)(i / CHANNELS));
	req->row.value =
	    dn_logreq_copy(req, &used, (struct dn_str){text, (size_t)n});
	req->row.tenant = DN_STR("acme");
	req->row.epoch = DN_STR("k3vQ");
	req->row.offset = i / CHANNELS + 1;
	req->row.ts_us = dn_wall_us();
	req->row.seq = (int64_t)i;
	req->open = open;
	req->after = i; /* free for our use in a write */
	return req;
}

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void judge(struct dn_logq *q, uint64_t i)
{
	struct dn_logreq *req = record(i, false);

	req->op = DN_LOGREQ_DELIVERED;
	dn_logq_push(q, req);
}

/* As fast as the log takes it; a record is judged `behind` records after it
 * was pushed (0: not at all). */
static void flat_out(const char *name, uint64_t behind)
{
	struct dn_logq *q = start();
	int64_t start_us = dn_mono_us();
	double cpu = cpu_us();
	struct timespec pause = {0, 200000};
	struct dn_logq_stats stats;
	uint64_t pushed = 0;

	for (uint64_t i = 0; i < ROWS; i++) {
		while (pushed - atomic_load(&done_n) > WINDOW)
			nanosleep(&pause, NULL);
		dn_logq_push(q, record(i, behind > 0));
		pushed++;
		if (behind > 0 && i >= behind) {
			judge(q, i - behind);
			pushed++;
		}
	}
	while (atomic_load(&done_n) < pushed)
		nanosleep(&pause, NULL);
	dn_logq_stats(q, &stats);
	printf("%-28s %8.0f rows/s %6.2f CPU us/row %6.0f requests/commit\n",
	    name, (double)ROWS * 1e6 / (double)(dn_mono_us() - start_us),
	    (cpu_us() - cpu) / ROWS,
	    (double)stats.written / (double)stats.groups);
	if (dn_logq_stop(&q, true, 10000000) != 0)
		printf("records were lost\n");
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* `rate` records a second for three seconds. */
static void steady(uint64_t rate)
{
	uint64_t n = rate * 3;
	struct dn_logq *q = start();
	struct timespec pause = {0, 200000};
	int64_t start_us = dn_mono_us();

	latency_us = dn_xcalloc(n, sizeof(*latency_us));
	for (uint64_t i = 0; i < n; i++) {
		int64_t at_us = start_us + (int64_t)(i * 1000000 / rate);

		while (dn_mono_us() < at_us)
			nanosleep(&pause, NULL);
		latency_us[i] = dn_mono_us();
		dn_logq_push(q, record(i, false));
	}
	while (atomic_load(&done_n) < n)
		nanosleep(&pause, NULL);
	if (dn_logq_stop(&q, true, 10000000) != 0)
		printf("records were lost\n");
	qsort(latency_us, n, sizeof(*latency_us), by_value);
	printf("push to commit at %6llu/s     p50 %6.2f  p99 %6.2f  max %6.2f "
	       "ms\n",
	    (unsigned long long)rate, (double)latency_us[n / 2] / 1e3,
	    (double)latency_us[n * 99 / 100] / 1e3,
	    (double)latency_us[n - 1] / 1e3);
	free(latency_us);
	latency_us = NULL;
}

int main(void)
{
	char command[128];

	snprintf(folder, sizeof(folder), "/var/tmp/dnot-bench-log-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 70;
	flat_out("records", 0);
	flat_out("open, judged in the group", 1);
	flat_out("open, judged later", WINDOW / 4);
	steady(1000);
	steady(10000);
	steady(30000);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) == 0 ? 0 : 70;
}
