/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "tool/opt.h"
#include "tap.h"

struct target {
	bool raw;
	unsigned verbose;
	const char *name, *file, *wait;
	struct dn_opt_list listen;
	uint64_t count;
	int64_t timeout;
};

#define AT(member) offsetof(struct target, member)

static const struct dn_opt opts[] = {
    {'r', "raw", NULL, DN_OPT_FLAG, AT(raw), "Payloads only", NULL, NULL, 0, 0},
    {'v', "verbose", NULL, DN_OPT_COUNT, AT(verbose), "Say more", NULL, NULL, 0,
	0},
    {'n', "name", "NAME", DN_OPT_TEXT, AT(name),
	"A help text so long that it has to be wrapped at the right "
	"margin of the terminal",
	"default none", NULL, 0, 0},
    {'f', "file", "FILE", DN_OPT_FILE, AT(file), "What's in it", NULL, NULL, 0,
	0},
    {0, "wait", "HOW", DN_OPT_CHOICE, AT(wait), "How long to wait", NULL,
	"accepted|logged", 0, 0},
    {0, "listen", "ADDRESS", DN_OPT_LIST, AT(listen), "Where", NULL, NULL, 0,
	0},
    {'c', "count", "N", DN_OPT_U64, AT(count), "How many", NULL, NULL, 1, 100},
    {0, "timeout", "D", DN_OPT_DURATION, AT(timeout), "How long", NULL, NULL,
	1000, 60000000},
};

static const struct dn_opt_program program = {
    .name = "dnot-test",
    .operands = "[CHANNEL]",
    .about = "Tests the option table.",
};

struct run {
	struct target t;
	char *argv[16];
	size_t operands;
	struct dn_err err;
	char *out;
	int rc;
};

static void run(struct run *r, const char *line)
{
	static char words[512];
	struct dn_opt_section section = {
	    "Options", opts, DN_ARRAY_LEN(opts), NULL};
	char *word;
	size_t out_n;
	int argc = 0;
	FILE *out;

	dn_opt_list_release(&r->t.listen);
	free(r->out);
	memset(r, 0, sizeof(*r));
	section.target = &r->t;
	(void)snprintf(words, sizeof(words), "dnot-test %s", line);
	for (word = strtok(words, " "); word; word = strtok(NULL, " "))
		r->argv[argc++] = word;
	out = open_memstream(&r->out, &out_n);
	r->rc = dn_opt_parse(
	    &program, &section, 1, argc, r->argv, &r->operands, out, &r->err);
	(void)fclose(out);
}

static void test_values(struct run *r)
{
	run(r, "one --name=x --file y -rvv two -c5 --timeout 5s -- --three");
	IS_NUM(r->rc, DN_OPT_GO, "all forms are taken");
	IS_STR(r->t.name, "x", "--name=x");
	IS_STR(r->t.file, "y", "--file y");
	OK(r->t.raw, "-r in a cluster");
	IS_NUM(r->t.verbose, 2, "-vv counts");
	IS_NUM(r->t.count, 5, "-c5");
	IS_NUM(r->t.timeout, 5000000, "a duration");
	IS_NUM(r->operands, 3, "operands are collected");
	IS_STR(r->argv[1], "one", "the first operand");
	IS_STR(r->argv[2], "two", "one between flags");
	IS_STR(r->argv[3], "--three", "-- ends the flags");

	run(r, "-rc 7 --listen a --listen=b --wait logged -n -5 -");
	IS_NUM(r->rc, DN_OPT_GO, "a cluster that ends in a value");
	IS_NUM(r->t.count, 7, "its value is the next argument");
	IS_NUM(r->t.listen.n, 2, "a list takes all");
	IS_STR(r->t.listen.v[1], "b", "in order");
	IS_STR(r->t.wait, "logged", "a choice");
	IS_STR(r->t.name, "-5", "a value may begin with a dash");
	IS_NUM(r->operands, 1, "a lone dash is an operand");
	run(r, "--name=");
	IS_STR(r->t.name, "", "an empty value");
}

