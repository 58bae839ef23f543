/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "tool/jqfilter.h"
#include "tap.h"

static int match(const char *program, const char *record)
{
	struct dn_jqfilter *f;
	struct dn_err err = {0};
	int rc = dn_jqfilter_new(&f, program, &err);

	if (rc < 0) {
		printf("# %s\n", err.text);
		return rc;
	}
	rc = dn_jqfilter_match(f, dn_str_of(record), &err);
	dn_jqfilter_free(&f);
	return rc;
}

static void test_match(void)
{
	IS_NUM(match(".a==1", "{\"a\":1}"), 1, "true");
	IS_NUM(match(".a==1", "{\"a\":2}"), 0, "false");
	IS_NUM(match("select(.a==1)", "{\"a\":1}"), 1, "a value");
	IS_NUM(match("select(.a==1)", "{\"a\":2}"), 0, "no value");
	IS_NUM(match(".b", "{\"a\":2}"), 0, "null");
	IS_NUM(match("false,1", "{}"), 1, "any of several");
	IS_NUM(match(".a.b", "{\"a\":2}"), -EINVAL, "a runtime error");
	IS_NUM(match("halt", "{}"), 0, "halt");
	IS_NUM(match("env|length==0", "{}"), 1, "the environment is empty");
	IS_NUM(match("$ENV|length==0", "{}"), 1, "also as $ENV");
	OK(getenv("PATH") != NULL, "and is there again afterwards");
}

static void test_compile(void)
{
	static const char *const bad[] = {
	    ".a |", "nosuch(1)", "import \"a\" as a; a", "include \"x\"; 1"};
	struct dn_jqfilter *f;
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(bad); i++) {
		struct dn_err err = {0};

		OK(dn_jqfilter_new(&f, bad[i], &err) == -EINVAL, bad[i]);
		OK(strstr(err.text, bad[i]) != NULL, "names the program");
		printf("# %s\n", err.text);
	}
}

static void test_format(void)
{
	const char *record = "{\"a\":\"x\",\"b\":[1,{}]}";
	struct dn_jqfilter *f;
	struct dn_buf out = {0};
	struct dn_err err = {0};

	OK(dn_jqfilter_new(&f, ".a,.b,empty", &err) == 0, "compiles");
	IS_NUM(dn_jqfilter_format(f, dn_str_of(record), &out, &err), 2,
	    "two results");
	IS_SLICE(dn_buf_view(&out), "x\n[1,{}]\n", "as text and as JSON");
	IS_NUM(dn_jqfilter_format(f, DN_STR("5"), &out, &err), -EINVAL,
	    "an error of one record");
	dn_buf_reset(&out, 0);
	IS_NUM(dn_jqfilter_format(f, dn_str_of(record), &out, &err), 2,
	    "is none of the next");
	dn_jqfilter_free(&f);
	dn_buf_release(&out);
}

int main(void)
{
	test_match();
	test_compile();
	test_format();
	return tap_done();
}
