/* SPDX-License-Identifier: MIT */
/*
 * log: picks the kind of log by the URL's scheme; everything else goes
 * through its table of operations.
 *
 * How it fails: a URL that no kind takes is refused here (-EINVAL) with what
 * would be taken; the rest is the kind's own.
 */
#include <errno.h>

#include "log/log.h"
#include "log/log_ops.h"
#include "log/log_sqlite.h"

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int check_sqlite(const char *url, struct dn_err *err)
{
	const char *path = url + strlen("sqlite:");
	size_t n = strlen(path);

	if (starts_with(path, "//") && path[2] != '/')
		return dn_err_set(err, -EINVAL,
		    "log %s: the path follows sqlite: at once, as in "
		    "sqlite:/var/lib/dnot/log.db",
		    url);
	if (n > 0 && path[n - 1] == '/')
		return dn_err_set(err, -EINVAL,
		    "log %s: names a folder, a file is needed", url);
	return 0;
}

int dn_log_check_url(const char *url, struct dn_err *err)
{
	if (strcmp(url, "none") == 0)
		return 0;
	if (starts_with(url, "sqlite:"))
		return check_sqlite(url, err);
	if (starts_with(url, "kafka:"))
		return dn_err_set(err, -EINVAL,
		    "log %s: Kafka is not built into this version of dnot; "
		    "it takes sqlite:PATH",
		    url);
	return dn_err_set(err, -EINVAL,
	    "log %s: unknown kind of log; sqlite:PATH or none", url);
}

int dn_log_open(struct dn_log **out, const char *url, const char *base,
    enum dn_log_mode mode, struct dn_err *err)
{
	int rc = dn_log_check_url(url, err);

	*out = NULL;
	if (rc != 0)
		return rc;
	if (!starts_with(url, "sqlite:"))
		return dn_err_set(
		    err, -EINVAL, "log %s: there is nothing to open", url);
	return dn_log_sqlite_open(
	    out, url + strlen("sqlite:"), base, mode, err);
}

void dn_log_close(struct dn_log **log)
{
	if (*log == NULL)
		return;
	DN_CHECK(*log, DN_LOG_MAGIC);
	(*log)->magic = 0;
	(*log)->ops->close(*log);
	*log = NULL;
}

int dn_log_begin(struct dn_log *log, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->begin(log, err);
}

int dn_log_commit(struct dn_log *log, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->commit(log, err);
}

void dn_log_rollback(struct dn_log *log)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	log->ops->rollback(log);
}

int dn_log_put(struct dn_log *log, const struct dn_log_row *row, bool open,
    struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put(log, row, open, err);
}

int dn_log_put_undelivered(struct dn_log *log, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_undelivered(log, row, u, err);
}

int dn_log_put_delivered(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_delivered(
	    log, tenant, channel, epoch, offset, err);
}

int dn_log_put_taken(struct dn_log *log, struct dn_str uid,
    struct dn_str tenant, struct dn_str channel, struct dn_str epoch,
    uint64_t offset, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_taken(
	    log, uid, tenant, channel, epoch, offset, err);
}

int dn_log_put_removed(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_removed(log, tenant, channel, epoch, offset, err);
}

int dn_log_read(struct dn_log *log, struct dn_str tenant, struct dn_str channel,
    struct dn_str epoch, uint64_t after, bool reverse, uint64_t limit,
    dn_log_row_fn *fn, void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->read(
	    log, tenant, channel, epoch, after, reverse, limit, fn, arg, err);
}

int dn_log_read_after(struct dn_log *log, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset,
    int64_t since_us, uint64_t limit, dn_log_row_fn *fn, void *arg,
    struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->read_after(
	    log, tenant, channel, epoch, offset, since_us, limit, fn, arg, err);
}

int dn_log_scan(struct dn_log *log, int64_t since_us, dn_log_row_fn *fn,
    void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->scan(log, since_us, fn, arg, err);
}

int dn_log_start(struct dn_log *log, bool dev, bool *clean, uint64_t *restarted,
    struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->start(log, dev, clean, restarted, err);
}

int dn_log_positions(
    struct dn_log *log, dn_log_position_fn *fn, void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->positions(log, fn, arg, err);
}

int dn_log_put_position(
    struct dn_log *log, const struct dn_log_position *pos, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_position(log, pos, err);
}

int dn_log_put_revoked(
    struct dn_log *log, const struct dn_revocation *r, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->put_revoked(log, r, err);
}

int dn_log_stop(struct dn_log *log, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->stop(log, err);
}

bool dn_log_dev(struct dn_log *log)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->dev(log);
}

int dn_log_taken(
    struct dn_log *log, dn_log_taken_fn *fn, void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->taken(log, fn, arg, err);
}

int dn_log_revoked(struct dn_log *log, int64_t now_s, dn_log_revoked_fn *fn,
    void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->revoked(log, now_s, fn, arg, err);
}

int dn_log_trim(struct dn_log *log, int64_t before_us, uint64_t max_bytes,
    uint64_t slice, uint64_t *removed, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->trim(log, before_us, max_bytes, slice, removed, err);
}

int dn_log_sweep_lock(
    struct dn_log *log, struct dn_str tenant, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->sweep_lock(log, tenant, err);
}

int dn_log_undelivered(struct dn_log *log, struct dn_str tenant, int64_t after,
    uint64_t limit, dn_log_undelivered_fn *fn, void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->undelivered(log, tenant, after, limit, fn, arg, err);
}

int dn_log_final(struct dn_log *log, struct dn_str tenant,
    struct dn_str request_id, dn_log_row_fn *fn, void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->final(log, tenant, request_id, fn, arg, err);
}

int dn_log_sweep_done(struct dn_log *log, int64_t id, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->sweep_done(log, id, err);
}

int dn_log_sweep_retry(struct dn_log *log, int64_t id, int64_t attempts,
    int64_t not_before_us, struct dn_str reason, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->sweep_retry(
	    log, id, attempts, not_before_us, reason, err);
}

int dn_log_sweep_bury(
    struct dn_log *log, int64_t id, struct dn_str reason, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->sweep_bury(log, id, reason, err);
}

int dn_log_dead(struct dn_log *log, struct dn_str tenant, dn_log_row_fn *fn,
    void *arg, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->dead(log, tenant, fn, arg, err);
}

int dn_log_requeue(struct dn_log *log, struct dn_str tenant, int64_t id,
    uint64_t *moved, struct dn_err *err)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	return log->ops->requeue(log, tenant, id, moved, err);
}

void dn_log_idle(struct dn_log *log)
{
	DN_CHECK(log, DN_LOG_MAGIC);
	log->ops->idle(log);
}
