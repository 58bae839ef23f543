/* SPDX-License-Identifier: MIT */
/* Who may do what: every combination of a namespace's grants and of who asks,
 * the kinds of channels, the reasons, and the names of personal channels. */
#include "conf/permit.h"
#include "record/channel.h"
#include "tap.h"

#include <errno.h>

/* Who asks. */
enum { NOBODY, NOBODY_IN, USER, USER_IN, WHO_N };

static struct dn_permit_who who(int kind)
{
	return (struct dn_permit_who){
	    .user = kind >= USER ? DN_STR("42") : DN_STR(""),
	    .subscribed = kind == NOBODY_IN || kind == USER_IN,
	};
}

static struct dn_conf_grant *grant_of(
    struct dn_conf_ns *ns, enum dn_permit_op op)
{
	struct dn_conf_grant *const grants[] = {
	    [DN_PERMIT_SUBSCRIBE] = &ns->subscribe,
	    [DN_PERMIT_PUBLISH] = &ns->publish,
	    [DN_PERMIT_HISTORY] = &ns->history,
	    [DN_PERMIT_PRESENCE] = &ns->presence_of,
	};

	return grants[op];
}

/* All eight settings of a grant, and who is let in by each. */
static const struct {
	bool client, subscriber, anonymous;
	bool granted[WHO_N]; /* NOBODY, NOBODY_IN, USER, USER_IN */
} truth[] = {
    {false, false, false, {false, false, false, false}},
    {false, false, true, {false, false, false, false}},
    {false, true, false, {false, false, false, true}},
    {false, true, true, {false, true, false, true}},
    {true, false, false, {false, false, true, true}},
    {true, false, true, {true, true, true, true}},
    {true, true, false, {false, false, true, true}},
    {true, true, true, {true, true, true, true}},
};

static void one(size_t row, enum dn_permit_op op, int kind, const char *channel)
{
	/* The other operations are granted the opposite way, so that none is
	 * mistaken for another. */
	struct dn_conf_grant rest = {
	    !truth[row].client, !truth[row].anonymous, !truth[row].subscriber};
	struct dn_conf_ns ns = {.name = (char *)"n",
	    .subscribe = rest,
	    .publish = rest,
	    .history = rest,
	    .presence_of = rest};
	struct dn_permit_who asks = who(kind);
	struct dn_err err = {0};
	char name[80];

	*grant_of(&ns, op) = (struct dn_conf_grant){.client = truth[row].client,
	    .anonymous = truth[row].anonymous,
	    .subscriber = truth[row].subscriber};
	snprintf(name, sizeof(name), "grant %zu, operation %d, who %d, %s", row,
	    (int)op, kind, channel);
	IS_NUM(dn_permit(&asks, op, &ns, dn_str_of(channel), &err),
	    truth[row].granted[kind] ? 0 : -EACCES, name);
	OK((err.text[0] == '\0') == truth[row].granted[kind],
	    "a reason if, and only if, it is refused");
	asks.server = true;
	IS_NUM(dn_permit(&asks, op, &ns, dn_str_of(channel), NULL), 0,
	    "a server key may");
}

/* Only subscribing looks at the channel's name. */
static void grants(void)
{
	static const char *const channels[] = {
	    "n:x", "$n:x", "n:#42", "n:#43", "$n:x#43"};
	size_t row, i;
	int kind;

	for (row = 0; row < DN_ARRAY_LEN(truth); row++) {
		for (kind = 0; kind < WHO_N; kind++) {
			/* There is no allow_subscribe_for_subscriber. */
			if (!truth[row].subscriber) {
				one(row, DN_PERMIT_SUBSCRIBE, kind, "n:x");
				one(row, DN_PERMIT_SUBSCRIBE, kind, "$events");
			}
			one(row, DN_PERMIT_HISTORY, kind, "$events");
			one(row, DN_PERMIT_PRESENCE, kind, "$events");
			for (i = 0; i < DN_ARRAY_LEN(channels); i++) {
				one(row, DN_PERMIT_PUBLISH, kind, channels[i]);
				one(row, DN_PERMIT_HISTORY, kind, channels[i]);
				one(row, DN_PERMIT_PRESENCE, kind, channels[i]);
			}
		}
	}
}

#define PRIVATE "a channel that begins with \"$\" needs a subscription token"
#define OFF \
	"the namespace \"n\" needs allow_user_limited_channels for a channel " \
	"with \"#\""
#define OTHERS \
	"the channel is for the users behind its \"#\"; others need a " \
	"subscription token"

/* Subscribing where the name says who may. Whether the namespace lets clients
 * in makes no difference, and with a token all may. */
