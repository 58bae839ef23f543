/* SPDX-License-Identifier: MIT */
/*
 * How it works: the log is opened at the start, so that a wrong URL or an
 * unwritable folder shows while the server still works. All items that are
 * to be diverted in one turn are written in one transaction, as undelivered
 * rows without a position, under the key the server would have known them by:
 * so the sweep's publication and one that did arrive are the same.
 *
 * How it fails: one row that cannot be written undoes the transaction, and
 * all of them fail; each is then handed back.
 */
#include "pub.h"

#include <errno.h>
#include <stdlib.h>

int fallback_open(struct pub *p, struct dn_err *err)
{
	const char *url =
	    p->opt.fallback != NULL ? p->opt.fallback : p->tool.log;

	if (url == NULL || strcmp(url, "none") == 0)
		return 0;
	return dn_log_open(&p->log, url, NULL, DN_LOG_CREATE, err);
}

static int put(struct pub *p, const char *tenant, const struct item *item,
    struct dn_err *err)
{
	struct dn_record *r = &p->record;
	struct dn_log_undelivered u = {0};
	struct dn_log_row row = {0};
	char uid[37];
	int rc;

	row.value = (struct dn_str){item->text, item->text_n};
	rc = dn_record_parse(r, row.value, err);
	if (rc < 0)
		return rc;
	row.tenant = dn_str_of(tenant);
	row.channel = r->channel;
	row.request_id = r->request_id;
	row.seq = r->seq;
	row.status = r->status;
	row.ts_us = dn_wall_us();
	dn_uuid(uid);
	u.uid = dn_str_of(uid);
	u.reason = dn_str_of(item->reason);
	u.key = r->idempotency_key;
	u.first_us = u.not_before_us = row.ts_us;
	return dn_log_put_undelivered(p->log, &row, &u, err);
}

static int put_all(struct pub *p, const char *tenant, struct dn_err *err)
{
	struct item *item;
	int rc = dn_log_begin(p->log, err);

	if (rc < 0)
		return rc;
	for (item = p->head; item != NULL && rc == 0; item = item->next)
		if (item->state == ITEM_DIVERT)
			rc = put(p, tenant, item, err);
	if (rc == 0)
		rc = dn_log_commit(p->log, err);
	if (rc < 0)
		dn_log_rollback(p->log);
	return rc;
}

static void settle(struct pub *p, struct item *item, const char *failure)
{
	struct dn_buf b = {0};

	if (failure != NULL) {
		item_fail(p, item, failure);
		return;
	}
	dn_buf_lit(&b, "\"fallback\":\"undelivered\",\"reason\":");
	dn_buf_json_str(&b, dn_str_of(item->reason));
	item_result(item, dn_buf_view(&b));
	dn_buf_release(&b);
}

static bool any(const struct pub *p)
{
	const struct item *item;

	for (item = p->head; item != NULL; item = item->next)
		if (item->state == ITEM_DIVERT)
			return true;
	return false;
}

void fallback_divert(struct pub *p)
{
	const char *tenant, *connected;
	const char *failure = NULL;
	struct dn_err err = {0};
	struct item *item;

	if (p->log == NULL || !any(p))
		return;
	connected = p->client != NULL ? dn_client_tenant(p->client) : NULL;
	tenant = dn_tool_tenant(&p->tool, connected, p->log);
	if (tenant == NULL) {
		failure = "the fallback's tenant is unknown";
	} else if (put_all(p, tenant, &err) < 0) {
		(void)dn_err_wrap(&err, "fallback");
		dn_tool_fail(&p->tool,
		    err.code == -EAGAIN ? DN_EXIT_AGAIN : DN_EXIT_CONFIG, NULL,
		    "%s", err.text);
		failure = err.text;
	}
	for (item = p->head; item != NULL; item = item->next)
		if (item->state == ITEM_DIVERT)
			settle(p, item, failure);
}
