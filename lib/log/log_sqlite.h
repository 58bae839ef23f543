/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite: the embedded kind of log (`sqlite:PATH`), one SQLite database
 * in WAL mode.
 *
 * Ownership: gives a dn_log, closed with dn_log_close.
 * Limits: a value is at most DN_LOG_VALUE_MAX bytes.
 * Errors: those of log.h.
 * Thread: as log.h says.
 */
#ifndef DN_LOG_SQLITE_H
#define DN_LOG_SQLITE_H

#include "log/log.h"

enum {
	DN_LOG_SQLITE_SCHEMA = 2,               /* PRAGMA user_version */
	DN_LOG_SQLITE_APPLICATION = 0x646e6f74, /* "dnot" */
	DN_LOG_VALUE_MAX = 64 << 20
};

/* The URL without its scheme; "" is the default place. */
DN_MUST_CHECK int dn_log_sqlite_open(struct dn_log **out, const char *path,
    const char *base, enum dn_log_mode mode, struct dn_err *err);

#endif
