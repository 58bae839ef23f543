/* SPDX-License-Identifier: MIT */
/*
 * How it works: a sweep makes one connection and does not make it again: cron
 * comes back anyway. The loop runs until the connect result is there, which
 * also tells the key's tenant.
 *
 * How it fails: unreachable is 69, refused 77, not dnot 76; a token is no
 * server key, and a key of another tenant than --tenant is refused before any
 * row is looked at.
 */
#include "sweep_tool.h"

#include <stdlib.h>

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct sweep *s = arg;

	if (s->pass != NULL) {
		sweep_pass_state(s, why);
		return;
	}
	if (why->state == DN_CLIENT_CONNECTING && why->tries == 0)
		return;
	if (why->state != DN_CLIENT_CONNECTED)
		dn_tool_fail(&s->tool, (enum dn_exit)why->exit_code, NULL, "%s",
		    why->reason);
	uv_stop(&s->loop);
}

static void on_drained(void *arg)
{
	struct sweep *s = arg;

	if (s->pass != NULL)
		sweep_pass_drained(s);
}

static const struct dn_client_events events = {
    .state = on_state,
    .drained = on_drained,
};

static void on_stop(void *arg, int signo)
{
	struct sweep *s = arg;

	(void)signo;
	if (s->pass != NULL)
		sweep_pass_state(s, NULL);
	else
		uv_stop(&s->loop);
}

static bool check_tenant(struct sweep *s)
{
	const char *connected = dn_client_tenant(s->client);

	if (connected == NULL) {
		dn_tool_fail(&s->tool, DN_EXIT_REFUSED, NULL,
		    "%s: the server did not say whose key this is; a sweep "
		    "needs a server key",
		    s->tool.url);
		return false;
	}
	if (s->tenant == NULL)
		s->tenant = dn_xstrdup(connected);
	if (strcmp(s->tenant, connected) == 0)
		return true;
	dn_tool_fail(&s->tool, DN_EXIT_REFUSED, NULL,
	    "%s: the key belongs to tenant %s, the rows to tenant %s",
	    s->tool.url, connected, s->tenant);
	return false;
}

bool sweep_connect(struct sweep *s)
{
	struct dn_client_options options;
	struct dn_err err = {0};
	int rc;

	if (s->tool.token != NULL) {
		dn_tool_fail(&s->tool, DN_EXIT_USAGE, NULL,
		    "a sweep needs a server key (--key-file, DNOT_KEY), not a "
		    "client token");
		return false;
	}
	rc = uv_loop_init(&s->loop);
	DN_ASSERT(rc == 0);
	s->net = dn_client_net_new(&s->loop);
	dn_tool_signals(&s->tool, &s->loop, on_stop, s);
	dn_tool_client_options(&s->tool, &options);
	if (dn_client_open(&s->client, s->net, &options, &events, s, &err) <
	    0) {
		dn_tool_fail(&s->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		return false;
	}
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	return dn_client_state(s->client) == DN_CLIENT_CONNECTED &&
	       check_tenant(s);
}

void sweep_disconnect(struct sweep *s)
{
	int rc;

	if (s->net == NULL)
		return;
	if (s->client != NULL)
		dn_client_close(&s->client);
	dn_client_net_close(&s->net);
	dn_tool_signals_close(&s->tool);
	/* More than once where a stop was still pending. */
	while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
		;
	rc = uv_loop_close(&s->loop);
	DN_ASSERT(rc == 0);
}
