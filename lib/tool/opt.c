/* SPDX-License-Identifier: MIT */
/*
 * How it works: one pass over argv. Flags are looked up in the tables (the
 * caller's sections, then the flags every program has) and their values
 * checked and stored at once; operands are moved to the front of argv, which
 * keeps their order. --help and its like answer where they stand.
 *
 * How it fails: at the first thing that is wrong, with the flag as it was
 * written; nothing is printed here.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/closest.h"
#include "base/duration.h"
#include "tool/opt_impl.h"

/* The flags every program has. The hidden ones are not in the table. */
static const struct dn_opt builtin_opts[] = {
    {.name = "help", .help = "Print this help and exit"},
    {.name = "version", .help = "Print the version and exit"},
};
static const struct dn_opt_section builtin = {
    .title = "Help",
    .opts = builtin_opts,
    .n = DN_ARRAY_LEN(builtin_opts),
};
static const char *const hidden[] = {"options", "completion"};

const struct dn_opt *dn_opt_walk(const struct dn_opt_tables *tables,
    struct dn_opt_walk *walk, const struct dn_opt_section **section)
{
	const struct dn_opt_section *s;

	for (; walk->section <= tables->sections_n; walk->section++) {
		s = walk->section < tables->sections_n
			? &tables->sections[walk->section]
			: tables->builtin;
		if (walk->opt < s->n) {
			if (section != NULL)
				*section = s;
			return &s->opts[walk->opt++];
		}
		walk->opt = 0;
	}
	return NULL;
}

/* One parse. */
struct parser {
	struct dn_opt_tables tables;
	int argc;
	char **argv;
	int at;          /* the argument being read */
	size_t operands; /* found so far, in argv[1..operands] */
	FILE *out;
	struct dn_err *err;
};

static int unknown(const struct parser *p, const char *flag, size_t n)
{
	enum { WORDS_MAX = 128 };
	const char *words[WORDS_MAX];
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;
	const char *closest;
	char word[64];
	size_t count = 0;

	(void)snprintf(word, sizeof(word), "%.*s", (int)n, flag);
	while ((o = dn_opt_walk(&p->tables, &walk, NULL)) != NULL &&
	       count < WORDS_MAX)
		words[count++] = o->name;
	closest = dn_closest(word, words, count);
	if (closest != NULL)
		return dn_err_set(p->err, -EINVAL,
		    "unknown flag --%s; did you mean --%s?", word, closest);
	return dn_err_set(p->err, -EINVAL,
	    "unknown flag --%s; %s --help lists them", word,
	    p->tables.program->name);
}

static int store_u64(const struct parser *p, const struct dn_opt *o,
    const char *text, uint64_t *target)
{
	uint64_t max = o->max != 0 ? o->max : UINT64_MAX;
	char *end;

	errno = 0;
	*target = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0')
		return dn_err_set(p->err, -EINVAL,
		    "--%s: \"%s\" is not a whole number", o->name, text);
	if (errno == ERANGE || *target < o->min || *target > max)
		return dn_err_set(p->err, -EINVAL,
		    "--%s: %s is out of range (%llu to %llu)", o->name, text,
		    (unsigned long long)o->min, (unsigned long long)max);
	return 0;
}

static int store_duration(const struct parser *p, const struct dn_opt *o,
    const char *text, int64_t *target)
{
	char min[32], max[32];

	if (dn_duration_us(dn_str_of(text), target, p->err) < 0)
		return dn_err_wrap(p->err, "--%s", o->name);
	if ((uint64_t)*target < o->min ||
	    (o->max != 0 && (uint64_t)*target > o->max)) {
		dn_duration_text((int64_t)o->min, min);
		if (o->max == 0)
			return dn_err_set(p->err, -EINVAL,
			    "--%s: %s is below %s", o->name, text, min);
		dn_duration_text((int64_t)o->max, max);
		return dn_err_set(p->err, -EINVAL,
		    "--%s: %s is out of range (%s to %s)", o->name, text, min,
		    max);
	}
	return 0;
}

static int store_choice(const struct parser *p, const struct dn_opt *o,
    const char *text, const char **target)
{
	const char *at = o->choices;
	size_t n;

	for (;;) {
		n = strcspn(at, "|");
		if (n == strlen(text) && memcmp(at, text, n) == 0)
			break;
		if (at[n] == '\0')
			return dn_err_set(p->err, -EINVAL,
			    "--%s: \"%s\" is none of %s", o->name, text,
			    o->choices);
		at += n + 1;
	}
	*target = text;
	return 0;
}

static void store_list(struct dn_opt_list *list, const char *text)
{
	list->v = dn_xrealloc(list->v, (list->n + 1) * sizeof(*list->v));
	list->v[list->n++] = text;
}

static int store(const struct parser *p, const struct dn_opt_section *s,
    const struct dn_opt *o, const char *text)
{
	void *target = (char *)s->target + o->at;

	switch (o->type) {
	case DN_OPT_FLAG:
		*(bool *)target = true;
		return 0;
	case DN_OPT_COUNT:
		(*(unsigned *)target)++;
		return 0;
	case DN_OPT_TEXT:
	case DN_OPT_FILE:
		*(const char **)target = text;
		return 0;
	case DN_OPT_LIST:
		store_list(target, text);
		return 0;
	case DN_OPT_U64:
		return store_u64(p, o, text, target);
	case DN_OPT_DURATION:
		return store_duration(p, o, text, target);
	case DN_OPT_CHOICE:
		return store_choice(p, o, text, target);
	}
	DN_ASSERT(!"known option type");
	return -EINVAL;
}

