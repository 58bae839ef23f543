/* SPDX-License-Identifier: MIT */
/*
 * How it works: `tenants` and `namespaces` are objects whose keys are names.
 * Each gets an array of its final size first, so that the maps may point into
 * it.
 *
 * How it fails: a name outside the alphabet is noted; so are a key that is no
 * SHA-256, and one that two entries share, since it could not tell whose it
 * is.
 */
#include "conf/conf_table.h"

#include <stdlib.h>

#include "base/text.h"
#include "record/channel.h"

enum { NAME_MAX_BYTES = 64 };

/* Names go into metrics, keys of topics and channels' names. */
static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static void check_name(struct dn_conf_reader *r, const char *name)
{
	if (!name_ok(name))
		dn_conf_wrong(r,
		    "a name is 1 to %d letters, digits, \"_\", \".\" and "
		    "\"-\"",
		    NAME_MAX_BYTES);
}

/* Namespaces. */

static void init_ns(struct dn_conf_ns *ns, const char *name)
{
	ns->name = dn_xstrdup(name);
	dn_conf_defaults(&dn_conf_ns_table, ns);
}

static void read_ns(struct dn_conf_reader *r, json_t *v, const char *name,
    struct dn_conf_ns *ns)
{
	if (name[0] != '\0' && strcmp(name, DN_CHANNEL_EVENTS) != 0)
		check_name(r, name);
	init_ns(ns, name);
	dn_conf_read_object(r, &dn_conf_ns_table, v, ns);
}

void dn_conf_read_namespaces(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_tenant *tenant = base;
	const char *name;
	json_t *item;
	size_t mark;

	if (!json_is_object(v)) {
		dn_conf_wrong(r, "must be an object");
		return;
	}
	tenant->namespaces =
	    dn_xcalloc(json_object_size(v), sizeof(*tenant->namespaces));
	json_object_foreach(v, name, item)
	{
		struct dn_conf_ns *ns =
		    &tenant->namespaces[tenant->namespaces_n++];

		mark = dn_conf_enter(r, name);
		read_ns(r, item, name, ns);
		dn_map_put(&tenant->ns_by_name, dn_str_of(ns->name), ns);
		dn_conf_leave(r, mark);
	}
}

json_t *dn_conf_show_namespaces(const void *base)
{
	const struct dn_conf_tenant *tenant = base;
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < tenant->namespaces_n; i++)
		json_object_set_new(object, tenant->namespaces[i].name,
		    dn_conf_show(&dn_conf_ns_table, &tenant->namespaces[i]));
	return object;
}

void dn_conf_read_delta(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_ns *ns = base;
	const char *word;
	json_t *item;
	size_t i;

	if (!json_is_array(v)) {
		dn_conf_wrong(r, "must be an array");
		return;
	}
	ns->delta_fossil = json_array_size(v) > 0;
	json_array_foreach(v, i, item)
	{
		word = json_string_value(item);
		if (word == NULL || strcmp(word, "fossil") != 0)
			dn_conf_wrong(r, "the only type is \"fossil\"");
	}
}

json_t *dn_conf_show_delta(const void *base)
{
	const struct dn_conf_ns *ns = base;
	json_t *list = json_array();

	if (ns->delta_fossil)
		json_array_append_new(list, json_string("fossil"));
	return list;
}

/* Server keys. */

