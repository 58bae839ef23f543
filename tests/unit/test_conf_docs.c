/* SPDX-License-Identifier: MIT */
/*
 * docs/CONFIG.md has a row for each key of the configuration's tables, with
 * its values, its default and its help. With --print it prints the rows, to
 * be pasted there.
 */
#include "conf/conf_table.h"
#include "base/duration.h"
#include "tap.h"

#include <stdlib.h>

static const struct dn_conf_table *const tables[] = {
    &dn_conf_top_table,
    &dn_conf_websocket_table,
    &dn_conf_listen_table,
    &dn_conf_tenant_table,
    &dn_conf_personal_table,
    &dn_conf_key_table,
    &dn_conf_limits_table,
    &dn_conf_ns_table,
};

static void add_range(struct dn_buf *row, const struct dn_conf_field *f)
{
	char low[32], high[32];

	if (f->type == DN_CONF_DURATION) {
		dn_duration_text(f->min, low);
		dn_duration_text(f->max, high);
		dn_buf_printf(row, "%s to %s", low, high);
	} else if (f->max == INT64_MAX) {
		dn_buf_printf(row, "from %" PRId64, f->min);
	} else {
		dn_buf_printf(row, "%" PRId64 " to %" PRId64, f->min, f->max);
	}
}

static void add_words(struct dn_buf *row, const struct dn_conf_field *f)
{
	size_t i;

	for (i = 0; f->words[i] != NULL; i++)
		dn_buf_printf(row, "%s`%s`", i == 0 ? "" : ", ", f->words[i]);
}

static void add_values(struct dn_buf *row, const struct dn_conf_field *f)
{
	switch (f->type) {
	case DN_CONF_BOOL:
		dn_buf_lit(row, "boolean");
		break;
	case DN_CONF_U32:
	case DN_CONF_U64:
	case DN_CONF_DURATION:
		add_range(row, f);
		break;
	case DN_CONF_RATE:
		dn_buf_lit(row, "number");
		break;
	case DN_CONF_FILE:
		dn_buf_lit(row, "file");
		break;
	case DN_CONF_WORD:
		add_words(row, f);
		break;
	case DN_CONF_OBJECT:
		dn_buf_lit(row, "object");
		break;
	case DN_CONF_TEXT:
	case DN_CONF_CUSTOM:
		dn_buf_lit(row, f->initial == NULL || f->initial[0] == '"'
				    ? "string"
				: f->initial[0] == '[' ? "array"
						       : "object");
		break;
	}
}

/* A key whose feature is not there yet has a star. */
static void add_row(struct dn_buf *row, const struct dn_conf_field *f)
{
	dn_buf_printf(row, "| `%s`%s | ", f->name,
	    f->later || f->later_word != NULL ? "\\*" : "");
	add_values(row, f);
	if (f->initial != NULL)
		dn_buf_printf(row, " | `%s` | %s |", f->initial, f->help);
	else
		dn_buf_printf(row, " | | %s |", f->help);
}

static void print_table(const struct dn_conf_table *table)
{
	struct dn_buf row = {0};
	size_t i;

	printf("### %s\n\n| key | value | default | |\n|---|---|---|---|\n",
	    table->title);
	for (i = 0; i < table->n; i++) {
		dn_buf_reset(&row, SIZE_MAX);
		add_row(&row, &table->fields[i]);
		printf("%.*s\n", DN_FMT(dn_buf_view(&row)));
	}
	printf("\n");
	dn_buf_release(&row);
}

static char *read_docs(void)
{
	struct dn_buf text = {0};

	if (dn_conf_slurp("docs/CONFIG.md", 1 << 20, &text) != 0)
		return NULL;
	dn_buf_byte(&text, '\0');
	return text.p;
}

/* The manual's first example: what is indented from its "{" to its "}". */
static struct dn_str example(const char *docs)
{
	const char *from = strstr(docs, "\n    {\n");
	const char *to = from == NULL ? NULL : strstr(from, "\n    }\n");

	if (to == NULL)
		return (struct dn_str){0};
	return (struct dn_str){from, (size_t)(to - from) + strlen("\n    }\n")};
}

/* It parses, but for the secret's file, which is not there. */
static void check_example(const char *docs)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf =
	    dn_conf_parse(example(docs), "/nowhere", &errors);

	OK(conf == NULL, "the example wants its secret");
	IS_SLICE(dn_buf_view(&errors.text),
	    "tenants.acme.token_hmac_secret_file: /nowhere/token.secret: No "
	    "such file or directory\n",
	    "and nothing else is wrong with it");
	dn_conf_unref(&conf);
	dn_conf_errors_release(&errors);
}

static void check_table(const struct dn_conf_table *table, const char *docs)
{
	struct dn_buf row = {0};
	size_t i;

	for (i = 0; i < table->n; i++) {
		dn_buf_reset(&row, SIZE_MAX);
		add_row(&row, &table->fields[i]);
		dn_buf_lit(&row, "\n");
		dn_buf_byte(&row, '\0');
		if (!OK(strstr(docs, row.p) != NULL, table->fields[i].name))
			printf("# missing: %s", row.p);
	}
	dn_buf_release(&row);
}

int main(int argc, char **argv)
{
	char *docs;
	size_t i;

	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		for (i = 0; i < DN_ARRAY_LEN(tables); i++)
			print_table(tables[i]);
		return 0;
	}
	docs = read_docs();
	if (OK(docs != NULL, "docs/CONFIG.md is there")) {
		for (i = 0; i < DN_ARRAY_LEN(tables); i++)
			check_table(tables[i], docs);
		check_example(docs);
	}
	free(docs);
	return tap_done();
}
