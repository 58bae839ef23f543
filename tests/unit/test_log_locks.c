/* SPDX-License-Identifier: MIT */
/*
 * Several processes on one log, and the death of one.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "log_help.h"

/* In a child: tells through a pipe what it got, holds it until the pipe of
 * the parent closes. */
static pid_t holder(int (*fn)(void), int *got, int *hold)
{
	int report[2], wait[2];
	pid_t pid;

	if (pipe(report) != 0 || pipe(wait) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int rc;
		char c;

		close(wait[1]);
		rc = fn();
		if (write(report[1], &rc, sizeof(rc)) != sizeof(rc) ||
		    read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(0); /* as a kill would leave it */
	}
	close(report[1]);
	close(wait[0]);
	if (read(report[0], got, sizeof(*got)) != sizeof(*got))
		*got = -1;
	close(report[0]);
	*hold = wait[1];
	return pid;
}

static void release(pid_t pid, int hold)
{
	close(hold);
	waitpid(pid, NULL, 0);
}

static struct dn_log *held;

static int hold_server(void)
{
	held = start_log("locks.db");
	return held != NULL ? 0 : err.code;
}

static int hold_sweep(void)
{
	held = open_log("locks.db", DN_LOG_TOOL);
	if (held == NULL)
		return err.code;
	return dn_log_sweep_lock(held, DN_STR("a/b"), &err);
}

static void test_server_lock(void)
{
	int got, hold;
	pid_t pid = holder(hold_server, &got, &hold);
	struct dn_log *log;

	IS_NUM(got, 0, "another process is the server");
	IS_NUM(open_code(url_of("locks.db"), DN_LOG_SERVER), -EBUSY,
	    "a second server is kept out");
	OK(strstr(err.text, "process") != NULL, "told by whom");
	OK(symlink(path_of("locks.db"), path_of("alias.db")) == 0, "alias");
	IS_NUM(open_code(url_of("alias.db"), DN_LOG_SERVER), -EBUSY,
	    "also under another name of the file");
	log = open_log("locks.db", DN_LOG_TOOL);
	OK(log != NULL, "a tool may come");
	IS_NUM(put_taken(log, "x", "c", 1), 0, "and write");
	dn_log_close(&log);
	log = open_log("locks.db", DN_LOG_READ);
	IS_NUM(read_stream(log, "c", 0, false, 1).n, 0, "a reader reads");
	dn_log_close(&log);
	release(pid, hold);
	IS_NUM(open_code(url_of("locks.db"), DN_LOG_SERVER), 0,
	    "the lock goes with the process");
}

static void test_sweep_lock(void)
{
	struct dn_log *log;
	int got, hold;
	pid_t pid = holder(hold_sweep, &got, &hold);

	IS_NUM(got, 0, "another process sweeps");
	log = open_log("locks.db", DN_LOG_TOOL);
	IS_NUM(dn_log_sweep_lock(log, DN_STR("a/b"), &err), -EBUSY,
	    "a second sweep of the tenant is kept out");
	IS_NUM(dn_log_sweep_lock(log, DN_STR("ab"), &err), 0,
	    "one of another tenant is not");
	release(pid, hold);
	IS_NUM(dn_log_sweep_lock(log, DN_STR("a/b"), &err), 0,
	    "until the first is gone");
	dn_log_close(&log);
}

static void test_busy(void)
{
	struct dn_log *log = start_log("busy.db");
	struct dn_log_row row = row_of("c", 1);
	sqlite3 *db = NULL;
	int64_t us;

	sqlite3_open(path_of("busy.db"), &db);
	OK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK,
	    "somebody holds the database");
	us = dn_mono_us();
	IS_NUM(put(log, &row, false), -EAGAIN, "the log is away");
	us = dn_mono_us() - us;
	OK(us >= 900000 && us < 5000000, "after a second's patience");
	IS_NUM(read_stream(log, "c", 0, false, 1).n, 0, "reads go on");
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	IS_NUM(put(log, &row, false), 0, "then it is back");
	dn_log_close(&log);
}

/* Commits numbered groups and tells each one's last offset; the parent kills
 * it at some point. */
