/* SPDX-License-Identifier: MIT */
/*
 * publish and redeliver: params are read as a record, with a few members of
 * the call's own; the frame is begun here and finished by the owner.
 */
#include <errno.h>

#include "api/api_impl.h"
#include "hub/idem.h"
#include "record/record.h"
#include "serve/conn.h"
#include "session/session.h"
#include "wire/push.h"

enum { UID_MAX = 39, EPOCH_MAX = 15, VERSION_EPOCH_MAX = 64 };

struct reading {
	struct dn_record r;
	enum dn_wait wait;
	int64_t timeout_us;
	bool skip_history;
	bool delta;
	bool acked;
	uint64_t version;
	struct dn_str version_epoch;
	struct dn_buf text; /* of version_epoch */
};

static int read_wait(
    struct reading *reading, struct dn_json value, struct dn_err *err)
{
	if (dn_str_eq(value.raw, DN_STR("\"accepted\"")))
		reading->wait = DN_WAIT_ACCEPTED;
	else if (dn_str_eq(value.raw, DN_STR("\"logged\"")))
		reading->wait = DN_WAIT_LOGGED;
	else if (dn_str_eq(value.raw, DN_STR("\"written\"")))
		reading->wait = DN_WAIT_WRITTEN;
	else if (dn_str_eq(value.raw, DN_STR("\"acked\"")))
		reading->acked = true;
	else if (value.type != DN_JSON_NULL)
		return dn_err_set(
		    err, -EINVAL, "wait: accepted, logged or written");
	return 0;
}

static int read_timeout(
    struct reading *reading, struct dn_json value, struct dn_err *err)
{
	uint64_t ms;

	if (!dn_json_u64(value, &ms) || ms > 3600 * 1000)
		return dn_err_set(err, -EINVAL,
		    "timeout_ms: an integer of 0 to 3600000 is needed");
	reading->timeout_us = (int64_t)ms * 1000;
	return 0;
}

/* 1: a member of the call itself, 0: none, -EINVAL. */
static int own_member(struct reading *reading, struct dn_str key,
    struct dn_json value, struct dn_err *err)
{
	if (dn_json_key_is(key, "wait"))
		return read_wait(reading, value, err) == 0 ? 1 : -EINVAL;
	if (dn_json_key_is(key, "timeout_ms"))
		return read_timeout(reading, value, err) == 0 ? 1 : -EINVAL;
	if (dn_json_key_is(key, "skip_history"))
		return dn_json_bool(value, &reading->skip_history)
			   ? 1
			   : dn_err_set(
				 err, -EINVAL, "skip_history: true or false");
	if (dn_json_key_is(key, "delta"))
		return dn_json_bool(value, &reading->delta)
			   ? 1
			   : dn_err_set(err, -EINVAL, "delta: true or false");
	if (dn_json_key_is(key, "version"))
		return dn_json_u64(value, &reading->version)
			   ? 1
			   : dn_err_set(err, -EINVAL,
				 "version: an integer of 0 or more is needed");
	if (dn_json_key_is(key, "version_epoch"))
		return dn_json_string(
			   value, &reading->version_epoch, &reading->text)
			   ? 1
			   : dn_err_set(err, -EINVAL,
				 "version_epoch: a string is needed");
	return 0;
}

static int read_params(struct reading *reading, struct dn_json params,
    bool skip_channel, struct dn_err *err)
{
	struct dn_json_iter it;
	struct dn_str key;
	struct dn_json value;
	int status;

	dn_json_iter_init(&it, params);
	while (dn_json_next(&it, &key, &value)) {
		if (skip_channel && dn_json_key_is(key, "channel"))
			continue;
		status = own_member(reading, key, value, err);
		if (status == 0) {
			if (dn_json_key_is(key, "b64data"))
				key = DN_STR("data_b64");
			status = dn_record_field(&reading->r, key, value, err);
		}
		if (status < 0)
			return status;
	}
	return 0;
}

/* The connections that this call came by are held back while the log is
 * behind. */
static void mark_publisher(const struct dn_call *call)
{
	struct dn_conn *conn;

	for (; call != NULL; call = call->parent) {
		conn = dn_conn_find(call->loop, call->conn);
		if (conn != NULL)
			conn->publishes = true;
	}
}

/* NULL with the call answered. */
static const struct dn_conf_ns *admit(
    struct dn_call *call, struct reading *reading)
{
	const struct dn_record *r = &reading->r;
	const struct dn_conf_ns *ns = dn_api_ns(call, r->channel);
	struct dn_err err;

	if (ns == NULL)
		return NULL;
	if (!dn_api_may(call, DN_PERMIT_PUBLISH, ns, r->channel))
		return NULL;
	if (dn_record_check(r, &err) != 0) {
		dn_api_bad(call, err.text);
		return NULL;
	}
	if (r->data.n > call->conf->message_size_limit ||
	    r->data_b64.n > call->conf->message_size_limit) {
		dn_api_bad(call, "data is larger than message_size_limit");
		return NULL;
	}
	if (reading->version_epoch.n > VERSION_EPOCH_MAX) {
		dn_api_bad(call, "version_epoch: too long");
		return NULL;
	}
	if (reading->acked) {
		dn_call_fail(call, 108,
		    "not available: nothing waits for acknowledgements");
		dn_call_answer(call);
		return NULL;
	}
	return ns;
}

