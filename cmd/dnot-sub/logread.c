/* SPDX-License-Identifier: MIT */
/*
 * How it works: the log has the stream over all its epochs, in order. Rows
 * behind our position are shown, a slice at a time, until the server's
 * position is reached. A new epoch goes on counting where the log ended, so
 * its first offset tells how much of the old one the log had.
 *
 * How it fails: the log may lag behind the server; it is read again for two
 * seconds without progress, then history has to do. The same where the log
 * does not know the channel's epoch, or cannot be read, which is told once.
 */
#include "sub.h"

#include <errno.h>

#include "base/diag.h"

enum { SLICE = 1000, WAIT_MS = 100, WAITS_MAX = 20 };

bool logread_check(struct sub *p)
{
	struct dn_log *log;
	struct dn_err err = {0};
	int rc;

	if (p->tool.log == NULL)
		return true;
	rc = dn_log_open(&log, p->tool.log, NULL, DN_LOG_READ, &err);
	if (rc == 0)
		dn_log_close(&log);
	if (rc == 0 || rc == -EAGAIN)
		return true;
	dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
	return false;
}

static bool open_log(struct sub *p)
{
	struct dn_err err = {0};
	int rc;

	if (p->tool.log == NULL || p->log_failed)
		return false;
	if (p->log != NULL)
		return true;
	rc = dn_log_open(&p->log, p->tool.log, NULL, DN_LOG_READ, &err);
	if (rc == 0) {
		p->log_tenant = dn_tool_tenant(
		    &p->tool, dn_client_tenant(p->client), p->log);
		p->log_failed = p->log_tenant == NULL;
	} else if (rc != -EAGAIN) {
		dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		p->log_failed = true;
	}
	return rc == 0 && !p->log_failed;
}

bool logread_start(struct chan *c)
{
	if (!open_log(c->sub))
		return false;
	c->fill.kind = FILL_LOG;
	c->fill.waits = 0;
	c->fill.moved = false;
	fill_later(c, 0);
	return true;
}

/* Under which offset the row stands, if any is missing before it. */
static void check_hole(struct chan *c, const struct dn_log_row *row)
{
	if (row->offset > c->offset + 1)
		sub_gap(c, c->offset + 1, row->offset - 1,
		    "the log does not have them");
	if (dn_str_is(row->epoch, place_epoch(c)))
		return;
	c->proven = row->offset - 1;
	place_set(c, row->epoch, row->offset - 1);
}

static int on_row(void *arg, const struct dn_log_row *row)
{
	struct chan *c = arg;
	struct dn_err err = {0};

	if (row->offset == 0)
		return 0;
	check_hole(c, row);
	c->fill.waits++; /* counts rows of this slice */
	if (dn_record_parse(&c->sub->record, row->value, &err) == 0) {
		show_record(c, SUB_REPLAY, row->offset);
	} else {
		dn_diag(DN_WARN, NULL,
		    "%s: row %lld of the log is no record: %s", c->name,
		    (long long)row->id, err.text);
		place_advance(c, row->offset);
	}
	return c->sub->finishing ? 1 : 0;
}

/* Whether the server's position is reached. Where the last row is of the old
 * epoch, both must have ended at the same offset. */
static bool reached(const struct chan *c)
{
	bool same = strcmp(place_epoch(c), c->fill.epoch) == 0;

	return same ? c->offset >= c->fill.target
		    : c->fill.moved && c->offset == c->fill.target;
}

static void finish(struct chan *c)
{
	if (strcmp(place_epoch(c), c->fill.epoch) != 0) {
		c->proven = c->offset;
		place_set(c, dn_str_of(c->fill.epoch), c->offset);
	}
	chan_live(c);
}

/* The log does not get there. */
static void give_up(struct chan *c)
{
	if (strcmp(place_epoch(c), c->fill.epoch) == 0)
		fill_pages(c, c->fill.target, false);
	else
		change_from_history(c);
}

void logread_step(struct chan *c)
{
	struct sub *p = c->sub;
	unsigned waits = c->fill.waits;
	struct dn_err err = {0};
	int rc;

	c->fill.waits = 0;
	rc = dn_log_read_after(p->log, dn_str_of(p->log_tenant),
	    dn_str_of(c->name), dn_str_of(place_epoch(c)), c->offset, 0, SLICE,
	    on_row, c, &err);
	if (p->finishing)
		return;
	if (rc < 0 && rc != -EAGAIN) {
		dn_diag(
		    rc == -ENOENT ? DN_INFO : DN_WARN, NULL, "%s", err.text);
		give_up(c);
	} else if (c->fill.waits > 0) {
		c->fill.moved = true;
		c->fill.waits = 0;
		fill_later(c, 0);
	} else if (rc == 0 && reached(c)) {
		finish(c);
	} else if (waits >= WAITS_MAX) {
		give_up(c);
	} else {
		c->fill.waits = waits + 1;
		fill_later(c, WAIT_MS);
	}
}