/* --help, --version. */
static int answer_builtin(const struct parser *p, const struct dn_opt *o)
{
	if (o == &builtin_opts[0])
		dn_opt_print_help(&p->tables, p->out);
	else
		(void)fprintf(
		    p->out, "%s %s\n", p->tables.program->name, DN_VERSION);
	return DN_OPT_DONE;
}

/* --options, --completion SHELL. 0 when the flag is neither. */
static int answer_hidden(struct parser *p, const char *name, size_t n)
{
	static const struct dn_opt shells = {
	    .name = "completion",
	    .choices = "bash|zsh|fish",
	};
	const char *shell = name[n] == '=' ? name + n + 1 : NULL;

	if (n == strlen(hidden[0]) && memcmp(name, hidden[0], n) == 0) {
		dn_opt_print_options(&p->tables, p->out);
		return DN_OPT_DONE;
	}
	if (n != strlen(hidden[1]) || memcmp(name, hidden[1], n) != 0)
		return 0;
	if (shell == NULL && p->at + 1 < p->argc)
		shell = p->argv[++p->at];
	if (shell == NULL)
		return dn_err_set(p->err, -EINVAL,
		    "--completion needs a value (%s)", shells.choices);
	if (store_choice(p, &shells, shell, &shell) < 0)
		return -EINVAL;
	dn_opt_print_completion(&p->tables, shell, p->out);
	return DN_OPT_DONE;
}

static int parse_long(struct parser *p)
{
	const char *flag = p->argv[p->at] + 2;
	size_t n = strcspn(flag, "=");
	const char *value = flag[n] == '=' ? flag + n + 1 : NULL;
	const struct dn_opt_section *s = NULL;
	struct dn_opt_walk walk = {0};
	const struct dn_opt *o;
	int rc;

	while ((o = dn_opt_walk(&p->tables, &walk, &s)) != NULL)
		if (strlen(o->name) == n && memcmp(o->name, flag, n) == 0)
			break;
	if (o == NULL) {
		rc = answer_hidden(p, flag, n);
		return rc != 0 ? rc : unknown(p, flag, n);
	}
	if (o->arg == NULL && value != NULL)
		return dn_err_set(
		    p->err, -EINVAL, "--%s takes no value", o->name);
	if (s == &builtin)
		return answer_builtin(p, o);
	if (o->arg != NULL && value == NULL) {
		if (p->at + 1 >= p->argc)
			return dn_err_set(p->err, -EINVAL,
			    "--%s needs a value (%s)", o->name, o->arg);
		value = p->argv[++p->at];
	}
	return store(p, s, o, value);
}

/* -a, -abc, -cVALUE, -c VALUE */
static int parse_letters(struct parser *p)
{
	const struct dn_opt_section *s = NULL;
	const struct dn_opt *o;
	const char *at, *value;
	int rc;

	for (at = p->argv[p->at] + 1; *at != '\0'; at++) {
		struct dn_opt_walk walk = {0};

		while ((o = dn_opt_walk(&p->tables, &walk, &s)) != NULL)
			if (o->letter != 0 && o->letter == *at)
				break;
		if (o == NULL)
			return dn_err_set(p->err, -EINVAL,
			    "unknown flag -%c; %s --help lists them", *at,
			    p->tables.program->name);
		if (o->arg == NULL) {
			rc = store(p, s, o, NULL);
			if (rc != 0)
				return rc;
			continue;
		}
		value = at[1] != '\0'         ? at + 1
			: p->at + 1 < p->argc ? p->argv[++p->at]
					      : NULL;
		if (value == NULL)
			return dn_err_set(p->err, -EINVAL,
			    "-%c needs a value (%s)", *at, o->arg);
		return store(p, s, o, value);
	}
	return 0;
}

int dn_opt_parse(const struct dn_opt_program *program,
    const struct dn_opt_section *sections, size_t sections_n, int argc,
    char **argv, size_t *operands, FILE *out, struct dn_err *err)
{
	struct parser p = {
	    .tables = {program, sections, sections_n, &builtin},
	    .argc = argc,
	    .argv = argv,
	    .out = out,
	    .err = err,
	};
	bool flags = true;
	int rc;

	*operands = 0;
	for (p.at = 1; p.at < argc; p.at++) {
		const char *arg = argv[p.at];

		if (!flags || arg[0] != '-' || arg[1] == '\0') {
			argv[++p.operands] = argv[p.at];
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			flags = false;
			continue;
		}
		rc = arg[1] == '-' ? parse_long(&p) : parse_letters(&p);
		if (rc != 0)
			return rc;
	}
	*operands = p.operands;
	return DN_OPT_GO;
}

void dn_opt_list_release(struct dn_opt_list *list)
{
	free(list->v);
	*list = (struct dn_opt_list){NULL, 0};
}
