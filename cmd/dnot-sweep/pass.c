/* SPDX-License-Identifier: MIT */
/*
 * How it works: rows come in pages. Up to WINDOW of them are with the server
 * at a time, but of one channel only one, so that the order of a channel's
 * rows is kept whatever becomes of each. An answer is written to the log
 * before the next row of its channel goes out; the page ends when all of it
 * has an outcome, then the next one is loaded.
 *
 * How it fails: what stops a pass (server away, busy, refusing; the log away;
 * a signal) lets nothing new go out, waits for the answers that are still
 * possible, and leaves the rest for the next sweep. A kill between an answer
 * and its commit repeats the call, which the server answers with `already` or
 * `duplicate`. No answer for ANSWER_MS is a server that is away.
 */
#include "sweep_tool.h"

#include <errno.h>
#include <stdlib.h>

#include "attempt.h"
#include "base/diag.h"
#include "page.h"

enum {
	WINDOW = 64,
	ANSWER_MS = 60000,
	NOT_AVAILABLE = 108 /* the server's error */
};

struct pass {
	struct sweep *sweep;
	struct sweep_page page;
	size_t in_flight;
	int64_t after;  /* id of the last row that was loaded */
	uint64_t acted; /* rows that were not left alone */
	bool exhausted; /* there are no further pages */
	bool stopping;
	bool full; /* the client's queue; `drained` will come */
	int64_t started_us;
	uv_timer_t answer;
	struct dn_buf params;
	struct {
		uint64_t scanned, delivered, superseded, already, retried, dead,
		    left;
	} n;
};

static void pump(struct pass *pass);

/* Nothing new goes out from here on. */
static void halt(struct pass *pass)
{
	pass->stopping = true;
}

static void halt_failed(struct pass *pass, int exit_code, const char *text)
{
	if (!pass->stopping)
		dn_tool_fail(&pass->sweep->tool, (enum dn_exit)exit_code, NULL,
		    "%s", text);
	halt(pass);
}

/* The result of a write to the log: what did not reach it stays for the next
 * sweep. */
static bool logged(struct pass *pass, int rc, const struct dn_err *err)
{
	if (rc == 0)
		return true;
	if (!pass->stopping)
		sweep_log_failed(pass->sweep, err);
	halt(pass);
	pass->n.left++;
	return false;
}

static void remove_row(
    struct pass *pass, const struct sweep_item *item, uint64_t *counter)
{
	struct dn_err err = {0};
	int rc = dn_log_sweep_done(pass->sweep->log, item->row.id, &err);

	if (logged(pass, rc, &err))
		(*counter)++;
}

static void bury(
    struct pass *pass, const struct sweep_item *item, const char *reason)
{
	struct dn_err err = {0};
	int rc = dn_log_sweep_bury(
	    pass->sweep->log, item->row.id, dn_str_of(reason), &err);

	if (logged(pass, rc, &err))
		pass->n.dead++;
}

/* A last attempt is first kept like any other, so that its story is whole;
 * dying in between, the next sweep buries the row. */
static void retry(struct pass *pass, const struct sweep_item *item,
    const struct dn_sweep_verdict *verdict)
{
	struct dn_err err = {0};
	int rc = dn_log_sweep_retry(pass->sweep->log, item->row.id,
	    verdict->attempts, verdict->not_before_us, verdict->reason, &err);

	if (!logged(pass, rc, &err))
		return;
	if (verdict->outcome == DN_SWEEP_GIVE_UP)
		bury(pass, item, "too_often");
	else
		pass->n.retried++;
}

static const char *stop_text(int exit_code)
{
	switch (exit_code) {
	case DN_EXIT_UNAVAILABLE:
		return "the connection went before the answer came";
	case DN_EXIT_REFUSED:
		return "the server refuses this key";
	case DN_EXIT_PROTOCOL:
		return "the server's answer to a redelivery is not understood";
	default:
		return "the server cannot take records for now";
	}
}

static void settle(struct pass *pass, struct sweep_item *item,
    const struct dn_sweep_verdict *verdict)
{
	item->state = ITEM_FINISHED;
	switch (verdict->outcome) {
	case DN_SWEEP_DELIVERED:
		remove_row(pass, item, &pass->n.delivered);
		break;
	case DN_SWEEP_REPEATED:
		remove_row(pass, item, &pass->n.already);
		break;
	case DN_SWEEP_RETRY:
	case DN_SWEEP_GIVE_UP:
		retry(pass, item, verdict);
		break;
	case DN_SWEEP_STOP:
		pass->n.left++;
		halt_failed(
		    pass, verdict->exit_code, stop_text(verdict->exit_code));
		break;
	}
}

