/* SPDX-License-Identifier: MIT */
/*
 * POST /emulation {"session":S,"node":N,"data":COMMANDS}: what the reader of a
 * stream has to say. The answer is 204 once it was run, and also where that
 * session is gone: the client learns so from its stream's end. A node of
 * another name is 404: such a client is to connect anew.
 */
#include "base/json.h"
#include "serve/server.h"
#include "session/emulated.h"
#include "web/web_impl.h"

static void on_done(struct dn_loop *loop, uint64_t id)
{
	struct dn_conn *conn = dn_conn_find(loop, id);

	if (conn != NULL && conn->state == DN_CONN_HTTP)
		dn_web_status(conn, 204, NULL);
}

static bool member(struct dn_json body, const char *name, struct dn_str *out,
    struct dn_buf *scratch)
{
	return dn_json_string(dn_json_member(body, name), out, scratch);
}

static void run(struct dn_conn *conn, struct dn_json body)
{
	struct dn_buf text[3] = {0};
	struct dn_str session, node = {0}, data;
	size_t i;

	if (!member(body, "session", &session, &text[0]) ||
	    !member(body, "data", &data, &text[1]))
		dn_web_text(conn, 400,
		    "bad request: session and data are needed\n", NULL);
	else if (!member(body, "node", &node, &text[2]) ||
		 !dn_str_is(node, dn_server_node(conn->loop->server)))
		dn_web_text(conn, 404, "no such node\n", NULL);
	else if (!dn_emulate(conn->loop, conn->id, session, data, on_done))
		dn_web_text(
		    conn, 503, "too many requests\n", "Retry-After: 1\r\n");
	for (i = 0; i < DN_ARRAY_LEN(text); i++)
		dn_buf_release(&text[i]);
}

void dn_web_emulation(struct dn_conn *conn)
{
	struct dn_str text = dn_http_request(conn->http)->body;
	struct dn_json body;
	struct dn_err err;

	if (text.n > conn->loop->conf->message_size_limit)
		dn_web_text(conn, 413, "body is too big\n", NULL);
	else if (dn_json_parse(text, &body, &err) != 0 ||
		 body.type != DN_JSON_OBJECT)
		dn_web_text(conn, 400, "bad request: body\n", NULL);
	else
		run(conn, body);
}
