/* SPDX-License-Identifier: MIT */
/*
 * How it works: --dry-run walks the same pages and asks the same questions as
 * a pass, and prints the answers; it takes no lock and changes nothing.
 * --dead prints the buried records with the id that --requeue takes.
 *
 * How it fails: errors of the log end it; a reader of stdout that went away
 * ends it quietly.
 */
#include "sweep_tool.h"

#include <stdlib.h>

#include "page.h"

static void member(struct dn_buf *out, const char *name, struct dn_str text)
{
	if (text.n == 0)
		return;
	dn_buf_printf(out, ",\"%s\":", name);
	dn_buf_json_str(out, text);
}

static void describe(struct dn_buf *out, const struct sweep_item *item,
    const struct dn_sweep_plan *plan)
{
	int64_t age_us = dn_wall_us() - item->u.first_us;

	dn_buf_printf(out, "{\"id\":%lld,\"action\":\"%s\",\"why\":\"%s\"",
	    (long long)item->row.id, dn_sweep_action_name(plan->action),
	    plan->reason);
	member(out, "channel", item->row.channel);
	member(out, "request_id", item->row.request_id);
	if (item->row.seq >= 0)
		dn_buf_printf(out, ",\"seq\":%lld", (long long)item->row.seq);
	member(out, "status", item->row.status);
	member(out, "reason", item->u.reason);
	dn_buf_printf(out, ",\"attempts\":%lld,\"age_ms\":%lld}\n",
	    (long long)item->u.attempts, (long long)(age_us / 1000));
}

static bool describe_page(struct sweep *s, const struct sweep_page *page,
    struct dn_buf *out, uint64_t *acted)
{
	struct dn_sweep_plan plan;
	struct dn_err err = {0};

	for (size_t i = 0; i < page->count && *acted < s->limit; i++) {
		if (sweep_item_plan(
			&page->items[i], s->log, &s->rules, &plan, &err) < 0) {
			sweep_log_failed(s, &err);
			return false;
		}
		*acted += plan.action != DN_SWEEP_LEAVE;
		describe(out, &page->items[i], &plan);
	}
	return true;
}

void sweep_dry_run(struct sweep *s)
{
	struct sweep_page *page = dn_xcalloc(1, sizeof(*page));
	struct dn_buf out = {0};
	struct dn_err err = {0};
	uint64_t acted = 0;
	int64_t after = 0;

	while (acted < s->limit) {
		if (sweep_page_load(
			page, s->log, dn_str_of(s->tenant), after, &err) < 0) {
			sweep_log_failed(s, &err);
			break;
		}
		if (page->count == 0 || !describe_page(s, page, &out, &acted) ||
		    !dn_tool_print(&s->tool, dn_buf_view(&out)))
			break;
		dn_buf_reset(&out, SIZE_MAX);
		after = page->items[page->count - 1].row.id;
	}
	sweep_page_release(page);
	free(page);
	dn_buf_release(&out);
}

/* The record as it lies in dead, with the id in front. */
static int print_dead(void *arg, const struct dn_log_row *row)
{
	struct sweep *s = arg;
	struct dn_buf out = {0};
	bool ok;

	dn_buf_printf(&out, "{\"id\":%lld,", (long long)row->id);
	DN_ASSERT(row->value.n > 2 && row->value.p[0] == '{');
	dn_buf_json_raw(
	    &out, (struct dn_str){row->value.p + 1, row->value.n - 1});
	dn_buf_byte(&out, '\n');
	ok = dn_tool_print(&s->tool, dn_buf_view(&out));
	dn_buf_release(&out);
	return ok ? 0 : 1;
}

void sweep_list_dead(struct sweep *s)
{
	struct dn_err err = {0};

	if (dn_log_dead(s->log, dn_str_of(s->tenant), print_dead, s, &err) < 0)
		sweep_log_failed(s, &err);
}

/* Finds the row of dead by the id that the record had in undelivered. */
struct search {
	struct dn_str uid;
	int64_t id; /* 0: not found */
};

static int match_uid(void *arg, const struct dn_log_row *row)
{
	struct search *search = arg;
	struct dn_buf scratch = {0};
	struct dn_json value;
	struct dn_err err = {0};
	struct dn_str uid;

	if (dn_json_parse(row->value, &value, &err) == 0 &&
	    value.type == DN_JSON_OBJECT) {
		value = dn_json_member(value, "undelivered");
		if (value.type == DN_JSON_OBJECT &&
		    dn_json_string(
			dn_json_member(value, "id"), &uid, &scratch) &&
		    dn_str_eq(uid, search->uid))
			search->id = row->id;
	}
	dn_buf_release(&scratch);
	return search->id != 0;
}

/* The row's number, 0 for all, or -1. */
static int64_t requeue_id(struct sweep *s, struct dn_err *err)
{
	struct search search = {.uid = dn_str_of(s->requeue)};
	char *end;
	long long id;

	if (strcmp(s->requeue, "all") == 0)
		return 0;
	id = strtoll(s->requeue, &end, 10);
	if (*end == '\0' && end != s->requeue && id > 0)
		return id;
	if (dn_log_dead(s->log, dn_str_of(s->tenant), match_uid, &search, err) <
	    0)
		return -1;
	return search.id != 0 ? search.id : -1;
}

void sweep_requeue(struct sweep *s)
{
	struct dn_buf out = {0};
	struct dn_err err = {0};
	uint64_t moved = 0;
	int64_t id = requeue_id(s, &err);

	if (id >= 0 &&
	    dn_log_requeue(s->log, dn_str_of(s->tenant), id, &moved, &err) < 0)
		id = -1;
	if (err.code != 0) {
		sweep_log_failed(s, &err);
	} else if (moved == 0 && id != 0) {
		dn_tool_fail(&s->tool, DN_EXIT_NONE, NULL,
		    "--requeue %s: no such record in dead", s->requeue);
	} else if (moved > 0) {
		dn_buf_printf(
		    &out, "{\"requeued\":%llu}\n", (unsigned long long)moved);
		if (!dn_tool_print(&s->tool, dn_buf_view(&out)))
			dn_tool_exit(&s->tool, DN_EXIT_AGAIN);
		dn_buf_release(&out);
	}
}
