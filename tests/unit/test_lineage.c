/* SPDX-License-Identifier: MIT */
#include "hub/lineage.h"
#include "tap.h"

int main(void)
{
	struct dn_lineage *list = NULL;
	uint64_t i;

	OK(dn_lineage_of(list, 1) == NULL, "none: the current epoch");
	dn_lineage_add(&list, "empty", 0);
	OK(list == NULL, "an epoch without offsets is not remembered");
	dn_lineage_add(&list, "a", 10);
	dn_lineage_add(&list, "b", 15);
	dn_lineage_add(&list, "none", 15);
	IS_STR(dn_lineage_of(list, 1)->epoch, "a", "the first offset");
	IS_STR(dn_lineage_of(list, 10)->epoch, "a", "the last of an epoch");
	IS_STR(dn_lineage_of(list, 11)->epoch, "b", "the first of the next");
	OK(dn_lineage_of(list, 16) == NULL, "what came later is current");
	for (i = 0; i < 100; i++)
		dn_lineage_add(&list, "x", 16 + i);
	i = 0;
	for (const struct dn_lineage *l = list; l != NULL; l = l->older)
		i++;
	IS_NUM(i, DN_LINEAGE_MAX, "the oldest are forgotten");
	dn_lineage_clear(&list);
	OK(list == NULL, "cleared");
	return tap_done();
}
