/* SPDX-License-Identifier: MIT */
/*
 * api: the methods of the server API (docs/PROTOCOL.md), one table for HTTP,
 * for rpc on a connection with a server key, and for the parts of a batch.
 *
 * The methods that a client's own commands share (publish, history, presence,
 * presence_stats) look at call->server: a client is held to what its
 * namespace grants and to the configured limits.
 *
 * Ownership: each takes the call and answers it, at once or later.
 * Errors: answered with the codes of the protocol; 104 for an unknown method.
 * Thread: the call's loop.
 */
#ifndef DN_API_H
#define DN_API_H

#include "api/call.h"
#include "base/json.h"

/* params is a validated JSON object. subscribed: whether the client is
 * subscribed to the channel (permissions for subscribers). */
void dn_api_call(
    struct dn_call *call, struct dn_str method, struct dn_json params);
bool dn_api_knows(struct dn_str method);
/* The names of all methods: a JSON array of strings. */
void dn_api_list(struct dn_buf *out);
/* Whether its answer may be long (DN_CALL_HEAVY). */
bool dn_api_is_heavy(struct dn_str method);

typedef void dn_api_fn(struct dn_call *call, struct dn_json params);
dn_api_fn dn_api_publish;
dn_api_fn dn_api_history;
dn_api_fn dn_api_presence;
dn_api_fn dn_api_presence_stats;

/* The text of /metrics. */
void dn_metrics_write(struct dn_server *server, struct dn_buf *out);

#endif
