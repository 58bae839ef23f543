/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "record/since.h"
#include "tap.h"

#define NOW 1000000000000000

static void is(
    const char *text, enum dn_since_kind kind, uint64_t value, int64_t time_us)
{
	struct dn_since since;
	struct dn_err err = {0};

	OK(dn_since_parse(text, NOW, &since, &err) == 0, text);
	IS_NUM(since.kind, kind, "kind");
	IS_NUM(since.value, value, "value");
	IS_NUM(since.time_us, time_us, "time");
}

int main(void)
{
	static const char *const bad[] = {"", "-", "@", "@x", "@-1", "5x",
	    "-5m", "All", "1.", "18446744073709551616", "@9999999999999",
	    "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z",
	    "2026-01-02T25:04:05Z", "2026-01-02T03:04:05+2",
	    "2026-01-02T03:04:05Zx", "1969-01-02T03:04:05Z"};
	struct dn_since since;
	struct dn_err err = {0};
	size_t i;

	is("all", DN_SINCE_ALL, 0, 0);
	is("17", DN_SINCE_OFFSET, 17, 0);
	is("0", DN_SINCE_OFFSET, 0, 0);
	is("-20", DN_SINCE_LAST, 20, 0);
	is("@1764000000", DN_SINCE_TIME, 0, 1764000000000000);
	is("@1.5", DN_SINCE_TIME, 0, 1500000);
	is("1970-01-02T00:00:00Z", DN_SINCE_TIME, 0, 86400000000);
	is("1970-01-02 00:00:00.25Z", DN_SINCE_TIME, 0, 86400250000);
	is("1970-01-02T02:00:00+02:00", DN_SINCE_TIME, 0, 86400000000);
	is("1970-01-01T22:30:00-0130", DN_SINCE_TIME, 0, 86400000000);
	is("5m", DN_SINCE_TIME, 0, NOW - 300000000);
	is("36000d", DN_SINCE_TIME, 0, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		OK(dn_since_parse(bad[i], NOW, &since, &err) == -EINVAL,
		    bad[i]);
	return tap_done();
}
