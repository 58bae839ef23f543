/* SPDX-License-Identifier: MIT */
/*
 * How it works: jansson reads the text into a tree, and each object is walked
 * along its table: every member finds its field, every field sets its value.
 * The reader carries the place ("tenants.acme.limits.connections").
 *
 * How it fails: a text that is no JSON ends it at once, with line and column.
 * Everything else is noted and reading goes on, so that all is said in one
 * go; an unknown key gets the closest known one.
 */
#include "conf/conf_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/closest.h"

static bool is_plain(const char *key)
{
	return key[0] != '\0' && strspn(key, "abcdefghijklmnopqrstuvwxyz"
					     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789_-") == strlen(key);
}

size_t dn_conf_enter(struct dn_conf_reader *r, const char *key)
{
	size_t mark = r->path.n;

	if (is_plain(key)) {
		if (mark > 0)
			dn_buf_byte(&r->path, '.');
		dn_buf_lit(&r->path, key);
	} else {
		dn_buf_byte(&r->path, '[');
		dn_buf_json_str(&r->path, dn_str_of(key));
		dn_buf_byte(&r->path, ']');
	}
	return mark;
}

size_t dn_conf_enter_index(struct dn_conf_reader *r, size_t index)
{
	size_t mark = r->path.n;

	dn_buf_printf(&r->path, "[%zu]", index);
	return mark;
}

void dn_conf_leave(struct dn_conf_reader *r, size_t mark)
{
	r->path.n = mark;
}

void dn_conf_wrong(struct dn_conf_reader *r, const char *fmt, ...)
{
	struct dn_buf *text = &r->errors->text;
	char message[DN_ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (r->path.n > 0) {
		dn_buf_str(text, dn_buf_view(&r->path));
		dn_buf_lit(text, ": ");
	}
	dn_buf_lit(text, message);
	dn_buf_byte(text, '\n');
	r->errors->count++;
}

static const struct dn_conf_field *find(
    const struct dn_conf_table *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	return NULL;
}

static void unknown_key(struct dn_conf_reader *r,
    const struct dn_conf_table *table, const char *key)
{
	enum { WORDS_MAX = 64 };
	const char *words[WORDS_MAX], *closest;
	size_t i;

	DN_ASSERT(table->n <= WORDS_MAX);
	for (i = 0; i < table->n; i++)
		words[i] = table->fields[i].name;
	closest = dn_closest(key, words, table->n);
	if (closest != NULL)
		dn_conf_wrong(r, "unknown key; did you mean %s?", closest);
	else
		dn_conf_wrong(r, "unknown key");
}

void dn_conf_read_object(struct dn_conf_reader *r,
    const struct dn_conf_table *table, json_t *object, void *base)
{
	const struct dn_conf_field *field;
	const char *key;
	json_t *value;
	size_t mark;

	if (!json_is_object(object)) {
		dn_conf_wrong(r, "must be an object");
		return;
	}
	json_object_foreach(object, key, value)
	{
		mark = dn_conf_enter(r, key);
		field = find(table, key);
		if (field != NULL)
			dn_conf_set(r, field, value, base);
		else
			unknown_key(r, table, key);
		dn_conf_leave(r, mark);
	}
}

char *dn_conf_resolve(const char *folder, const char *name)
{
	struct dn_buf path = {0};

	if (name[0] == '/' || name[0] == '\0' || folder == NULL)
		return dn_xstrdup(name);
	dn_buf_lit(&path, folder);
	dn_buf_byte(&path, '/');
	dn_buf_add(&path, name, strlen(name) + 1);
	return path.p;
}

void dn_conf_read_tls(struct dn_conf_reader *r, json_t *v, void *base)
{
	(void)v;
	(void)base;
	dn_conf_wrong(
	    r, "not supported by this version; terminate TLS in front");
}

json_t *dn_conf_show_tls(const void *base)
{
	(void)base;
	return NULL;
}

/* "--listen" and "--log", which replace what the file says. A socket's path
 * stays as it was given: it is what --ready-fd prints. */
static void apply_flags(
    struct dn_conf_reader *r, const struct dn_conf_flags *flags)
{
	char *here = getcwd(NULL, 0); /* NULL: names stay as they are */
	size_t mark;

	r->folder = NULL;
	if (flags->listen_n > 0) {
		mark = dn_conf_enter(r, "--listen");
		dn_conf_listen_flags(r, flags->listen, flags->listen_n);
		dn_conf_leave(r, mark);
	}
	r->folder = here;
	if (flags->log != NULL)
		dn_conf_log_set(r, flags->log);
	r->folder = NULL;
	free(here);
}

static json_t *load_text(struct dn_conf_reader *r, struct dn_str text)
{
	json_error_t e;
	json_t *root;

	if (text.n > DN_CONF_TEXT_MAX) {
		dn_conf_wrong(r, "more than %d bytes", DN_CONF_TEXT_MAX);
		return NULL;
	}
	root = json_loadb(
	    text.p == NULL ? "" : text.p, text.n, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		dn_conf_wrong(
		    r, "line %d, column %d: %s", e.line, e.column, e.text);
	return root;
}

static void read_all(
    struct dn_conf_reader *r, json_t *root, const struct dn_conf_flags *flags)
{
	dn_conf_read_object(r, &dn_conf_top_table, root, r->conf);
	if (flags != NULL) {
		if (flags->dev)
			dn_conf_dev_tenant(r);
		apply_flags(r, flags);
	}
	dn_conf_check(r);
}

struct dn_conf *dn_conf_parse_flags(struct dn_str text, const char *folder,
    const struct dn_conf_flags *flags, struct dn_conf_errors *errors)
{
	size_t before = errors->count;
	struct dn_conf_reader r = {
	    .conf = dn_conf_new(folder), .folder = folder, .errors = errors};
	json_t *root = load_text(&r, text);

	if (root != NULL) {
		read_all(&r, root, flags);
		json_decref(root);
	}
	dn_buf_release(&r.path);
	if (errors->count > before)
		dn_conf_unref(&r.conf);
	return r.conf;
}

struct dn_conf *dn_conf_parse(
    struct dn_str text, const char *folder, struct dn_conf_errors *errors)
{
	return dn_conf_parse_flags(text, folder, NULL, errors);
}

struct dn_conf *dn_conf_dev(void)
{
	const struct dn_conf_flags flags = {.dev = true};
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf =
	    dn_conf_parse_flags(DN_STR("{}"), NULL, &flags, &errors);

	DN_ASSERT(conf != NULL);
	return conf;
}

/* The list as one line. */
static int fail(struct dn_conf_errors *errors, struct dn_err *err)
{
	struct dn_str text = dn_buf_view(&errors->text);
	size_t i;

	text.n--;
	for (i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			errors->text.p[i] = ';';
	dn_err_set(err, -EINVAL, "%.*s", DN_FMT(text));
	dn_conf_errors_release(errors);
	return -EINVAL;
}

int dn_conf_override(struct dn_conf *conf, const char *const *listen,
    size_t listen_n, const char *log, struct dn_err *err)
{
	const struct dn_conf_flags flags = {
	    .listen = listen, .listen_n = listen_n, .log = log};
	struct dn_conf_errors errors = {0};
	struct dn_conf_reader r = {.conf = conf, .errors = &errors};

	DN_ASSERT(atomic_load(&conf->refs) == 1);
	apply_flags(&r, &flags);
	dn_conf_check(&r);
	dn_buf_release(&r.path);
	return errors.count == 0 ? 0 : fail(&errors, err);
}
