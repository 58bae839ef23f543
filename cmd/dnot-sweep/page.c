/* SPDX-License-Identifier: MIT */
/*
 * How it works: while the log hands out rows, their strings are appended to
 * one buffer, which may move; so an item first keeps offsets in place of
 * pointers, and they become pointers once the buffer stands still.
 *
 * How it fails: an error of the log empties the page.
 */
#include "page.h"

enum { STRINGS = 9 };

static void strings_of(struct sweep_item *item, struct dn_str *at[STRINGS])
{
	at[0] = &item->row.tenant;
	at[1] = &item->row.channel;
	at[2] = &item->row.epoch;
	at[3] = &item->row.request_id;
	at[4] = &item->row.status;
	at[5] = &item->row.value;
	at[6] = &item->u.uid;
	at[7] = &item->u.reason;
	at[8] = &item->u.key;
}

static int keep_row(void *arg, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, bool taken)
{
	struct sweep_page *page = arg;
	struct sweep_item *item = &page->items[page->count];
	struct dn_str *strings[STRINGS];

	DN_ASSERT(page->count < SWEEP_PAGE);
	*item = (struct sweep_item){.row = *row, .u = *u, .taken = taken};
	strings_of(item, strings);
	for (size_t i = 0; i < STRINGS; i++)
		dn_buf_str(&page->text, *strings[i]);
	page->count++;
	return 0;
}

static void settle(struct sweep_page *page)
{
	const char *at = page->text.p;
	struct dn_str *strings[STRINGS];

	for (size_t i = 0; i < page->count; i++) {
		strings_of(&page->items[i], strings);
		for (size_t s = 0; s < STRINGS; s++) {
			strings[s]->p = at;
			at += strings[s]->n;
		}
	}
}

/* Links each item to the one of its channel that goes before it. */
static void link_channels(struct sweep_page *page)
{
	for (size_t i = 1; i < page->count; i++) {
		struct sweep_item *item = &page->items[i];
		struct sweep_item *other = item;

		while (other-- > page->items) {
			if (dn_str_eq(other->row.channel, item->row.channel)) {
				item->before = other;
				break;
			}
		}
	}
}

int sweep_page_load(struct sweep_page *page, struct dn_log *log,
    struct dn_str tenant, int64_t after, struct dn_err *err)
{
	int rc;

	dn_buf_reset(&page->text, SIZE_MAX);
	page->count = 0;
	rc = dn_log_undelivered(
	    log, tenant, after, SWEEP_PAGE, keep_row, page, err);
	if (rc != 0) {
		page->count = 0;
		return rc;
	}
	settle(page);
	link_channels(page);
	return 0;
}

void sweep_page_release(struct sweep_page *page)
{
	dn_buf_release(&page->text);
	page->count = 0;
}

/* A final row lives during the log's callback only, so the question is asked
 * inside it. */
struct question {
	const struct sweep_item *item;
	const struct dn_sweep_rules *rules;
	struct dn_sweep_plan *plan;
};

static void ask(const struct question *q, const struct dn_log_row *final)
{
	*q->plan = dn_sweep_plan(q->rules, &q->item->row, &q->item->u,
	    q->item->taken, final, dn_wall_us());
}

static int ask_with_final(void *arg, const struct dn_log_row *row)
{
	ask(arg, row);
	return 0;
}

int sweep_item_plan(const struct sweep_item *item, struct dn_log *log,
    const struct dn_sweep_rules *rules, struct dn_sweep_plan *plan,
    struct dn_err *err)
{
	struct question q = {item, rules, plan};
	int rc = 0;

	if (!item->taken && dn_sweep_wants_final(&item->row))
		rc = dn_log_final(log, item->row.tenant, item->row.request_id,
		    ask_with_final, &q, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		ask(&q, NULL);
	return 0;
}
