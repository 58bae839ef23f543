/* SPDX-License-Identifier: MIT */
/*
 * dnot-sub: prints what is published in channels, a record a line.
 *
 * How it works: one connection, a subscription a channel. Records go to
 * stdout's queue, which the prepare hook writes once a loop turn. While more
 * than SUB_PENDING bytes wait there, the socket is not read.
 *
 * How it fails: when the first connection fails, or the server refuses us for
 * good, it ends; later losses are mended (chan.c). sub_finish is the one way
 * out: no record is handled after it, stdout and the state file are written,
 * then everything closes.
 */
#include "sub.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "record/channel.h"

#define AT(member) offsetof(struct sub_options, member)

static const struct dn_opt opts[] = {
    {0, "since", "WHERE", DN_OPT_TEXT, AT(since),
	"Begin at: all, OFFSET, -N (the last N), @SECONDS or "
	"2026-01-02T03:04:05Z, 5m (ago)",
	"default: what comes from now on", NULL, 0, 0},
    {0, "state", "FILE", DN_OPT_FILE, AT(state),
	"Keep the position here, and go on from it", NULL, NULL, 0, 0},
    {'c', "count", "N", DN_OPT_U64, AT(count), "End after N lines", NULL, NULL,
	1, 0},
    {'W', "max-time", "SECONDS", DN_OPT_DURATION, AT(wait_us),
	"End after this time", NULL, NULL, 1000, 0},
    {'e', "end", NULL, DN_OPT_FLAG, AT(end),
	"End when all that is there was printed", NULL, NULL, 0, 0},
    {0, "filter", "JQ", DN_OPT_TEXT, AT(filter),
	"Print only records for which this jq program is true", NULL, NULL, 0,
	0},
    {0, "format", "JQ", DN_OPT_TEXT, AT(format),
	"Print the results of this jq program instead", NULL, NULL, 0, 0},
    {0, "raw", NULL, DN_OPT_FLAG, AT(raw), "Print payloads only", NULL, NULL, 0,
	0},
    {0, "presence", NULL, DN_OPT_FLAG, AT(presence),
	"Print who joins and leaves, too", NULL, NULL, 0, 0},
};

static const struct dn_opt_program program = {
    .name = "dnot-sub",
    .operands = "CHANNEL...",
    .about = "Prints the records that are published in channels, one JSON "
	     "object a line, without a gap or a repeat also over "
	     "reconnects.",
    .epilog = "Exit: 0 done, 1 nothing came in time or a gap nobody could "
	      "fill, 69 server\nunreachable, 77 refused, 78 "
	      "configuration.",
};

