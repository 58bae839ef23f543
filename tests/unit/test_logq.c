/* SPDX-License-Identifier: MIT */
/*
 * The log's thread: order, groups, a log that goes away, what a stop keeps.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "log/logq.h"
#include "tap.h"

enum { LOOPS = 4 };

static char folder[64];
static struct dn_err err;

/* What came back, a loop each; guarded by the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct came_back {
	struct dn_logreq *head, *tail;
	uint64_t n;
} back[LOOPS];

static const char *path_of(const char *name)
{
	static char paths[2][128];
	static unsigned at;

	at = (at + 1) % 2;
	snprintf(paths[at], sizeof(paths[at]), "%s/%s", folder, name);
	return paths[at];
}

static struct dn_log *open_log(const char *name)
{
	struct dn_log *log = NULL;
	uint64_t restarted;
	char url[160];
	bool clean;

	snprintf(url, sizeof(url), "sqlite:%s", path_of(name));
	if (dn_log_open(&log, url, NULL, DN_LOG_SERVER, &err) != 0 ||
	    dn_log_start(log, false, &clean, &restarted, &err) != 0)
		printf("# %s\n", err.text);
	return log;
}

static void take_back(void *arg, unsigned loop, struct dn_logreq *done)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	if (back[loop].tail != NULL)
		back[loop].tail->next = done;
	else
		back[loop].head = done;
	for (;; done = done->next) {
		back[loop].tail = done;
		back[loop].n++;
		if (done->next == NULL)
			break;
	}
	pthread_cond_broadcast(&came);
	pthread_mutex_unlock(&mutex);
}

static void wait_for(unsigned loop, uint64_t n)
{
	pthread_mutex_lock(&mutex);
	while (back[loop].n < n)
		pthread_cond_wait(&came, &mutex);
	pthread_mutex_unlock(&mutex);
}

/* Waits for the n-th request of a loop and gives them all; the caller frees
 * the chain. */
static struct dn_logreq *collect(unsigned loop, uint64_t n)
{
	struct dn_logreq *head;

	wait_for(loop, n);
	pthread_mutex_lock(&mutex);
	head = back[loop].head;
	back[loop] = (struct came_back){NULL, NULL, 0};
	pthread_mutex_unlock(&mutex);
	return head;
}

static void free_chain(struct dn_logreq *req)
{
	while (req != NULL) {
		struct dn_logreq *next = req->next;

		dn_logreq_free(req);
		req = next;
	}
}

static struct dn_logq *start_with(
    const char *name, struct dn_logq_options options)
{
	struct dn_logq *q = NULL;
	struct dn_log *log = open_log(name);

	options.loops = LOOPS;
	if (options.bytes_max == 0)
		options.bytes_max = 1 << 30;
	if (log == NULL ||
	    dn_logq_start(&q, log, &options, take_back, NULL, &err) != 0)
		printf("# %s\n", err.text);
	return q;
}

static struct dn_logq *start(const char *name)
{
	return start_with(name, (struct dn_logq_options){0});
}

