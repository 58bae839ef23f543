/* SPDX-License-Identifier: MIT */
/* What configurations parse to, how they are printed, and what look-ups make
 * of them. test_conf_client.c has the keys of the client protocol,
 * test_conf_wrong.c what does not parse, test_conf_dev.c --dev and the other
 * flags. */
#include "conf_help.h"

#include <pthread.h>

#define HEX64 "2BB80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

static const char example[] =
    "{ 'listen': ['127.0.0.1:8000', {'address': 'unix:/run/dnot/api.sock',"
    "   'serve': ['api', 'metrics']}],"
    "  'log': 'sqlite:log.db', 'spool': '/var/lib/dnot/spool.db',"
    "  'allowed_origins': ['https://App.example'],"
    "  'tenants': { 'acme': {"
    "    'api_keys': [{'sha256': '" HEX64 "', 'label': 'gateway'}],"
    "    'token_hmac_secret_file': 'secret',"
    "    'limits': {'connections': 20000, 'publish_per_second': 5000,"
    "               'bytes_per_second': 8e6, 'history_bytes': 6.7e7},"
    "    'namespaces': {"
    "      'session': {'history_size': 200, 'history_ttl': '5m',"
    "        'force_recovery': true, 'presence': true, 'join_leave': true,"
    "        'log': true, 'fallback': true, 'require': 'written',"
    "        'slow': 'close'},"
    "      'jobs': {'log': true, 'request_deadline': '10m',"
    "        'group_lease': '30s', 'group_max_attempts': 5,"
    "        'group_queue': 10000} } } } }";

static void example_server(const struct dn_conf *conf)
{
	char *log = folder_path("log.db");

	IS_NUM(conf->listen_n, 2, "two listeners");
	IS_STR(conf->listen[0].address, "127.0.0.1:8000", "the first address");
	IS_NUM(conf->listen[0].serve, 7, "it serves everything");
	IS_STR(conf->listen[1].address, "unix:/run/dnot/api.sock", "a socket");
	IS_NUM(conf->listen[1].serve, DN_SERVE_API | DN_SERVE_METRICS,
	    "it serves what it says");
	IS_STR(conf->log + strlen("sqlite:"), log,
	    "the log lies in the file's folder");
	IS_STR(
	    conf->spool, "/var/lib/dnot/spool.db", "the spool where it says");
	OK(!conf->dev, "no --dev");
	IS_NUM(conf->rehydrate_us, 3600000000, "rehydrate has its default");
	IS_NUM(conf->message_size_limit, 65536, "message_size_limit has, too");
	IS_NUM(conf->ping_interval_us, 25000000, "and ping_interval");
	free(log);
}

static void example_tenant(const struct dn_conf *conf)
{
	const struct dn_conf_tenant *acme =
	    dn_conf_tenant(conf, DN_STR("acme"));

	if (!OK(acme != NULL, "the tenant is found"))
		return;
	IS_STR(acme->keys[0].label, "gateway", "the key's label");
	IS_NUM(acme->keys[0].sha256[0], 0x2b, "upper case is fine in digests");
	IS_NUM(acme->limits.connections, 20000, "limits.connections");
	OK(acme->limits.bytes_per_second == 8e6, "limits.bytes_per_second");
	IS_NUM(acme->limits.history_bytes, 67000000, "limits.history_bytes");
	IS_NUM(acme->limits.client_channel_limit, 128, "a default limit");
	OK(acme->token_hmac != NULL, "the secret became a key");
	IS_NUM(acme->token.keys_n, 1, "which verifies tokens");
	OK(!acme->token.insecure, "and nothing else does");
}

static void example_namespaces(const struct dn_conf *conf)
{
	const struct dn_conf_tenant *acme =
	    dn_conf_tenant(conf, DN_STR("acme"));
	const struct dn_conf_ns *ns = dn_conf_ns(acme, DN_STR("session:42"));

	if (!OK(ns != NULL, "a namespace is found by a channel"))
		return;
	IS_NUM(ns->history_size, 200, "history_size");
	IS_NUM(ns->history_ttl_us, 300000000, "history_ttl");
	IS_NUM(ns->history_meta_ttl_us, 86400000000, "history_meta_ttl");
	OK(ns->force_recovery && ns->presence && ns->join_leave, "booleans");
	OK(!ns->force_positioning && !ns->subscribe.client, "off by default");
	OK(ns->log && ns->fallback, "log and fallback");
	IS_NUM(ns->require, DN_REQUIRE_WRITTEN, "require");
	IS_NUM(ns->deliver_timeout_us, 5000000, "deliver_timeout");
	IS_NUM(ns->queue_bytes, 1048576, "queue_bytes");
	IS_NUM(ns->idempotency_window_us, 300000000, "idempotency_window");
	OK(dn_conf_ns(acme, DN_STR("$jobs:1")) != NULL, "'$' is no part of it");
	OK(dn_conf_ns(acme, DN_STR("other:1")) == NULL, "unknown namespace");
	OK(dn_conf_ns(acme, DN_STR("session")) == NULL,
	    "a channel without one needs the namespace \"\"");
}