static const struct {
	const char *channel;
	bool limited;              /* allow_user_limited_channels */
	const char *nobody, *user; /* the reason; NULL: granted */
} names[] = {
    {"$x", false, PRIVATE, PRIVATE},
    {"$n:x", true, PRIVATE, PRIVATE},
    {"$events:x", true, PRIVATE, PRIVATE},
    {"$n:x#42", true, PRIVATE, PRIVATE},
    {"#42", false, OTHERS, OFF},
    {"#42", true, OTHERS, NULL},
    {"n:#42", false, OTHERS, OFF},
    {"n:#43", false, OTHERS, OTHERS},
    {"n:#42", true, OTHERS, NULL},
    {"n:x#42", true, OTHERS, NULL},
    {"n:x#41,42", true, OTHERS, NULL},
    {"n:x#42,43", true, OTHERS, NULL},
    {"n:x#43", true, OTHERS, OTHERS},
    {"n:x#4", true, OTHERS, OTHERS},
    {"n:x#422", true, OTHERS, OTHERS},
    {"n:x#42#43", true, OTHERS, OTHERS},
    {"n:x#", true, OTHERS, OTHERS},
    {"n:x#,42", true, OTHERS, NULL},
    {"n:x#43,", true, OTHERS, OTHERS},
};

static void subscribe(size_t i, int kind, bool open, bool token)
{
	struct dn_conf_ns ns = {.name = (char *)"n",
	    .allow_user_limited_channels = names[i].limited,
	    .subscribe = {.client = open, .anonymous = open}};
	struct dn_permit_who asks = who(kind);
	const char *want = kind >= USER ? names[i].user : names[i].nobody;
	struct dn_err err = {0};

	asks.token = token;
	if (token || want == NULL)
		want = "";
	IS_NUM(dn_permit(&asks, DN_PERMIT_SUBSCRIBE, &ns,
		   dn_str_of(names[i].channel), &err),
	    want[0] == '\0' ? 0 : -EACCES, names[i].channel);
	IS_STR(err.text, want, "the reason");
}

static void channels(void)
{
	size_t i;
	int kind, bits;

	for (i = 0; i < DN_ARRAY_LEN(names); i++)
		for (kind = 0; kind < WHO_N; kind++)
			for (bits = 0; bits < 4; bits++)
				subscribe(i, kind, bits & 1, bits & 2);
}

/* A token subscribes also where nothing else would, and does nothing else. */
static void token(void)
{
	struct dn_conf_ns ns = {.name = (char *)"n"};
	struct dn_permit_who asks = who(USER);
	enum dn_permit_op op;

	asks.token = true;
	IS_NUM(dn_permit(&asks, DN_PERMIT_SUBSCRIBE, &ns, DN_STR("n:x"), NULL),
	    0, "a token subscribes");
	for (op = DN_PERMIT_PUBLISH; op <= DN_PERMIT_PRESENCE; op++)
		IS_NUM(dn_permit(&asks, op, &ns, DN_STR("n:x"), NULL), -EACCES,
		    "and nothing else");
}

/* Whatever its namespace grants. */
static void publish_events(void)
{
	struct dn_conf_ns ns = {
	    .name = (char *)"$events", .publish = {true, true, true}};
	struct dn_permit_who asks;
	struct dn_err err = {0};
	int kind;

	for (kind = 0; kind < WHO_N; kind++) {
		asks = who(kind);
		IS_NUM(dn_permit(&asks, DN_PERMIT_PUBLISH, &ns,
			   DN_STR("$events"), &err),
		    -EACCES, "no client publishes in $events");
	}
	IS_STR(err.text,
	    "in the channel \"$events\" the server alone publishes",
	    "and is told why");
	asks.server = true;
	IS_NUM(
	    dn_permit(&asks, DN_PERMIT_PUBLISH, &ns, DN_STR("$events"), NULL),
	    0, "a server key may");
}

static void reason(enum dn_permit_op op, struct dn_conf_grant grant, int kind,
    const char *want)
{
	struct dn_conf_ns ns = {.name = (char *)"chat"};
	struct dn_permit_who asks = who(kind);
	struct dn_err err = {0};

	*grant_of(&ns, op) = grant;
	IS_NUM(dn_permit(&asks, op, &ns, DN_STR("chat:x"), &err), -EACCES,
	    "is refused");
	IS_NUM(err.code, -EACCES, "with its code");
	IS_STR(err.text, want, "and says what would grant it");
}

