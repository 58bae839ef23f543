/* SPDX-License-Identifier: MIT */
/* What configurations parse to, how they are printed, and what look-ups and
 * flags make of them. test_conf_wrong.c has those that do not parse. */
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

static void later_words(void)
{
	struct dn_conf *conf =
	    parse("{'log': 'sqlite:', 'tenants': {'t': {'namespaces': {'': {"
		  "'slow': 'latest', 'require': 'acked', 'fallback': true}}}}}",
		"words without effect parse");

	IS_NUM(conf->not_effective_n, 2, "and are listed");
	IS_STR(conf->not_effective[0],
	    "tenants.t.namespaces[\"\"].slow \"latest\"", "with their word");
	dn_conf_unref(&conf);
}

/* What is printed reads as the same again, and prints the same. */
static void round_trip(struct dn_conf *conf, const char *name)
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

static void dev_namespace(
    const struct dn_conf_tenant *dev, const char *channel, bool fallback)
{
	const struct dn_conf_ns *ns = dn_conf_ns(dev, dn_str_of(channel));

	if (!OK(ns != NULL, channel))
		return;
	IS_NUM(ns->history_size, 100, "history_size 100");
	IS_NUM(ns->history_ttl_us, 300000000, "history_ttl 5m");
	OK(ns->force_recovery && ns->force_positioning,
	    "recovery, positioning");
	OK(ns->presence && ns->join_leave, "presence, join_leave");
	OK(!ns->force_push_join_leave, "join_leave is not forced");
	OK(ns->delta_fossil && ns->log, "delta, log");
	OK(ns->fallback == fallback, fallback ? "fallback" : "no fallback");
	OK(ns->subscribe.client && ns->subscribe.anonymous, "may subscribe");
	OK(ns->publish.client && ns->publish.anonymous &&
		ns->publish.subscriber,
	    "may publish");
	OK(ns->history.client && ns->history.anonymous &&
		ns->history.subscriber,
	    "may read history");
	OK(ns->presence_of.client && ns->presence_of.anonymous &&
		ns->presence_of.subscriber,
	    "may ask for presence");
}

static void dev(void)
{
	struct dn_conf *conf = dn_conf_dev();
	const struct dn_conf_tenant *t = dn_conf_tenant(conf, DN_STR("dev"));

	OK(conf->dev && t != NULL && t->dev && t->any_namespace, "dev is open");
	IS_STR(conf->log, "sqlite:", "its log is the usual one");
	IS_NUM(conf->listen_n, 1, "one listener");
	IS_STR(conf->listen[0].address, "127.0.0.1:8000", "the usual one");
	OK(t->allow_anonymous, "no token is needed");
	IS_NUM(t->limits.connections, 0, "no limit");
	IS_NUM(t->limits.client_channel_limit, 0, "not on channels either");
	dev_namespace(t, "session:1", true);
	dev_namespace(t, "jobs:1", false);
	dev_namespace(t, "rpc:m", false);
	dev_namespace(t, "plain", false);
	dev_namespace(t, "anything:else", false);
	OK(dn_conf_by_key(conf, DN_STR("whatever")) == t, "any key is valid");
	OK(dn_conf_by_key(conf, DN_STR("")) == NULL, "an empty one is none");
	OK(!dn_conf_origin_allowed(conf, DN_STR("http://localhost:3000")),
	    "no foreign page is let in");
	IS_NUM(conf->not_effective_n, 0, "nothing of it is without effect");
	round_trip(conf, "--dev prints what can be read again");
	dn_conf_unref(&conf);
}

static void dev_without_log(void)
{
	struct dn_conf *conf = dn_conf_dev();
	struct dn_err err = {0};
	const struct dn_conf_ns *ns;

	IS_NUM(dn_conf_override(conf, NULL, 0, "none", &err), 0,
	    "--dev runs without a log");
	ns = dn_conf_ns(
	    dn_conf_tenant(conf, DN_STR("dev")), DN_STR("session:1"));
	OK(!ns->log && !ns->fallback, "and then without what needs one");
	IS_NUM(dn_conf_override(conf, NULL, 0, NULL, &err), 0,
	    "saying nothing changes nothing");
	IS_STR(conf->log, "none", "the log is as it was");
	dn_conf_unref(&conf);
}