static bool unhex(const char *text, unsigned char *out, size_t n)
{
	size_t i;
	int high, low;

	if (text == NULL || strlen(text) != 2 * n)
		return false;
	for (i = 0; i < n; i++) {
		high = dn_hex_value(text[2 * i]);
		low = dn_hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

void dn_conf_read_sha256(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_key *key = base;

	if (!unhex(json_string_value(v), key->sha256, sizeof(key->sha256)))
		dn_conf_wrong(
		    r, "must be the key's SHA-256 as 64 hexadecimal digits");
}

json_t *dn_conf_show_sha256(const void *base)
{
	const struct dn_conf_key *key = base;
	char text[2 * sizeof(key->sha256) + 1];
	size_t i;

	for (i = 0; i < sizeof(key->sha256); i++) {
		text[2 * i] = "0123456789abcdef"[key->sha256[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[key->sha256[i] & 15];
	}
	text[sizeof(text) - 1] = '\0';
	return json_string(text);
}

void dn_conf_read_keys(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_tenant *tenant = base;
	json_t *item;
	size_t i, mark;

	if (!json_is_array(v)) {
		dn_conf_wrong(r, "must be an array of objects");
		return;
	}
	tenant->keys = dn_xcalloc(json_array_size(v), sizeof(*tenant->keys));
	tenant->keys_n = json_array_size(v);
	json_array_foreach(v, i, item)
	{
		mark = dn_conf_enter_index(r, i);
		dn_conf_read_object(
		    r, &dn_conf_key_table, item, &tenant->keys[i]);
		if (json_is_object(item) &&
		    json_object_get(item, "sha256") == NULL)
			dn_conf_wrong(r, "sha256 is missing");
		dn_conf_leave(r, mark);
	}
}

json_t *dn_conf_show_keys(const void *base)
{
	const struct dn_conf_tenant *tenant = base;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < tenant->keys_n; i++)
		json_array_append_new(
		    list, dn_conf_show(&dn_conf_key_table, &tenant->keys[i]));
	return list;
}

/* Events. */

static const char *const event_words[] = {"connected", "disconnected",
    "subscribed", "unsubscribed", "occupied", "vacated"};

/* 0: none of them. */
static unsigned event_bit(const char *word)
{
	size_t i;

	for (i = 0; word != NULL && i < DN_ARRAY_LEN(event_words); i++)
		if (strcmp(event_words[i], word) == 0)
			return 1u << i;
	return 0;
}

void dn_conf_read_events(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf_tenant *tenant = base;
	json_t *item;
	size_t i, mark;

	if (!json_is_array(v)) {
		dn_conf_wrong(r, "must be an array of words");
		return;
	}
	json_array_foreach(v, i, item)
	{
		unsigned bit = event_bit(json_string_value(item));

		mark = dn_conf_enter_index(r, i);
		if (bit == 0)
			dn_conf_wrong(r,
			    "must be \"connected\", \"disconnected\", "
			    "\"subscribed\", \"unsubscribed\", \"occupied\" "
			    "or \"vacated\"");
		dn_conf_leave(r, mark);
		tenant->events |= bit;
	}
}

json_t *dn_conf_show_events(const void *base)
{
	const struct dn_conf_tenant *tenant = base;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(event_words); i++)
		if (tenant->events & 1u << i)
			json_array_append_new(
			    list, json_string(event_words[i]));
	return list;
}

/* Tenants. */

void dn_conf_tenants_reserve(struct dn_conf *conf, size_t n)
{
	DN_ASSERT(conf->tenants == NULL);
	conf->tenants = dn_xcalloc(n, sizeof(*conf->tenants));
}

struct dn_conf_tenant *dn_conf_tenant_add(
    struct dn_conf *conf, const char *name)
{
	struct dn_conf_tenant *tenant = &conf->tenants[conf->tenants_n++];

	tenant->name = dn_xstrdup(name);
	tenant->usage = dn_usage_new();
	dn_conf_defaults(&dn_conf_tenant_table, tenant);
	init_ns(&tenant->events_ns, DN_CHANNEL_EVENTS);
	dn_map_put(&conf->tenant_by_name, dn_str_of(tenant->name), tenant);
	return tenant;
}

void dn_conf_read_tenants(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf *conf = base;
	struct dn_conf_tenant *tenant;
	const char *name;
	json_t *item;
	size_t mark;

	if (!json_is_object(v)) {
		dn_conf_wrong(r, "must be an object");
		return;
	}
	/* One more, for --dev. */
	dn_conf_tenants_reserve(conf, json_object_size(v) + 1);
	json_object_foreach(v, name, item)
	{
		mark = dn_conf_enter(r, name);
		check_name(r, name);
		tenant = dn_conf_tenant_add(conf, name);
		dn_conf_read_object(r, &dn_conf_tenant_table, item, tenant);
		dn_conf_read_secrets(r, tenant);
		dn_conf_leave(r, mark);
	}
}

json_t *dn_conf_show_tenants(const void *base)
{
	const struct dn_conf *conf = base;
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < conf->tenants_n; i++)
		json_object_set_new(object, conf->tenants[i].name,
		    dn_conf_show(&dn_conf_tenant_table, &conf->tenants[i]));
	return object;
}
