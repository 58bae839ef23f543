/* SPDX-License-Identifier: MIT */
/*
 * How it works: `listen` is an array of addresses, or of objects that say what
 * is served at one. The command line's addresses serve everything.
 *
 * How it fails: what is no address is noted with the reason (address.h), and
 * so is an object without one.
 */
#include "conf/conf_table.h"

#include <stdlib.h>

#include "conf/address.h"

static const struct {
	const char *word;
	unsigned bit;
} parts[] = {
    {"client", DN_SERVE_CLIENT},
    {"api", DN_SERVE_API},
    {"metrics", DN_SERVE_METRICS},
};

enum { SERVE_ALL = DN_SERVE_CLIENT | DN_SERVE_API | DN_SERVE_METRICS };

static void set_address(
    struct dn_conf_reader *r, struct dn_conf_listen *listener, const char *text)
{
	struct dn_address address;
	struct dn_buf full = {0};
	struct dn_err err = {0};
	char *path;

	if (strncmp(text, "unix:", 5) == 0) {
		path = dn_conf_resolve(r->folder, text + 5);
		dn_buf_printf(&full, "unix:%s", path);
		free(path);
	} else {
		dn_buf_lit(&full, text);
	}
	if (dn_address_parse(dn_buf_view(&full), &address, &err) != 0) {
		dn_conf_wrong(r, "%s", err.text);
	} else {
		free(listener->address);
		listener->address = dn_xstrndup(full.p, full.n);
	}
	dn_buf_release(&full);
}

void dn_conf_read_address(struct dn_conf_reader *r, json_t *v, void *base)
{
	if (json_is_string(v))
		set_address(r, base, json_string_value(v));
	else
		dn_conf_wrong(r, "must be a string");
}

json_t *dn_conf_show_address(const void *base)
{
	const struct dn_conf_listen *listener = base;

	return json_string(listener->address);
}

static unsigned serve_bit(const char *word)
{
	size_t i;

	for (i = 0; word != NULL && i < DN_ARRAY_LEN(parts); i++)
		if (strcmp(parts[i].word, word) == 0)
			return parts[i].bit;
	return 0;
}

void dn_conf_read_serve(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_listen *listener = base;
	unsigned serve = 0, bit;
	json_t *item;
	size_t i, mark;

	if (!json_is_array(v) || json_array_size(v) == 0) {
		dn_conf_wrong(
		    r, "must be an array of \"client\", \"api\", \"metrics\"");
		return;
	}
	json_array_foreach(v, i, item)
	{
		bit = serve_bit(json_string_value(item));
		mark = dn_conf_enter_index(r, i);
		if (bit == 0)
			dn_conf_wrong(
			    r, "must be \"client\", \"api\" or \"metrics\"");
		dn_conf_leave(r, mark);
		serve |= bit;
	}
	listener->serve = serve;
}

json_t *dn_conf_show_serve(const void *base)
{
	const struct dn_conf_listen *listener = base;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(parts); i++)
		if (listener->serve & parts[i].bit)
			json_array_append_new(list, json_string(parts[i].word));
	return list;
}

static void read_one(
    struct dn_conf_reader *r, json_t *v, struct dn_conf_listen *listener)
{
	if (!json_is_object(v)) {
		dn_conf_read_address(r, v, listener);
		return;
	}
	dn_conf_read_object(r, &dn_conf_listen_table, v, listener);
	if (json_object_get(v, "address") == NULL)
		dn_conf_wrong(r, "address is missing");
}

/* Room for n listeners that serve everything, instead of those before. */
static void renew(struct dn_conf *conf, size_t n)
{
	size_t i;

	for (i = 0; i < conf->listen_n; i++)
		free(conf->listen[i].address);
	free(conf->listen);
	conf->listen = dn_xcalloc(n, sizeof(*conf->listen));
	conf->listen_n = n;
	for (i = 0; i < n; i++)
		conf->listen[i].serve = SERVE_ALL;
}

void dn_conf_read_listen(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf *conf = base;
	json_t *item;
	size_t i, mark;

	if (!json_is_array(v) || json_array_size(v) == 0) {
		dn_conf_wrong(r, "must be an array of at least one address");
		return;
	}
	renew(conf, json_array_size(v));
	json_array_foreach(v, i, item)
	{
		mark = dn_conf_enter_index(r, i);
		read_one(r, item, &conf->listen[i]);
		dn_conf_leave(r, mark);
	}
}

json_t *dn_conf_show_listen(const void *base)
{
	const struct dn_conf *conf = base;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < conf->listen_n; i++) {
		const struct dn_conf_listen *listener = &conf->listen[i];

		json_array_append_new(
		    list, listener->serve == SERVE_ALL
			      ? dn_conf_show_address(listener)
			      : dn_conf_show(&dn_conf_listen_table, listener));
	}
	return list;
}

void dn_conf_listen_flags(
    struct dn_conf_reader *r, const char *const *listen, size_t n)
{
	size_t i;

	renew(r->conf, n);
	for (i = 0; i < n; i++)
		set_address(r, &r->conf->listen[i], listen[i]);
}
