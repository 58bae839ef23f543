/* SPDX-License-Identifier: MIT */
/*
 * Revoked tokens in the log, and logs of the version that had none.
 */

#include <errno.h>

#include "log_help.h"

static int put_revoked(struct dn_log *log, enum dn_revoked_kind kind,
    const char *subject, int64_t issued_before, int64_t expire_at)
{
	struct dn_revocation r = {
	    DN_STR("t"), kind, dn_str_of(subject), issued_before, expire_at};
	int rc = dn_log_begin(log, &err);

	if (rc == 0)
		rc = dn_log_put_revoked(log, &r, &err);
	return rc == 0 ? dn_log_commit(log, &err) : rc;
}

static int show(void *arg, const struct dn_revocation *r)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%.*s %s %.*s %lld %lld;",
	    DN_FMT(r->tenant), r->kind == DN_REVOKED_USER ? "user" : "token",
	    DN_FMT(r->subject), (long long)r->issued_before_s,
	    (long long)r->expire_at_s);
	return 0;
}

static const char *list(struct dn_log *log, int64_t now_s)
{
	static char text[256];

	text[0] = '\0';
	IS_NUM(dn_log_revoked(log, now_s, show, text, &err), 0, "are listed");
	return text;
}

static void test_list(void)
{
	struct dn_log *log = start_log("revoked.db");
	uint64_t removed;
	int64_t now_s = dn_wall_us() / 1000000;

	IS_STR(list(log, 0), "", "none at first");
	IS_NUM(put_revoked(log, DN_REVOKED_TOKEN, "a", 0, 50), 0, "a token");
	IS_NUM(put_revoked(log, DN_REVOKED_USER, "a", 7, 0), 0, "a user");
	IS_STR(list(log, 49), "t token a 0 50;t user a 7 0;", "both");
	IS_STR(list(log, 50), "t user a 7 0;", "until one is over");
	IS_NUM(put_revoked(log, DN_REVOKED_TOKEN, "a", 0, now_s + 1000), 0,
	    "the same again");
	IS_NUM(put_revoked(log, DN_REVOKED_TOKEN, "b", 0, now_s - 1), 0,
	    "and one that is over soon");
	IS_NUM(query("revoked.db", "SELECT count(*) FROM revoked"), 3,
	    "replaces the first");
	IS_NUM(
	    dn_log_trim(log, INT64_MIN, 0, 64, &removed, &err), 0, "retention");
	IS_NUM(query("revoked.db", "SELECT count(*) FROM revoked"), 2,
	    "removes what is over");
	IS_NUM(query("revoked.db", "SELECT count(*) FROM revoked"
				   " WHERE subject = 'b'"),
	    0, "and only that");
	dn_log_close(&log);
	log = start_log("revoked.db");
	IS_NUM(query("revoked.db", "SELECT issued_before FROM revoked WHERE"
				   " kind = 'user' AND expire_at IS NULL"),
	    7, "the next server finds them");
	OK(strstr(list(log, now_s), "t user a 7 0;") != NULL, "too");
	dn_log_close(&log);
}

static void run(const char *name, const char *sql)
{
	sqlite3 *db = NULL;

	OK(sqlite3_open(path_of(name), &db) == SQLITE_OK &&
		sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK,
	    sql);
	sqlite3_close(db);
}

/* What version 1 was: the same without that table. */
static void make_old(const char *name)
{
	struct dn_log_row row = row_of("c", 1);
	struct dn_log *log = start_log(name);

	IS_NUM(put(log, &row, false), 0, "a record");
	dn_log_close(&log);
	run(name, "DROP TABLE revoked; PRAGMA user_version = 1");
}

static void test_old(void)
{
	enum dn_log_mode tools[] = {DN_LOG_CREATE, DN_LOG_TOOL, DN_LOG_READ};
	struct dn_log *log;

	make_old("old.db");
	for (size_t i = 0; i < DN_ARRAY_LEN(tools); i++) {
		IS_NUM(open_code(url_of("old.db"), tools[i]), 0,
		    "a tool opens an old log");
		IS_NUM(query("old.db", "PRAGMA user_version"), 1,
		    "and leaves it as it is");
	}
	log = start_log("old.db");
	IS_NUM(query("old.db", "PRAGMA user_version"), 2,
	    "a server brings it up to date");
	IS_NUM(query("old.db", "SELECT count(*) FROM records"), 1,
	    "with what is in it");
	IS_NUM(put_revoked(log, DN_REVOKED_TOKEN, "a", 0, 0), 0,
	    "and revokes tokens in it");
	IS_STR(list(log, 0), "t token a 0 0;", "as in a new one");
	dn_log_close(&log);
	IS_NUM(open_code(url_of("old.db"), DN_LOG_SERVER), 0, "once");
	run("old.db", "PRAGMA user_version = 3");
	IS_NUM(open_code(url_of("old.db"), DN_LOG_SERVER), -EPROTO,
	    "one from the future is refused");
	OK(strstr(err.text, "version 3") != NULL &&
		strstr(err.text, "up to 2") != NULL,
	    "naming both");
}

/* A table of that name that somebody else made is in the way. */
static void test_old_fails(void)
{
	make_old("odd.db");
	run("odd.db", "CREATE TABLE revoked(x)");
	OK(open_code(url_of("odd.db"), DN_LOG_SERVER) < 0,
	    "what cannot be brought up to date is refused");
	IS_NUM(query("odd.db", "PRAGMA user_version"), 1, "and left as it is");
}

int main(void)
{
	make_folder();
	test_list();
	test_old();
	test_old_fails();
	return tap_done();
}