static void example_later(const struct dn_conf *conf)
{
	static const char *const want[] = {
	    "spool",
	    "tenants.acme.limits.publish_per_second",
	    "tenants.acme.limits.bytes_per_second",
	    "tenants.acme.limits.history_bytes",
	    "tenants.acme.namespaces.jobs.request_deadline",
	    "tenants.acme.namespaces.jobs.group_lease",
	    "tenants.acme.namespaces.jobs.group_max_attempts",
	    "tenants.acme.namespaces.jobs.group_queue",
	};
	size_t i;

	IS_NUM(
	    conf->not_effective_n, DN_ARRAY_LEN(want), "keys without effect");
	for (i = 0; i < conf->not_effective_n && i < DN_ARRAY_LEN(want); i++)
		IS_STR(conf->not_effective[i], want[i], "its place");
}

/* As in Centrifugo, nobody in particular needs both permissions. */
static void anonymous_alone(void)
{
	struct dn_conf *conf =
	    parse("{'tenants': {'t': {'namespaces': {'': {"
		  "'allow_publish_for_anonymous': true,"
		  "'allow_history_for_anonymous': true,"
		  "'allow_history_for_subscriber': true}}}}}",
		"a permission that grants nothing parses");

	IS_NUM(conf->not_effective_n, 1, "and is listed");
	IS_STR(conf->not_effective[0],
	    "tenants.t.namespaces[\"\"].allow_publish_for_anonymous (needs "
	    "allow_publish_for_client)",
	    "with what it needs");
	dn_conf_unref(&conf);
}

static void events_publish(void)
{
	struct dn_conf *conf =
	    parse("{'tenants': {'t': {'namespaces': {'$events': {"
		  "'allow_publish_for_subscriber': true,"
		  "'allow_publish_for_anonymous': true}}}}}",
		"clients that may publish events parse");

	IS_NUM(conf->not_effective_n, 1, "and are listed");
	IS_STR(conf->not_effective[0],
	    "tenants.t.namespaces[\"$events\"].allow_publish_for_subscriber "
	    "(the server alone publishes events)",
	    "with the reason");
	dn_conf_unref(&conf);
}

static void later_words(void)
{
	struct dn_conf *conf =
	    parse("{'log': 'sqlite:', 'tenants': {'t': {'namespaces': {'': {"
		  "'slow': 'latest', 'require': 'acked', 'fallback': true}}}}}",
		"words without effect parse");

	IS_NUM(conf->not_effective_n, 2, "and are listed");
	IS_STR(conf->not_effective[0],
	    "tenants.t.namespaces[\"\"].slow (latest)", "with their word");
	dn_conf_unref(&conf);
}

static void example_all(void)
{
	struct dn_conf *conf;

	file_text("secret", "not shown\n");
	conf = parse(example, "the example parses");
	example_server(conf);
	example_tenant(conf);
	example_namespaces(conf);
	example_later(conf);
	dn_conf_unref(&conf);
	OK(conf == NULL, "unref takes the pointer");
}

static void printing(void)
{
	struct dn_buf out = {0};
	struct dn_conf *conf;

	file_text("secret", "not shown\n");
	/* Without group_lease and the others that say what is the default. */
	conf =
	    parse("{'tenants': {'t': {'token_hmac_secret_file': 'secret',"
		  " 'limits': {'publish_per_second': 0.5},"
		  " 'namespaces': {'n': {'history_size': 5, 'history_ttl': 1.5,"
		  " 'allowed_delta_types': ['fossil']}, '': {}}}}}",
		"another one parses");
	dn_conf_print(conf, &out);
	dn_buf_byte(&out, '\0');
	OK(strstr(out.p, "not shown") == NULL, "no secret is printed");
	OK(strstr(out.p, "/secret\"") != NULL, "but its file's name");
	OK(strstr(out.p, "\"publish_per_second\": 0.5,") != NULL, "a rate");
	OK(strstr(out.p, "\"history_ttl\": \"1500ms\"") != NULL, "a duration");
	OK(strstr(out.p, "group_lease") == NULL,
	    "what has no effect is left out where nobody set it");
	round_trip(conf, "what is printed can be read again");
	dn_buf_release(&out);
	dn_conf_unref(&conf);
}

