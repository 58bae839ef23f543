/* SPDX-License-Identifier: MIT */
/*
 * How it works: each output is one walk over the tables, so that --help, the
 * list of flags for the manual's check and the completions cannot say
 * different things.
 *
 * How it fails: it does not; a stream that cannot be written is the caller's
 * to notice.
 */
#include "tool/opt_impl.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 79 };

/* Prints text in the right column, wrapped at spaces. */
static void print_wrapped(FILE *out, const char *text, int column, int at)
{
	while (*text != '\0') {
		size_t room = (size_t)(HELP_WIDTH - at);
		size_t n = strlen(text);

		if (n > room) {
			n = room;
			while (n > 0 && text[n] != ' ')
				n--;
			if (n == 0)
				n = strcspn(text, " ");
		}
		(void)fprintf(out, "%.*s\n", (int)n, text);
		text += n;
		text += strspn(text, " ");
		if (*text != '\0')
			(void)fprintf(out, "%*s", column, "");
		at = column;
	}
}

static void print_option(const struct dn_opt *o, FILE *out)
{
	char left[80], right[512];
	int n;

	n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
	    o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
	    o->letter != 0 ? "," : " ", o->name, o->arg != NULL ? " " : "",
	    o->arg != NULL ? o->arg : "");
	(void)snprintf(right, sizeof(right), "%s%s%s%s%s%s%s", o->help,
	    o->choices != NULL ? ": " : "",
	    o->choices != NULL ? o->choices : "", o->note != NULL ? " [" : "",
	    o->note != NULL ? o->note : "", o->note != NULL ? "]" : "",
	    o->type == DN_OPT_LIST ? " (repeatable)" : "");
	(void)fputs(left, out);
	if (n >= HELP_COLUMN) {
		(void)fputc('\n', out);
		n = 0;
	}
	(void)fprintf(out, "%*s", HELP_COLUMN - n, "");
	print_wrapped(out, right, HELP_COLUMN, HELP_COLUMN);
}

void dn_opt_print_help(const struct dn_opt_tables *tables, FILE *out)
{
	const struct dn_opt_program *program = tables->program;
	const struct dn_opt_section *section = NULL, *last = NULL;
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;

	(void)fprintf(out, "Usage: %s [FLAG]...%s%s\n\n", program->name,
	    program->operands[0] != '\0' ? " " : "", program->operands);
	print_wrapped(out, program->about, 0, 0);
	while ((o = dn_opt_walk(tables, &walk, &section)) != NULL) {
		if (section != last)
			(void)fprintf(out, "\n%s:\n", section->title);
		last = section;
		print_option(o, out);
	}
	if (program->epilog != NULL) {
		(void)fputc('\n', out);
		(void)fprintf(out, "%s\n", program->epilog);
	}
}

void dn_opt_print_options(const struct dn_opt_tables *tables, FILE *out)
{
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;

	while ((o = dn_opt_walk(tables, &walk, NULL)) != NULL) {
		(void)fprintf(out, "--%s\n", o->name);
		if (o->letter != 0)
			(void)fprintf(out, "-%c\n", o->letter);
	}
}

/* The choices with spaces between them. */
static void print_words(const char *choices, FILE *out)
{
	for (; *choices != '\0'; choices++)
		(void)fputc(*choices == '|' ? ' ' : *choices, out);
}

/* "_dnot_pub" */
static void print_function(const char *program, FILE *out)
{
	(void)fputc('_', out);
	for (; *program != '\0'; program++)
		(void)fputc(*program == '-' ? '_' : *program, out);
}

/* Text inside single quotes; `extra` gets a backslash before it. */
static void print_quoted(const char *text, const char *extra, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else if (strchr(extra, *text) != NULL)
			(void)fprintf(out, "\\%c", *text);
		else
			(void)fputc(*text, out);
	}
}

static void print_bash_case(const struct dn_opt *o, FILE *out)
{
	(void)fprintf(out, "\t--%s", o->name);
	if (o->letter != 0)
		(void)fprintf(out, " | -%c", o->letter);
	(void)fputs(")\n", out);
	if (o->choices != NULL) {
		(void)fputs("\t\tmapfile -t COMPREPLY < <(compgen -W \"", out);
		print_words(o->choices, out);
		(void)fputs("\" -- \"$cur\")\n", out);
	} else if (o->type == DN_OPT_FILE) {
		(void)fputs("\t\tmapfile -t COMPREPLY < "
			    "<(compgen -f -- \"$cur\")\n",
		    out);
	}
	(void)fputs("\t\treturn\n\t\t;;\n", out);
}

