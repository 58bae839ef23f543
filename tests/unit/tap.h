/* SPDX-License-Identifier: MIT */
/*
 * tap: the few macros that unit tests need; they print TAP version 13.
 *
 *   int main(void)
 *   {
 *           OK(1 + 1 == 2, "sums");
 *           IS_STR(text, "abc", "copies the name");
 *           return tap_done();
 *   }
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool tap_ok(bool ok, const char *file, int line, const char *name)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_count, name);
	if (!ok) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return ok;
}

static inline bool tap_str(const char *file, int line, const char *got,
    size_t got_n, const char *want, const char *name)
{
	bool ok = got_n == strlen(want) && memcmp(got, want, got_n) == 0;

	if (!tap_ok(ok, file, line, name))
		printf("#  got: %.*s\n# want: %s\n", (int)got_n, got, want);
	return ok;
}

static inline bool tap_num(
    const char *file, int line, int64_t got, int64_t want, const char *name)
{
	if (!tap_ok(got == want, file, line, name))
		printf("#  got: %" PRId64 "\n# want: %" PRId64 "\n", got, want);
	return got == want;
}

#define OK(cond, name) tap_ok((cond), __FILE__, __LINE__, (name))
#define IS_STR(got, want, name) \
	tap_str(__FILE__, __LINE__, (got), strlen(got), (want), (name))
#define IS_SLICE(got, want, name) \
	tap_str(__FILE__, __LINE__, (got).p, (got).n, (want), (name))
#define IS_NUM(got, want, name) \
	tap_num(__FILE__, __LINE__, (int64_t)(got), (int64_t)(want), (name))

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