static void loading(void)
{
	struct dn_conf_errors errors = {0};
	char *path = folder_path("conf.json");
	struct dn_conf *conf;
	char *spool;

	file_text("conf.json", "{\"spool\": \"s.db\", \"tenants\":{\"t\":{}}}");
	conf = dn_conf_load(path, NULL, &errors);
	spool = folder_path("s.db");
	if (OK(conf != NULL, "a file is read"))
		IS_STR(conf->spool, spool, "its names are relative to it");
	dn_conf_unref(&conf);
	file_remove("conf.json");
	OK(dn_conf_load(path, NULL, &errors) == NULL, "a missing one is not");
	OK(errors.count == 1 &&
		strstr(errors.text.p, "conf.json: No such file") != NULL,
	    "and is named");
	dn_conf_errors_release(&errors);
	OK(dn_conf_load(folder, NULL, &errors) == NULL, "nor is a folder");
	dn_conf_errors_release(&errors);
	free(spool);
	free(path);
}

static void keys(void)
{
	struct dn_conf *conf =
	    parse("{'tenants': {'a': {'api_keys': [{'sha256': '" HEX64 "'}]},"
		  " 'b': {'api_keys': [{'sha256':"
		  "'8cb1c6bc8952bb3def9c7ff05b13fafc"
		  "2b333d962b7c9aff0292302072937345'}]}}}",
		"two tenants with keys");

	OK(dn_conf_by_key(conf, DN_STR("secret")) ==
		dn_conf_tenant(conf, DN_STR("a")),
	    "a key is its tenant's");
	OK(dn_conf_by_key(conf, DN_STR("gateway-key")) ==
		dn_conf_tenant(conf, DN_STR("b")),
	    "and so is the other");
	OK(dn_conf_by_key(conf, DN_STR("secret ")) == NULL, "no other is");
	OK(dn_conf_by_key(conf, DN_STR("")) == NULL, "least of all none");
	OK(dn_conf_by_key(conf, (struct dn_str){0}) == NULL,
	    "nor an unset one");
	dn_conf_unref(&conf);
}

static const char two_secrets[] =
    "{'tenants': {'a': {'token_hmac_secret_file': 'secret'},"
    " 'b': {'token_hmac_previous_secret_file': 'other'}, 'c': {}}}";

/* Whose keys a token with these claims is held against; NULL: nobody's. */
static void token_is(const struct dn_conf *conf, const char *claims,
    const char *tenant, const char *name)
{
	struct dn_jwt_key *key = NULL;
	struct dn_buf token = {0};
	struct dn_err err = {0};
	const struct dn_conf_tenant *found;

	OK(dn_jwt_key_hmac(&key, DN_STR("other"), &err) == 0 &&
		dn_jwt_issue(key, dn_str_of(claims), &token, &err) == 0,
	    claims);
	found = dn_conf_by_token(conf, dn_buf_view(&token));
	if (tenant == NULL)
		OK(found == NULL, name);
	else if (OK(found != NULL, name))
		IS_STR(found->name, tenant, name);
	dn_buf_release(&token);
	dn_jwt_key_free(&key);
}

static void tokens(void)
{
	struct dn_conf *conf;

	file_text("secret", "one\r\n");
	file_text("other", "other");
	conf = parse(two_secrets, "two tenants with secrets");
	token_is(conf, "{\"tenant\":\"a\"}", "a", "the tenant it names");
	token_is(conf, "{\"tenant\":\"b\"}", "b", "the other one");
	token_is(conf, "{\"tenant\":\"c\"}", NULL, "one without keys");
	token_is(conf, "{\"tenant\":\"d\"}", NULL, "one that is not there");
	token_is(conf, "{}", NULL, "it names none, and there are two");
	dn_conf_unref(&conf);
	conf = parse("{'tenants': {'a': {'token_hmac_secret_file': 'secret'},"
		     " 'c': {}}}",
	    "one tenant with a secret");
	token_is(conf, "{}", "a", "it names none, and there is one");
	dn_conf_unref(&conf);
	file_remove("other");
}

