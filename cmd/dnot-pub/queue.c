/* SPDX-License-Identifier: MIT */
/*
 * How it works: items stand in input order, at most PUB_IN_FLIGHT. queue_run
 * sends the queued ones in that order and prints done ones off the front.
 * `unsent` remembers where the first queued one is; whatever puts an earlier
 * one back sets `rescan`.
 *
 * How it fails: a lost connection puts sent items back to QUEUED, and they go
 * out again, first of all, under the same identity. A temporary error HOLDs
 * its item for a while, and those behind it wait, so that order is kept as
 * far as it can be. An item past its deadline goes to the fallback, or
 * fails. A refused one is done at once. While the server was never reached
 * (`away`) items go straight to the fallback.
 *
 * A reply may come after its item was given up: such an item stays in memory
 * (`outstanding`) until then.
 */
#include "pub.h"

#include <errno.h>
#include <stdlib.h>

#include "base/diag.h"
#include "tool/backoff.h"

enum {
	RETRY_MIN_US = 100000,
	RETRY_MAX_US = 2000000,
	/* How much longer than --timeout we wait for the answer of a server
	 * that was told to answer by then. */
	GRACE_US = 2000000,
};

static void done(struct item *item)
{
	item->state = ITEM_DONE;
}

/* The new reason may be the old one. */
static void set_reason(struct item *item, const char *reason)
{
	char *copy = dn_xstrdup(reason);

	free(item->reason);
	item->reason = copy;
}

void item_result(struct item *item, struct dn_str members)
{
	item->result = dn_xstrndup(members.p, members.n);
	done(item);
}

void item_fail(struct pub *p, struct item *item, const char *reason)
{
	set_reason(item, reason);
	item->failed = true;
	p->failed_n++;
	dn_tool_exit(&p->tool, DN_EXIT_AGAIN);
	done(item);
}

void item_refuse(
    struct pub *p, struct item *item, unsigned code, struct dn_str message)
{
	enum dn_exit exit_code =
	    code == 101 || code == 103 ? DN_EXIT_REFUSED : DN_EXIT_DATA;
	struct dn_buf fields = {0};

	item->code = code;
	free(item->reason);
	item->reason = dn_xstrndup(message.p, message.n);
	item->failed = item->text_n > 0;
	dn_buf_printf(&fields, "\"line\":%llu,\"code\":%u",
	    (unsigned long long)item->line, code);
	dn_buf_byte(&fields, '\0');
	dn_tool_fail(&p->tool, exit_code, fields.p, "line %llu: %s",
	    (unsigned long long)item->line, item->reason);
	dn_buf_release(&fields);
	done(item);
}

/* The server did not take it for now. */
static void not_taken(struct pub *p, struct item *item, const char *reason)
{
	if (p->log == NULL) {
		item_fail(p, item, reason);
		return;
	}
	set_reason(item, reason);
	item->state = ITEM_DIVERT;
}

/* Arms the timer for the earliest thing that is due, or later: a timer that
 * fires early only looks again. */
static void arm(struct pub *p, int64_t due_us)
{
	int64_t in_us = due_us - dn_mono_us();
	uint64_t ms = in_us > 0 ? (uint64_t)in_us / 1000 + 1 : 0;
	int rc;

	if (uv_is_active((uv_handle_t *)&p->timer) &&
	    uv_timer_get_due_in(&p->timer) <= ms)
		return;
	rc = uv_timer_start(&p->timer, queue_on_timer, ms, 0);
	DN_ASSERT(rc == 0);
}

static void on_temporary(
    struct pub *p, struct item *item, const struct dn_client_reply *reply)
{
	char reason[128];

	(void)snprintf(reason, sizeof(reason), "%u %.*s", reply->code,
	    DN_FMT(reply->message));
	if (dn_mono_us() >= item->deadline_us) {
		not_taken(p, item, reason);
		return;
	}
	dn_diag(DN_INFO, NULL, "line %llu: %s; trying again",
	    (unsigned long long)item->line, reason);
	set_reason(item, reason);
	item->state = ITEM_HELD;
	item->retry_us =
	    dn_mono_us() + dn_backoff_us(item->tries++, RETRY_MIN_US,
			       RETRY_MAX_US, dn_random_below);
	p->rescan = true;
	arm(p, item->retry_us);
}

static bool temporary(const struct dn_client_reply *reply)
{
	return reply->temporary || reply->code == 100 || reply->code == 111;
}

static void on_reply(void *arg, const struct dn_client_reply *reply)
{
	struct item *item = arg;
	struct pub *p = item->pub;
	struct dn_str members = reply->result.raw;

	item->outstanding = false;
	if (!item->queued) {
		*item->link = item->next;
		if (item->next != NULL)
			item->next->link = item->link;
		item_free(item);
		return;
	}
	if (item->state != ITEM_SENT)
		return; /* given up already */
	if (reply->code == DN_CLIENT_LOST) {
		item->state = ITEM_QUEUED;
		p->rescan = true;
	} else if (temporary(reply)) {
		on_temporary(p, item, reply);
	} else if (reply->code != 0) {
		item_refuse(p, item, reply->code, reply->message);
	} else if (reply->result.type == DN_JSON_OBJECT) {
		members.p++;
		members.n -= 2;
		item_result(item, members);
	} else {
		item_result(item, DN_STR(""));
	}
	p->wake = true;
}