static void dev_with_file(void)
{
	static const char text[] = "{'listen': ['0.0.0.0:80'],"
				   " 'message_size_limit': 1000,"
				   " 'tenants': {'t': {}}}";
	const char *const loopback[] = {"127.9.9.9:0"};
	struct dn_conf_flags flags = {.dev = true};
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf;

	refuses_flags(text, &flags,
	    "listen[0]: 0.0.0.0:80 is refused: --dev is open to all who reach "
	    "it, so it listens on loopback only (127.0.0.0/8, [::1], "
	    "localhost, unix:PATH)\n",
	    "--dev refuses a file's foreign address");
	flags.listen = loopback;
	flags.listen_n = 1;
	conf = parse_flags(text, &flags, &errors);
	if (OK(conf != NULL, "unless a flag replaces it")) {
		IS_NUM(conf->message_size_limit, 1000, "the file counts");
		OK(dn_conf_tenant(conf, DN_STR("t")) != NULL &&
			dn_conf_tenant(conf, DN_STR("dev")) != NULL,
		    "its tenants are there, and dev");
		OK(dn_conf_by_token(conf, DN_STR("no token"))->dev,
		    "a token that names none is dev's");
	}
	dn_conf_unref(&conf);
	refuses_flags("{'tenants': {'dev': {}}}", &flags,
	    "tenants.dev: is the name of --dev's own\n",
	    "the name dev is taken");
}

static void override_one(const char *address, bool fine)
{
	const char *const listen[] = {address};
	struct dn_conf *conf = dn_conf_dev();
	struct dn_err err = {0};
	int rc = dn_conf_override(conf, listen, 1, NULL, &err);

	if (!OK((rc == 0) == fine, address))
		printf("# %s\n", err.text);
	if (rc == 0)
		IS_STR(conf->listen[0].address, address, "and takes it");
	else
		OK(strstr(err.text, address) != NULL, "the text names it");
	dn_conf_unref(&conf);
}

static void overriding(void)
{
	const char *const two[] = {"127.0.0.1:0", "127.0.0.1:0"};
	const char *const same[] = {"localhost:80", "localhost:80"};
	struct dn_conf *conf = dn_conf_dev();
	struct dn_err err = {0};

	override_one("127.0.0.1:0", true);
	override_one("127.1.2.3:9", true);
	override_one("[::1]:8000", true);
	override_one("[0:0:0:0:0:0:0:1]:8000", true);
	override_one("localhost:8000", true);
	override_one("unix:rel/path", true);
	override_one("0.0.0.0:8000", false);
	override_one("[::]:8000", false);
	override_one("[::ffff:127.0.0.1]:8000", false);
	override_one("192.168.0.1:8000", false);
	override_one("128.0.0.1:8000", false);
	override_one("localhost.example:8000", false);
	override_one("127.0.0.1.example:8000", false);
	override_one("127.1:8000", false);
	override_one("8000", false);
	IS_NUM(dn_conf_override(conf, two, 2, "sqlite:/x.db", &err), 0,
	    "port 0 may be there twice");
	IS_NUM(conf->listen_n, 2, "both are taken");
	IS_NUM(conf->listen[1].serve, 7, "for everything");
	IS_STR(conf->log, "sqlite:/x.db", "and the log");
	OK(dn_conf_override(conf, same, 2, "kafka://k/p", &err) != 0,
	    "two mistakes");
	OK(strstr(err.text, "there twice;log: ") != NULL, "in one text");
	dn_conf_unref(&conf);
}

/* A flag's log is relative to where one is, a file's to the file. */
static void relative(void)
{
	static const char text[] =
	    "{'log': 'kafka://k/p', 'listen': ['unix:run/s'],"
	    " 'tenants': {'t': {'namespaces': {'n': {'log': true}}}}}";
	struct dn_conf_flags flags = {.log = "sqlite:sub/x.db"};
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf = parse_flags(text, &flags, &errors);
	char *here = getcwd(NULL, 0), *path = folder_path("run/s");
	struct dn_buf want = {0};

	dn_buf_printf(&want, "sqlite:%s/sub/x.db", here);
	dn_buf_byte(&want, '\0');
	if (OK(conf != NULL, "--log replaces one that could not be opened")) {
		IS_STR(conf->log, want.p, "and is relative to where one is");
		IS_STR(conf->listen[0].address + 5, path,
		    "a file's socket is relative to the file");
	}
	dn_conf_unref(&conf);
	dn_buf_release(&want);
	free(here);
	free(path);
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
	printing();
	dev();
	dev_without_log();
	dev_with_file();
	overriding();
	relative();
	loading();
	keys();
	origins();
	all_origins();
	settled();
	sharing();
	file_remove("secret");
	rmdir(folder);
	return tap_done();
}
