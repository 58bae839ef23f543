/* SPDX-License-Identifier: MIT */
/*
 * page: some rows of `undelivered`, copied out of the log, so that the log may
 * be written while they are looked at.
 *
 * Ownership: the caller owns the page ({0} is an empty one); rows point into
 *   its text until the next load or the release.
 * Limits: SWEEP_PAGE rows.
 * Errors: those of dn_log_undelivered and dn_log_final.
 * Thread: the main one.
 */
#ifndef DN_SWEEP_PAGE_H
#define DN_SWEEP_PAGE_H

#include "log/log.h"
#include "tool/sweep.h"

enum { SWEEP_PAGE = 256 };

struct sweep_item {
	struct dn_log_row row;
	struct dn_log_undelivered u;
	bool taken;
	struct sweep_item *before; /* the previous one of its channel */
	/* The pass's own. */
	void *owner;
	enum dn_sweep_action action;
	bool unlogged; /* its namespace has no log */
	enum { ITEM_WAITS, ITEM_SENT, ITEM_FINISHED } state;
};

struct sweep_page {
	struct sweep_item items[SWEEP_PAGE];
	size_t count;
	struct dn_buf text;
};

/* Replaces the content by the rows behind id `after`; count 0: no more. */
DN_MUST_CHECK int sweep_page_load(struct sweep_page *page, struct dn_log *log,
    struct dn_str tenant, int64_t after, struct dn_err *err);
void sweep_page_release(struct sweep_page *page);

/* What to do with one item now, with a look into `final` where that
 * matters. */
DN_MUST_CHECK int sweep_item_plan(const struct sweep_item *item,
    struct dn_log *log, const struct dn_sweep_rules *rules,
    struct dn_sweep_plan *plan, struct dn_err *err);

#endif
