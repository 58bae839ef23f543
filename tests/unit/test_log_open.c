/* SPDX-License-Identifier: MIT */
/*
 * Opening a log: where it lies, what is no log, who may.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "log_help.h"

static void test_urls(void)
{
	OK(dn_log_check_url("sqlite:", &err) == 0, "the default place");
	OK(dn_log_check_url("sqlite:/a/b.db", &err) == 0, "a path");
	OK(dn_log_check_url("none", &err) == 0, "no log at all");
	IS_NUM(dn_log_check_url("kafka://h:1/p", &err), -EINVAL,
	    "Kafka is refused");
	OK(strstr(err.text, "not built into this version") != NULL,
	    "and the refusal says why");
	IS_NUM(dn_log_check_url("mysql:x", &err), -EINVAL, "no such kind");
	IS_NUM(dn_log_check_url("sqlite://h/x", &err), -EINVAL,
	    "no host in the path");
	IS_NUM(dn_log_check_url("sqlite:/a/", &err), -EINVAL, "no folder");
	IS_NUM(
	    open_code("none", DN_LOG_SERVER), -EINVAL, "none cannot be opened");
}

static void test_places(void)
{
	struct dn_log *log = NULL;
	char state[128];

	snprintf(state, sizeof(state), "%s/state/deep", folder);
	setenv("XDG_STATE_HOME", state, 1);
	IS_NUM(open_code("sqlite:", DN_LOG_TOOL), -ENOENT,
	    "a tool makes no default log");
	OK(access(state, F_OK) != 0, "nor its folders");
	IS_NUM(open_code("sqlite:", DN_LOG_SERVER), 0, "a server does");
	OK(access(path_of("state/deep/dnot/log.db"), F_OK) == 0,
	    "in XDG_STATE_HOME/dnot");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", folder, 1);
	IS_NUM(open_code("sqlite:", DN_LOG_CREATE), 0, "without it in HOME");
	OK(access(path_of(".local/state/dnot/log.db"), F_OK) == 0,
	    "at .local/state/dnot");
	unsetenv("HOME");
	IS_NUM(open_code("sqlite:", DN_LOG_CREATE), -EINVAL,
	    "and nowhere without that");
	IS_NUM(dn_log_open(&log, "sqlite:rel.db", folder, DN_LOG_SERVER, &err),
	    0, "a relative path");
	OK(access(path_of("rel.db"), F_OK) == 0, "lies in the base folder");
	dn_log_close(&log);
	OK(log == NULL, "close clears the pointer");
}

static void test_missing(void)
{
	IS_NUM(open_code(url_of("missing.db"), DN_LOG_TOOL), -ENOENT,
	    "a tool needs a log");
	IS_NUM(open_code(url_of("missing.db"), DN_LOG_READ), -ENOENT,
	    "so does a reader");
	OK(access(path_of("missing.db"), F_OK) != 0, "and none is made");
	OK(access(path_of("missing.db-wal"), F_OK) != 0, "no -wal either");
	OK(access(path_of("missing.db-shm"), F_OK) != 0, "no -shm either");
	IS_NUM(open_code(url_of("no/folder.db"), DN_LOG_SERVER), -EACCES,
	    "a folder is not made for a given path");
	OK(strstr(err.text, "no/folder.db") != NULL, "the error names it");
	IS_NUM(open_code(url_of("state"), DN_LOG_SERVER), -EACCES,
	    "a folder is no log");
}

static void make_database(const char *name, const char *sql)
{
	sqlite3 *db = NULL;

	OK(sqlite3_open(path_of(name), &db) == SQLITE_OK &&
		sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK,
	    "a foreign database");
	sqlite3_close(db);
}

static void test_foreign(void)
{
	int fd = open(path_of("text.db"), O_CREAT | O_WRONLY, 0644);
	enum dn_log_mode modes[] = {
	    DN_LOG_SERVER, DN_LOG_CREATE, DN_LOG_TOOL, DN_LOG_READ};

	OK(fd >= 0 && write(fd, folder, sizeof(folder)) > 0, "a text file");
	for (int i = 0; i < 100; i++)
		OK(write(fd, folder, sizeof(folder)) > 0 || i >= 0, "grows");
	close(fd);
	make_database("other.db", "CREATE TABLE x(y)");
	make_database("old.db",
	    "PRAGMA application_id=1684959092; PRAGMA user_version=7;"
	    "CREATE TABLE x(y)");
	for (size_t i = 0; i < DN_ARRAY_LEN(modes); i++) {
		IS_NUM(open_code(url_of("text.db"), modes[i]), -EPROTO,
		    "text is no log");
		IS_NUM(open_code(url_of("other.db"), modes[i]), -EPROTO,
		    "somebody's database is no log");
		IS_NUM(open_code(url_of("old.db"), modes[i]), -EPROTO,
		    "another version is refused");
		OK(strstr(err.text, "version 7") != NULL &&
			strstr(err.text, "up to 2") != NULL,
		    "naming both versions");
	}
	IS_NUM(query("other.db", "SELECT count(*) FROM sqlite_schema"), 1,
	    "nothing was put into it");
}

static void test_empty_file(void)
{
	int fd = open(path_of("empty.db"), O_CREAT | O_WRONLY, 0644);

	close(fd);
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_TOOL), -EPROTO,
	    "an empty file is no log for a tool");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_READ), -EPROTO,
	    "nor for a reader");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_SERVER), 0,
	    "a server that died while it made it left one: made now");
	IS_NUM(open_code(url_of("empty.db"), DN_LOG_TOOL), 0,
	    "then a tool opens it");
}

/* Where a server died between making the file and its tables. */
static void test_half_made(void)
{
	make_database(
	    "half.db", "PRAGMA auto_vacuum=2;PRAGMA journal_mode=WAL");
	OK(access(path_of("half.db"), F_OK) == 0, "a file without tables");
	IS_NUM(open_code(url_of("half.db"), DN_LOG_TOOL), -EPROTO,
	    "is no log for a tool");
	IS_NUM(open_code(url_of("half.db"), DN_LOG_SERVER), 0,
	    "and is made one by a server");
	IS_NUM(query("half.db", "SELECT count(*) FROM records"), 0,
	    "with its tables");
}

