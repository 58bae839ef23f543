/* SPDX-License-Identifier: MIT */
/* The keys of the client protocol, and the namespace of "$events". */
#include "conf_help.h"

/* Every key of the client protocol, each with another value than its own. */
static const char client_keys[] =
    "{'expired_close_delay': '1s', 'expired_sub_close_delay': '2s',"
    " 'connection_limit': 3, 'connection_rate_limit': 4,"
    " 'connect_include_server_time': true,"
    " 'websocket': {'compression': true, 'compression_min_size': 5,"
    "   'compression_level': 6},"
    " 'tenants': {'t': {"
    "   'disallow_anonymous_connection_tokens': true,"
    "   'subscribe_to_user_personal_channel': {'enabled': true,"
    "     'personal_channel_namespace': 'n', 'single_connection': true},"
    "   'limits': {'user_connection_limit': 7},"
    "   'events': ['vacated', 'connected', 'vacated'],"
    "   'namespaces': {'n': {"
    "     'history_size': 1, 'history_ttl': '1m', 'force_recovery': true,"
    "     'force_recovery_mode': 'cache', 'auto_cache_recover': true,"
    "     'delta_publish': true, 'allow_tags_filter': true,"
    "     'allow_user_limited_channels': true,"
    "     'channel_regex': '^[a-z]+$'}}}}}";

static void client_server(const struct dn_conf *conf)
{
	IS_NUM(conf->expired_close_us, 1000000, "expired_close_delay");
	IS_NUM(conf->expired_sub_close_us, 2000000, "expired_sub_close_delay");
	IS_NUM(conf->connection_limit, 3, "connection_limit");
	IS_NUM(conf->connection_rate_limit, 4, "connection_rate_limit");
	OK(conf->connect_include_server_time, "connect_include_server_time");
	OK(conf->websocket.compression, "compression");
	IS_NUM(conf->websocket.compression_min_size, 5, "from a size on");
	IS_NUM(conf->websocket.compression_level, 6, "and its level");
}

static void client_tenant(const struct dn_conf_tenant *t)
{
	const struct dn_conf_ns *ns = dn_conf_ns(t, DN_STR("n:x"));

	OK(t->disallow_anonymous_tokens, "anonymous tokens are refused");
	OK(t->personal.enabled && t->personal.single_connection,
	    "personal channels");
	IS_STR(t->personal.ns, "n", "in their namespace");
	IS_NUM(t->limits.user_connection_limit, 7, "user_connection_limit");
	IS_NUM(t->events, DN_EVENT_CONNECTED | DN_EVENT_VACATED, "events");
	IS_NUM(ns->recovery_mode, DN_RECOVERY_CACHE, "force_recovery_mode");
	OK(ns->auto_cache_recover && ns->delta_publish &&
		ns->allow_tags_filter && ns->allow_user_limited_channels,
	    "booleans of the namespace");
	OK(dn_conf_ns_takes(ns, DN_STR("n:abc")), "a name that matches");
	OK(dn_conf_ns_takes(ns, DN_STR("$n:abc")), "a private one, too");
	OK(!dn_conf_ns_takes(ns, DN_STR("n:ab1")), "and one that does not");
	OK(!dn_conf_ns_takes(ns, DN_STR("n:")), "nor does an empty one");
}

static void client_protocol(void)
{
	struct dn_conf *conf = parse(client_keys, "keys for clients parse");

	client_server(conf);
	client_tenant(dn_conf_tenant(conf, DN_STR("t")));
	IS_NUM(conf->not_effective_n, 0, "all have an effect");
	round_trip(conf, "and are printed");
	dn_conf_unref(&conf);
}

static void client_defaults(void)
{
	struct dn_conf *conf = parse(
	    "{'tenants': {'t': {'namespaces': {'': {}}}}}", "nothing said");
	const struct dn_conf_tenant *t = dn_conf_tenant(conf, DN_STR("t"));
	const struct dn_conf_ns *ns = dn_conf_ns(t, DN_STR("x"));

	IS_NUM(conf->expired_close_us, 25000000, "25s of grace");
	IS_NUM(conf->expired_sub_close_us, 25000000, "also for subscriptions");
	OK(conf->connection_limit == 0 && conf->connection_rate_limit == 0,
	    "no limit of connections");
	OK(!conf->websocket.compression, "no compression");
	IS_NUM(conf->websocket.compression_min_size, 0, "of anything");
	IS_NUM(conf->websocket.compression_level, 1, "else the fastest");
	OK(!t->personal.enabled && t->personal.ns[0] == '\0',
	    "no personal channels");
	IS_NUM(t->events, 0, "no events");
	IS_NUM(ns->recovery_mode, DN_RECOVERY_STREAM, "streams are recovered");
	OK(!ns->delta_publish && !ns->allow_tags_filter &&
		!ns->allow_user_limited_channels && !ns->auto_cache_recover,
	    "and nothing else");
	OK(dn_conf_ns_takes(ns, DN_STR("any/thing")), "any name");
	dn_conf_unref(&conf);
}

/* The channel "$events" has a namespace of its own in any case. */
static void events_namespace(void)
{
	struct dn_conf *conf =
	    parse("{'tenants': {'t': {'namespaces': {"
		  "'': {'allow_publish_for_client': true},"
		  "'events': {'presence': true}}},"
		  "'u': {'namespaces': {'$events': {'history_size': 9,"
		  " 'history_ttl': '1m'}}}}}",
		"a namespace $events");
	const struct dn_conf_tenant *t = dn_conf_tenant(conf, DN_STR("t"));
	const struct dn_conf_tenant *u = dn_conf_tenant(conf, DN_STR("u"));
	const struct dn_conf_ns *ns = dn_conf_ns(t, DN_STR("$events"));

	OK(ns == &t->events_ns, "without one there is it, too");
	IS_STR(ns->name, "$events", "by that name");
	OK(!ns->publish.client && !ns->subscribe.client && !ns->log &&
		ns->history_size == 0,
	    "with everything off");
	IS_NUM(ns->queue_bytes, 1048576, "and the usual bounds");
	OK(dn_conf_ns(t, DN_STR("$events2"))->publish.client,
	    "other private channels are the default namespace's");
	OK(dn_conf_ns(t, DN_STR("$events:x"))->presence,
	    "or one's of their own");
	IS_NUM(dn_conf_ns(u, DN_STR("$events"))->history_size, 9,
	    "where it is given, it counts");
	OK(dn_conf_ns(u, DN_STR("$events2")) == NULL, "for that channel only");
	round_trip(conf, "and is printed");
	dn_conf_unref(&conf);
}

int main(void)
{
	folder_make();
	client_protocol();
	client_defaults();
	events_namespace();
	rmdir(folder);
	return tap_done();
}