static void print_bash(const struct dn_opt_tables *tables, FILE *out)
{
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;

	(void)fprintf(out,
	    "# bash completion for %s; made by %s --completion "
	    "bash\n",
	    tables->program->name, tables->program->name);
	print_function(tables->program->name, out);
	(void)fputs("()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
		    "\tlocal prev=${COMP_WORDS[COMP_CWORD - 1]}\n\n"
		    "\tCOMPREPLY=()\n\tcase $prev in\n",
	    out);
	while ((o = dn_opt_walk(tables, &walk, NULL)) != NULL)
		if (o->arg != NULL)
			print_bash_case(o, out);
	(void)fputs("\tesac\n\tif [[ $cur == -* ]]; then\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -W \"",
	    out);
	walk = (struct dn_opt_walk){0};
	while ((o = dn_opt_walk(tables, &walk, NULL)) != NULL) {
		(void)fprintf(out, "\n\t\t\t--%s", o->name);
		if (o->letter != 0)
			(void)fprintf(out, " -%c", o->letter);
	}
	(void)fputs("\" -- \"$cur\")\n\tfi\n}\ncomplete -F ", out);
	print_function(tables->program->name, out);
	(void)fprintf(out, " %s\n", tables->program->name);
}

static void print_zsh_option(const struct dn_opt *o, FILE *out)
{
	const char *times =
	    o->type == DN_OPT_LIST || o->type == DN_OPT_COUNT ? "*" : "";

	(void)fputs(" \\\n\t", out);
	if (o->letter == 0)
		(void)fprintf(out, "'%s--%s", times, o->name);
	else if (times[0] != '\0')
		(void)fprintf(out, "'*'{-%c,--%s}'", o->letter, o->name);
	else
		(void)fprintf(out, "'(-%c --%s)'{-%c,--%s}'", o->letter,
		    o->name, o->letter, o->name);
	(void)fputc('[', out);
	print_quoted(o->help, "[]:\\", out);
	(void)fputc(']', out);
	if (o->arg != NULL) {
		(void)fputc(':', out);
		print_quoted(o->arg, ":\\", out);
		(void)fputc(':', out);
		if (o->choices != NULL) {
			(void)fputc('(', out);
			print_words(o->choices, out);
			(void)fputc(')', out);
		} else if (o->type == DN_OPT_FILE) {
			(void)fputs("_files", out);
		}
	}
	(void)fputc('\'', out);
}

static void print_zsh(const struct dn_opt_tables *tables, FILE *out)
{
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;

	(void)fprintf(out,
	    "#compdef %s\n# made by %s --completion zsh\n"
	    "_arguments -s",
	    tables->program->name, tables->program->name);
	while ((o = dn_opt_walk(tables, &walk, NULL)) != NULL)
		print_zsh_option(o, out);
	(void)fputc('\n', out);
}

static void print_fish(const struct dn_opt_tables *tables, FILE *out)
{
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;

	(void)fprintf(out,
	    "# fish completion for %s; made by %s "
	    "--completion fish\ncomplete -c %s -f\n",
	    tables->program->name, tables->program->name,
	    tables->program->name);
	while ((o = dn_opt_walk(tables, &walk, NULL)) != NULL) {
		(void)fprintf(out, "complete -c %s", tables->program->name);
		if (o->letter != 0)
			(void)fprintf(out, " -s %c", o->letter);
		(void)fprintf(out, " -l %s", o->name);
		if (o->arg != NULL)
			(void)fputs(
			    o->type == DN_OPT_FILE ? " -r -F" : " -x", out);
		if (o->choices != NULL) {
			(void)fputs(" -a '", out);
			print_words(o->choices, out);
			(void)fputc('\'', out);
		}
		(void)fputs(" -d '", out);
		print_quoted(o->help, "\\", out);
		(void)fputs("'\n", out);
	}
}

void dn_opt_print_completion(
    const struct dn_opt_tables *tables, const char *shell, FILE *out)
{
	if (strcmp(shell, "bash") == 0)
		print_bash(tables, out);
	else if (strcmp(shell, "zsh") == 0)
		print_zsh(tables, out);
	else
		print_fish(tables, out);
}
