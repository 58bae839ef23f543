/* SPDX-License-Identifier: MIT */
#include "base/base.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/exit.h"
#include "tap.h"

static void test_slices(void)
{
	struct dn_str unset = {NULL, 0};

	OK(dn_str_eq(DN_STR("ab"), DN_STR("ab")), "the same");
	OK(!dn_str_eq(DN_STR("ab"), DN_STR("abc")), "a head");
	OK(!dn_str_eq(DN_STR("ab"), DN_STR("ac")), "another");
	OK(dn_str_eq(unset, DN_STR("")), "unset is empty");
	OK(dn_str_is(DN_STR("x"), "x"), "is");
	IS_NUM(dn_str_of(NULL).n, 0, "of nothing");
}

static void test_memory(void)
{
	char *a = dn_xstrndup("abcdef", 3), *b = dn_xstrdup("");
	char *zero = dn_xcalloc(4, 4), *none = dn_xmalloc(0);

	IS_STR(a, "abc", "a copy of a slice");
	IS_STR(b, "", "a copy of nothing");
	OK(zero[0] == 0 && zero[15] == 0, "zeroed");
	OK(none != NULL, "no bytes are a block too");
	a = dn_xrealloc(a, 100);
	IS_STR(a, "abc", "growing keeps the bytes");
	free(a);
	free(b);
	free(zero);
	free(none);
}

/* How a child ends that runs into an assertion; its text goes to a pipe. */
static int child_status(char *text, size_t n)
{
	int fd[2], status = -1;
	ssize_t got = 0;
	pid_t pid;

	if (pipe(fd) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		/* A sanitizer's own report of the abort is not wanted. */
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		DN_ASSERT(text == NULL);
		_exit(0);
	}
	close(fd[1]);
	if (pid > 0) {
		got = read(fd[0], text, n - 1);
		waitpid(pid, &status, 0);
	}
	close(fd[0]);
	text[got > 0 ? got : 0] = '\0';
	return status;
}

static void test_panic(void)
{
	char text[256];
	int status = child_status(text, sizeof(text));

	OK((WIFEXITED(status) && WEXITSTATUS(status) == DN_EXIT_BUG) ||
		(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT),
	    "an assertion ends the process");
	OK(strstr(text, "test_base.c") != NULL &&
		strstr(text, "text == NULL") != NULL,
	    "and says where and what");
}

static void test_random(void)
{
	char a[37], b[37];
	size_t i, seen[7] = {0}, empty = 0;

	dn_uuid(a);
	dn_uuid(b);
	OK(strlen(a) == 36 && a[8] == '-' && a[13] == '-' && a[18] == '-' &&
		a[23] == '-',
	    "a UUID has its dashes");
	OK(a[14] == '4' && strchr("89ab", a[19]) != NULL,
	    "its version and variant");
	OK(strcmp(a, b) != 0, "two are different");
	for (i = 0; i < 2000; i++) {
		uint64_t x = dn_random_below(7);

		if (x >= 7)
			break;
		seen[x]++;
	}
	IS_NUM(i, 2000, "below the bound");
	for (i = 0; i < 7; i++)
		empty += seen[i] < 100;
	IS_NUM(empty, 0, "every value comes up");
	IS_NUM(dn_random_below(1), 0, "below one");
	OK(dn_random_below(UINT64_MAX) < UINT64_MAX, "the largest bound");
}

static void test_clocks(void)
{
	int64_t mono = dn_mono_us(), wall = dn_wall_us();

	OK(dn_mono_us() >= mono, "the monotonic clock does not go back");
	OK(wall > (int64_t)1700000000 * 1000000, "the wall clock is in us");
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Every length to 64, all bytes but one zero: no two hashes are the same. */
static void test_hash_distinct(void)
{
	static uint64_t all[65 * 64];
	unsigned char bytes[64] = {0};
	size_t n, i, count = 0, same = 0;

	for (n = 0; n <= 64; n++) {
		all[count++] = dn_hash(bytes, n, 0);
		for (i = 0; i < n; i++) {
			bytes[i] = 1;
			all[count++] = dn_hash(bytes, n, 0);
			bytes[i] = 0;
		}
	}
	qsort(all, count, sizeof(all[0]), by_value);
	for (i = 1; i < count; i++)
		same += all[i] == all[i - 1];
	IS_NUM(same, 0, "lengths and places make different hashes");
}

/* Names that count up fill 256 buckets evenly: the statistic would pass 400
 * about once in 10^8 runs of a perfect hash. */
static void test_hash_even(void)
{
	size_t bucket[256] = {0}, i, n = 256 * 64;
	double chi = 0;

	for (i = 0; i < n; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "user:%zu", i);

		bucket[dn_hash(name, (size_t)len, 0) & 255]++;
	}
	for (i = 0; i < 256; i++)
		chi += ((double)bucket[i] - 64) * ((double)bucket[i] - 64) / 64;
	OK(chi < 400, "names spread evenly");
	OK(dn_hash("a", 1, 1) != dn_hash("a", 1, 2), "the seed matters");
	IS_NUM(dn_hash("abc", 3, 5), dn_hash("abc", 3, 5), "it is a function");
}

static void test_secret(void)
{
	OK(dn_same_secret("abc", "abc", 3), "the same secret");
	OK(!dn_same_secret("abc", "abd", 3), "another at the end");
	OK(!dn_same_secret("abc", "xbc", 3), "another at the start");
	OK(dn_same_secret("abc", "xyz", 0), "no bytes are the same");
}

static void test_err(void)
{
	struct dn_err err = {0, ""};
	char text[600];

	IS_NUM(dn_err_set(&err, -22, "port: %d is too high", 70000), -22,
	    "set returns the code");
	IS_STR(err.text, "port: 70000 is too high", "text");
	IS_NUM(dn_err_wrap(&err, "listen[%d]", 1), -22, "wrap keeps the code");
	IS_STR(err.text, "listen[1]: port: 70000 is too high", "context");
	(void)dn_err_set(&err, -1, "%s again", err.text);
	IS_STR(err.text, "listen[1]: port: 70000 is too high again",
	    "the old text may be an argument");
	IS_NUM(dn_err_set(NULL, -5, "x"), -5, "no struct, the code alone");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)dn_err_set(&err, -1, "%s", text);
	IS_NUM(strlen(err.text), DN_ERR_TEXT_MAX - 1, "a long text is cut");
	(void)dn_err_wrap(&err, "where");
	OK(strncmp(err.text, "where: xxx", 10) == 0 &&
		strlen(err.text) == DN_ERR_TEXT_MAX - 1,
	    "context in front of a long text");
	memcpy(text + DN_ERR_TEXT_MAX - 2, "\xe2\x82\xac", 3);
	(void)dn_err_set(&err, -1, "%s", text);
	IS_NUM(strlen(err.text), DN_ERR_TEXT_MAX - 2,
	    "a cut does not split a character");
}

int main(void)
{
	test_slices();
	test_memory();
	test_panic();
	test_random();
	test_clocks();
	test_hash_distinct();
	test_hash_even();
	test_secret();
	test_err();
	return tap_done();
}
