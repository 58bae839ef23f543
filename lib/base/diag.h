/* SPDX-License-Identifier: MIT */
/*
 * diag: what a program tells its operator: one JSON object a line on stderr
 * ({"time":...,"level":...,"program":...,"message":...,FIELDS}).
 *
 * Secrets never go in; callers hand over names and reasons, not payloads.
 *
 * Limits: a line is at most 8 KiB; longer texts are cut and say so.
 * Errors: none; a stderr that cannot be written is ignored.
 * Thread: any; a line is written with one write(2).
 */
#ifndef DN_DIAG_H
#define DN_DIAG_H

#include "base/base.h"

enum dn_level {
	DN_ERROR,
	DN_WARN,
	DN_INFO, /* the default threshold of dnot-serve; tools: DN_WARN */
	DN_DEBUG,
};

/* Once, before threads start. The name is kept. */
void dn_diag_init(const char *program, enum dn_level threshold);

/* fields is NULL or JSON members without braces: "\"port\":1". */
void dn_diag(enum dn_level level, const char *fields, const char *fmt, ...)
    DN_PRINTF(3, 4);

#endif