/* Runs fn in a child process without root's rights; its result. */
static int as_nobody(int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(99);
		_exit(-fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000 - status;
}

static int open_unwritable_server(void)
{
	return open_code(url_of("ro/log.db"), DN_LOG_SERVER);
}

static int open_unwritable_tool(void)
{
	return open_code(url_of("ro/log.db"), DN_LOG_TOOL);
}

static int open_unwritable_new(void)
{
	return open_code(url_of("ro/new.db"), DN_LOG_CREATE);
}

static int read_unwritable(void)
{
	struct dn_log *log = open_log("ro/log.db", DN_LOG_READ);
	struct seen seen;

	if (log == NULL)
		return -98;
	seen = read_stream(log, "c", 0, false, 10);
	dn_log_close(&log);
	return seen.n == 1 ? 0 : -97;
}

static void test_unwritable(void)
{
	struct dn_log_row row = row_of("c", 1);
	struct dn_log *log;

	OK(mkdir(path_of("ro"), 0755) == 0, "a folder");
	log = open_log("ro/log.db", DN_LOG_SERVER);
	IS_NUM(put(log, &row, false), 0, "with a log");
	dn_log_close(&log);
	chmod(path_of("ro/log.db"), 0444);
	chmod(path_of("ro"), 0555);
	IS_NUM(as_nobody(open_unwritable_server), -EACCES,
	    "a server needs the right to write");
	IS_NUM(as_nobody(open_unwritable_tool), -EACCES, "so does a tool");
	IS_NUM(as_nobody(open_unwritable_new), -EACCES, "and a new log");
	IS_NUM(as_nobody(read_unwritable), 0,
	    "a reader reads without any, when nobody has it open");
	log = open_log("ro/log.db", DN_LOG_SERVER);
	IS_NUM(as_nobody(read_unwritable), 0, "and while a server has it");
	dn_log_close(&log);
	chmod(path_of("ro"), 0755);
}

int main(void)
{
	make_folder();
	test_urls();
	test_places();
	test_missing();
	test_foreign();
	test_empty_file();
	test_half_made();
	test_unwritable();
	return tap_done();
}
