/* SPDX-License-Identifier: MIT */
/*
 * Commands that are calls: the same functions as the server API's, with the
 * client's own rights, and rpc, by which a connection with a server key
 * reaches the whole API.
 */
#include <stdlib.h>

#include "api/api.h"
#include "session/session_impl.h"

struct dn_who dn_session_who(const struct dn_session *s)
{
	return (struct dn_who){
	    .client = dn_str_of(s->client),
	    .user = s->user,
	    .info = dn_buf_view(&s->info),
	};
}

struct dn_str dn_session_text(
    struct dn_session *s, struct dn_json params, const char *name)
{
	struct dn_str out = {0};

	s->loop->text.n = 0;
	if (!dn_json_string(dn_json_member(params, name), &out, &s->loop->text))
		return (struct dn_str){0};
	return out;
}

/* {"id":N,"METHOD":{RESULT}} or the error. */
static void on_done(struct dn_call *call)
{
	struct dn_conn *conn = dn_conn_find(call->loop, call->conn);
	struct dn_buf *b = &call->loop->scratch;
	bool rpc = strcmp(call->method, "rpc") == 0;

	if (conn == NULL || conn->session == NULL)
		return;
	if (call->code != 0) {
		b->n = 0;
		dn_buf_lit(b, "{\"id\":");
		dn_buf_u64(b, call->id);
		dn_buf_lit(b, ",\"error\":");
		dn_call_write_error(
		    b, call->code, call->message, call->temporary);
		dn_buf_byte(b, '}');
		dn_conn_reply(conn, dn_buf_view(b));
		return;
	}
	b->n = 0;
	dn_buf_lit(b, "{\"id\":");
	dn_buf_u64(b, call->id);
	dn_buf_lit(b, ",\"");
	dn_buf_lit(b, call->method);
	dn_buf_lit(b, rpc ? "\":{\"data\":{" : "\":{");
	/* What a publish tells is for server keys. */
	if (rpc || strcmp(call->method, "publish") != 0)
		dn_buf_str(b, dn_buf_view(&call->result));
	dn_buf_lit(b, rpc ? "}}}" : "}}");
	dn_conn_reply_tracked(conn, dn_buf_view(b), call->track);
	call->track = NULL;
}

static struct dn_call *new_call(
    struct dn_session *s, uint32_t id, const char *method, bool server)
{
	struct dn_call *call =
	    dn_call_new(s->loop, s->conn->id, s->tenant, on_done);

	call->id = id;
	call->method = method;
	call->server = server;
	call->who = dn_session_who(s);
	s->conn->calls += call->weight;
	return call;
}

/* One whose answer may be long: few of them at a time. */
static struct dn_call *heavy(struct dn_call *call, struct dn_session *s)
{
	s->conn->calls += DN_CALL_HEAVY - call->weight;
	call->weight = DN_CALL_HEAVY;
	return call;
}

void dn_command_publish(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	dn_api_publish(new_call(s, id, "publish", false), params);
}

void dn_command_presence(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	dn_api_presence(
	    heavy(new_call(s, id, "presence", s->server), s), params);
}

void dn_command_presence_stats(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	dn_api_presence_stats(
	    new_call(s, id, "presence_stats", s->server), params);
}

void dn_command_history(
    struct dn_session *s, uint32_t id, struct dn_json params)
{
	dn_api_history(heavy(new_call(s, id, "history", s->server), s), params);
}

void dn_command_ping(struct dn_session *s, uint32_t id, struct dn_json params)
{
	(void)params;
	dn_session_result(s, id, "ping", DN_STR("{}"));
}

void dn_command_send(struct dn_session *s, uint32_t id, struct dn_json params)
{
	(void)id;
	(void)params;
	dn_conn_close(s->conn, 3508, "not available: nobody handles send");
}

void dn_command_rpc(struct dn_session *s, uint32_t id, struct dn_json params)
{
	struct dn_json data = dn_json_member(params, "data");
	struct dn_str method = dn_session_text(s, params, "method");
	struct dn_call *call;

	if (!s->server) {
		dn_session_error(s, id, 108, "not available");
		return;
	}
	call = new_call(s, id, "rpc", true);
	if (dn_api_is_heavy(method))
		call = heavy(call, s);
	if (data.type == DN_JSON_NONE) {
		data.type = DN_JSON_OBJECT;
		data.raw = DN_STR("{}");
	}
	if (data.type != DN_JSON_OBJECT) {
		dn_call_fail(call, 107, "bad request: data is no object");
		dn_call_answer(call);
		return;
	}
	dn_api_call(call, method, data);
}
