/* SPDX-License-Identifier: MIT */
/*
 * usage: what a tenant uses of its limits, over all loops.
 *
 * Ownership: reference-counted; each conf that has the tenant holds one, and
 *   a reload hands it on (dn_conf_adopt), so that counts go on.
 * Thread: any; everything is atomic.
 */
#ifndef DN_USAGE_H
#define DN_USAGE_H

#include "base/base.h"

struct dn_usage {
	_Atomic uint32_t refs;
	_Atomic uint64_t connections;
};

DN_MUST_CHECK struct dn_usage *dn_usage_new(void);
struct dn_usage *dn_usage_ref(struct dn_usage *usage);
void dn_usage_unref(struct dn_usage **usage);

/* One connection more, unless that would be above limit (0: none). True is to
 * be followed by one dn_usage_leave. */
DN_MUST_CHECK bool dn_usage_enter(struct dn_usage *usage, uint64_t limit);
void dn_usage_leave(struct dn_usage *usage);

#endif
