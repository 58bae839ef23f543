/* SPDX-License-Identifier: MIT */
/*
 * How it works: when file and flags are read, this looks at what no single
 * key can tell: keys that need one another, a log that namespaces want, --dev
 * off loopback. It settles what follows from the rest: the default listener
 * and log, how far back a start reads, --dev without a log.
 *
 * How it fails: every finding is noted at its place.
 */
#include "conf/conf_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "conf/address.h"
#include "log/log.h"
#include "record/channel.h"

static bool has_log(const struct dn_conf *conf)
{
	return strcmp(conf->log, "none") != 0;
}

static void check_log_url(struct dn_conf_reader *r)
{
	struct dn_conf *conf = r->conf;
	struct dn_err err = {0};
	size_t mark;

	if (conf->log == NULL)
		conf->log = dn_xstrdup(conf->dev ? "sqlite:" : "none");
	mark = dn_conf_enter(r, "log");
	if (has_log(conf) && dn_log_check_url(conf->log, &err) != 0)
		dn_conf_wrong(r, "%s", err.text);
	dn_conf_leave(r, mark);
}

/* Port 0 may be there twice: it is another one each time. */
static bool is_repeated(const struct dn_conf *conf, size_t i)
{
	const char *text = conf->listen[i].address;
	size_t j, n = strlen(text);

	if (strncmp(text, "unix:", 5) != 0 && strcmp(text + n - 2, ":0") == 0)
		return false;
	for (j = 0; j < i; j++)
		if (conf->listen[j].address != NULL &&
		    strcmp(conf->listen[j].address, text) == 0)
			return true;
	return false;
}

static void check_address(struct dn_conf_reader *r, size_t i)
{
	const char *text = r->conf->listen[i].address;
	struct dn_address address;
	struct dn_err err;

	if (text == NULL) /* noted already */
		return;
	if (is_repeated(r->conf, i))
		dn_conf_wrong(r, "%s is there twice", text);
	if (!r->conf->dev)
		return;
	DN_ASSERT(dn_address_parse(dn_str_of(text), &address, &err) == 0);
	if (!dn_address_is_loopback(&address))
		dn_conf_wrong(r,
		    "%s is refused: --dev is open to all who reach it, "
		    "so it listens on loopback only (127.0.0.0/8, [::1], "
		    "localhost, unix:PATH)",
		    text);
}

static void check_listen(struct dn_conf_reader *r)
{
	static const char *const usual[] = {"127.0.0.1:8000"};
	size_t i, mark, index;

	if (r->conf->listen_n == 0)
		dn_conf_listen_flags(r, usual, DN_ARRAY_LEN(usual));
	mark = dn_conf_enter(r, "listen");
	for (i = 0; i < r->conf->listen_n; i++) {
		index = dn_conf_enter_index(r, i);
		check_address(r, i);
		dn_conf_leave(r, index);
	}
	dn_conf_leave(r, mark);
}

static void check_timing(struct dn_conf_reader *r)
{
	const struct dn_conf *conf = r->conf;
	size_t mark = dn_conf_enter(r, "ping_interval");

	if (conf->ping_interval_us % 1000000 != 0)
		dn_conf_wrong(r, "must be whole seconds: clients are told so");
	dn_conf_leave(r, mark);
	mark = dn_conf_enter(r, "pong_timeout");
	if (conf->pong_timeout_us >= conf->ping_interval_us)
		dn_conf_wrong(r, "must be less than ping_interval");
	dn_conf_leave(r, mark);
}

static void check_history(struct dn_conf_reader *r, const struct dn_conf_ns *ns)
{
	bool size = ns->history_size > 0, ttl = ns->history_ttl_us > 0;

	if (size != ttl)
		dn_conf_wrong(r, "%s needs %s",
		    size ? "history_size" : "history_ttl",
		    size ? "history_ttl" : "history_size");
	if (ns->history_ttl_us > ns->history_meta_ttl_us)
		dn_conf_wrong(r, "history_meta_ttl must not be less than "
				 "history_ttl");
	if ((ns->force_recovery || ns->allow_recovery) && !(size || ttl))
		dn_conf_wrong(r, "%s needs history_size and history_ttl",
		    ns->force_recovery ? "force_recovery" : "allow_recovery");
	if (ns->auto_cache_recover &&
	    (!ns->force_recovery || ns->recovery_mode != DN_RECOVERY_CACHE))
		dn_conf_wrong(r, "auto_cache_recover needs force_recovery and "
				 "force_recovery_mode \"cache\"");
	if (ns->force_push_join_leave && !ns->join_leave)
		dn_conf_wrong(r, "force_push_join_leave needs join_leave");
}

static void check_record(struct dn_conf_reader *r, const struct dn_conf_ns *ns)
{
	const struct dn_conf *conf = r->conf;

	if (ns->durable == DN_DURABLE_BEFORE && !ns->log)
		dn_conf_wrong(r, "durable \"before\" needs log");
	if (!has_log(conf) && ns->log)
		dn_conf_wrong(r, "log needs a log, and \"log\" is \"none\"");
	if (!has_log(conf) && ns->fallback)
		dn_conf_wrong(
		    r, "fallback needs a log, and \"log\" is \"none\"");
}

static void settle_regex(struct dn_conf_reader *r, struct dn_conf_ns *ns)
{
	struct dn_err err = {0};
	size_t mark = dn_conf_enter(r, "channel_regex");

	dn_pattern_free(&ns->channel_pattern);
	if (ns->channel_regex[0] != '\0' &&
	    dn_pattern_new(&ns->channel_pattern, ns->channel_regex, &err) != 0)
		dn_conf_wrong(r, "%s", err.text);
	dn_conf_leave(r, mark);
}