static void close_handle(void *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Everything is written. */
static void end(struct sub *p)
{
	size_t i;

	p->ended = true;
	place_save(p);
	output_close(&p->out);
	dn_client_net_close(&p->net);
	dn_tool_signals_close(&p->tool);
	close_handle(&p->prepare);
	close_handle(&p->save_timer);
	close_handle(&p->wait_timer);
	for (i = 0; i < p->chans_n; i++)
		close_handle(&p->chans[i].timer);
}

void sub_finish(struct sub *p)
{
	size_t i;

	if (p->finishing)
		return;
	p->finishing = true;
	for (i = 0; i < p->chans_n; i++)
		p->chans[i].s = NULL; /* they go with the client */
	(void)uv_timer_stop(&p->wait_timer);
	if (p->client != NULL)
		dn_client_close(&p->client);
	/* The prepare hook ends it once stdout is written. */
}

void sub_gap(struct chan *c, uint64_t from, uint64_t to, const char *reason)
{
	struct dn_buf b = {0};

	dn_buf_lit(&b, "{\"event\":\"gap\",\"channel\":");
	dn_buf_json_str(&b, dn_str_of(c->name));
	dn_buf_lit(&b, ",\"epoch\":");
	dn_buf_json_str(&b, dn_str_of(place_epoch(c)));
	if (from > 0)
		dn_buf_printf(&b, ",\"from\":%llu", (unsigned long long)from);
	else
		dn_buf_lit(&b, ",\"from\":null");
	if (to > 0)
		dn_buf_printf(&b, ",\"to\":%llu", (unsigned long long)to);
	else
		dn_buf_lit(&b, ",\"to\":null");
	dn_buf_lit(&b, ",\"reason\":");
	dn_buf_json_str(&b, dn_str_of(reason));
	dn_buf_lit(&b, "}\n");
	/* Like every diagnosis: a stderr that is gone is no reason to end. */
	if (write(STDERR_FILENO, b.p, b.n) < 0)
		errno = 0;
	dn_buf_release(&b);
	dn_tool_exit(&c->sub->tool, DN_EXIT_NONE);
}

bool sub_congested(const struct sub *p)
{
	return output_pending(p->out) > SUB_PENDING;
}

static void on_save(uv_timer_t *timer)
{
	place_save(timer->data);
}

static void on_written(void *arg)
{
	struct sub *p = arg;
	size_t i;

	place_written(p);
	if (p->paused && output_pending(p->out) < SUB_PENDING / 2) {
		p->paused = false;
		if (p->client != NULL)
			dn_client_resume(p->client);
	}
	for (i = 0; i < p->chans_n && !sub_congested(p); i++)
		if (p->chans[i].fill.stalled)
			fill_later(&p->chans[i], 0);
}

static void on_failed(void *arg, int error)
{
	struct sub *p = arg;

	place_written(p);
	place_save(p);
	dn_tool_stdout_failed(&p->tool, error);
	sub_finish(p);
}

/* Once a loop turn, before it sleeps. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct sub *p = prepare->data;

	output_flush(p->out);
	place_written(p);
	if (p->save_due && !uv_is_active((uv_handle_t *)&p->save_timer) &&
	    uv_timer_start(&p->save_timer, on_save, SUB_SAVE_MS, 0) < 0)
		DN_ASSERT(!"a timer starts");
	if (!p->paused && p->client != NULL && sub_congested(p)) {
		p->paused = true;
		dn_client_pause(p->client);
	}
	if (p->finishing && output_pending(p->out) == 0)
		end(p);
}

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct sub *p = arg;

	if (why->state == DN_CLIENT_CONNECTED) {
		dn_diag(DN_INFO, NULL, "connected to %s", why->reason);
		p->connected_once = true;
	} else if (why->state == DN_CLIENT_ENDED || !p->connected_once) {
		dn_tool_fail(&p->tool, (enum dn_exit)why->exit_code, NULL, "%s",
		    why->reason);
		sub_finish(p);
	} else {
		dn_diag(DN_WARN, NULL, "%s; trying again in %.1f s",
		    why->reason, (double)why->retry_us / 1e6);
	}
}

static void on_stop(void *arg, int signo)
{
	dn_diag(DN_INFO, NULL, "signal %d: ending", signo);
	sub_finish(arg);
}

static void on_wait_over(uv_timer_t *timer)
{
	struct sub *p = timer->data;

	if (p->opt.count > 0 || p->printed == 0)
		dn_tool_exit(&p->tool, DN_EXIT_NONE);
	sub_finish(p);
}

static void start_handles(struct sub *p)
{
	int rc = uv_prepare_init(p->loop, &p->prepare);

	if (rc == 0)
		rc = uv_timer_init(p->loop, &p->save_timer);
	if (rc == 0)
		rc = uv_timer_init(p->loop, &p->wait_timer);
	if (rc == 0)
		rc = uv_prepare_start(&p->prepare, on_prepare);
	if (rc == 0 && p->opt.wait_us > 0)
		rc = uv_timer_start(&p->wait_timer, on_wait_over,
		    (uint64_t)p->opt.wait_us / 1000, 0);
	DN_ASSERT(rc == 0);
	p->prepare.data = p->save_timer.data = p->wait_timer.data = p;
}

static void start_chans(struct sub *p)
{
	size_t i, j, n = p->tool.operands;

	p->chans = dn_xcalloc(n, sizeof(*p->chans));
	for (i = 0; i < n; i++) {
		const char *name = p->tool.argv[i + 1];

		for (j = 0; j < p->chans_n; j++)
			if (strcmp(p->chans[j].name, name) == 0)
				break;
		if (j < p->chans_n)
			continue; /* named twice */
		chan_init(&p->chans[p->chans_n], p, name);
		place_load(&p->chans[p->chans_n++]);
	}
	for (i = 0; p->client != NULL && i < p->chans_n; i++)
		chan_subscribe(&p->chans[i]);
}

