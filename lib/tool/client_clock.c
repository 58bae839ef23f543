/* SPDX-License-Identifier: MIT */
/*
 * How it works: `ready` returns the server's wall clock. With t0 before and
 * t1 after, the server read its clock somewhere in between; the middle is the
 * guess and half the round trip the greatest error. The sample with the
 * shortest round trip counts.
 *
 * How it fails: a lost connection, a refused call or a token (which may not
 * call `ready`) ends it with ok false.
 */
#include "tool/client_impl.h"

#include <errno.h>

static void on_ready(void *arg, const struct dn_client_reply *reply);

static int sample(struct dn_client *c)
{
	c->clock.sent_us = dn_wall_us();
	return dn_client_call(c, "ready", DN_STR("{}"), on_ready, c);
}

void dn_client_clock_end(struct dn_client *c, bool ok)
{
	struct dn_client_clock k = c->clock;

	c->clock.fn = NULL;
	if (k.fn != NULL)
		k.fn(k.arg, ok, k.offset_us, k.best_us / 2);
}

static void on_ready(void *arg, const struct dn_client_reply *reply)
{
	struct dn_client *c = arg;
	struct dn_client_clock *k = &c->clock;
	int64_t now = dn_wall_us(), server, trip = now - k->sent_us;

	if (reply->code == DN_CLIENT_LOST || k->fn == NULL)
		return; /* dn_client_down ends it */
	if (reply->code != 0 ||
	    !dn_json_i64(dn_json_member(reply->result, "now_us"), &server)) {
		dn_client_clock_end(c, false);
		return;
	}
	if (trip >= 0 && trip < k->best_us) {
		k->best_us = trip;
		k->offset_us = server - (k->sent_us + trip / 2);
	}
	if (--k->left == 0)
		dn_client_clock_end(c, k->best_us < INT64_MAX);
	else if (sample(c) < 0)
		dn_client_clock_end(c, false);
}

int dn_client_clock(
    struct dn_client *c, unsigned samples, dn_client_clock_fn *fn, void *arg)
{
	int rc;

	DN_ASSERT(c->clock.fn == NULL && samples > 0 && fn != NULL);
	if (!c->keyed)
		return -ENOTSUP;
	c->clock = (struct dn_client_clock){
	    .fn = fn, .arg = arg, .left = samples, .best_us = INT64_MAX};
	rc = sample(c);
	if (rc < 0)
		c->clock.fn = NULL;
	return rc;
}
