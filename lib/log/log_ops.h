/* SPDX-License-Identifier: MIT */
/*
 * log_ops: what a kind of log implements. log.c picks the kind by the URL and
 * calls through this table; the contract of each call is the one of its
 * namesake in log.h.
 *
 * Only log.c and the kinds of log include it.
 */
#ifndef DN_LOG_OPS_H
#define DN_LOG_OPS_H

#include "log/log.h"

enum { DN_LOG_MAGIC = 0x6c6f6721 };

struct dn_log_ops {
	void (*close)(struct dn_log *log);

	int (*begin)(struct dn_log *log, struct dn_err *err);
	int (*commit)(struct dn_log *log, struct dn_err *err);
	void (*rollback)(struct dn_log *log);
	int (*put)(struct dn_log *log, const struct dn_log_row *row, bool open,
	    struct dn_err *err);
	int (*put_undelivered)(struct dn_log *log, const struct dn_log_row *row,
	    const struct dn_log_undelivered *u, struct dn_err *err);
	int (*put_delivered)(struct dn_log *log, struct dn_str tenant,
	    struct dn_str channel, struct dn_str epoch, uint64_t offset,
	    struct dn_err *err);
	int (*put_taken)(struct dn_log *log, struct dn_str uid,
	    struct dn_str tenant, struct dn_str channel, struct dn_str epoch,
	    uint64_t offset, struct dn_err *err);
	int (*put_removed)(struct dn_log *log, struct dn_str tenant,
	    struct dn_str channel, struct dn_str epoch, uint64_t offset,
	    struct dn_err *err);
	int (*put_position)(struct dn_log *log,
	    const struct dn_log_position *pos, struct dn_err *err);
	int (*put_revoked)(struct dn_log *log, const struct dn_revocation *r,
	    struct dn_err *err);

	int (*read)(struct dn_log *log, struct dn_str tenant,
	    struct dn_str channel, struct dn_str epoch, uint64_t after,
	    bool reverse, uint64_t limit, dn_log_row_fn *fn, void *arg,
	    struct dn_err *err);
	int (*read_after)(struct dn_log *log, struct dn_str tenant,
	    struct dn_str channel, struct dn_str epoch, uint64_t offset,
	    int64_t since_us, uint64_t limit, dn_log_row_fn *fn, void *arg,
	    struct dn_err *err);
	int (*scan)(struct dn_log *log, int64_t since_us, dn_log_row_fn *fn,
	    void *arg, struct dn_err *err);

	int (*start)(struct dn_log *log, bool dev, bool *clean,
	    uint64_t *restarted, struct dn_err *err);
	int (*stop)(struct dn_log *log, struct dn_err *err);
	bool (*dev)(struct dn_log *log);
	int (*positions)(struct dn_log *log, dn_log_position_fn *fn, void *arg,
	    struct dn_err *err);
	int (*taken)(struct dn_log *log, dn_log_taken_fn *fn, void *arg,
	    struct dn_err *err);
	int (*revoked)(struct dn_log *log, int64_t now_s, dn_log_revoked_fn *fn,
	    void *arg, struct dn_err *err);
	int (*trim)(struct dn_log *log, int64_t before_us, uint64_t max_bytes,
	    uint64_t slice, uint64_t *removed, struct dn_err *err);
	void (*idle)(struct dn_log *log);

	int (*sweep_lock)(
	    struct dn_log *log, struct dn_str tenant, struct dn_err *err);
	int (*undelivered)(struct dn_log *log, struct dn_str tenant,
	    int64_t after, uint64_t limit, dn_log_undelivered_fn *fn, void *arg,
	    struct dn_err *err);
	int (*final)(struct dn_log *log, struct dn_str tenant,
	    struct dn_str request_id, dn_log_row_fn *fn, void *arg,
	    struct dn_err *err);
	int (*sweep_done)(struct dn_log *log, int64_t id, struct dn_err *err);
	int (*sweep_retry)(struct dn_log *log, int64_t id, int64_t attempts,
	    int64_t not_before_us, struct dn_str reason, struct dn_err *err);
	int (*sweep_bury)(struct dn_log *log, int64_t id, struct dn_str reason,
	    struct dn_err *err);
	int (*dead)(struct dn_log *log, struct dn_str tenant, dn_log_row_fn *fn,
	    void *arg, struct dn_err *err);
	int (*requeue)(struct dn_log *log, struct dn_str tenant, int64_t id,
	    uint64_t *moved, struct dn_err *err);
};

/* The first member of each kind's own struct. */
struct dn_log {
	uint32_t magic;
	const struct dn_log_ops *ops;
};

#endif
