/* SPDX-License-Identifier: MIT */
/*
 * conf_help: what the tests of the configuration share. JSON is written with
 * ' for ".
 */
#ifndef CONF_HELP_H
#define CONF_HELP_H

#include "conf/conf.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

/* A folder of the test's own, and how to fill it. */
static char folder[] = "/tmp/dnot-conf-XXXXXX";

static inline void folder_make(void)
{
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		exit(1);
	}
}

static inline char *folder_path(const char *name)
{
	struct dn_buf path = {0};

	dn_buf_printf(&path, "%s/%s", folder, name);
	dn_buf_byte(&path, '\0');
	return path.p;
}

static inline void file_write(const char *name, const void *p, size_t n)
{
	char *path = folder_path(name);
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	free(path);
}

static inline void file_text(const char *name, const char *text)
{
	file_write(name, text, strlen(text));
}

static inline void file_remove(const char *name)
{
	char *path = folder_path(name);

	unlink(path);
	free(path);
}

/* The caller releases. */
static inline struct dn_buf json(const char *text)
{
	struct dn_buf b = {0};
	size_t i;

	dn_buf_lit(&b, text);
	for (i = 0; i < b.n; i++)
		if (b.p[i] == '\'')
			b.p[i] = '"';
	return b;
}

static inline struct dn_conf *parse_flags(const char *text,
    const struct dn_conf_flags *flags, struct dn_conf_errors *errors)
{
	struct dn_buf b = json(text);
	struct dn_conf *conf =
	    dn_conf_parse_flags(dn_buf_view(&b), folder, flags, errors);

	dn_buf_release(&b);
	return conf;
}

/* Must parse. */
static inline struct dn_conf *parse(const char *text, const char *name)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf = parse_flags(text, NULL, &errors);

	if (!OK(conf != NULL, name)) {
		printf("# %.*s", DN_FMT(dn_buf_view(&errors.text)));
		exit(1);
	}
	dn_conf_errors_release(&errors);
	return conf;
}

/* What is printed reads as the same again, and prints the same. */
static inline void round_trip(struct dn_conf *conf, const char *name)
{
	struct dn_conf_errors errors = {0};
	struct dn_buf first = {0}, second = {0};
	struct dn_conf *again;

	dn_conf_print(conf, &first);
	again = dn_conf_parse(dn_buf_view(&first), NULL, &errors);
	if (OK(again != NULL, name)) {
		dn_conf_print(again, &second);
		OK(dn_str_eq(dn_buf_view(&first), dn_buf_view(&second)), name);
		IS_NUM(again->not_effective_n, conf->not_effective_n, name);
	} else {
		printf("# %.*s", DN_FMT(dn_buf_view(&errors.text)));
	}
	dn_conf_unref(&again);
	dn_conf_errors_release(&errors);
	dn_buf_release(&first);
	dn_buf_release(&second);
}

/* Must not, with exactly these messages. */
static inline void refuses_flags(const char *text,
    const struct dn_conf_flags *flags, const char *want, const char *name)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf = parse_flags(text, flags, &errors);

	OK(conf == NULL, name);
	IS_SLICE(dn_buf_view(&errors.text), want, name);
	dn_conf_unref(&conf);
	dn_conf_errors_release(&errors);
}

static inline void refuses(const char *text, const char *want, const char *name)
{
	refuses_flags(text, NULL, want, name);
}

#endif
