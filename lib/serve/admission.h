/* SPDX-License-Identifier: MIT */
/*
 * admission: how many connections of clients there are, over all loops, and
 * how fast new ones may come.
 *
 * The rate is a token bucket that holds one second's worth (GCRA): after a
 * quiet second as many may come at once as the rate says, then one each time
 * its share of a second has gone by.
 *
 * Ownership: the caller's memory; {0} is a fresh one.
 * Thread: any; everything is atomic.
 */
#ifndef DN_ADMISSION_H
#define DN_ADMISSION_H

#include "base/base.h"

struct dn_admission {
	_Atomic uint64_t open;
	_Atomic int64_t full_ns; /* when the bucket is full again */
};

enum dn_admitted { DN_ADMITTED, DN_ADMIT_TOO_MANY, DN_ADMIT_TOO_FAST };

/* One more; a limit of 0 is none. Whoever is admitted leaves once. */
DN_MUST_CHECK enum dn_admitted dn_admission_enter(
    struct dn_admission *a, uint32_t limit, uint32_t rate, int64_t mono_us);
void dn_admission_leave(struct dn_admission *a);

#endif
