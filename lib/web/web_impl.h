/* SPDX-License-Identifier: MIT */
/*
 * web_impl: what the files of web share.
 *
 *   web.c         who may ask, and where a request goes
 *   web_api.c     POST /api/METHOD
 *   web_socket.c  the upgrade to a WebSocket
 *
 * Thread: the connection's loop.
 */
#ifndef DN_WEB_IMPL_H
#define DN_WEB_IMPL_H

#include "web/web.h"

/* A line of text/plain; extra is NULL or complete header lines. */
void dn_web_text(
    struct dn_conn *conn, unsigned status, const char *text, const char *extra);
/* Bytes as they are, in front of whatever is answered later. */
void dn_web_raw(struct dn_conn *conn, struct dn_str bytes);

void dn_web_api(struct dn_conn *conn, struct dn_str method);
void dn_web_socket(struct dn_conn *conn);

#endif
