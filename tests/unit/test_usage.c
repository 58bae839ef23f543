/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "conf/usage.h"

int main(void)
{
	struct dn_usage *usage = dn_usage_new();
	struct dn_usage *other = dn_usage_ref(usage);

	OK(dn_usage_enter(usage, 2) && dn_usage_enter(other, 2), "up to it");
	OK(!dn_usage_enter(usage, 2), "not above it");
	IS_NUM(usage->connections, 2, "who was refused does not count");
	OK(dn_usage_enter(usage, 0), "0 is no limit");
	dn_usage_leave(usage);
	dn_usage_leave(usage);
	OK(dn_usage_enter(usage, 2), "who left makes room");
	dn_usage_unref(&usage);
	OK(usage == NULL && other->connections == 2, "one reference is left");
	dn_usage_unref(&other);
	return tap_done();
}
