/* SPDX-License-Identifier: MIT */
/*
 * web: what is served over HTTP: the upgrade to a WebSocket, /api/METHOD,
 * /health and /metrics, each where the listener serves it.
 *
 * A web page may reach none of it unless its origin is allowed; in --dev the
 * Host must be this machine's, so that no name can be pointed at it.
 *
 * Thread: the connection's loop.
 */
#ifndef DN_WEB_H
#define DN_WEB_H

#include "serve/conn.h"

/* A complete request; answers it, at once or later. */
void dn_web_request(struct dn_conn *conn);
/* A request that broke the rules: says so and ends the connection. */
void dn_web_bad(struct dn_conn *conn);
void dn_web_continue(struct dn_conn *conn);
/* A head or body that never ended, or a keep-alive that idled. */
void dn_web_timeout(struct dn_conn *conn);

#endif
