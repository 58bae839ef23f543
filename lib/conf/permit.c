/* SPDX-License-Identifier: MIT */
/*
 * How it works: subscribing goes down a list whose first match decides: a
 * token; a private channel, which needs one; a user-limited channel, which
 * needs the user's id; the namespace's grants. Everything else goes by the
 * grants alone, as in Centrifugo: allow_X_for_client, or _for_subscriber for
 * one who is subscribed, and for the anonymous _for_anonymous besides.
 *
 * How it fails: a refusal says what is missing, in the options' names.
 */
#include "conf/permit.h"

#include <errno.h>

#include "record/channel.h"

static const char *const verbs[] = {
    [DN_PERMIT_SUBSCRIBE] = "subscribe",
    [DN_PERMIT_PUBLISH] = "publish",
    [DN_PERMIT_HISTORY] = "history",
    [DN_PERMIT_PRESENCE] = "presence",
};

static const struct dn_conf_grant *grant_of(
    const struct dn_conf_ns *ns, enum dn_permit_op op)
{
	switch (op) {
	case DN_PERMIT_SUBSCRIBE:
		return &ns->subscribe;
	case DN_PERMIT_PUBLISH:
		return &ns->publish;
	case DN_PERMIT_HISTORY:
		return &ns->history;
	case DN_PERMIT_PRESENCE:
		break;
	}
	return &ns->presence_of;
}

/* One who is nobody has lacked allow_X_for_anonymous all along: say both. */
static int needs_grant(const struct dn_conf_ns *ns, enum dn_permit_op op,
    bool nobody, struct dn_err *err)
{
	const struct dn_conf_grant *grant = grant_of(ns, op);
	const char *verb = verbs[op];
	struct dn_buf text = {0};

	dn_buf_printf(&text, "the namespace \"%s\" needs allow_%s_for_client",
	    ns->name, verb);
	if (op != DN_PERMIT_SUBSCRIBE && !grant->subscriber)
		dn_buf_printf(&text, " or allow_%s_for_subscriber", verb);
	dn_buf_lit(&text, " for this client");
	if (grant->subscriber)
		dn_buf_lit(&text, ", or it must be subscribed");
	if (nobody && !grant->anonymous)
		dn_buf_printf(&text, "; and allow_%s_for_anonymous", verb);
	dn_err_set(err, -EACCES, "%.*s", DN_FMT(dn_buf_view(&text)));
	dn_buf_release(&text);
	return -EACCES;
}

static int by_grant(const struct dn_permit_who *who, enum dn_permit_op op,
    const struct dn_conf_ns *ns, struct dn_err *err)
{
	const struct dn_conf_grant *grant = grant_of(ns, op);
	bool nobody = who->user.n == 0;

	if (!grant->client && !(who->subscribed && grant->subscriber))
		return needs_grant(ns, op, nobody, err);
	if (nobody && !grant->anonymous)
		return dn_err_set(err, -EACCES,
		    "the namespace \"%s\" needs allow_%s_for_anonymous for "
		    "this client",
		    ns->name, verbs[op]);
	return 0;
}

static int may_subscribe(const struct dn_permit_who *who,
    const struct dn_conf_ns *ns, struct dn_str channel, struct dn_err *err)
{
	if (who->token)
		return 0;
	if (dn_channel_is_private(channel))
		return dn_err_set(err, -EACCES,
		    "a channel that begins with \"$\" needs a subscription "
		    "token");
	if (!dn_channel_is_limited(channel))
		return by_grant(who, DN_PERMIT_SUBSCRIBE, ns, err);
	/* First what no option of the namespace would change. */
	if (!dn_channel_is_for(channel, who->user))
		return dn_err_set(err, -EACCES,
		    "the channel is for the users behind its \"#\"; others "
		    "need a subscription token");
	if (!ns->allow_user_limited_channels)
		return dn_err_set(err, -EACCES,
		    "the namespace \"%s\" needs allow_user_limited_channels "
		    "for a channel with \"#\"",
		    ns->name);
	return 0;
}

int dn_permit(const struct dn_permit_who *who, enum dn_permit_op op,
    const struct dn_conf_ns *ns, struct dn_str channel, struct dn_err *err)
{
	if (who->server)
		return 0;
	if (op == DN_PERMIT_SUBSCRIBE)
		return may_subscribe(who, ns, channel, err);
	if (op == DN_PERMIT_PUBLISH && dn_str_is(channel, DN_CHANNEL_EVENTS))
		return dn_err_set(err, -EACCES,
		    "in the channel \"" DN_CHANNEL_EVENTS
		    "\" the server alone publishes");
	return by_grant(who, op, ns, err);
}

static bool is_personal(struct dn_str name, const char *ns, struct dn_str user)
{
	return dn_channel_check(name, NULL) == 0 &&
	       dn_str_is(dn_channel_namespace(name), ns) &&
	       dn_channel_is_for(name, user);
}

int dn_permit_personal(const struct dn_conf_tenant *tenant, struct dn_str user,
    struct dn_buf *out, struct dn_err *err)
{
	const char *ns = tenant->personal.ns;
	size_t from = out->n;

	if (ns[0] != '\0')
		dn_buf_printf(out, "%s:", ns);
	dn_buf_byte(out, '#');
	dn_buf_str(out, user);
	if (is_personal(
		(struct dn_str){out->p + from, out->n - from}, ns, user))
		return 0;
	out->n = from;
	return dn_err_set(err, -EINVAL,
	    "the user id cannot be part of a personal channel's name");
}
