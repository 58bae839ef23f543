/* SPDX-License-Identifier: MIT */
/* Newest first; the tops descend from entry to entry. */
#include <stdlib.h>

#include "hub/lineage.h"

void dn_lineage_clear(struct dn_lineage **list)
{
	while (*list != NULL) {
		struct dn_lineage *first = *list;

		*list = first->older;
		free(first);
	}
}

void dn_lineage_add(struct dn_lineage **list, const char *epoch, uint64_t top)
{
	struct dn_lineage *entry;
	unsigned n;

	if (top == 0 || (*list != NULL && (*list)->top >= top))
		return; /* an epoch in which nothing was given out */
	entry = dn_xcalloc(1, sizeof(*entry));
	DN_ASSERT(strlen(epoch) < sizeof(entry->epoch));
	memcpy(entry->epoch, epoch, strlen(epoch));
	entry->top = top;
	entry->older = *list;
	*list = entry;
	for (n = 1; entry->older != NULL && n < DN_LINEAGE_MAX; n++)
		entry = entry->older;
	dn_lineage_clear(&entry->older);
}

const struct dn_lineage *dn_lineage_of(
    const struct dn_lineage *list, uint64_t offset)
{
	const struct dn_lineage *found = NULL;

	for (; list != NULL && list->top >= offset; list = list->older)
		found = list;
	return found;
}

bool dn_lineage_has(const struct dn_lineage *list, struct dn_str epoch)
{
	for (; list != NULL; list = list->older)
		if (dn_str_is(epoch, list->epoch))
			return true;
	return false;
}