/* The key of the file, without its newline, through the tenant's policy. */
static void tokens_verify(void)
{
	struct dn_conf *conf;
	const struct dn_conf_tenant *a;
	struct dn_jwt_claims claims;
	struct dn_jwt_key *key = NULL;
	struct dn_buf token = {0};
	struct dn_err err = {0};

	file_text("secret", "one\r\n");
	conf = parse("{'tenants': {'a': {'token_hmac_secret_file': 'secret',"
		     " 'token_audience': 'me', 'token_issuer': 'us'}}}",
	    "a tenant with names for tokens");
	a = dn_conf_tenant(conf, DN_STR("a"));
	OK(dn_jwt_key_hmac(&key, DN_STR("one"), &err) == 0 &&
		dn_jwt_issue(key, DN_STR("{\"aud\":\"me\",\"iss\":\"us\"}"),
		    &token, &err) == 0,
	    "a token");
	IS_NUM(dn_jwt_verify(&a->token, dn_buf_view(&token), 0, &claims, &err),
	    DN_JWT_OK, "verifies with the secret of the file");
	dn_jwt_claims_release(&claims);
	dn_buf_reset(&token, SIZE_MAX);
	OK(dn_jwt_issue(
	       a->token_hmac, DN_STR("{\"aud\":\"you\"}"), &token, &err) == 0,
	    "the tenant's key issues, too");
	IS_NUM(dn_jwt_verify(&a->token, dn_buf_view(&token), 0, &claims, &err),
	    DN_JWT_BAD, "and its policy is applied");
	dn_buf_release(&token);
	dn_jwt_key_free(&key);
	dn_conf_unref(&conf);
}

static void origins(void)
{
	static const struct {
		const char *origin;
		bool allowed;
	} cases[] = {
	    {"https://app.example", true},
	    {"HTTPS://APP.example", true},
	    {"https://app.example:444", false},
	    {"http://app.example", false},
	    {"https://app.example.evil.com", false},
	    {"https://a.b.wild.example", true},
	    {"https://.wild.example", true},
	    {"https://wild.example", false},
	    {"https://xwild.example", false},
	    {"http://localhost:3000", true},
	    {"http://localhost", false},
	    {"null", false},
	    {"", false},
	};
	struct dn_conf *conf =
	    parse("{'allowed_origins': ['https://App.Example',"
		  " 'https://*.wild.example', 'http://localhost:*', '*a*b*c'],"
		  " 'tenants': {'t': {}}}",
		"origins");
	struct dn_buf origin = {0};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(cases); i++)
		OK(dn_conf_origin_allowed(conf, dn_str_of(cases[i].origin)) ==
			cases[i].allowed,
		    cases[i].origin);
	OK(dn_conf_origin_allowed(conf, DN_STR("xaxbxbxc")), "many stars");
	OK(!dn_conf_origin_allowed(conf, DN_STR("xaxcxb")), "in their order");
	for (i = 0; i < 600; i++)
		dn_buf_lit(&origin, "abc");
	OK(!dn_conf_origin_allowed(conf, dn_buf_view(&origin)),
	    "one that is too long matches nothing");
	dn_buf_release(&origin);
	dn_conf_unref(&conf);
}

static void all_origins(void)
{
	struct dn_conf *conf = parse(
	    "{'allowed_origins': ['*'], 'tenants': {'t': {}}}", "any origin");

	OK(dn_conf_origin_allowed(conf, DN_STR("https://x.example")), "any");
	OK(dn_conf_origin_allowed(conf, DN_STR("null")), "also null");
	dn_conf_unref(&conf);
}

static void settled(void)
{
	struct dn_conf *conf =
	    parse("{'log': 'sqlite:', 'rehydrate': '1m', 'tenants': {'t': {"
		  "'namespaces': {"
		  "'a': {'history_size': 1, 'history_ttl': '2h', 'log': true},"
		  "'b': {'history_size': 1, 'history_ttl': '3h'}}}}}",
		"a short rehydrate");

	IS_NUM(conf->rehydrate_us, 7200000000,
	    "grows to the longest history that is logged");
	dn_conf_unref(&conf);
}

static void *refs(void *arg)
{
	struct dn_conf *conf = arg;
	int i;

	for (i = 0; i < 10000; i++) {
		struct dn_conf *mine = dn_conf_ref(conf);

		dn_conf_unref(&mine);
	}
	return NULL;
}

static void sharing(void)
{
	struct dn_conf *conf = dn_conf_dev();
	pthread_t thread;

	OK(pthread_create(&thread, NULL, refs, conf) == 0, "a thread");
	refs(conf);
	pthread_join(thread, NULL);
	IS_NUM(conf->refs, 1, "threads may share it");
	dn_conf_unref(&conf);
	dn_conf_unref(&conf);
	OK(conf == NULL, "no conf can be let go of");
}

int main(void)
{
	folder_make();
	example_all();
	later_words();
	anonymous_alone();
	events_publish();
	printing();
	loading();
	keys();
	tokens();
	tokens_verify();
	origins();
	all_origins();
	settled();
	sharing();
	file_remove("secret");
	rmdir(folder);
	return tap_done();
}
