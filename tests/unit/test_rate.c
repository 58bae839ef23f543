/* SPDX-License-Identifier: MIT */
#include "base/rate.h"
#include "tap.h"

static void steady(uint32_t now_ms)
{
	struct dn_rate r = {0};
	unsigned i;

	for (i = 0; i < 250; i++, now_ms += 10)
		dn_rate_add(&r, 50, now_ms);
	IS_NUM(dn_rate_get(&r, now_ms), 5000, "a steady stream");
	IS_NUM(dn_rate_get(&r, now_ms + 999), 1667,
	    "half a second of it in a window of one and a half");
	IS_NUM(dn_rate_get(&r, now_ms + 5000), 0, "silence");
}

static void windows(void)
{
	struct dn_rate r = {.since_ms = 1000};

	dn_rate_add(&r, 600, 1500);
	IS_NUM(dn_rate_get(&r, 1999), 0, "not before a window is over");
	IS_NUM(dn_rate_get(&r, 2500), 400, "a longer window is still a rate");
	dn_rate_add(&r, 7, 2600);
	IS_NUM(dn_rate_get(&r, 2900), 400, "the one before, meanwhile");
	IS_NUM(dn_rate_get(&r, 4500), 0, "too long for a rate");
	dn_rate_add(&r, UINT64_MAX / 100000, 4600);
	IS_NUM(dn_rate_get(&r, 5500), UINT64_MAX / 100000, "much");
}

int main(void)
{
	steady(5000);
	steady(UINT32_MAX - 1234); /* the clock wraps */
	windows();
	return tap_done();
}