/* The record with "wait" and the like: what `publish` takes. */
static int send_item(struct pub *p, struct item *item)
{
	struct dn_buf *b = &p->params;
	int rc;

	dn_buf_reset(b, PUB_LINE_MAX * 2);
	dn_buf_add(b, item->text, item->text_n - 1);
	dn_buf_str(b, p->extras);
	dn_buf_byte(b, '}');
	rc = dn_client_call(
	    p->client, "publish", dn_buf_view(b), on_reply, item);
	if (rc == 0) {
		item->outstanding = true;
		item->state = ITEM_SENT;
	}
	return rc;
}

static void send_queued(struct pub *p)
{
	int64_t now = dn_mono_us();
	struct item *item;
	int rc;

	if (p->client == NULL ||
	    dn_client_state(p->client) != DN_CLIENT_CONNECTED)
		return;
	if (p->rescan)
		p->unsent = p->head;
	p->rescan = false;
	for (item = p->unsent; item != NULL; item = item->next) {
		p->unsent = item;
		if (item->state == ITEM_HELD && item->retry_us > now)
			return;
		if (item->state != ITEM_QUEUED && item->state != ITEM_HELD)
			continue;
		if (item->outstanding)
			return; /* its last try is still awaited */
		rc = send_item(p, item);
		if (rc == -EAGAIN || rc == -ENOTCONN)
			return; /* `drained` or `connected` goes on */
		DN_ASSERT(rc == 0);
	}
	p->unsent = NULL;
}

/* The server does not answer to the end of time. */
static void expire(struct pub *p)
{
	bool connected = p->client != NULL &&
			 dn_client_state(p->client) == DN_CLIENT_CONNECTED;
	int64_t now = dn_mono_us(), due;
	struct item *item;

	for (item = p->head; item != NULL; item = item->next) {
		if (item->state == ITEM_DONE || item->state == ITEM_DIVERT)
			continue;
		due = item->deadline_us;
		if (item->state == ITEM_SENT && connected && p->extras.n > 0)
			due += GRACE_US;
		if (due > now) {
			arm(p, due);
			return; /* those behind it are due later */
		}
		not_taken(p, item,
		    item->state == ITEM_HELD ? item->reason
		    : !connected             ? "unreachable"
					     : "no answer in time");
		p->rescan = true;
	}
}

static void divert_away(struct pub *p)
{
	struct item *item;

	for (item = p->head; item != NULL; item = item->next)
		if (item->state == ITEM_QUEUED)
			not_taken(p, item, "unreachable");
	p->rescan = true;
}

void queue_give_up(struct pub *p)
{
	struct item *item;

	for (item = p->head; item != NULL; item = item->next)
		if (item->state != ITEM_DONE)
			item_fail(p, item, p->end_reason);
	p->rescan = true;
}

/* Keeps it for the reply that will name it. */
static void orphan(struct pub *p, struct item *item)
{
	item->link = &p->orphans;
	item->next = p->orphans;
	if (item->next != NULL)
		item->next->link = &item->next;
	p->orphans = item;
}

static void pop_done(struct pub *p)
{
	struct item *item;

	while ((item = p->head) != NULL && item->state == ITEM_DONE) {
		p->head = item->next;
		if (p->head == NULL)
			p->tail = &p->head;
		if (p->unsent == item)
			p->unsent = item->next;
		p->items--;
		report_item(p, item);
		item->queued = false;
		if (item->outstanding)
			orphan(p, item);
		else
			item_free(item);
	}
}

void queue_add(struct pub *p, struct item *item)
{
	item->pub = p;
	item->deadline_us = dn_mono_us() + p->opt.timeout_us;
	item->queued = true;
	item->next = NULL;
	*p->tail = item;
	p->tail = &item->next;
	p->items++;
	if (p->unsent == NULL)
		p->unsent = item;
	if (item->state == ITEM_QUEUED)
		arm(p, item->deadline_us);
}

void queue_run(struct pub *p)
{
	if (p->ended)
		queue_give_up(p);
	else if (p->away)
		divert_away(p);
	fallback_divert(p);
	send_queued(p);
	pop_done(p);
}

void queue_on_timer(uv_timer_t *timer)
{
	struct pub *p = timer->data;
	struct item *item;

	expire(p);
	for (item = p->head; item != NULL; item = item->next) {
		if (item->state == ITEM_HELD) {
			arm(p, item->retry_us);
			break; /* those behind it wait for it */
		}
	}
	pub_pump(p);
}

void queue_release(struct pub *p)
{
	struct item *item;

	while ((item = p->head) != NULL) {
		p->head = item->next;
		item_free(item);
	}
	p->tail = &p->head;
	while ((item = p->orphans) != NULL) {
		p->orphans = item->next;
		item_free(item);
	}
}
