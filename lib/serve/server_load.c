/* SPDX-License-Identifier: MIT */
/*
 * How it works: the log is read on the calling thread before any loop runs,
 * so the hubs are filled without a lock: records of the window, positions of
 * the last clean stop, what waits in undelivered, what was taken, which
 * tokens are revoked.
 *
 * How it fails: a log that another server holds is "try again" (75), any
 * other trouble with it is the configuration's (78). Rows of tenants and
 * namespaces that the conf does not have, or does not log, are passed over.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/diag.h"
#include "base/exit.h"
#include "serve/server_impl.h"

enum { PAGE = 1000 };

static struct dn_hub *owner(
    struct dn_server *s, struct dn_str tenant, struct dn_str channel)
{
	return s->loops[dn_hub_owner(tenant, channel, s->n)].hub;
}

/* The namespace of a logged channel, or NULL. */
static const struct dn_conf_ns *logged(struct dn_server *s,
    struct dn_str tenant, struct dn_str channel,
    const struct dn_conf_tenant **of)
{
	const struct dn_conf_ns *ns;

	*of = dn_conf_tenant(s->conf, tenant);
	ns = *of != NULL ? dn_conf_ns(*of, channel) : NULL;
	return ns != NULL && ns->log ? ns : NULL;
}

static int on_record(void *arg, const struct dn_log_row *row)
{
	struct dn_server *s = arg;
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns =
	    logged(s, row->tenant, row->channel, &tenant);

	if (ns != NULL)
		dn_hub_load_record(
		    owner(s, row->tenant, row->channel), tenant, ns, row);
	return 0;
}

static int on_position(void *arg, const struct dn_log_position *pos)
{
	struct dn_server *s = arg;
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns =
	    logged(s, pos->tenant, pos->channel, &tenant);

	if (ns != NULL)
		dn_hub_load_position(
		    owner(s, pos->tenant, pos->channel), tenant, ns, pos);
	return 0;
}

static int on_taken(void *arg, struct dn_str uid, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset)
{
	struct dn_server *s = arg;
	unsigned i;

	(void)tenant;
	(void)channel;
	(void)epoch;
	(void)offset;
	for (i = 0; uid.n > 0 && i < s->n; i++)
		dn_hub_load_taken(s->loops[i].hub, uid);
	return 0;
}

struct page {
	struct dn_server *server;
	int64_t last;
	size_t rows;
};

static int on_undelivered(void *arg, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, bool taken)
{
	struct page *p = arg;

	(void)u;
	p->last = row->id;
	p->rows++;
	if (row->offset > 0 && !taken)
		dn_hub_load_undelivered(
		    owner(p->server, row->tenant, row->channel), row->tenant,
		    row->channel, row->epoch, row->offset);
	return 0;
}

static int load_undelivered(
    struct dn_server *s, struct dn_log *log, struct dn_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < s->conf->tenants_n; i++) {
		struct page p = {.server = s};

		do {
			p.rows = 0;
			rc = dn_log_undelivered(log,
			    dn_str_of(s->conf->tenants[i].name), p.last, PAGE,
			    on_undelivered, &p, err);
			if (rc < 0)
				return rc;
		} while (p.rows == PAGE);
	}
	return 0;
}

/* What was accepted once counts, whatever the limit is now. */
static int on_revoked(void *arg, const struct dn_revocation *r)
{
	struct dn_server *s = arg;

	return dn_revoked_add(
	    s->revoked, r, UINT64_MAX, dn_wall_us() / 1000000);
}

static int fill(
    struct dn_server *s, struct dn_log *log, bool clean, struct dn_err *err)
{
	unsigned i;
	int rc = dn_log_scan(
	    log, dn_wall_us() - s->conf->rehydrate_us, on_record, s, err);

	if (rc == 0)
		rc = dn_log_positions(log, on_position, s, err);
	if (rc == 0)
		rc = load_undelivered(s, log, err);
	if (rc == 0)
		rc = dn_log_taken(log, on_taken, s, err);
	if (rc == 0)
		rc = dn_log_revoked(
		    log, dn_wall_us() / 1000000, on_revoked, s, err);
	for (i = 0; rc == 0 && i < s->n; i++)
		dn_hub_loaded(s->loops[i].hub, s->conf, clean);
	return rc;
}

static void post(void *arg, unsigned loop, struct dn_logreq *done)
{
	struct dn_server *s = arg;

	dn_loop_post_log(&s->loops[loop], done);
}

static int start(struct dn_server *s, struct dn_log *log, struct dn_err *err)
{
	const struct dn_logq_options options = {
	    .bytes_max = (size_t)s->conf->log_queue_bytes,
	    .loops = s->n,
	    .retention_us = s->conf->records_retention_us,
	    .records_bytes_max = s->conf->records_bytes,
	};

	return dn_logq_start(&s->logq, log, &options, post, s, err);
}

int dn_server_load(struct dn_server *s)
{
	struct dn_log *log = NULL;
	struct dn_err err = {0};
	uint64_t restarted = 0;
	bool clean = false;
	int rc;

	if (strcmp(s->conf->log, "none") == 0)
		return 0;
	rc = dn_log_open(&log, s->conf->log, NULL, DN_LOG_SERVER, &err);
	if (rc == 0)
		rc = dn_log_start(log, s->conf->dev, &clean, &restarted, &err);
	if (rc == 0)
		rc = fill(s, log, clean, &err);
	if (rc == 0)
		rc = start(s, log, &err);
	if (rc != 0) {
		if (log != NULL)
			dn_log_close(&log);
		dn_diag(
		    DN_ERROR, NULL, "the log %s: %s", s->conf->log, err.text);
		return rc == -EBUSY || rc == -EAGAIN ? DN_EXIT_AGAIN
						     : DN_EXIT_CONFIG;
	}
	if (restarted > 0)
		dn_diag(DN_WARN, NULL,
		    "%" PRIu64 " publications were not judged at the last "
		    "stop and are undelivered now",
		    restarted);
	return 0;
}
