/* SPDX-License-Identifier: MIT */
/*
 * since: where a reader begins: "all", an offset ("17", inclusive), the last N
 * ("-20"), a time ("@1764000000", "2026-01-02T03:04:05Z") or how long ago
 * ("5m").
 *
 * Errors: -EINVAL with the reason.
 * Thread: any.
 */
#ifndef DN_SINCE_H
#define DN_SINCE_H

#include "base/err.h"

struct dn_since {
	enum dn_since_kind {
		DN_SINCE_NOW, /* only what comes from now on */
		DN_SINCE_ALL,
		DN_SINCE_OFFSET, /* value: the first to print */
		DN_SINCE_LAST,   /* value: how many */
		DN_SINCE_TIME,   /* time_us */
	} kind;
	uint64_t value;
	int64_t time_us; /* since 1970 */
};

DN_MUST_CHECK int dn_since_parse(const char *text, int64_t now_us,
    struct dn_since *since, struct dn_err *err);

#endif