/* Nobody without a user id may do what clients may not. */
static void check_grant(struct dn_conf_reader *r, const char *what,
    const struct dn_conf_grant *grant)
{
	char name[64];
	size_t mark;

	if (!grant->anonymous || grant->client || grant->subscriber)
		return;
	(void)snprintf(name, sizeof(name), "allow_%s_for_anonymous", what);
	mark = dn_conf_enter(r, name);
	(void)snprintf(name, sizeof(name), "needs allow_%s_for_client", what);
	dn_conf_no_effect(r, name);
	dn_conf_leave(r, mark);
}

static void check_grants(struct dn_conf_reader *r, const struct dn_conf_ns *ns)
{
	check_grant(r, "subscribe", &ns->subscribe);
	check_grant(r, "publish", &ns->publish);
	check_grant(r, "history", &ns->history);
	check_grant(r, "presence", &ns->presence_of);
}

/* Nobody but the server publishes events (permit.h). */
static void check_events(struct dn_conf_reader *r, const struct dn_conf_ns *ns)
{
	const struct dn_conf_grant *grant = &ns->publish;
	size_t mark;

	if (strcmp(ns->name, DN_CHANNEL_EVENTS) != 0 ||
	    (!grant->client && !grant->subscriber))
		return;
	mark = dn_conf_enter(r, grant->client ? "allow_publish_for_client"
					      : "allow_publish_for_subscriber");
	dn_conf_no_effect(r, "the server alone publishes events");
	dn_conf_leave(r, mark);
}

static void check_ns(struct dn_conf_reader *r, struct dn_conf_ns *ns)
{
	size_t mark = dn_conf_enter(r, ns->name);

	settle_regex(r, ns);
	check_history(r, ns);
	check_record(r, ns);
	check_grants(r, ns);
	check_events(r, ns);
	if (ns->log && ns->history_ttl_us > r->conf->rehydrate_us)
		r->conf->rehydrate_us = ns->history_ttl_us;
	dn_conf_leave(r, mark);
}

/* One that was not read is noted already. */
static bool is_unset(struct dn_str digest)
{
	static const char zero[32];

	return dn_str_eq(digest, (struct dn_str){zero, sizeof(zero)});
}

/* Whose key a request carries must be one tenant's. */
static void check_keys(
    struct dn_conf_reader *r, const struct dn_conf_tenant *tenant)
{
	struct dn_map *seen = &r->keys;
	size_t i, mark = dn_conf_enter(r, "api_keys"), index;

	for (i = 0; i < tenant->keys_n; i++) {
		struct dn_conf_key *key = &tenant->keys[i];
		struct dn_str digest = {
		    (const char *)key->sha256, sizeof(key->sha256)};

		if (is_unset(digest))
			continue;
		index = dn_conf_enter_index(r, i);
		if (dn_map_get(seen, digest) != NULL)
			dn_conf_wrong(r, "this key is there twice");
		else
			dn_map_put(seen, digest, key);
		dn_conf_leave(r, index);
	}
	dn_conf_leave(r, mark);
}

static void check_personal(
    struct dn_conf_reader *r, const struct dn_conf_tenant *tenant)
{
	const struct dn_conf_personal *personal = &tenant->personal;
	size_t mark = dn_conf_enter(r, "subscribe_to_user_personal_channel");

	if (personal->single_connection && !personal->enabled)
		dn_conf_wrong(r, "single_connection needs enabled");
	if (personal->enabled && !tenant->any_namespace &&
	    dn_map_get(&tenant->ns_by_name, dn_str_of(personal->ns)) == NULL)
		dn_conf_wrong(r, "there is no namespace \"%s\"", personal->ns);
	dn_conf_leave(r, mark);
}

static void check_tenant(
    struct dn_conf_reader *r, const struct dn_conf_tenant *tenant)
{
	size_t i, mark;

	check_keys(r, tenant);
	check_personal(r, tenant);
	mark = dn_conf_enter(r, "namespaces");
	for (i = 0; i < tenant->namespaces_n; i++)
		check_ns(r, &tenant->namespaces[i]);
	dn_conf_leave(r, mark);
}

/* --dev without a log runs without what needs one, and says so. */
static void settle_dev(const struct dn_conf *conf)
{
	bool cleared = false;
	size_t i, j;

	for (i = 0; i < conf->tenants_n; i++) {
		for (j = 0; j < conf->tenants[i].namespaces_n; j++) {
			struct dn_conf_ns *ns = &conf->tenants[i].namespaces[j];

			cleared = cleared || ns->log || ns->fallback;
			ns->log = false;
			ns->fallback = false;
			ns->durable = DN_DURABLE_AFTER;
		}
	}
	if (cleared)
		dn_diag(DN_WARN, NULL,
		    "there is no log: namespaces with log or fallback run "
		    "without");
}

void dn_conf_check(struct dn_conf_reader *r)
{
	struct dn_conf *conf = r->conf;
	size_t i, mark, name;

	check_listen(r);
	check_log_url(r);
	check_timing(r);
	if (conf->dev && !has_log(conf))
		settle_dev(conf);
	mark = dn_conf_enter(r, "tenants");
	if (conf->tenants_n == 0)
		dn_conf_wrong(r, "there is none, so nobody could use this");
	for (i = 0; i < conf->tenants_n; i++) {
		name = dn_conf_enter(r, conf->tenants[i].name);
		check_tenant(r, &conf->tenants[i]);
		dn_conf_leave(r, name);
	}
	dn_conf_leave(r, mark);
	dn_map_release(&r->keys);
}
