/* SPDX-License-Identifier: MIT */
/*
 * How it works: a conf is made by the reader (conf_read.c), never changes
 * from then on, and goes when its last reference does. Look-ups go through
 * maps; server keys are compared one by one, all of them, so that time does
 * not tell how far a guess matched.
 *
 * How it fails: a file that cannot be read is noted with its name.
 */
#include "conf/conf_table.h"

#include <errno.h>
#include <libgen.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "record/channel.h"

#define CONF_MAGIC 0x434f4e46u

struct dn_conf *dn_conf_new(const char *folder)
{
	struct dn_conf *conf = dn_xcalloc(1, sizeof(*conf));

	conf->magic = CONF_MAGIC;
	atomic_init(&conf->refs, 1);
	if (folder != NULL)
		conf->folder = dn_xstrdup(folder);
	dn_conf_defaults(&dn_conf_top_table, conf);
	return conf;
}

/* The folder, absolute, so that what is resolved against it stays right. */
static char *folder_of(const char *path)
{
	char *copy = dn_xstrdup(path);
	char *folder = realpath(dirname(copy), NULL);

	free(copy);
	return folder;
}

struct dn_conf *dn_conf_load(const char *path,
    const struct dn_conf_flags *flags, struct dn_conf_errors *errors)
{
	struct dn_conf_reader r = {.errors = errors};
	struct dn_conf *conf = NULL;
	struct dn_buf text = {0};
	char *folder = folder_of(path);
	int rc = dn_conf_slurp(path, DN_CONF_TEXT_MAX, &text);

	if (rc != 0)
		dn_conf_wrong(&r, "%s: %s", path, strerror(-rc));
	else
		conf = dn_conf_parse_flags(
		    dn_buf_view(&text), folder, flags, errors);
	dn_buf_release(&text);
	free(folder);
	return conf;
}

void dn_conf_errors_release(struct dn_conf_errors *errors)
{
	dn_buf_release(&errors->text);
	errors->count = 0;
}

static void release_ns(struct dn_conf_ns *ns)
{
	dn_pattern_free(&ns->channel_pattern);
	dn_conf_release(&dn_conf_ns_table, ns);
	free(ns->name);
}

static void release_tenant(struct dn_conf_tenant *tenant)
{
	size_t i;

	for (i = 0; i < tenant->keys_n; i++)
		dn_conf_release(&dn_conf_key_table, &tenant->keys[i]);
	for (i = 0; i < tenant->namespaces_n; i++)
		release_ns(&tenant->namespaces[i]);
	release_ns(&tenant->events_ns);
	dn_map_release(&tenant->ns_by_name);
	dn_jwt_key_free(&tenant->token_hmac);
	dn_jwt_key_free(&tenant->token_hmac_previous);
	dn_jwt_key_free(&tenant->token_public);
	dn_jwt_key_free(&tenant->token_public_previous);
	dn_usage_unref(&tenant->usage);
	dn_conf_release(&dn_conf_tenant_table, tenant);
	free(tenant->keys);
	free(tenant->namespaces);
	free(tenant->name);
}