static void test_errors(struct run *r)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
	    {"--nmae x", "unknown flag --nmae; did you mean --name?"},
	    {"--tiemout=1", "unknown flag --tiemout; did you mean --timeout?"},
	    {"--zzzzzzz",
		"unknown flag --zzzzzzz; dnot-test --help lists them"},
	    {"-x", "unknown flag -x; dnot-test --help lists them"},
	    {"-rx", "unknown flag -x; dnot-test --help lists them"},
	    {"--name", "--name needs a value (NAME)"},
	    {"-n", "-n needs a value (NAME)"},
	    {"--raw=1", "--raw takes no value"},
	    {"-c 0", "--count: 0 is out of range (1 to 100)"},
	    {"-c 101", "--count: 101 is out of range (1 to 100)"},
	    {"-c -1", "--count: \"-1\" is not a whole number"},
	    {"-c 1x", "--count: \"1x\" is not a whole number"},
	    {"-c 99999999999999999999",
		"--count: 99999999999999999999 is out of range (1 to "
		"100)"},
	    {"--wait never", "--wait: \"never\" is none of accepted|logged"},
	    {"--wait acc", "--wait: \"acc\" is none of accepted|logged"},
	    {"--timeout 2m", "--timeout: 2m is out of range (1ms to 1m)"},
	    {"--completion ksh",
		"--completion: \"ksh\" is none of bash|zsh|fish"},
	};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(cases); i++) {
		run(r, cases[i].line);
		OK(r->rc == -EINVAL, cases[i].line);
		IS_STR(r->err.text, cases[i].text, "... and says so");
	}
	run(r, "--timeout soon");
	IS_NUM(r->rc, -EINVAL, "a bad duration");
	OK(strncmp(r->err.text, "--timeout: ", 11) == 0, "names the flag");
}

static void test_outputs(struct run *r)
{
	const char *line;

	run(r, "--help --no-such");
	IS_NUM(r->rc, DN_OPT_DONE, "--help answers at once");
	OK(strstr(r->out, "Usage: dnot-test [FLAG]... [CHANNEL]\n") != NULL,
	    "usage");
	OK(strstr(r->out, "  -c, --count N ") != NULL, "a letter and a name");
	OK(strstr(r->out, "      --wait HOW ") != NULL, "a name only");
	OK(strstr(r->out, "accepted|logged") != NULL, "choices are shown");
	for (line = r->out; line != NULL && *line != '\0';
	     line = strchr(line, '\n') + 1)
		if (strcspn(line, "\n") >= 80)
			break;
	OK(line != NULL && *line == '\0', "no line is wider than a terminal");

	run(r, "--version");
	IS_STR(r->out, "dnot-test " DN_VERSION "\n", "--version");
	run(r, "--options");
	IS_STR(r->out,
	    "--raw\n-r\n--verbose\n-v\n--name\n-n\n--file\n-f\n--wait\n"
	    "--listen\n--count\n-c\n--timeout\n--help\n--version\n",
	    "--options");
	run(r, "--completion bash");
	IS_NUM(r->rc, DN_OPT_DONE, "a completion");
	OK(strstr(r->out, "complete -F _dnot_test dnot-test\n") != NULL,
	    "for bash");
	run(r, "--completion=zsh");
	OK(strstr(r->out, "'(-f --file)'{-f,--file}'[What'\\''s in it]:FILE:"
			  "_files'") != NULL,
	    "for zsh, quoted");
	run(r, "--completion=fish");
	OK(strstr(r->out, "-l wait -x -a 'accepted logged'") != NULL,
	    "for fish");
}

int main(void)
{
	struct run r = {0};

	test_values(&r);
	test_errors(&r);
	test_outputs(&r);
	dn_opt_list_release(&r.t.listen);
	free(r.out);
	return tap_done();
}
