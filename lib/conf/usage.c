/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>

#include "conf/usage.h"

struct dn_usage *dn_usage_new(void)
{
	struct dn_usage *usage = dn_xcalloc(1, sizeof(*usage));

	atomic_init(&usage->refs, 1);
	return usage;
}

struct dn_usage *dn_usage_ref(struct dn_usage *usage)
{
	atomic_fetch_add(&usage->refs, 1);
	return usage;
}

void dn_usage_unref(struct dn_usage **usagep)
{
	struct dn_usage *usage = *usagep;

	*usagep = NULL;
	if (usage != NULL && atomic_fetch_sub(&usage->refs, 1) == 1)
		free(usage);
}

bool dn_usage_enter(struct dn_usage *usage, uint64_t limit)
{
	uint64_t before = atomic_fetch_add(&usage->connections, 1);

	if (limit == 0 || before < limit)
		return true;
	dn_usage_leave(usage);
	return false;
}

void dn_usage_leave(struct dn_usage *usage)
{
	uint64_t before = atomic_fetch_sub(&usage->connections, 1);

	DN_ASSERT(before > 0);
}