static void free_strings(char **list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void conf_free(struct dn_conf *conf)
{
	size_t i;

	for (i = 0; i < conf->tenants_n; i++)
		release_tenant(&conf->tenants[i]);
	for (i = 0; i < conf->listen_n; i++)
		free(conf->listen[i].address);
	dn_map_release(&conf->tenant_by_name);
	dn_conf_release(&dn_conf_top_table, conf);
	free_strings(conf->allowed_origins, conf->allowed_origins_n);
	free_strings(conf->not_effective, conf->not_effective_n);
	free(conf->tenants);
	free(conf->listen);
	free(conf->folder);
	free(conf->log);
	conf->magic = 0;
	free(conf);
}

struct dn_conf *dn_conf_ref(struct dn_conf *conf)
{
	DN_CHECK(conf, CONF_MAGIC);
	atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
	return conf;
}

void dn_conf_unref(struct dn_conf **conf_p)
{
	struct dn_conf *conf = *conf_p;

	*conf_p = NULL;
	if (conf == NULL)
		return;
	DN_CHECK(conf, CONF_MAGIC);
	if (atomic_fetch_sub(&conf->refs, 1) == 1)
		conf_free(conf);
}

void dn_conf_print(const struct dn_conf *conf, struct dn_buf *out)
{
	json_t *shown = dn_conf_show(&dn_conf_top_table, conf);
	char *text = json_dumps(shown, JSON_INDENT(2));

	DN_ASSERT(text != NULL);
	dn_buf_lit(out, text);
	dn_buf_byte(out, '\n');
	free(text);
	json_decref(shown);
}

const struct dn_conf_tenant *dn_conf_tenant(
    const struct dn_conf *conf, struct dn_str name)
{
	return dn_map_get(&conf->tenant_by_name, name);
}

const struct dn_conf_ns *dn_conf_ns(
    const struct dn_conf_tenant *tenant, struct dn_str channel)
{
	const struct dn_conf_ns *ns;

	if (dn_str_is(channel, DN_CHANNEL_EVENTS)) {
		ns = dn_map_get(&tenant->ns_by_name, channel);
		return ns != NULL ? ns : &tenant->events_ns;
	}
	ns = dn_map_get(&tenant->ns_by_name, dn_channel_namespace(channel));
	if (ns == NULL && tenant->any_namespace)
		ns = dn_map_get(&tenant->ns_by_name, DN_STR(""));
	return ns;
}

bool dn_conf_ns_takes(const struct dn_conf_ns *ns, struct dn_str channel)
{
	return ns->channel_pattern == NULL ||
	       dn_pattern_matches(
		   ns->channel_pattern, dn_channel_rest(channel));
}

static bool has_key(
    const struct dn_conf_tenant *tenant, const unsigned char *digest)
{
	bool found = false;
	size_t i;

	for (i = 0; i < tenant->keys_n; i++)
		found |= dn_same_secret(
		    tenant->keys[i].sha256, digest, SHA256_DIGEST_LENGTH);
	return found;
}

const struct dn_conf_tenant *dn_conf_by_key(
    const struct dn_conf *conf, struct dn_str key)
{
	const struct dn_conf_tenant *found = NULL, *dev = NULL;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t i;

	if (key.n == 0)
		return NULL;
	SHA256((const unsigned char *)key.p, key.n, digest);
	for (i = 0; i < conf->tenants_n; i++) {
		if (has_key(&conf->tenants[i], digest))
			found = &conf->tenants[i];
		if (conf->tenants[i].dev)
			dev = &conf->tenants[i];
	}
	return found != NULL ? found : dev;
}

static bool takes_tokens(const struct dn_conf_tenant *tenant)
{
	return tenant->token.keys_n > 0 || tenant->token.insecure;
}

/* Without a claim: the open tenant, or the only one that takes tokens. */
static const struct dn_conf_tenant *usual_tenant(const struct dn_conf *conf)
{
	const struct dn_conf_tenant *only = NULL;
	size_t i, n = 0;

	for (i = 0; i < conf->tenants_n; i++) {
		if (conf->tenants[i].dev)
			return &conf->tenants[i];
		if (takes_tokens(&conf->tenants[i])) {
			only = &conf->tenants[i];
			n++;
		}
	}
	return n == 1 ? only : NULL;
}

const struct dn_conf_tenant *dn_conf_by_token(
    const struct dn_conf *conf, struct dn_str token)
{
	struct dn_buf text = {0};
	struct dn_str name = dn_jwt_tenant_hint(token, &text);
	const struct dn_conf_tenant *tenant =
	    name.p == NULL ? usual_tenant(conf) : dn_conf_tenant(conf, name);

	dn_buf_release(&text);
	return tenant != NULL && takes_tokens(tenant) ? tenant : NULL;
}

void dn_conf_adopt(struct dn_conf *conf, const struct dn_conf *before)
{
	size_t i;

	for (i = 0; i < conf->tenants_n; i++) {
		struct dn_conf_tenant *tenant = &conf->tenants[i];
		const struct dn_conf_tenant *old =
		    dn_conf_tenant(before, dn_str_of(tenant->name));

		if (old == NULL)
			continue;
		dn_usage_unref(&tenant->usage);
		tenant->usage = dn_usage_ref(old->usage);
	}
}
