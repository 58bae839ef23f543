/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "hub/ask.h"

struct dn_ask *dn_ask_new(enum dn_ask_op op, unsigned origin,
    struct dn_conf *conf, const struct dn_conf_tenant *tenant,
    const struct dn_conf_ns *ns, struct dn_str channel, size_t room)
{
	struct dn_ask *ask = dn_xmalloc(sizeof(*ask) + channel.n + room);

	memset(ask, 0, sizeof(*ask));
	ask->op = op;
	ask->origin = origin;
	ask->conf = dn_conf_ref(conf);
	ask->tenant = tenant;
	ask->ns = ns;
	ask->room = channel.n + room;
	ask->channel = dn_ask_copy(ask, channel);
	return ask;
}

struct dn_str dn_ask_copy(struct dn_ask *ask, struct dn_str s)
{
	char *to = ask->bytes + ask->used;

	DN_ASSERT(s.n <= ask->room - ask->used);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	ask->used += s.n;
	return (struct dn_str){to, s.n};
}

void dn_ask_free(struct dn_ask **askp)
{
	struct dn_ask *ask = *askp;

	*askp = NULL;
	if (ask == NULL)
		return;
	switch (ask->op) {
	case DN_ASK_PUBLISH:
		dn_frame_unref(&ask->publish.frame);
		break;
	case DN_ASK_REDELIVER:
		dn_frame_unref(&ask->redeliver.frame);
		break;
	case DN_ASK_SUBSCRIBE:
		free(ask->subscribe.gather.taken);
		break;
	case DN_ASK_HISTORY:
		free(ask->history.gather.taken);
		break;
	default:
		break;
	}
	dn_buf_release(&ask->body);
	dn_conf_unref(&ask->conf);
	free(ask);
}

void dn_ask_fail(struct dn_ask *ask, unsigned code, const char *message)
{
	ask->code = code;
	ask->message = message;
	ask->temporary = code == 100 || code == 111;
	ask->body.n = 0;
}
