/* SPDX-License-Identifier: MIT */
/*
 * How it works: a message is one or more JSON objects, a line each. Each is
 * validated once and then read as slices: an object with an id is a reply,
 * one with `push` a push, an empty one a ping.
 *
 * How it fails: text that is no JSON object, or a reply without a result, is
 * a protocol error, which is terminal (76). Replies that nobody waits for are
 * dropped: their call was given up. After each callback the client may be
 * closing; nothing more is read then.
 */
#include "tool/client_impl.h"

#include "base/exit.h"

static void bad(struct dn_client *c, const char *what)
{
	dn_client_down(c, true, DN_EXIT_PROTOCOL, 0, dn_str_of(what));
}

void dn_client_pong(struct dn_client *c)
{
	struct dn_buf *b;

	if (!c->pong)
		return;
	b = dn_link_begin(c->link, 2);
	dn_buf_lit(b, "{}");
	dn_link_end(c->link);
}

/* The message may borrow from text, which the caller releases. */
static void read_error(
    struct dn_json error, struct dn_client_reply *reply, struct dn_buf *text)
{
	struct dn_json message = dn_json_member(error, "message");
	uint64_t code = 0;

	(void)dn_json_u64(dn_json_member(error, "code"), &code);
	(void)dn_json_bool(
	    dn_json_member(error, "temporary"), &reply->temporary);
	reply->code = code > 0 && code <= UINT32_MAX ? (unsigned)code : 100;
	(void)dn_json_string(message, &reply->message, text);
}

static void connect_reply(
    struct dn_client *c, const struct dn_client_reply *reply)
{
	char text[160];
	int exit_code;

	if (reply->code == 0) {
		dn_client_connected(c, reply->result);
		return;
	}
	(void)snprintf(text, sizeof(text), "connect refused: %u %.*s",
	    reply->code, DN_FMT(reply->message));
	exit_code = reply->temporary ? DN_EXIT_AGAIN : DN_EXIT_REFUSED;
	dn_client_down(
	    c, !reply->temporary, exit_code, reply->code, dn_str_of(text));
}

static void on_reply(
    struct dn_client *c, uint64_t id, const struct dn_client_reply *reply)
{
	struct dn_client_wait wait;

	if (c->state == DN_CLIENT_CONNECTING) {
		if (id == c->last_id)
			connect_reply(c, reply);
		else
			bad(c, "a reply before that to connect");
		return;
	}
	if (id > UINT32_MAX ||
	    !dn_client_calls_take(&c->calls, (uint32_t)id, &wait))
		return;
	if (wait.fn != NULL)
		wait.fn(wait.arg, reply);
}

/* A line with an id: its other member is the error or the result. */
static void read_line(struct dn_client *c, struct dn_json line)
{
	struct dn_client_reply reply = {0};
	struct dn_json value, push = {0};
	struct dn_json_iter it;
	struct dn_str key;
	struct dn_buf message = {0};
	uint64_t id = 0;
	bool empty = true;

	dn_json_iter_init(&it, line);
	while (dn_json_next(&it, &key, &value)) {
		empty = false;
		if (dn_json_key_is(key, "push"))
			push = value;
		else if (dn_json_key_is(key, "id"))
			(void)dn_json_u64(value, &id);
		else if (dn_json_key_is(key, "error"))
			read_error(value, &reply, &message);
		else if (dn_json_key_is(key, "rpc") &&
			 c->state == DN_CLIENT_CONNECTED &&
			 value.type == DN_JSON_OBJECT)
			reply.result = dn_json_member(value, "data");
		else
			reply.result = value;
	}
	if (id != 0) {
		if (reply.code != 0)
			reply.result = (struct dn_json){0};
		on_reply(c, id, &reply);
	} else if (push.type == DN_JSON_OBJECT) {
		dn_client_on_push(c, push);
	} else if (empty) {
		dn_client_pong(c);
	}
	dn_buf_release(&message);
}

void dn_client_receive(struct dn_client *c, struct dn_str text)
{
	struct dn_link *link = c->link;
	struct dn_err err = {0};
	struct dn_json line;
	size_t n;

	c->depth++;
	while (text.n > 0 && !c->closing && c->link == link) {
		const char *end = memchr(text.p, '\n', text.n);

		n = end != NULL ? (size_t)(end - text.p) : text.n;
		if (n > 0) {
			if (dn_json_parse(
				(struct dn_str){text.p, n}, &line, &err) < 0 ||
			    line.type != DN_JSON_OBJECT) {
				bad(c, "a message that is no JSON object");
				break;
			}
			read_line(c, line);
		}
		if (end == NULL)
			break;
		text.p += n + 1;
		text.n -= n + 1;
	}
	c->depth--;
	dn_client_subs_bury(c);
}
