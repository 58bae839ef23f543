/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "serve/admission.h"

#define SECOND_NS ((int64_t)1000000000)

static bool take(struct dn_admission *a, uint32_t rate, int64_t now_ns)
{
	int64_t full = atomic_load(&a->full_ns);
	int64_t next;

	do {
		next = (full > now_ns ? full : now_ns) + SECOND_NS / rate;
		if (next - now_ns > SECOND_NS)
			return false;
	} while (!atomic_compare_exchange_weak(&a->full_ns, &full, next));
	return true;
}

enum dn_admitted dn_admission_enter(
    struct dn_admission *a, uint32_t limit, uint32_t rate, int64_t mono_us)
{
	uint64_t before = atomic_fetch_add(&a->open, 1);

	if (limit > 0 && before >= limit) {
		dn_admission_leave(a);
		return DN_ADMIT_TOO_MANY;
	}
	if (rate > 0 && !take(a, rate, mono_us * 1000)) {
		dn_admission_leave(a);
		return DN_ADMIT_TOO_FAST;
	}
	return DN_ADMITTED;
}

void dn_admission_leave(struct dn_admission *a)
{
	uint64_t before = atomic_fetch_sub(&a->open, 1);

	DN_ASSERT(before > 0);
}
