/* SPDX-License-Identifier: MIT */
/*
 * backoff: how long to wait before the next try.
 *
 * Full jitter, as the Centrifuge SDKs have it: min plus anything up to
 * min * 2^tries, at most max, so that a thousand clients of a server that
 * restarts do not come back in step.
 *
 * Thread: any.
 */
#ifndef DN_BACKOFF_H
#define DN_BACKOFF_H

#include "base/base.h"

/* tries: failed ones so far, from 0. below draws the random part: uniform in
 * [0, bound), as dn_random_below does. */
int64_t dn_backoff_us(unsigned tries, int64_t min_us, int64_t max_us,
    uint64_t (*below)(uint64_t bound));

#endif