static void on_no_answer(uv_timer_t *timer)
{
	struct pass *pass = timer->data;

	halt_failed(
	    pass, DN_EXIT_UNAVAILABLE, "the server gave no answer for 60 s");
	/* The replies that are out come no more. */
	uv_stop(&pass->sweep->loop);
}

static void await_answer(struct pass *pass)
{
	int rc;

	if (pass->in_flight == 0)
		rc = uv_timer_stop(&pass->answer);
	else
		rc = uv_timer_start(&pass->answer, on_no_answer, ANSWER_MS, 0);
	DN_ASSERT(rc == 0);
}

static bool wants_log(const struct sweep_item *item)
{
	return item->action == DN_SWEEP_PUBLISH && !item->unlogged;
}

/* Its namespace has no log to wait for: accepted is all there is, and its turn
 * comes again. */
static void turn_unlogged(struct pass *pass, struct sweep_item *item)
{
	item->unlogged = true;
	item->state = ITEM_WAITS;
	pass->n.scanned--;
	pass->acted--;
}

static void on_reply(void *arg, const struct dn_client_reply *reply)
{
	struct sweep_item *item = arg;
	struct pass *pass = item->owner;
	struct dn_sweep_answer answer = {
	    .lost = reply->code == DN_CLIENT_LOST,
	    .code = reply->code,
	    .temporary = reply->temporary,
	    .result = reply->result,
	};
	struct dn_sweep_verdict verdict = dn_sweep_judge(
	    &pass->sweep->rules, item->action, &item->u, &answer, dn_wall_us());

	DN_ASSERT(item->state == ITEM_SENT && pass->in_flight > 0);
	if (reply->code != DN_CLIENT_OK && reply->code != DN_CLIENT_LOST)
		dn_diag(DN_INFO, NULL, "row %lld: error %u %.*s",
		    (long long)item->row.id, reply->code,
		    DN_FMT(reply->message));
	pass->in_flight--;
	await_answer(pass);
	if (reply->code == NOT_AVAILABLE && wants_log(item))
		turn_unlogged(pass, item);
	else
		settle(pass, item, &verdict);
	pump(pass);
}

static void fail_row(
    struct pass *pass, struct sweep_item *item, const char *reason)
{
	struct dn_sweep_verdict verdict = dn_sweep_failed(
	    &pass->sweep->rules, &item->u, reason, dn_wall_us());

	settle(pass, item, &verdict);
}

static int write_params(
    struct pass *pass, const struct sweep_item *item, struct dn_err *err)
{
	dn_buf_reset(&pass->params, SIZE_MAX);
	return item->action == DN_SWEEP_PUBLISH
		   ? sweep_publish_params(&pass->params, item, err)
		   : sweep_redeliver_params(&pass->params, item, err);
}

static void send_row(struct pass *pass, struct sweep_item *item)
{
	struct dn_err err = {0};
	int rc;

	item->owner = pass;
	if (write_params(pass, item, &err) < 0) {
		dn_diag(DN_WARN, NULL, "row %lld: %s", (long long)item->row.id,
		    err.text);
		fail_row(pass, item, "bad_record");
		return;
	}
	rc = dn_client_call(pass->sweep->client,
	    item->action == DN_SWEEP_PUBLISH ? "publish" : "redeliver",
	    dn_buf_view(&pass->params), on_reply, item);
	if (rc == 0) {
		item->state = ITEM_SENT;
		pass->in_flight++;
		await_answer(pass);
	} else if (rc == -EAGAIN) {
		pass->full = true; /* the item waits */
	} else if (rc == -EMSGSIZE) {
		fail_row(pass, item, "too_large");
	} else {
		item->state = ITEM_FINISHED;
		pass->n.left++;
		halt_failed(pass, DN_EXIT_UNAVAILABLE,
		    "the connection to the server went");
	}
}

/* A row's turn. */
static void act(struct pass *pass, struct sweep_item *item,
    const struct dn_sweep_plan *plan)
{
	item->action = plan->action;
	switch (plan->action) {
	case DN_SWEEP_PUBLISH:
	case DN_SWEEP_REDELIVER:
		send_row(pass, item);
		return;
	case DN_SWEEP_ALREADY:
		remove_row(pass, item, &pass->n.already);
		break;
	case DN_SWEEP_SUPERSEDED:
		remove_row(pass, item, &pass->n.superseded);
		break;
	case DN_SWEEP_BURY:
		bury(pass, item, plan->reason);
		break;
	case DN_SWEEP_LEAVE:
		pass->n.left++;
		break;
	}
	item->state = ITEM_FINISHED;
}

