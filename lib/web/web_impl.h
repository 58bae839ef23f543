/* SPDX-License-Identifier: MIT */
/*
 * web_impl: what the files of web share.
 *
 *   web.c            who may ask, and where a request goes
 *   web_answer.c     answers, and what pages of other origins may see of them
 *   web_api.c        POST /api/METHOD
 *   web_client.c     the endpoints of the client protocol, and who may open one
 *   web_socket.c     the upgrade to a WebSocket
 *   web_stream.c     HTTP answers that do not end
 *   web_emulation.c  POST /emulation
 *
 * Thread: the connection's loop.
 */
#ifndef DN_WEB_IMPL_H
#define DN_WEB_IMPL_H

#include "web/web.h"

/* An answer with what its origin needs to see it; extra is NULL or complete
 * header lines. */
void dn_web_answer(struct dn_conn *conn, unsigned status,
    const char *content_type, const char *extra, struct dn_str body);
/* The same with a line of text/plain. */
void dn_web_text(
    struct dn_conn *conn, unsigned status, const char *text, const char *extra);
/* The same without a body. */
void dn_web_status(struct dn_conn *conn, unsigned status, const char *extra);
/* Bytes as they are, in front of whatever is answered later. */
void dn_web_raw(struct dn_conn *conn, struct dn_str bytes);

/* web.c */
bool dn_web_origin_allowed(const struct dn_conn *conn, struct dn_str origin);

/* web_answer.c: the header lines by which a page may see the answer: for the
 * client protocol alone, and none for an origin that is not allowed. */
void dn_web_cors(struct dn_conn *conn, struct dn_buf *out);
/* OPTIONS: what a page asks before it asks; methods is a list of them. */
void dn_web_preflight(struct dn_conn *conn, const char *methods);

/* web_client.c: false where no endpoint of the client protocol has that
 * path. */
DN_MUST_CHECK bool dn_web_client(struct dn_conn *conn, struct dn_str path);
/* Whether it is in the endpoints' part of the paths. */
bool dn_web_is_client_path(struct dn_str path);

/* Who opens a connection of the client protocol. */
struct dn_web_who {
	const struct dn_conf_tenant *tenant; /* of a server key; else NULL */
	unsigned char key_sha256[32];
};
/* What it says first: ?cf_connect= or the body; empty where that is not there.
 * Borrows from the request or scratch. False with the request answered. */
DN_MUST_CHECK bool dn_web_first_message(
    struct dn_conn *conn, struct dn_str *text, struct dn_buf *scratch);
/* False with the request answered: a wrong key, or a limit. True is followed
 * by dn_web_live. */
DN_MUST_CHECK bool dn_web_enter(struct dn_conn *conn, struct dn_web_who *who);
/* After the head of the answer. */
void dn_web_live(struct dn_conn *conn, const struct dn_web_who *who,
    unsigned form, bool native_ping);

void dn_web_api(struct dn_conn *conn, struct dn_str method);
/* GET /api: which methods there are. */
void dn_web_api_list(struct dn_conn *conn);
void dn_web_socket(struct dn_conn *conn);
void dn_web_http_stream(struct dn_conn *conn);
void dn_web_sse(struct dn_conn *conn);
void dn_web_uni_socket(struct dn_conn *conn);
void dn_web_uni_http_stream(struct dn_conn *conn);
void dn_web_uni_sse(struct dn_conn *conn);
void dn_web_emulation(struct dn_conn *conn);

#endif
