/* SPDX-License-Identifier: MIT */
/*
 * api_impl: what the files of the server API share.
 *
 * Ownership: every function that is said to answer ends the call.
 * Thread: the call's loop.
 */
#ifndef DN_API_IMPL_H
#define DN_API_IMPL_H

#include "api/api.h"
#include "conf/permit.h"

/* Parts of one broadcast or batch. */
enum { DN_API_PARTS_MAX = 1024, DN_API_PAGE_BYTES = 512 * 1024 };

/* A channel that a call is about; text is released by dn_api_target_end. */
struct dn_api_target {
	struct dn_str channel;
	const struct dn_conf_ns *ns;
	struct dn_buf text;
};

/* Answers 107 with that reason. */
void dn_api_bad(struct dn_call *call, const char *why);
/* Whether the caller may do that there. If not it is answered with 103; why
 * is logged and, in --dev, told. */
DN_MUST_CHECK bool dn_api_may(struct dn_call *call, enum dn_permit_op op,
    const struct dn_conf_ns *ns, struct dn_str channel);
/* The subscription of the call's connection to the channel; NULL: none. */
const struct dn_sub *dn_api_sub(
    const struct dn_call *call, struct dn_str channel);
/* The namespace of a channel; NULL with the call answered. */
DN_MUST_CHECK const struct dn_conf_ns *dn_api_ns(
    struct dn_call *call, struct dn_str channel);
/* Reads params.channel; false with the call answered and nothing held. */
DN_MUST_CHECK bool dn_api_target(
    struct dn_call *call, struct dn_json params, struct dn_api_target *target);
void dn_api_target_end(struct dn_api_target *target);
/* An ask whose answer becomes the call's. */
DN_MUST_CHECK struct dn_ask *dn_api_ask(struct dn_call *call, enum dn_ask_op op,
    const struct dn_conf_ns *ns, struct dn_str channel, size_t room);

struct dn_api_position {
	bool has; /* it was given */
	uint64_t offset;
	struct dn_str epoch;
};
/* Reads a member {offset, epoch}, both optional; false when it is none. */
DN_MUST_CHECK bool dn_api_read_position(
    struct dn_json value, struct dn_api_position *at, struct dn_buf *text);

/* One publication to params.channel, or to the channel given. */
void dn_api_publish_to(
    struct dn_call *call, struct dn_json params, struct dn_str channel);

dn_api_fn dn_api_broadcast;
dn_api_fn dn_api_batch;
dn_api_fn dn_api_redeliver;
dn_api_fn dn_api_history_remove;
dn_api_fn dn_api_channels;
dn_api_fn dn_api_info;
dn_api_fn dn_api_ready;
dn_api_fn dn_api_revoke_token;
dn_api_fn dn_api_invalidate_user_tokens;
dn_api_fn dn_api_subscribe;
dn_api_fn dn_api_unsubscribe;
dn_api_fn dn_api_disconnect;
dn_api_fn dn_api_refresh;
dn_api_fn dn_api_connections;
dn_api_fn dn_api_send;

/* The method's own name and function; NULL when there is none such. */
const char *dn_api_find(struct dn_str method, dn_api_fn **fn);

#endif