static void write_until_killed(int out)
{
	struct dn_log *log = start_log("kill.db");
	uint64_t at;

	at = (uint64_t)query(
	    "kill.db", "SELECT coalesce(max(offset),0) FROM records");
	for (;;) {
		if (dn_log_begin(log, &err) != 0)
			_exit(1);
		for (int i = 0; i < 20; i++) {
			struct dn_log_row row = row_of("c", ++at);

			if (dn_log_put(log, &row, true, &err) != 0)
				_exit(1);
		}
		if (dn_log_commit(log, &err) != 0 ||
		    write(out, &at, sizeof(at)) != sizeof(at))
			_exit(1);
	}
}

/* Lets a child write `groups` groups, kills it; the last offset it told. */
static uint64_t kill_writer(int groups)
{
	uint64_t at = 0, told = 0;
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		write_until_killed(fds[1]);
	}
	close(fds[1]);
	for (int i = 0; i < groups; i++)
		if (read(fds[0], &at, sizeof(at)) == sizeof(at))
			told = at;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(fds[0], &at, sizeof(at)) == sizeof(at))
		told = at;
	close(fds[0]);
	return told;
}

static void test_kill(void)
{
	for (int i = 1; i <= 10; i++) {
		uint64_t told = kill_writer(3 * i), restarted;
		struct dn_log *log = open_log("kill.db", DN_LOG_READ);
		struct seen seen;

		seen = read_stream(log, "c", 0, false, UINT64_MAX);
		OK(told > 0 && seen.steps && seen.first == 1 &&
			seen.last >= told,
		    "everything committed is there after kill -9");
		OK(seen.last % 20 == 0, "and only whole groups");
		dn_log_close(&log);
		OK(!start_again("kill.db", false, &restarted),
		    "and the log knows of the crash");
	}
	IS_NUM(query("kill.db", "SELECT (SELECT count(*) FROM records) ="
				" (SELECT count(*) FROM undelivered)"),
	    1, "what was open became undelivered");
}

/* In a child, as the limit is the process's: writes until the file may not
 * grow, then with the limit lifted the same once more. */
static int write_until_full(void)
{
	struct rlimit limit;
	struct dn_log *log = start_log("full.db");
	uint64_t at = 0;
	struct dn_log_row row;
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	if (log == NULL || getrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 1;
	limit.rlim_cur = 400000;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 2;
	do {
		row = row_of("c", ++at);
		rc = put(log, &row, true);
	} while (rc == 0 && at < 100000);
	if (rc != -EAGAIN || at < 10)
		return 3;
	if (put(log, &row, true) != -EAGAIN)
		return 4;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 5;
	if (put(log, &row, true) != 0)
		return 6;
	return read_stream(log, "c", 0, false, UINT64_MAX).n == at ? 0 : 7;
}

static void test_full(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(write_until_full());
	waitpid(pid, &status, 0);
	IS_NUM(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
	    "a full disk is a log that is away, until there is room");
	IS_NUM(query("full.db", "SELECT (SELECT count(*) FROM records) ="
				" (SELECT count(*) FROM open)"),
	    1, "and no half of a write stays");
}

static void test_creation_race(void)
{
	pid_t pids[4];
	int failed_n = 0, status;

	for (size_t i = 0; i < DN_ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct dn_log_undelivered u;
			struct dn_log_row row = row_of("c", 0);
			struct dn_log *log = open_log("race.db", DN_LOG_CREATE);
			char uid[37];

			dn_uuid(uid);
			u = failed(uid);
			_exit(
			    log == NULL || put_undelivered(log, &row, &u) != 0);
		}
	}
	for (size_t i = 0; i < DN_ARRAY_LEN(pids); i++) {
		waitpid(pids[i], &status, 0);
		failed_n += status != 0;
	}
	IS_NUM(failed_n, 0, "several processes may make the log at once");
	IS_NUM(query("race.db", "SELECT count(*) FROM undelivered"), 4,
	    "and each writes into the same");
}

int main(void)
{
	make_folder();
	test_server_lock();
	test_sweep_lock();
	test_busy();
	test_kill();
	test_full();
	test_creation_race();
	return tap_done();
}