/* Who publishes, as the channel's subscribers are told: ClientInfo, or unset
 * for the server itself. */
static struct dn_str publisher(
    const struct dn_call *call, struct dn_str channel)
{
	const struct dn_sub *sub;

	if (call->server)
		return (struct dn_str){0};
	sub = dn_api_sub(call, channel);
	return sub != NULL ? dn_sub_who(sub).info : call->who.info;
}

static void ask_publish(struct dn_call *call, const struct dn_conf_ns *ns,
    const struct reading *reading)
{
	const struct dn_record *r = &reading->r;
	struct dn_buf key = {0};
	struct dn_ask *ask;

	dn_idem_key(&key, r);
	ask = dn_api_ask(call, DN_ASK_PUBLISH, ns, r->channel,
	    key.n + r->idempotency_key.n + reading->version_epoch.n);
	ask->publish.key = dn_ask_copy(ask, dn_buf_view(&key));
	ask->publish.named_key = dn_ask_copy(ask, r->idempotency_key);
	dn_buf_release(&key);
	ask->publish.wait = reading->wait;
	ask->publish.timeout_us = reading->timeout_us;
	ask->publish.skip_history = reading->skip_history;
	ask->publish.delta = reading->delta || ns->delta_publish;
	ask->publish.version = reading->version;
	ask->publish.version_epoch = dn_ask_copy(ask, reading->version_epoch);
	ask->publish.frame =
	    dn_push_begin(r, publisher(call, r->channel), (struct dn_str){0});
	mark_publisher(call);
	dn_loop_ask(call->loop, ask);
}

void dn_api_publish_to(
    struct dn_call *call, struct dn_json params, struct dn_str channel)
{
	struct reading reading = {0};
	const struct dn_conf_ns *ns;
	struct dn_err err;

	dn_record_init(&reading.r);
	if (read_params(&reading, params, channel.p != NULL, &err) < 0) {
		dn_api_bad(call, err.text);
	} else {
		if (channel.p != NULL)
			reading.r.channel = channel;
		ns = admit(call, &reading);
		if (ns != NULL)
			ask_publish(call, ns, &reading);
	}
	dn_record_release(&reading.r);
	dn_buf_release(&reading.text);
}

void dn_api_publish(struct dn_call *call, struct dn_json params)
{
	dn_api_publish_to(call, params, (struct dn_str){0});
}

/* --- redelivery --------------------------------------------------------- */

static void redeliver(
    struct dn_call *call, const struct dn_record *r, struct dn_str uid)
{
	const struct dn_conf_ns *ns = dn_api_ns(call, r->channel);
	struct dn_ask *ask;
	struct dn_err err;

	if (ns == NULL)
		return;
	if (dn_record_check(r, &err) != 0) {
		dn_api_bad(call, err.text);
		return;
	}
	ask = dn_api_ask(
	    call, DN_ASK_REDELIVER, ns, r->channel, uid.n + r->epoch.n);
	ask->redeliver.frame = dn_push_begin(r, r->info, uid);
	ask->redeliver.uid = dn_ask_copy(ask, uid);
	ask->redeliver.epoch = dn_ask_copy(ask, r->epoch);
	ask->redeliver.offset = r->has_offset ? r->offset : 0;
	mark_publisher(call);
	dn_loop_ask(call->loop, ask);
}

static struct dn_str undelivered_id(
    const struct dn_record *r, struct dn_buf *scratch)
{
	struct dn_json row = {DN_JSON_OBJECT, r->undelivered};
	struct dn_str uid = {0};

	if (r->undelivered.n == 0 ||
	    !dn_json_string(dn_json_member(row, "id"), &uid, scratch))
		return (struct dn_str){0};
	return uid;
}

void dn_api_redeliver(struct dn_call *call, struct dn_json params)
{
	struct reading reading = {0};
	struct dn_buf scratch = {0};
	struct dn_str uid;
	struct dn_err err;

	dn_record_init(&reading.r);
	if (read_params(&reading, params, false, &err) < 0) {
		dn_api_bad(call, err.text);
		goto out;
	}
	uid = undelivered_id(&reading.r, &scratch);
	if (uid.n == 0)
		dn_api_bad(call, "undelivered.id: a string is needed");
	else if (uid.n > UID_MAX)
		dn_api_bad(call, "undelivered.id: too long");
	else if (reading.r.epoch.n > EPOCH_MAX)
		dn_api_bad(call, "epoch: too long");
	else
		redeliver(call, &reading.r, uid);
out:
	dn_buf_release(&scratch);
	dn_record_release(&reading.r);
	dn_buf_release(&reading.text);
}
