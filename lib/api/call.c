/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "api/call.h"
#include "serve/conn.h"

struct dn_call *dn_call_new(struct dn_loop *loop, uint64_t conn,
    const struct dn_conf_tenant *tenant, void (*done)(struct dn_call *call))
{
	struct dn_call *call = dn_xcalloc(1, sizeof(*call));

	call->loop = loop;
	call->conn = conn;
	call->conf = dn_conf_ref(loop->conf);
	call->tenant = tenant;
	call->done = done;
	call->weight = 1;
	return call;
}

void dn_call_fail(struct dn_call *call, unsigned code, const char *message)
{
	call->code = code;
	call->message = message;
	call->temporary = code == 100 || code == 111;
}

void dn_call_fail_text(struct dn_call *call, unsigned code, const char *message)
{
	dn_buf_lit(&call->message_bytes, message);
	dn_buf_byte(&call->message_bytes, '\0');
	dn_call_fail(call, code, call->message_bytes.p);
}

void dn_call_answer(struct dn_call *call)
{
	struct dn_conn *conn = dn_conn_find(call->loop, call->conn);

	if (conn != NULL) {
		DN_ASSERT(conn->calls >= call->weight);
		conn->calls -= call->weight;
	}
	call->done(call);
	if (call->track != NULL)
		dn_track_close(call->track); /* no reply went out */
	dn_buf_release(&call->message_bytes);
	dn_buf_release(&call->result);
	dn_conf_unref(&call->conf);
	free(call);
}

void dn_call_write_error(
    struct dn_buf *b, unsigned code, const char *message, bool temporary)
{
	dn_buf_printf(b, "{\"code\":%u,\"message\":", code);
	dn_buf_json_str(b, dn_str_of(message));
	if (temporary)
		dn_buf_lit(b, ",\"temporary\":true");
	dn_buf_byte(b, '}');
}
