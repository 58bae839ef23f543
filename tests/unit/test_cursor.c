/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/cursor.h"
#include "tap.h"

static char folder[] = "/tmp/dnot-cursor-XXXXXX";
static char path[64];

static void write_text(const char *text)
{
	FILE *f = fopen(path, "w");

	(void)fputs(text, f);
	(void)fclose(f);
}

static bool at(struct dn_cursor *c, const char *channel, const char *epoch,
    uint64_t offset)
{
	struct dn_str e;
	uint64_t o;

	return dn_cursor_get(c, dn_str_of(channel), &e, &o) &&
	       dn_str_is(e, epoch) && o == offset;
}

static void test_round_trip(void)
{
	const struct dn_cursor_mark marks[] = {
	    {1, UINT64_MAX, 0}, {UINT64_MAX, 5, 0x123456789abcdef}};
	const struct dn_cursor_mark *tail;
	struct dn_cursor c;
	struct dn_err err = {0};
	struct stat st;

	OK(dn_cursor_load(&c, path, &err) == 0, "no file is an empty one");
	OK(!c.existed, "and it is known that there was none");
	OK(!at(&c, "a", "e", 1), "it knows no channel");
	OK(dn_cursor_save(&c, &err) == 0, "nothing to save");
	OK(stat(path, &st) < 0, "writes no file");
	dn_cursor_set(&c, DN_STR("a"), DN_STR("e1"), 5);
	dn_cursor_set(&c, DN_STR("\"b\\"), DN_STR(""), UINT64_MAX);
	OK(dn_cursor_save(&c, &err) == 0, "save");
	dn_cursor_set(&c, DN_STR("a"), DN_STR("e2"), 1);
	OK(at(&c, "a", "e2", 1), "a new epoch");
	dn_cursor_set_tail(&c, DN_STR("a"), marks, 2);
	OK(dn_cursor_save(&c, &err) == 0 && !c.changed, "save again");
	dn_cursor_release(&c);

	OK(dn_cursor_load(&c, path, &err) == 0, "load");
	OK(c.existed && !c.changed, "it existed");
	OK(at(&c, "a", "e2", 1), "a position comes back");
	OK(at(&c, "\"b\\", "", UINT64_MAX), "also of a name with escapes");
	dn_cursor_set(&c, DN_STR("a"), DN_STR("e2"), 1);
	OK(!c.changed, "the same position is no change");
	IS_NUM(dn_cursor_tail(&c, DN_STR("a"), &tail), 2, "a tail comes back");
	OK(memcmp(tail, marks, sizeof(marks)) == 0, "as it was");
	IS_NUM(dn_cursor_tail(&c, DN_STR("\"b\\"), &tail), 0, "or none");
	dn_cursor_set(&c, DN_STR("a"), DN_STR("e3"), 1);
	IS_NUM(dn_cursor_tail(&c, DN_STR("a"), &tail), 0,
	    "a new epoch has no tail yet");
	dn_cursor_release(&c);
}

static void test_bad_files(void)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"version\":2}",
	    "{\"version\":1}", "{\"version\":1,\"channels\":[]}",
	    "{\"version\":1,\"channels\":{\"a\":1}}",
	    "{\"version\":1,\"channels\":{\"a\":{\"epoch\":\"e\"}}}",
	    "{\"version\":1,\"channels\":{\"a\":{\"offset\":1}}}",
	    "{\"version\":1,\"channels\":{\"a\":{\"epoch\":\"e\","
	    "\"offset\":-1}}}"};
	struct dn_cursor c;
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(bad); i++) {
		struct dn_err err = {0};

		write_text(bad[i]);
		OK(dn_cursor_load(&c, path, &err) == -EINVAL, bad[i]);
		OK(strstr(err.text, path) != NULL, "names the file");
	}
}

static void test_failed_save(void)
{
	struct dn_cursor c;
	struct dn_err err = {0};
	char gone[80];

	(void)snprintf(gone, sizeof(gone), "%s/none/state", folder);
	OK(dn_cursor_load(&c, gone, &err) == 0, "a folder that is not there");
	dn_cursor_set(&c, DN_STR("a"), DN_STR("e"), 1);
	OK(dn_cursor_save(&c, &err) == -ENOENT, "cannot be saved to");
	OK(c.changed, "and it is known that it was not");
	dn_cursor_release(&c);
	write_text("{\"version\":1,\"channels\":{}}");
	OK(dn_cursor_load(&c, folder, &err) < 0, "a folder is no file");
}

int main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/state", folder);
	test_round_trip();
	test_bad_files();
	test_failed_save();
	(void)unlink(path);
	OK(rmdir(folder) == 0, "no other file is left behind");
	return tap_done();
}
