/* SPDX-License-Identifier: MIT */
/*
 * log: the durable record, blocking. One interface for each kind of log;
 * today SQLite (`sqlite:PATH`), which log_sqlite.c implements.
 *
 * Tables (docs/LOG.md): records, final, undelivered, dead, as people query
 * them, and dnot's own: meta (schema version, clean stop), positions (offset
 * and epoch of each channel at a clean stop), open (publications whose
 * delivery is not judged yet), taken (undelivered ids that were taken later),
 * revoked (tokens that count no more).
 *
 * Ownership: rows that are handed in are borrowed; rows that are handed out
 *   are valid during the callback.
 * Errors: negative -errno style codes with a text: -EBUSY another server (or
 *   sweep) holds it, -EAGAIN the log is away for now (locked for more than
 *   1 s, disk full), -ENOENT no such log, -EACCES not writable, -EPROTO a log
 *   of another schema version or no dnot log, -EIO a damaged one, -EINVAL a
 *   bad URL or value, -EEXIST a record whose position another one has.
 * Thread: one at a time; every call may block. Never on a loop.
 */
#ifndef DN_LOG_H
#define DN_LOG_H

#include "auth/revoked.h"
#include "base/err.h"

struct dn_log;

enum dn_log_mode {
	DN_LOG_SERVER, /* creates it, holds the server lock */
	DN_LOG_CREATE, /* creates it (dnot-pub's fallback) */
	DN_LOG_TOOL,   /* must exist; read and write */
	DN_LOG_READ,   /* must exist; read only */
};

/* One row of any table. Strings that are unset have n == 0; seq is -1 when
 * unset. value is the record as JSON text. */
struct dn_log_row {
	int64_t id;
	struct dn_str tenant;
	struct dn_str channel;
	uint64_t offset; /* 0: has none */
	struct dn_str epoch;
	struct dn_str request_id;
	int64_t seq;
	struct dn_str status;
	int64_t ts_us;
	struct dn_str value;
};

/* `undelivered{id,reason,attempts,first,not_before}`: also a member of the
 * row's value, so that every reader sees it. */
struct dn_log_undelivered {
	struct dn_str uid;    /* made once (UUID), names it for ever */
	struct dn_str reason; /* no_subscriber, slow, disconnected, deadline,
				 restart, unreachable, ... */
	struct dn_str key;    /* idempotency key for one that has no position */
	int64_t attempts;
	int64_t first_us;      /* when it first failed */
	int64_t not_before_us; /* earliest next try */
};

/* "sqlite:PATH"; "sqlite:" is ${XDG_STATE_HOME:-$HOME/.local/state}/dnot/
 * log.db, folders made. `base` (may be NULL) is the folder that a relative
 * path is relative to. */
DN_MUST_CHECK int dn_log_open(struct dn_log **out, const char *url,
    const char *base, enum dn_log_mode mode, struct dn_err *err);
/* Syntax only, for --check-config; "none" passes, though there is nothing to
 * open. */
DN_MUST_CHECK int dn_log_check_url(const char *url, struct dn_err *err);
void dn_log_close(struct dn_log **log);

/* One transaction around the writes below, which all need one. A commit that
 * fails has rolled back. */
DN_MUST_CHECK int dn_log_begin(struct dn_log *log, struct dn_err *err);
DN_MUST_CHECK int dn_log_commit(struct dn_log *log, struct dn_err *err);
void dn_log_rollback(struct dn_log *log);

/* Into records; with `open` also into open; a terminal status with a
 * request_id also into final. The same record at the same position again is
 * a success, another one there -EEXIST. */
DN_MUST_CHECK int dn_log_put(struct dn_log *log, const struct dn_log_row *row,
    bool open, struct dn_err *err);
/* Into undelivered, and out of open. A terminal one without a records row
 * (offset 0) also into final. The row's value gets its `undelivered` member
 * here. A uid that is there already is a success and changes nothing. */
DN_MUST_CHECK int dn_log_put_undelivered(struct dn_log *log,
    const struct dn_log_row *row, const struct dn_log_undelivered *u,
    struct dn_err *err);
/* Out of open: somebody took it. */
DN_MUST_CHECK int dn_log_put_delivered(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err);
/* An undelivered one was taken after all: remembered until the sweep removes
 * its row. By uid, or (uid unset) by position. */
DN_MUST_CHECK int dn_log_put_taken(struct dn_log *log, struct dn_str uid,
    struct dn_str tenant, struct dn_str channel, struct dn_str epoch,
    uint64_t offset, struct dn_err *err);
/* history_remove: the records stay; what is at or below `offset` of that
 * epoch is no longer history (kept in positions). */
DN_MUST_CHECK int dn_log_put_removed(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err);
/* Replaces what is there about the same token or user. */
DN_MUST_CHECK int dn_log_put_revoked(
    struct dn_log *log, const struct dn_revocation *r, struct dn_err *err);

/* Reads of `records`. The callback returns 0 to go on, anything else to
 * stop; that value is then returned. A callback must not call the log, but
 * for those of dn_log_undelivered and dn_log_dead, which may. */
typedef int dn_log_row_fn(void *arg, const struct dn_log_row *row);

/* One channel's stream in one epoch: offset > after and above what
 * history_remove cut, ascending, at most limit rows; reverse: offset < after
 * (0: from the newest), descending. */
DN_MUST_CHECK int dn_log_read(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t after, bool reverse,
    uint64_t limit, dn_log_row_fn *fn, void *arg, struct dn_err *err);