static void take_turn(struct pass *pass, struct sweep_item *item)
{
	struct dn_sweep_plan plan;
	struct dn_err err = {0};
	int rc = sweep_item_plan(
	    item, pass->sweep->log, &pass->sweep->rules, &plan, &err);

	if (rc < 0) {
		item->state = ITEM_FINISHED;
		pass->n.scanned++;
		(void)logged(pass, rc, &err);
		return;
	}
	act(pass, item, &plan);
	if (item->state == ITEM_WAITS)
		return; /* no room in the queue: its turn comes again */
	pass->n.scanned++;
	pass->acted += plan.action != DN_SWEEP_LEAVE;
}

static bool has_turn(const struct pass *pass, const struct sweep_item *item)
{
	return item->state == ITEM_WAITS &&
	       (item->before == NULL || item->before->state == ITEM_FINISHED) &&
	       pass->in_flight < WINDOW && !pass->full && !pass->stopping &&
	       pass->acted < pass->sweep->limit;
}

/* Gives turns; true when the whole page has its outcome. */
static bool work_page(struct pass *pass)
{
	bool finished = true;

	for (size_t i = 0; i < pass->page.count; i++) {
		struct sweep_item *item = &pass->page.items[i];

		if (has_turn(pass, item))
			take_turn(pass, item);
		finished = finished && item->state == ITEM_FINISHED;
	}
	return finished;
}

static void load_page(struct pass *pass)
{
	struct sweep *s = pass->sweep;
	struct dn_err err = {0};

	if (sweep_page_load(&pass->page, s->log, dn_str_of(s->tenant),
		pass->after, &err) < 0) {
		sweep_log_failed(s, &err);
		halt(pass);
	} else if (pass->page.count == 0) {
		pass->exhausted = true;
	} else {
		pass->after = pass->page.items[pass->page.count - 1].row.id;
	}
}

static void pump(struct pass *pass)
{
	while (work_page(pass) && !pass->exhausted && !pass->stopping &&
	       pass->acted < pass->sweep->limit)
		load_page(pass);
	if (pass->in_flight == 0 && !pass->full)
		uv_stop(&pass->sweep->loop);
}

void sweep_pass_state(struct sweep *s, const struct dn_client_why *why)
{
	struct pass *pass = s->pass;

	if (why == NULL)
		halt(pass); /* a signal */
	else if (why->state == DN_CLIENT_CONNECTED)
		return; /* after a cut, which has ended the pass */
	else
		halt_failed(pass,
		    why->state == DN_CLIENT_ENDED ? why->exit_code
						  : (int)DN_EXIT_UNAVAILABLE,
		    why->reason);
	pass->full = false;
	pump(pass);
}

void sweep_pass_drained(struct sweep *s)
{
	struct pass *pass = s->pass;

	pass->full = false;
	pump(pass);
}

static void summary(struct pass *pass)
{
	struct dn_buf out = {0};

	if (pass->n.scanned == 0)
		return;
	dn_buf_printf(&out,
	    "{\"scanned\":%llu,\"delivered\":%llu,\"superseded\":%llu,"
	    "\"already\":%llu,\"retried\":%llu,\"dead\":%llu,\"left\":%llu,"
	    "\"ms\":%lld}\n",
	    (unsigned long long)pass->n.scanned,
	    (unsigned long long)pass->n.delivered,
	    (unsigned long long)pass->n.superseded,
	    (unsigned long long)pass->n.already,
	    (unsigned long long)pass->n.retried,
	    (unsigned long long)pass->n.dead, (unsigned long long)pass->n.left,
	    (long long)((dn_mono_us() - pass->started_us) / 1000));
	if (!dn_tool_print(&pass->sweep->tool, dn_buf_view(&out)))
		dn_tool_exit(&pass->sweep->tool, DN_EXIT_AGAIN);
	dn_buf_release(&out);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct pass *pass = handle->data;

	dn_buf_release(&pass->params);
	sweep_page_release(&pass->page);
	free(pass);
}

void sweep_pass(struct sweep *s)
{
	struct pass *pass = dn_xcalloc(1, sizeof(*pass));
	int rc = uv_timer_init(&s->loop, &pass->answer);

	DN_ASSERT(rc == 0);
	pass->answer.data = pass;
	pass->sweep = s;
	pass->started_us = dn_mono_us();
	s->pass = pass;
	pump(pass);
	if (pass->in_flight > 0 || pass->full)
		(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	/* Answers that never came: no callback may find the items gone. */
	dn_client_close(&s->client);
	pass->n.left += pass->in_flight;
	s->pass = NULL;
	summary(pass);
	uv_close((uv_handle_t *)&pass->answer, on_timer_closed);
}