static void reasons(void)
{
	static const struct dn_conf_grant none,
	    client = {.client = true}, subscriber = {.subscriber = true},
	    anonymous = {.anonymous = true};

	reason(DN_PERMIT_SUBSCRIBE, none, USER,
	    "the namespace \"chat\" needs allow_subscribe_for_client for this "
	    "client");
	reason(DN_PERMIT_SUBSCRIBE, none, NOBODY,
	    "the namespace \"chat\" needs allow_subscribe_for_client for this "
	    "client; and allow_subscribe_for_anonymous");
	reason(DN_PERMIT_SUBSCRIBE, anonymous, NOBODY,
	    "the namespace \"chat\" needs allow_subscribe_for_client for this "
	    "client");
	reason(DN_PERMIT_SUBSCRIBE, client, NOBODY,
	    "the namespace \"chat\" needs allow_subscribe_for_anonymous for "
	    "this client");
	reason(DN_PERMIT_PUBLISH, none, USER,
	    "the namespace \"chat\" needs allow_publish_for_client or "
	    "allow_publish_for_subscriber for this client");
	reason(DN_PERMIT_HISTORY, none, NOBODY,
	    "the namespace \"chat\" needs allow_history_for_client or "
	    "allow_history_for_subscriber for this client; and "
	    "allow_history_for_anonymous");
	reason(DN_PERMIT_PRESENCE, subscriber, USER,
	    "the namespace \"chat\" needs allow_presence_for_client for this "
	    "client, or it must be subscribed");
	reason(DN_PERMIT_PRESENCE, subscriber, NOBODY,
	    "the namespace \"chat\" needs allow_presence_for_client for this "
	    "client, or it must be subscribed; and "
	    "allow_presence_for_anonymous");
	reason(DN_PERMIT_PUBLISH, subscriber, NOBODY_IN,
	    "the namespace \"chat\" needs allow_publish_for_anonymous for "
	    "this client");
}

/* NULL: no such name. */
static void is_personal(const char *ns, struct dn_str user, const char *want)
{
	struct dn_conf_tenant tenant = {.personal.ns = (char *)ns};
	struct dn_err err = {0};
	struct dn_buf out = {0};
	int rc;

	dn_buf_lit(&out, "before ");
	rc = dn_permit_personal(&tenant, user, &out, &err);
	IS_NUM(rc, want == NULL ? -EINVAL : 0, want == NULL ? "none" : want);
	dn_buf_byte(&out, '\0');
	IS_STR(out.p + strlen("before "), want == NULL ? "" : want, "the name");
	OK((err.text[0] == '\0') == (want != NULL), "and a reason if none");
	dn_buf_release(&out);
}

static void personal(void)
{
	char longest[DN_CHANNEL_MAX], name[DN_CHANNEL_MAX + 1];

	is_personal("", DN_STR("42"), "#42");
	is_personal("user", DN_STR("42"), "user:#42");
	is_personal("user", DN_STR("a:b"), "user:#a:b");
	is_personal("", DN_STR("$42"), "#$42");
	is_personal("", DN_STR("a:b"), NULL);
	is_personal("user", DN_STR(""), NULL);
	is_personal("user", DN_STR("42,43"), NULL);
	is_personal("user", DN_STR("4#2"), NULL);
	is_personal("user", DN_STR("#"), NULL);
	is_personal("user", DN_STR("a b"), NULL);
	is_personal("user", DN_STR("a*"), NULL);
	is_personal("user", DN_STR("\xc3\xa4"), NULL);
	memset(longest, 'x', sizeof(longest));
	memset(name, 'x', sizeof(name));
	name[0] = '#';
	name[DN_CHANNEL_MAX] = '\0';
	is_personal("", (struct dn_str){longest, DN_CHANNEL_MAX - 1}, name);
	is_personal("", (struct dn_str){longest, DN_CHANNEL_MAX}, NULL);
}

/* The user of a personal channel may subscribe to it, and no other. */
static void personal_is_limited(void)
{
	struct dn_conf_ns ns = {
	    .name = (char *)"", .allow_user_limited_channels = true};
	struct dn_conf_tenant tenant = {.personal.ns = (char *)""};
	struct dn_permit_who asks = who(USER);
	struct dn_buf out = {0};

	IS_NUM(dn_permit_personal(&tenant, DN_STR("42"), &out, NULL), 0,
	    "a personal channel");
	IS_NUM(
	    dn_permit(&asks, DN_PERMIT_SUBSCRIBE, &ns, dn_buf_view(&out), NULL),
	    0, "is open to its user");
	asks.user = DN_STR("43");
	IS_NUM(
	    dn_permit(&asks, DN_PERMIT_SUBSCRIBE, &ns, dn_buf_view(&out), NULL),
	    -EACCES, "and to no other");
	dn_buf_release(&out);
}

int main(void)
{
	grants();
	channels();
	token();
	publish_events();
	reasons();
	personal();
	personal_is_limited();
	return tap_done();
}
