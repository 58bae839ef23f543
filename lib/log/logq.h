/* SPDX-License-Identifier: MIT */
/*
 * logq: the queue between the owner loops and the log: one thread that takes
 * whatever is waiting, commits it as one group and tells each loop.
 *
 * Writes are handled in the order in which they were pushed. Those of a
 * group are committed together; while the log is away (-EAGAIN, -EIO) the
 * thread tries the group again until it succeeds or dn_logq_stop gives up, so
 * the order of a channel never breaks. A write that is refused for its own
 * sake (-EEXIST, -EINVAL) fails alone. Reads are handled in their own order:
 * each sees every earlier write (and may see later ones), none delays a
 * write by more than some 20 ms, and while the log is away each that waits
 * fails at once. A loop gets its writes back in order, and its reads in
 * order, but a write may come back before an earlier read.
 *
 * Ownership: push takes the request; the poster gives it back to the loop
 *   that pushed it, with status set; that loop frees it with
 *   dn_logreq_free.
 * Limits: bytes of waiting requests, reserved before a publication gets its
 *   offset (dn_logq_reserve), so a push itself never fails.
 * Errors: status of a request: 0; -EAGAIN a write that was given up at the
 *   stop, a read while the log is away; other codes of log.h.
 * Thread: push, reserve and the counters from any thread; the poster is
 *   called on the log's thread, with no lock held. Before dn_logq_stop every
 *   other thread has done its last push.
 */
#ifndef DN_LOGQ_H
#define DN_LOGQ_H

#include "base/buf.h"
#include "log/log.h"

enum dn_logreq_op {
	DN_LOGREQ_RECORD,      /* row, open */
	DN_LOGREQ_UNDELIVERED, /* row, undelivered */
	DN_LOGREQ_DELIVERED,   /* row.tenant, channel, epoch, offset */
	DN_LOGREQ_TAKEN,       /* undelivered.uid or the position in row */
	DN_LOGREQ_REMOVED,     /* row: tenant, channel, epoch, offset */
	DN_LOGREQ_POSITION,    /* row: tenant, channel, epoch, offset;
				  removed */
	DN_LOGREQ_REVOKED,     /* revoked */
	DN_LOGREQ_READ,        /* dn_log_read of row.*, after, reverse, limit
				  and at most bytes_max of values (one row
				  at least; 0: no bound) */
};

struct dn_logreq {
	struct dn_logreq *next; /* free for the holder's use */
	enum dn_logreq_op op;
	unsigned loop; /* who gets it back */
	bool open;
	bool reverse;
	int status;
	struct dn_log_row row; /* slices into bytes[] below, or into what
				  `keep` keeps alive */
	struct dn_log_undelivered undelivered;
	struct dn_revocation revoked; /* slices as those of row */
	uint64_t after, limit, removed;
	size_t bytes_max;
	size_t reserved; /* bytes given back to the queue's limit when it is
			    done */
	uint64_t order;  /* the queue's own: how many writes came before */
	/* READ: what was found, in order: values as JSON text, with their
	 * offsets; the thread allocates, dn_logreq_free releases. */
	struct dn_logrow {
		uint64_t offset;
		int64_t ts_us;
		struct dn_str value; /* into found_bytes */
	} * found;
	size_t found_n;
	char *found_bytes;
	/* Runs on the log's thread, once, before the row is written: makes
	 * row.value and what else is to be made from `keep`, into text and
	 * scratch. NULL: the row is complete. A failure is this request's
	 * status. */
	int (*prepare)(struct dn_logreq *req, struct dn_err *err);
	/* dn_logreq_free hands `keep` to it; NULL: nothing is kept. */
	void (*release)(void *keep);
	void *keep;
	struct dn_buf text, scratch; /* released by dn_logreq_free */
	/* Whoever pushes may hang its own context here. */
	void *ctx;
	void (*done)(void *loop_ctx, struct dn_logreq *req); /* run by the
		loop that gets it back, never by the log's thread */
	char bytes[]; /* room asked for at dn_logreq_new */
};

/* Zeroed, with `bytes` bytes of room behind it. */
DN_MUST_CHECK struct dn_logreq *dn_logreq_new(
    enum dn_logreq_op op, unsigned loop, size_t bytes);
/* Copies s into the request's room, which must have it left; *used counts. */
struct dn_str dn_logreq_copy(
    struct dn_logreq *req, size_t *used, struct dn_str s);
void dn_logreq_free(struct dn_logreq *req);

struct dn_logq;

/* Hands a chain of done requests (linked by next) to loop `loop`. */
typedef void dn_logq_post_fn(void *arg, unsigned loop, struct dn_logreq *done);

struct dn_logq_options {
	size_t bytes_max;           /* of waiting requests */
	unsigned loops;             /* how many loops there are */
	int64_t retention_us;       /* records_retention */
	uint64_t records_bytes_max; /* records_bytes; 0: none */
};

/* Takes the log (already started). */
DN_MUST_CHECK int dn_logq_start(struct dn_logq **out, struct dn_log *log,
    const struct dn_logq_options *options, dn_logq_post_fn *post, void *arg,
    struct dn_err *err);
/* False when there is no room; else the bytes are held until the request
 * that carries them in `reserved` is done (or dn_logq_unreserve). */
DN_MUST_CHECK bool dn_logq_reserve(struct dn_logq *q, size_t bytes);
void dn_logq_unreserve(struct dn_logq *q, size_t bytes);
void dn_logq_push(struct dn_logq *q, struct dn_logreq *req);

struct dn_logq_stats {
	uint64_t pending;       /* requests waiting */
	uint64_t pending_bytes; /* reserved */
	uint64_t written;       /* requests written since the start */
	uint64_t groups;        /* commits */
	uint64_t retries;       /* failed commits */
	bool away;              /* the last try failed */
};
void dn_logq_stats(struct dn_logq *q, struct dn_logq_stats *stats);

/* Writes what waits, for at most timeout_us (and a second more, when the log
 * is locked just then); with clean (and nothing left) marks the clean stop.
 * What is given up comes back with -EAGAIN. Joins the thread and closes the
 * log. Gives the number of writes that could not be kept, refused ones
 * included. */
DN_MUST_CHECK uint64_t dn_logq_stop(
    struct dn_logq **q, bool clean, int64_t timeout_us);

#endif
