/* SPDX-License-Identifier: MIT */
/* --dev and the other flags: what they add, what they replace, and what they
 * refuse. */
#include "conf_help.h"

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
	OK(ns->delta_fossil && ns->delta_publish && ns->log, "delta, log");
	OK(ns->allow_tags_filter && ns->allow_user_limited_channels,
	    "filters, user-limited channels");
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

/* Of the server's own stream nothing is kept, and clients only listen. */
static void dev_events(const struct dn_conf_tenant *dev)
{
	const struct dn_conf_ns *ns = dn_conf_ns(dev, DN_STR("$events"));

	IS_NUM(dev->events, 63, "all events are told");
	if (!OK(ns != NULL && ns != &dev->events_ns, "in its namespace"))
		return;
	OK(!ns->log && !ns->fallback && ns->history_size == 0,
	    "and kept nowhere");
	OK(ns->subscribe.client && ns->subscribe.anonymous,
	    "clients may subscribe");
	OK(!ns->publish.client && !ns->publish.anonymous &&
		!ns->publish.subscriber,
	    "and not publish");
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
	dev_events(t);
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

int main(void)
{
	folder_make();
	dev();
	dev_without_log();
	dev_with_file();
	overriding();
	relative();
	rmdir(folder);
	return tap_done();
}