static int64_t query(const char *name, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t n = -1;

	if (sqlite3_open(path_of(name), &db) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, 5000) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	else
		printf("# %s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static struct dn_logreq *request(
    enum dn_logreq_op op, unsigned loop, const char *channel, uint64_t offset)
{
	struct dn_logreq *req = dn_logreq_new(op, loop, 256);
	char value[64];
	size_t used = 0;

	snprintf(value, sizeof(value), "{\"data\":%llu}",
	    (unsigned long long)offset);
	req->row.tenant = dn_logreq_copy(req, &used, DN_STR("t"));
	req->row.channel = dn_logreq_copy(req, &used, dn_str_of(channel));
	req->row.epoch = dn_logreq_copy(req, &used, DN_STR("e"));
	req->row.value = dn_logreq_copy(req, &used, dn_str_of(value));
	req->row.offset = offset;
	req->row.ts_us = dn_wall_us();
	return req;
}

static struct dn_logreq *read_request(unsigned loop, const char *channel)
{
	struct dn_logreq *req = request(DN_LOGREQ_READ, loop, channel, 0);

	req->limit = UINT64_MAX;
	return req;
}

static void push_record(
    struct dn_logq *q, unsigned loop, const char *channel, uint64_t offset)
{
	dn_logq_push(q, request(DN_LOGREQ_RECORD, loop, channel, offset));
}

struct pusher {
	struct dn_logq *q;
	unsigned loop;
	uint64_t n;
};

static void *push_many(void *arg)
{
	struct pusher *pusher = arg;
	char channel[16];

	snprintf(channel, sizeof(channel), "c%u", pusher->loop);
	for (uint64_t i = 1; i <= pusher->n; i++) {
		struct dn_logreq *req =
		    request(DN_LOGREQ_RECORD, pusher->loop, channel, i);

		while (!dn_logq_reserve(pusher->q, 100))
			sched_yield();
		req->reserved = 100;
		req->open = i % 3 == 0;
		dn_logq_push(pusher->q, req);
		if (i % 3 == 0)
			dn_logq_push(pusher->q, request(DN_LOGREQ_DELIVERED,
						    pusher->loop, channel, i));
		if (i % 100 == 0)
			dn_logq_push(
			    pusher->q, read_request(pusher->loop, channel));
	}
	return NULL;
}

/* Whether a loop's writes came back in order and well, and each read saw at
 * least what was pushed before it. */
static bool in_order(struct dn_logreq *req, uint64_t n)
{
	uint64_t last = 0, reads = 0;

	for (; req != NULL; req = req->next) {
		if (req->status != 0)
			return false;
		if (req->op == DN_LOGREQ_RECORD && req->row.offset != ++last)
			return false;
		if (req->op == DN_LOGREQ_READ && req->found_n < ++reads * 100)
			return false;
	}
	return last == n && reads == n / 100;
}

static void test_threads(void)
{
	enum { N = 3000 };
	struct dn_logq_options options = {.bytes_max = 100 * 100};
	struct dn_logq *q = start_with("threads.db", options);
	struct pusher pushers[LOOPS];
	pthread_t threads[LOOPS];
	struct dn_logq_stats stats;
	bool ok = true;

	for (unsigned i = 0; i < LOOPS; i++) {
		pushers[i] = (struct pusher){q, i, N};
		pthread_create(&threads[i], NULL, push_many, &pushers[i]);
	}
	for (unsigned i = 0; i < LOOPS; i++) {
		struct dn_logreq *all;

		pthread_join(threads[i], NULL);
		all = collect(i, N + N / 3 + N / 100);
		ok = ok && in_order(all, N);
		free_chain(all);
	}
	OK(ok, "four threads: each gets its own back, in order");
	dn_logq_stats(q, &stats);
	IS_NUM(stats.pending, 0, "nothing waits");
	IS_NUM(stats.pending_bytes, 0, "no room is held");
	IS_NUM(stats.written, LOOPS * (N + N / 3), "all is counted");
	OK(stats.groups < stats.written && stats.retries == 0 && !stats.away,
	    "in groups");
	IS_NUM(dn_logq_stop(&q, true, 1000000), 0, "nothing is lost");
	OK(q == NULL, "stop clears the pointer");
	IS_NUM(query("threads.db", "SELECT count(*) FROM records"), LOOPS * N,
	    "all are in the log");
	IS_NUM(query("threads.db", "SELECT count(*) FROM open"), 0,
	    "and all that were open are judged");
	IS_NUM(query("threads.db",
		   "SELECT count(*) FROM meta WHERE value='stopped'"),
	    1, "the stop was clean");
}

static void test_limits(void)
{
	struct dn_logq_options options = {.bytes_max = 1000};
	struct dn_logq *q = start_with("limits.db", options);
	struct dn_logreq *req;

	OK(dn_logq_reserve(q, 600), "room");
	OK(!dn_logq_reserve(q, 401), "is bounded");
	OK(!dn_logq_reserve(q, SIZE_MAX), "whatever is asked for");
	OK(dn_logq_reserve(q, 400), "up to its end");
	dn_logq_unreserve(q, 400);
	req = request(DN_LOGREQ_RECORD, 1, "c", 1);
	req->reserved = 600;
	dn_logq_push(q, req);
	free_chain(collect(1, 1));
	OK(dn_logq_reserve(q, 1000), "a request that is done gives it back");
	dn_logq_unreserve(q, 1000);
	IS_NUM(dn_logq_stop(&q, false, 0), 0, "stop");
	IS_NUM(query("limits.db",
		   "SELECT count(*) FROM meta WHERE value='stopped'"),
	    0, "not clean when it is not asked for");
}

/* Another process's lock on the database. */
static sqlite3 *hold(const char *name)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(path_of(name), &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		printf("# cannot hold %s: %s\n", name, sqlite3_errmsg(db));
	return db;
}

static void wait_until_away(struct dn_logq *q, uint64_t retries)
{
	struct dn_logq_stats stats;

	do {
		sched_yield();
		dn_logq_stats(q, &stats);
	} while (!stats.away || stats.retries < retries);
}

static void test_all_kinds(void)
{
	struct dn_logq *q = start("kinds.db");
	struct dn_logreq *req;
	sqlite3 *db = hold("kinds.db"); /* all become one group */

	req = request(DN_LOGREQ_RECORD, 0, "c", 1);
	req->open = true;
	dn_logq_push(q, req);
	req = request(DN_LOGREQ_RECORD, 0, "c", 2);
	req->open = true;
	dn_logq_push(q, req);
	req = request(DN_LOGREQ_RECORD, 0, "c", 3);
	req->open = true;
	dn_logq_push(q, req);
	wait_until_away(q, 1);
	dn_logq_push(q, request(DN_LOGREQ_DELIVERED, 0, "c", 1));
	req = request(DN_LOGREQ_UNDELIVERED, 0, "c", 2);
	req->undelivered.uid = DN_STR("u2");
	req->undelivered.reason = DN_STR("slow");
	dn_logq_push(q, req);
	req = request(DN_LOGREQ_TAKEN, 0, "c", 2);
	req->undelivered.uid = DN_STR("u2");
	dn_logq_push(q, req);
	dn_logq_push(q, request(DN_LOGREQ_REMOVED, 0, "d", 5));
	req = request(DN_LOGREQ_POSITION, 0, "e", 9);
	req->removed = 4;
	dn_logq_push(q, req);
	sqlite3_close(db);
	free_chain(collect(0, 8));
	IS_NUM(dn_logq_stop(&q, true, 1000000), 0, "each kind of write");
	IS_NUM(query("kinds.db", "SELECT count(*) FROM records"), 3, "records");
	IS_NUM(query("kinds.db", "SELECT record FROM open"), 3,
	    "what is not judged is open");
	IS_NUM(query("kinds.db", "SELECT count(*) FROM open"), 1, "that alone");
	IS_NUM(query("kinds.db",
		   "SELECT count(*) FROM undelivered WHERE uid='u2'"),
	    1, "undelivered");
	IS_NUM(query("kinds.db", "SELECT count(*) FROM taken"), 1, "taken");
	IS_NUM(
	    query("kinds.db", "SELECT sum(removed*10+offset) FROM positions"),
	    55 + 49, "positions");
}

static void push_open(struct dn_logq *q, const char *channel, uint64_t offset)
{
	struct dn_logreq *req = request(DN_LOGREQ_RECORD, 0, channel, offset);

	req->open = true;
	dn_logq_push(q, req);
}

static void test_fold(void)
{
	struct dn_logq *q = start("fold.db");
	sqlite3 *db = hold("fold.db");
	struct dn_logreq *req;

	push_record(q, 0, "first", 1);
	wait_until_away(q, 1); /* what follows is one group */
	for (uint64_t i = 1; i <= 500; i++) {
		push_open(q, "a", i);
		push_open(q, "b", i);
		dn_logq_push(q, request(DN_LOGREQ_DELIVERED, 0, "a", i));
	}
	req = request(DN_LOGREQ_UNDELIVERED, 0, "b", 7);
	req->undelivered.uid = DN_STR("u7");
	req->undelivered.reason = DN_STR("slow");
	dn_logq_push(q, req);
	dn_logq_push(q, request(DN_LOGREQ_DELIVERED, 0, "b", 8));
	dn_logq_push(q, request(DN_LOGREQ_DELIVERED, 0, "nowhere", 8));
	sqlite3_close(db);
	free_chain(collect(0, 1504));
	IS_NUM(
	    dn_logq_stop(&q, true, 1000000), 0, "written and judged at once");
	IS_NUM(query("fold.db", "SELECT count(*) FROM records"), 1001, "all");
	IS_NUM(query("fold.db", "SELECT count(*) FROM open o JOIN records r"
				" ON r.id = o.record WHERE channel='b'"
				" AND offset NOT IN (7, 8)"),
	    498, "open is what nobody judged");
	IS_NUM(query("fold.db", "SELECT count(*) FROM open"), 498, "only");
	IS_NUM(query("fold.db", "SELECT count(*) FROM undelivered"), 1,
	    "undelivered is");
}

static void test_away(void)
{
	struct dn_logq *q = start("away.db");
	struct dn_logq_stats stats;
	struct dn_logreq *req, *all;
	bool read_failed = false;
	uint64_t last = 0;
	sqlite3 *db;

	push_record(q, 2, "c", 1);
	wait_for(2, 1);
	db = hold("away.db");
	for (uint64_t i = 2; i <= 50; i++)
		push_record(q, 2, "c", i);
	dn_logq_push(q, read_request(2, "c"));
	wait_until_away(q, 3); /* some 3 s: three tries of a second */
	for (uint64_t i = 51; i <= 100; i++)
		push_record(q, 2, "c", i);
	dn_logq_stats(q, &stats);
	IS_NUM(stats.written, 1, "while the log is away nothing is written");
	OK(stats.pending >= 99, "all wait");
	sqlite3_close(db);
	all = collect(2, 101);
	for (req = all; req != NULL; req = req->next) {
		if (req->op == DN_LOGREQ_READ)
			read_failed = req->status == -EAGAIN;
		else if (req->status != 0 || req->row.offset != ++last)
			break;
	}
	OK(req == NULL && last == 100, "then all are, in order");
	OK(read_failed, "a read fails meanwhile");
	free_chain(all);
	dn_logq_stats(q, &stats);
	OK(!stats.away, "the log is back");
	IS_NUM(dn_logq_stop(&q, true, 1000000), 0, "nothing is lost");
	IS_NUM(query("away.db", "SELECT count(*) FROM records"), 100, "all");
	IS_NUM(query("away.db", "SELECT count(*) FROM records WHERE id=offset"),
	    100, "in the log's order, too");
}

static void test_give_up(void)
{
	struct dn_logq *q = start("giveup.db");
	sqlite3 *db = hold("giveup.db");
	struct dn_logreq *req, *all;
	int n = 0;

	for (uint64_t i = 1; i <= 30; i++)
		push_record(q, 0, "c", i);
	dn_logq_push(q, read_request(0, "c"));
	IS_NUM(dn_logq_stop(&q, true, 200000), 30,
	    "a stop counts what could not be kept");
	all = collect(0, 31);
	for (req = all; req != NULL; req = req->next)
		n += req->status == -EAGAIN;
	IS_NUM(n, 31, "and all come back as failed");
	free_chain(all);
	sqlite3_close(db);
	IS_NUM(query("giveup.db", "SELECT count(*) FROM records"), 0,
	    "none was written");
	IS_NUM(query("giveup.db",
		   "SELECT count(*) FROM meta WHERE value='stopped'"),
	    0, "such a stop is not clean");
}

static void test_stop_waits(void)
{
	struct dn_logq *q = start("stop.db");
	struct dn_logreq *all, *req;
	int bad = 0;

	for (uint64_t i = 1; i <= 20000; i++)
		push_record(q, 3, "c", i);
	IS_NUM(dn_logq_stop(&q, true, 30000000), 0, "a stop writes what waits");
	all = collect(3, 20000);
	for (req = all; req != NULL; req = req->next)
		bad += req->status != 0;
	IS_NUM(bad, 0, "all of it");
	free_chain(all);
	IS_NUM(query("stop.db", "SELECT count(*) FROM records"), 20000, "all");
}

static void test_bad_one(void)
{
	struct dn_logq *q = start("bad.db");
	struct dn_logreq *req, *all;
	sqlite3 *db;
	int bad = 0, n = 0;

	push_record(q, 0, "c", 5);
	free_chain(collect(0, 1));
	db = hold("bad.db");
	push_record(q, 0, "x", 1);
	wait_until_away(q, 1);
	for (uint64_t i = 1; i <= 10; i++) {
		req = request(DN_LOGREQ_RECORD, 0, "c", i);
		if (i == 5)
			req->row.value = DN_STR("{\"data\":\"other\"}");
		dn_logq_push(q, req);
	}
	sqlite3_close(db);
	all = collect(0, 11);
	for (req = all; req != NULL; req = req->next, n++) {
		if (req->status == 0)
			continue;
		bad++;
		OK(req->status == -EEXIST && req->row.offset == 5 &&
			dn_str_is(req->row.channel, "c"),
		    "a write that is refused fails alone");
	}
	IS_NUM(bad, 1, "one");
	IS_NUM(n, 11, "of all");
	free_chain(all);
	IS_NUM(query("bad.db", "SELECT count(*) FROM records"), 11,
	    "the others of its group are written");
	IS_NUM(dn_logq_stop(&q, true, 1000000), 1, "it counts as lost");
}

static void test_reads(void)
{
	struct dn_logq *q = start("reads.db");
	struct dn_logreq *req;
	bool ok = true;

	for (uint64_t i = 1; i <= 100; i++)
		push_record(q, 0, "c", i);
	free_chain(collect(0, 100));
	req = read_request(1, "c");
	req->after = 10;
	req->limit = 5;
	dn_logq_push(q, req);
	req = collect(1, 1);
	IS_NUM(req->found_n, 5, "a read is limited in rows");
	for (size_t i = 0; i < req->found_n; i++) {
		char want[32];

		snprintf(want, sizeof(want), "{\"data\":%zu}", 11 + i);
		ok = ok && req->found[i].offset == 11 + i &&
		     dn_str_is(req->found[i].value, want);
	}
	OK(ok, "and gives values with their offsets");
	free_chain(req);
	req = read_request(1, "c");
	req->bytes_max = 40;
	req->reverse = true;
	dn_logq_push(q, req);
	req = collect(1, 1);
	IS_NUM(req->found_n, 3, "or in bytes");
	IS_NUM(req->found[0].offset, 100, "also backwards");
	free_chain(req);
	req = read_request(1, "c");
	req->bytes_max = 1;
	dn_logq_push(q, req);
	req = collect(1, 1);
	IS_NUM(req->found_n, 1, "one row comes at least");
	free_chain(req);
	dn_logq_push(q, read_request(1, "nothing"));
	req = collect(1, 1);
	OK(req->status == 0 && req->found_n == 0, "none where there is none");
	free_chain(req);
	IS_NUM(dn_logq_stop(&q, true, 1000000), 0, "stop");
}

/* Another process that writes `n` rows in transactions of its own; its exit
 * code is 0 when each got through. */
static pid_t other_writer(const char *name, int n)
{
	pid_t pid = fork();
	char url[160];

	if (pid != 0)
		return pid;
	snprintf(url, sizeof(url), "sqlite:%s", path_of(name));
	for (int i = 0; i < n; i++) {
		struct dn_log *log = NULL;

		if (dn_log_open(&log, url, NULL, DN_LOG_TOOL, &err) != 0 ||
		    dn_log_begin(log, &err) != 0 ||
		    dn_log_put_taken(log, DN_STR(""), DN_STR("t"), DN_STR("c"),
			DN_STR("e"), (uint64_t)i + 1, &err) != 0 ||
		    dn_log_commit(log, &err) != 0) {
			printf("# %s\n", err.text);
			fflush(stdout);
			_exit(1);
		}
		dn_log_close(&log);
	}
	_exit(0);
}

static void test_others_write(void)
{
	struct dn_logq *q = start("others.db");
	uint64_t at = 0;
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = other_writer("others.db", 20);
	/* Keeps the log's thread busy until the other one is through. */
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct dn_logq_stats stats;

		dn_logq_stats(q, &stats);
		if (stats.pending < 20000)
			push_record(q, 0, "c", ++at);
		else
			sched_yield();
	}
	IS_NUM(status, 0, "another process gets its turn beside a busy server");
	IS_NUM(dn_logq_stop(&q, true, 30000000), 0, "stop");
	free_chain(collect(0, at));
	IS_NUM(query("others.db", "SELECT count(*) FROM taken"), 20, "wrote");
}

