/* SPDX-License-Identifier: MIT */
/*
 * opt_impl: what opt.c (parsing) and opt_help.c (everything that is printed
 * from the tables) share.
 *
 * Thread: the main one.
 */
#ifndef DN_OPT_IMPL_H
#define DN_OPT_IMPL_H

#include "tool/opt.h"

/* All tables of one program: those of the caller and the flags that every
 * program has. */
struct dn_opt_tables {
	const struct dn_opt_program *program;
	const struct dn_opt_section *sections;
	size_t sections_n;
	const struct dn_opt_section *builtin; /* --help, --version */
};

/* Visits every option that is shown, in the order of --help: start with
 * {0}. NULL at the end. *section (may be NULL) is where it stands. */
struct dn_opt_walk {
	size_t section, opt;
};
const struct dn_opt *dn_opt_walk(const struct dn_opt_tables *tables,
    struct dn_opt_walk *walk, const struct dn_opt_section **section);

void dn_opt_print_help(const struct dn_opt_tables *tables, FILE *out);
void dn_opt_print_options(const struct dn_opt_tables *tables, FILE *out);
/* shell is bash, zsh or fish. */
void dn_opt_print_completion(
    const struct dn_opt_tables *tables, const char *shell, FILE *out);

#endif