static void run(struct sub *p)
{
	static const struct dn_client_events client_events = {
	    .state = on_state};
	static const struct output_events output_events = {
	    .written = on_written, .failed = on_failed};
	struct dn_client_options options;
	struct dn_err err = {0};

	p->loop = uv_default_loop();
	start_handles(p);
	p->out = output_open(p->loop, STDOUT_FILENO, &output_events, p);
	p->net = dn_client_net_new(p->loop);
	dn_tool_signals(&p->tool, p->loop, on_stop, p);
	dn_tool_client_options(&p->tool, &options);
	if (dn_client_open(
		&p->client, p->net, &options, &client_events, p, &err) < 0) {
		dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		sub_finish(p);
	}
	start_chans(p);
	(void)uv_run(p->loop, UV_RUN_DEFAULT);
	DN_ASSERT(p->ended);
	(void)uv_loop_close(p->loop);
}

static bool compile(
    struct sub *p, struct dn_jqfilter **filter, const char *text)
{
	struct dn_err err = {0};

	if (text == NULL || dn_jqfilter_new(filter, text, &err) == 0)
		return true;
	dn_tool_fail(&p->tool, DN_EXIT_USAGE, NULL, "%s", err.text);
	return false;
}

/* False after dn_tool_fail. */
static bool check_usage(struct sub *p)
{
	const char *wrong = NULL;
	struct dn_err err = {0};
	size_t i;

	if (p->tool.operands == 0)
		wrong = "which CHANNEL?";
	else if (p->opt.raw && p->opt.format != NULL)
		wrong = "--raw and --format exclude each other";
	for (i = 1; wrong == NULL && i <= p->tool.operands; i++)
		if (dn_channel_check(dn_str_of(p->tool.argv[i]), &err) < 0)
			wrong = err.text;
	if (wrong == NULL && p->opt.since != NULL &&
	    dn_since_parse(p->opt.since, dn_wall_us(), &p->since, &err) < 0) {
		(void)dn_err_wrap(&err, "--since");
		wrong = err.text;
	}
	if (wrong != NULL)
		dn_tool_fail(&p->tool, DN_EXIT_USAGE, NULL, "%s", wrong);
	return wrong == NULL && compile(p, &p->filter, p->opt.filter) &&
	       compile(p, &p->format, p->opt.format);
}

/* False after dn_tool_fail. */
static bool load_state(struct sub *p)
{
	struct dn_err err = {0};
	int rc = 0;

	if (p->tool.log != NULL)
		rc = dn_log_check_url(p->tool.log, &err);
	if (rc == 0 && p->opt.state != NULL)
		rc = dn_cursor_load(&p->cursor, p->opt.state, &err);
	if (rc < 0) {
		dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		return false;
	}
	if (p->cursor.existed)
		p->since.kind = DN_SINCE_NOW;
	return true;
}

static void release(struct sub *p)
{
	size_t i;

	for (i = 0; i < p->chans_n; i++)
		chan_release(&p->chans[i]);
	free(p->chans);
	free(p->marks);
	dn_cursor_release(&p->cursor);
	dn_jqfilter_free(&p->filter);
	dn_jqfilter_free(&p->format);
	dn_record_release(&p->record);
	dn_buf_release(&p->text);
	if (p->log != NULL)
		dn_log_close(&p->log);
}

int main(int argc, char **argv)
{
	struct sub p = {0};
	const struct dn_opt_section sections[] = {
	    {"Reading", opts, DN_ARRAY_LEN(opts), &p.opt},
	};

	if (dn_tool_init(&p.tool, &program, sections, DN_ARRAY_LEN(sections),
		argc, argv) &&
	    check_usage(&p) && logread_check(&p) && load_state(&p))
		run(&p);
	release(&p);
	return dn_tool_release(&p.tool);
}
