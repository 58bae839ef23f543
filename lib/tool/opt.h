/* SPDX-License-Identifier: MIT */
/*
 * opt: one option table a program, from which parsing, --help, the check of
 * the manual page and shell completions are made.
 *
 * Flags are GNU-like: -a, -abc, -cVALUE, -c VALUE, --name, --name=VALUE,
 * --name VALUE, flags and operands in any order, "--" ends the flags. Every
 * program also has --help, --version and two hidden ones, --options (long
 * names and letters, one a line) and --completion bash|zsh|fish.
 *
 * Ownership: values borrow from argv; a list owns its array of pointers
 *   (dn_opt_list_release). Tables are static and constant.
 * Limits: number and duration values as the table says.
 * Errors: -EINVAL with a text for the user (exit 64); an unknown flag gets a
 *   did-you-mean.
 * Thread: the main one.
 */
#ifndef DN_OPT_H
#define DN_OPT_H

#include <stdio.h>

#include "base/err.h"

enum dn_opt_type {
	DN_OPT_FLAG,     /* bool: set to true */
	DN_OPT_COUNT,    /* unsigned: how often it was given */
	DN_OPT_TEXT,     /* const char *: the last one wins */
	DN_OPT_FILE,     /* const char *: the same; completes file names */
	DN_OPT_LIST,     /* struct dn_opt_list: every one, in order */
	DN_OPT_U64,      /* uint64_t within min and max */
	DN_OPT_DURATION, /* int64_t in us, within min and max (duration.h) */
	DN_OPT_CHOICE,   /* const char *: one of `choices` */
};

struct dn_opt {
	char letter;      /* 0: none */
	const char *name; /* without "--" */
	const char *arg;  /* what --help calls the value; NULL: takes none */
	enum dn_opt_type type;
	size_t at;           /* offsetof in the section's target struct */
	const char *help;    /* one line, no full stop */
	const char *note;    /* default and environment, shown in brackets:
				"default 60s, env DNOT_URL"; or NULL */
	const char *choices; /* "accepted|logged|written" */
	uint64_t min, max;   /* max 0: no bound */
};

/* A run of options that share a heading and a target struct. */
struct dn_opt_section {
	const char *title; /* "Options", "Connection", ... */
	const struct dn_opt *opts;
	size_t n;
	void *target;
};

struct dn_opt_program {
	const char *name;     /* "dnot-pub" */
	const char *operands; /* "[CHANNEL]", "CHANNEL...", "" */
	const char *about;    /* what it does, one or two sentences */
	const char *epilog;   /* shown at the end of --help; or NULL */
};

struct dn_opt_list {
	const char **v;
	size_t n;
};

enum { DN_OPT_GO = 0, DN_OPT_DONE = 1 };

/* DN_OPT_GO: flags are in their targets, and argv[1..*operands] are the
 * operands in order. DN_OPT_DONE: --help or the like was answered on `out`;
 * exit 0. -EINVAL: a usage error. A target keeps what it held when its flag
 * is not given: defaults are set before. Whether a TEXT flag was given shows
 * in its pointer; for others compare with the default. */
DN_MUST_CHECK int dn_opt_parse(const struct dn_opt_program *program,
    const struct dn_opt_section *sections, size_t sections_n, int argc,
    char **argv, size_t *operands, FILE *out, struct dn_err *err);

void dn_opt_list_release(struct dn_opt_list *list);

#endif
