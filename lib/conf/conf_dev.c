/* SPDX-License-Identifier: MIT */
/*
 * How it works: --dev is configuration like any other: the text below is read
 * by the same tables, as the tenant `dev`. What no file can say is set behind
 * it: any key is valid, tokens are believed unsigned, an unknown namespace
 * takes the default's options.
 *
 * How it fails: a file with a tenant of that name is noted; the text itself
 * cannot be wrong (test_conf.c reads it).
 */
#include "conf/conf_table.h"
#include "record/channel.h"

#define OPEN \
	"\"history_size\": 100, \"history_ttl\": \"5m\"," \
	"\"force_recovery\": true, \"allow_recovery\": true," \
	"\"force_positioning\": true, \"allow_positioning\": true," \
	"\"allowed_delta_types\": [\"fossil\"], \"delta_publish\": true," \
	"\"allow_tags_filter\": true," \
	"\"presence\": true, \"join_leave\": true, \"log\": true," \
	"\"allow_user_limited_channels\": true," \
	"\"allow_subscribe_for_client\": true," \
	"\"allow_subscribe_for_anonymous\": true," \
	"\"allow_publish_for_client\": true," \
	"\"allow_publish_for_subscriber\": true," \
	"\"allow_publish_for_anonymous\": true," \
	"\"allow_history_for_client\": true," \
	"\"allow_history_for_subscriber\": true," \
	"\"allow_history_for_anonymous\": true," \
	"\"allow_presence_for_client\": true," \
	"\"allow_presence_for_subscriber\": true," \
	"\"allow_presence_for_anonymous\": true"

static const char dev_text[] =
    "{\"allow_anonymous_connect_without_token\": true,"
    " \"events\": [\"connected\", \"disconnected\", \"subscribed\","
    "\"unsubscribed\", \"occupied\", \"vacated\"],"
    " \"limits\": {\"client_channel_limit\": 0},"
    " \"namespaces\": {"
    "\"\": {" OPEN "},"
    "\"session\": {" OPEN ", \"fallback\": true, \"require\": \"written\"},"
    "\"jobs\": {" OPEN "},"
    "\"rpc\": {" OPEN "},"
    "\"" DN_CHANNEL_EVENTS "\": {\"allow_subscribe_for_client\": true,"
    "\"allow_subscribe_for_anonymous\": true}}}";

static void open_to_all(struct dn_conf_tenant *tenant)
{
	tenant->dev = true;
	tenant->any_namespace = true;
	tenant->token.insecure = true;
}

void dn_conf_dev_tenant(struct dn_conf_reader *r)
{
	struct dn_conf *conf = r->conf;
	struct dn_conf_tenant *tenant;
	json_t *text;

	conf->dev = true;
	if (dn_conf_tenant(conf, DN_STR("dev")) != NULL) {
		dn_conf_wrong(r, "tenants.dev: is the name of --dev's own");
		return;
	}
	if (conf->tenants == NULL)
		dn_conf_tenants_reserve(conf, 1);
	text = json_loads(dev_text, JSON_REJECT_DUPLICATES, NULL);
	DN_ASSERT(text != NULL);
	tenant = dn_conf_tenant_add(conf, "dev");
	dn_conf_read_object(r, &dn_conf_tenant_table, text, tenant);
	json_decref(text);
	open_to_all(tenant);
}
