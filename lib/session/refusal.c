/* SPDX-License-Identifier: MIT */
#include "session/refusal.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/diag.h"
#include "serve/loop.h"

/* Whether one more line fits into this second. */
static bool take(struct dn_refusals *r, uint32_t now_ms, uint32_t max)
{
	if (r->second != now_ms / 1000) {
		r->second = now_ms / 1000;
		r->told = 0;
	}
	return r->told++ < max;
}

void dn_refusal(
    struct dn_loop *loop, struct dn_refusals *mine, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	dn_stat_add(&loop->stats.denied, 1);
	if ((mine != NULL && !take(mine, loop->now_ms, DN_REFUSALS_CLIENT)) ||
	    !take(&loop->refusals, loop->now_ms, DN_REFUSALS_LOOP)) {
		loop->refusals.left_out++;
		return;
	}
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	DN_ASSERT(n >= 0);
	dn_diag(DN_INFO, NULL, "%s", text);
	free(text);
}

void dn_refusals_tick(struct dn_loop *loop)
{
	if (loop->refusals.left_out == 0)
		return;
	dn_diag(DN_INFO, NULL, "%llu more refusals were not logged one by one",
	    (unsigned long long)loop->refusals.left_out);
	loop->refusals.left_out = 0;
}
