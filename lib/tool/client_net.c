/* SPDX-License-Identifier: MIT */
/*
 * How it works: links that have something to send (or to read again after a
 * pause) put themselves on the dirty list; the prepare hook, which runs
 * before the loop sleeps, flushes them. So everything that one turn queued
 * leaves in one write.
 *
 * How it fails: it does not; each link ends by itself.
 */
#include "tool/client.h"
#include "tool/link_impl.h"

#include <stdlib.h>

enum { NET_MAGIC = 0x4e455431 };

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* that it is active keeps the loop from sleeping */
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct dn_client_net *net = prepare->data;
	struct dn_link *link;

	net->flushing = net->dirty;
	net->dirty = NULL;
	while ((link = net->flushing) != NULL) {
		net->flushing = link->dirty_next;
		link->dirty = false;
		dn_link_flush(link);
	}
	/* A link that became dirty meanwhile waits for the next turn, which
	 * must come at once. */
	if (net->dirty != NULL)
		(void)uv_idle_start(&net->idle, on_idle);
	else
		(void)uv_idle_stop(&net->idle);
}

struct dn_client_net *dn_client_net_new(uv_loop_t *loop)
{
	struct dn_client_net *net = dn_xcalloc(1, sizeof(*net));
	int rc;

	net->magic = NET_MAGIC;
	net->loop = loop;
	net->refs = 2; /* for its two handles */
	net->reader =
	    dn_ws_reader_new(DN_WS_FROM_SERVER, DN_CLIENT_RECEIVE_MAX);
	rc = uv_prepare_init(loop, &net->prepare);
	if (rc == 0)
		rc = uv_prepare_start(&net->prepare, on_prepare);
	if (rc == 0)
		rc = uv_idle_init(loop, &net->idle);
	DN_ASSERT(rc == 0);
	net->prepare.data = net;
	net->idle.data = net;
	uv_unref((uv_handle_t *)&net->prepare);
	uv_unref((uv_handle_t *)&net->idle);
	return net;
}

void dn_client_net_unref(struct dn_client_net *net)
{
	DN_CHECK(net, NET_MAGIC);
	if (--net->refs > 0)
		return;
	dn_ws_reader_free(&net->reader);
	net->magic = 0;
	free(net);
}

static void on_net_closed(uv_handle_t *handle)
{
	dn_client_net_unref(handle->data);
}

void dn_client_net_close(struct dn_client_net **net)
{
	DN_CHECK(*net, NET_MAGIC);
	uv_close((uv_handle_t *)&(*net)->prepare, on_net_closed);
	uv_close((uv_handle_t *)&(*net)->idle, on_net_closed);
	*net = NULL;
}