static void test_kill(void)
{
	for (int round = 0; round < 5; round++) {
		uint64_t last = 0, at = 0;
		struct dn_log *log;
		int fds[2];
		pid_t pid;

		fflush(stdout);
		if (pipe(fds) != 0)
			return;
		pid = fork();
		if (pid == 0) {
			struct dn_logq *q = start("kill.db");
			uint64_t n = (uint64_t)query("kill.db",
			    "SELECT coalesce(max(offset), 0) FROM records");

			for (;;) {
				struct dn_logreq *all, *req;

				for (int i = 0; i < 50; i++)
					push_record(q, 0, "c", ++n);
				all = collect(0, 1);
				for (req = all; req; req = req->next)
					at = req->row.offset;
				free_chain(all);
				if (write(fds[1], &at, sizeof(at)) < 0)
					_exit(1);
			}
		}
		close(fds[1]);
		for (int i = 0; i < 10 + 7 * round; i++)
			if (read(fds[0], &at, sizeof(at)) == sizeof(at))
				last = at;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &at, sizeof(at)) == sizeof(at))
			last = at;
		close(fds[0]);
		log = open_log("kill.db");
		dn_log_close(&log);
		OK(last > 0 &&
			(uint64_t)query("kill.db",
			    "SELECT max(offset) FROM records") >= last &&
			query("kill.db", "SELECT count(*) = max(offset)"
					 " FROM records") == 1,
		    "what came back is there after kill -9, with no gap");
	}
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		printf("# cannot remove %s\n", folder);
}

int main(void)
{
	dn_diag_init("test_logq", DN_ERROR);
	snprintf(folder, sizeof(folder), "/tmp/dnot-test-logq-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	test_kill();
	test_threads();
	test_limits();
	test_all_kinds();
	test_fold();
	test_away();
	test_give_up();
	test_stop_waits();
	test_bad_one();
	test_reads();
	test_others_write();
	remove_folder();
	return tap_done();
}
