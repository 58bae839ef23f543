/* SPDX-License-Identifier: MIT */
/*
 * The table of methods, and what they share: the channel that params names,
 * its namespace, and the ask whose answer becomes the call's.
 */
#include "api/api_impl.h"
#include "record/channel.h"
#include "session/session.h"
#include "session/takes.h"

static const struct method {
	const char *name;
	dn_api_fn *fn;
	bool heavy; /* its answer may be long */
} methods[] = {
    {"publish", dn_api_publish, false},
    {"broadcast", dn_api_broadcast, true},
    {"batch", dn_api_batch, true},
    {"history", dn_api_history, true},
    {"history_remove", dn_api_history_remove, false},
    {"info", dn_api_info, false},
    {"channels", dn_api_channels, true},
    {"presence", dn_api_presence, true},
    {"presence_stats", dn_api_presence_stats, false},
    {"redeliver", dn_api_redeliver, false},
    {"revoke_token", dn_api_revoke_token, false},
    {"invalidate_user_tokens", dn_api_invalidate_user_tokens, false},
    {"ready", dn_api_ready, false},
    {"subscribe", dn_api_subscribe, false},
    {"unsubscribe", dn_api_unsubscribe, false},
    {"disconnect", dn_api_disconnect, false},
    {"refresh", dn_api_refresh, false},
    {"connections", dn_api_connections, true},
    {"send", dn_api_send, false},
};

static const struct method *find(struct dn_str name)
{
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(methods); i++)
		if (dn_str_is(name, methods[i].name))
			return &methods[i];
	return NULL;
}

const char *dn_api_find(struct dn_str method, dn_api_fn **fn)
{
	const struct method *found = find(method);

	if (found == NULL)
		return NULL;
	*fn = found->fn;
	return found->name;
}

bool dn_api_knows(struct dn_str method)
{
	return find(method) != NULL;
}

void dn_api_list(struct dn_buf *out)
{
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(methods); i++)
		dn_buf_printf(
		    out, "%c\"%s\"", i == 0 ? '[' : ',', methods[i].name);
	dn_buf_byte(out, ']');
}

bool dn_api_is_heavy(struct dn_str method)
{
	const struct method *found = find(method);

	return found != NULL && found->heavy;
}

void dn_api_call(
    struct dn_call *call, struct dn_str method, struct dn_json params)
{
	dn_api_fn *fn;

	if (dn_api_find(method, &fn) == NULL) {
		dn_call_fail(call, 104, "method not found");
		dn_call_answer(call);
		return;
	}
	fn(call, params);
}

const struct dn_sub *dn_api_sub(
    const struct dn_call *call, struct dn_str channel)
{
	struct dn_conn *conn = dn_conn_find(call->loop, call->conn);
	const struct dn_sub *sub;

	if (conn == NULL || conn->session == NULL)
		return NULL;
	sub = dn_map_get(&conn->session->subs, channel);
	return sub != NULL && sub->local != NULL ? sub : NULL;
}

static void fail_with(
    struct dn_call *call, unsigned code, const char *what, const char *why)
{
	struct dn_buf text = {0};

	dn_buf_lit(&text, what);
	dn_buf_lit(&text, why);
	dn_buf_byte(&text, '\0');
	dn_call_fail_text(call, code, text.p);
	dn_buf_release(&text);
	dn_call_answer(call);
}

void dn_api_bad(struct dn_call *call, const char *why)
{
	fail_with(call, 107, "bad request: ", why);
}

bool dn_api_may(struct dn_call *call, enum dn_permit_op op,
    const struct dn_conf_ns *ns, struct dn_str channel)
{
	struct dn_conn *conn = dn_conn_find(call->loop, call->conn);
	struct dn_permit_who who = {
	    .user = call->who.user,
	    .server = call->server,
	    .subscribed = dn_api_sub(call, channel) != NULL,
	};
	struct dn_err err;

	if (dn_permit(&who, op, ns, channel, &err) == 0)
		return true;
	dn_refusal(call->loop,
	    conn != NULL && conn->session != NULL ? &conn->session->refusals
						  : NULL,
	    "tenant %s: user \"%.*s\", channel \"%.*s\": permission denied: %s",
	    call->tenant->name, DN_FMT(who.user), DN_FMT(channel), err.text);
	if (call->tenant->dev) {
		fail_with(call, 103, "permission denied: ", err.text);
		return false;
	}
	dn_call_fail(call, 103, "permission denied");
	dn_call_answer(call);
	return false;
}

const struct dn_conf_ns *dn_api_ns(struct dn_call *call, struct dn_str channel)
{
	const struct dn_conf_ns *ns;
	struct dn_str name;
	struct dn_buf why = {0};
	struct dn_err err;

	if (dn_channel_check(channel, &err) != 0) {
		dn_api_bad(call, err.text);
		return NULL;
	}
	ns = dn_conf_ns(call->tenant, channel);
	if (ns != NULL)
		return ns;
	name = dn_channel_namespace(channel);
	dn_buf_printf(&why, ": no namespace \"%.*s\"", DN_FMT(name));
	dn_buf_byte(&why, '\0');
	fail_with(call, 102, "unknown channel", why.p);
	dn_buf_release(&why);
	return NULL;
}

bool dn_api_target(
    struct dn_call *call, struct dn_json params, struct dn_api_target *target)
{
	*target = (struct dn_api_target){0};
	if (!dn_json_string(dn_json_member(params, "channel"), &target->channel,
		&target->text)) {
		dn_api_bad(call, "channel: a string is needed");
		dn_api_target_end(target);
		return false;
	}
	target->ns = dn_api_ns(call, target->channel);
	if (target->ns == NULL) {
		dn_api_target_end(target);
		return false;
	}
	return true;
}

void dn_api_target_end(struct dn_api_target *target)
{
	dn_buf_release(&target->text);
}

bool dn_api_read_position(
    struct dn_json value, struct dn_api_position *at, struct dn_buf *text)
{
	struct dn_json offset = dn_json_member(value, "offset");
	struct dn_json epoch = dn_json_member(value, "epoch");

	if (value.type == DN_JSON_NONE || value.type == DN_JSON_NULL)
		return true;
	at->has = true;
	return value.type == DN_JSON_OBJECT &&
	       (offset.type == DN_JSON_NONE ||
		   dn_json_u64(offset, &at->offset)) &&
	       (epoch.type == DN_JSON_NONE ||
		   dn_json_string(epoch, &at->epoch, text));
}

static void on_answer(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_call *call = ask->ctx;

	call->code = ask->code;
	call->message = ask->message;
	call->temporary = ask->temporary;
	dn_buf_release(&call->result);
	call->result = ask->body;
	ask->body = (struct dn_buf){0};
	if (ask->op == DN_ASK_HISTORY)
		call->track =
		    dn_takes_track(loop, ask, &ask->history.gather, NULL);
	dn_ask_free(&ask);
	dn_call_answer(call);
}

struct dn_ask *dn_api_ask(struct dn_call *call, enum dn_ask_op op,
    const struct dn_conf_ns *ns, struct dn_str channel, size_t room)
{
	struct dn_ask *ask = dn_ask_new(
	    op, call->loop->ix, call->conf, call->tenant, ns, channel, room);

	ask->ctx = call;
	ask->done = on_answer;
	return ask;
}