/* One channel over its epochs, for dnot-sub: rows in log order behind the
 * position (epoch, offset), or from since_us on when epoch is unset (0: all).
 * -ENOENT when the log never saw that epoch. */
DN_MUST_CHECK int dn_log_read_after(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    int64_t since_us, uint64_t limit, dn_log_row_fn *fn, void *arg,
    struct dn_err *err);
/* Every record of every tenant with ts_us >= since_us, in log order. */
DN_MUST_CHECK int dn_log_scan(struct dn_log *log, int64_t since_us,
    dn_log_row_fn *fn, void *arg, struct dn_err *err);

/* Server start and stop. `clean` tells whether the last server stopped
 * cleanly; from dn_log_start on until dn_log_stop the log counts as dirty.
 * It turns every row of open into an undelivered one, reason `restart`
 * (*restarted counts them). `dev` is remembered so that tools can tell a
 * --dev log (dn_log_dev). */
DN_MUST_CHECK int dn_log_start(struct dn_log *log, bool dev, bool *clean,
    uint64_t *restarted, struct dn_err *err);
struct dn_log_position {
	struct dn_str tenant;
	struct dn_str channel;
	struct dn_str epoch;
	uint64_t offset;
	uint64_t removed; /* history at or below is removed */
};
/* Visits where each channel stood, as far as the log knows: its position at
 * the last clean stop (or removal), or behind that where records tell. */
typedef int dn_log_position_fn(void *arg, const struct dn_log_position *pos);
DN_MUST_CHECK int dn_log_positions(
    struct dn_log *log, dn_log_position_fn *fn, void *arg, struct dn_err *err);
/* Inside a transaction: replaces one channel's position. */
DN_MUST_CHECK int dn_log_put_position(
    struct dn_log *log, const struct dn_log_position *pos, struct dn_err *err);
/* Marks the clean stop. */
DN_MUST_CHECK int dn_log_stop(struct dn_log *log, struct dn_err *err);
bool dn_log_dev(struct dn_log *log);
/* Visits the undelivered uids that were taken already (table taken). */
typedef int dn_log_taken_fn(void *arg, struct dn_str uid, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset);
DN_MUST_CHECK int dn_log_taken(
    struct dn_log *log, dn_log_taken_fn *fn, void *arg, struct dn_err *err);
/* Visits the revoked tokens that are not over at now_s. */
typedef int dn_log_revoked_fn(void *arg, const struct dn_revocation *r);
DN_MUST_CHECK int dn_log_revoked(struct dn_log *log, int64_t now_s,
    dn_log_revoked_fn *fn, void *arg, struct dn_err *err);

/* Retention, in small slices: removes the oldest records older than
 * before_us or beyond max_bytes (0: no bound) of database size, never one
 * that is undelivered or open. Looks at no more than `slice` rows a call; 1:
 * there may be more to do, 0: this round is over. *removed may be 0 in both
 * cases. */
DN_MUST_CHECK int dn_log_trim(struct dn_log *log, int64_t before_us,
    uint64_t max_bytes, uint64_t slice, uint64_t *removed, struct dn_err *err);

/* Housekeeping that can wait until nothing else is to do (SQLite: a
 * checkpoint, free pages given back). What fails is tried again next time. */
void dn_log_idle(struct dn_log *log);

/* The sweep's side. One sweep a tenant: -EBUSY. The lock is held until the
 * log is closed; a handle holds one. */
DN_MUST_CHECK int dn_log_sweep_lock(
    struct dn_log *log, struct dn_str tenant, struct dn_err *err);
typedef int dn_log_undelivered_fn(void *arg, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, bool taken);
/* Rows of undelivered of one tenant by id, from id > after; `taken` tells
 * whether table taken has its uid or position. */
DN_MUST_CHECK int dn_log_undelivered(struct dn_log *log, struct dn_str tenant,
    int64_t after, uint64_t limit, dn_log_undelivered_fn *fn, void *arg,
    struct dn_err *err);
/* The last terminal record of a request: 1 found (callback ran), 0 none. */
DN_MUST_CHECK int dn_log_final(struct dn_log *log, struct dn_str tenant,
    struct dn_str request_id, dn_log_row_fn *fn, void *arg, struct dn_err *err);
/* Each of these is its own short transaction. A row that is gone is a
 * success. An empty reason keeps the one that is there. */
DN_MUST_CHECK int dn_log_sweep_done(
    struct dn_log *log, int64_t id, struct dn_err *err);
DN_MUST_CHECK int dn_log_sweep_retry(struct dn_log *log, int64_t id,
    int64_t attempts, int64_t not_before_us, struct dn_str reason,
    struct dn_err *err);
/* undelivered -> dead, its value with the whole story. */
DN_MUST_CHECK int dn_log_sweep_bury(
    struct dn_log *log, int64_t id, struct dn_str reason, struct dn_err *err);
/* Lists dead (value as it is) and puts one (id) or all (id == 0) back into
 * undelivered under the same uid, with attempts 0 and `first` now (else it
 * would be too old at once); *moved counts. */
DN_MUST_CHECK int dn_log_dead(struct dn_log *log, struct dn_str tenant,
    dn_log_row_fn *fn, void *arg, struct dn_err *err);
DN_MUST_CHECK int dn_log_requeue(struct dn_log *log, struct dn_str tenant,
    int64_t id, uint64_t *moved, struct dn_err *err);

#endif
