/* SPDX-License-Identifier: MIT */
#include "tool/backoff.h"

int64_t dn_backoff_us(unsigned tries, int64_t min_us, int64_t max_us,
    uint64_t (*below)(uint64_t bound))
{
	int64_t span = min_us, wait;

	DN_ASSERT(min_us > 0 && max_us >= min_us);
	while (tries-- > 0 && span < max_us)
		span *= 2;
	if (span > max_us)
		span = max_us;
	wait = min_us + (int64_t)below((uint64_t)span + 1);
	return wait < max_us ? wait : max_us;
}
