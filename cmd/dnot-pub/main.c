/* SPDX-License-Identifier: MIT */
/*
 * dnot-pub: publishes records, a line each, pipelined and in order.
 *
 * How it works: pub_pump moves the work on: lines from stdin become items as
 * long as there is room, the queue sends them, done ones are printed. It runs
 * after whatever may have made room: a reply, a line, a timer, a connection.
 *
 * How it fails: when the first connection fails and there is no fallback
 * (69), or the server will never take us (76, 77), every line that was read
 * or can be read without waiting is handed back. SIGTERM ends the reading;
 * what was read is still published.
 */
#include "pub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "record/channel.h"

#define AT(member) offsetof(struct pub_options, member)

static const struct dn_opt opts[] = {
    {0, "raw", NULL, DN_OPT_FLAG, AT(raw),
	"Each line is a payload in JSON, not a record", NULL, NULL, 0, 0},
    {0, "text", NULL, DN_OPT_FLAG, AT(text),
	"Each line is a payload of text, not a record", NULL, NULL, 0, 0},
    {'m', "message", "TEXT", DN_OPT_TEXT, AT(message),
	"Publish this one payload: JSON if it is JSON, else text", NULL, NULL,
	0, 0},
    {'f', "file", "FILE", DN_OPT_FILE, AT(file),
	"Publish this file as one payload, as -m does", NULL, NULL, 0, 0},
    {0, "wait", "HOW", DN_OPT_CHOICE, AT(wait), "What counts as published",
	"default accepted", "accepted|logged|written|acked", 0, 0},
    {0, "timeout", "D", DN_OPT_DURATION, AT(timeout_us),
	"How long to try for one record", "default 60s", NULL, 1000, 0},
    {0, "fallback", "URL", DN_OPT_TEXT, AT(fallback),
	"Log for records that the server could not take", "default --log", NULL,
	0, 0},
    {0, "report", NULL, DN_OPT_FLAG, AT(report),
	"Print one result a record, in input order", NULL, NULL, 0, 0},
};

static const struct dn_opt field_opts[] = {
    {0, "request-id", "ID", DN_OPT_TEXT, AT(request_id),
	"Set request_id; with --raw or --text seq counts from 0", NULL, NULL, 0,
	0},
    {0, "key-of-record", "K", DN_OPT_TEXT, AT(key), "Set key", NULL, NULL, 0,
	0},
    {0, "status", "S", DN_OPT_TEXT, AT(status), "Set status", NULL, NULL, 0, 0},
    {0, "schema", "S", DN_OPT_TEXT, AT(schema), "Set schema (name/N)", NULL,
	NULL, 0, 0},
    {0, "tag", "K=V", DN_OPT_LIST, AT(tags), "Set a tag", NULL, NULL, 0, 0},
};

static const struct dn_opt_program program = {
    .name = "dnot-pub",
    .operands = "[CHANNEL]",
    .about = "Publishes the records on stdin, one JSON object a line, in "
	     "order. CHANNEL replaces each record's channel; with --raw, "
	     "--text, -m or -f it is required.",
    .epilog = "Exit: 0 all published, 65 a bad record, 69 server "
	      "unreachable, 75 not taken\n(handed back on stdout with "
	      "\"failed\"), 77 refused, 78 configuration.",
};

static void end(struct pub *p)
{
	p->closing = true;
	if (p->client != NULL)
		dn_client_close(&p->client);
	dn_client_net_close(&p->net);
	if (p->input != NULL)
		input_close(&p->input);
	dn_tool_signals_close(&p->tool);
	uv_close((uv_handle_t *)&p->timer, NULL);
	uv_close((uv_handle_t *)&p->check, NULL);
}

static void add_line(struct pub *p, struct dn_str line, uint64_t number)
{
	struct item *item = NULL;
	struct dn_err err = {0};

	if (shape_line(p, line, &item, &err) < 0) {
		item = item_new((struct dn_str){0});
		item->line = number;
		item_refuse(p, item, 107, dn_str_of(err.text));
	}
	item->line = number;
	queue_add(p, item);
}

static void add_too_long(struct pub *p, uint64_t number)
{
	struct item *item = item_new((struct dn_str){0});

	item->line = number;
	item_refuse(p, item, 107,
	    DN_STR("the line is longer than a message may be (65536 bytes); "
		   "large payloads travel by ref"));
	queue_add(p, item);
}

static void end_of_input(struct pub *p)
{
	if (p->input != NULL && input_left(p->input) > 0)
		dn_diag(DN_WARN, NULL,
		    "%zu bytes of a line without its end were not published",
		    input_left(p->input));
	p->input_ended = true;
}

static bool blank(struct dn_str line)
{
	while (line.n > 0 && (*line.p == ' ' || *line.p == '\t')) {
		line.p++;
		line.n--;
	}
	return line.n == 0;
}

/* Gives how many lines became items. */
static size_t take_lines(struct pub *p)
{
	bool records = !p->opt.raw && !p->opt.text;
	struct dn_err err = {0};
	struct dn_str line;
	uint64_t number;
	size_t took = 0;

	while (!p->input_ended && p->items < PUB_IN_FLIGHT) {
		switch (input_next(p->input, &line, &number, &err)) {
		case INPUT_LINE:
			if (line.n == 0 || (records && blank(line)))
				break;
			add_line(p, line, number);
			took++;
			break;
		case INPUT_TOO_LONG:
			add_too_long(p, number);
			took++;
			break;
		case INPUT_ERROR:
			dn_tool_fail(
			    &p->tool, DN_EXIT_DATA, NULL, "%s", err.text);
			break;
		case INPUT_END:
			end_of_input(p);
			break;
		case INPUT_WAIT:
			return took;
		}
	}
	return took;
}

void pub_pump(struct pub *p)
{
	if (p->closing)
		return;
	p->wake = false;
	queue_run(p); /* first of all makes room */
	while (take_lines(p) > 0)
		queue_run(p);
	report_flush(p);
	if (p->input_ended && p->items == 0)
		end(p);
}

static void on_check(uv_check_t *check)
{
	struct pub *p = check->data;

	if (p->wake)
		pub_pump(p);
}

static void on_ready(void *arg)
{
	pub_pump(arg);
}

static void on_drained(void *arg)
{
	pub_pump(arg);
}

/* No server will take anything any more. */
static void give_up(struct pub *p, int exit_code, const char *reason)
{
	dn_tool_fail(&p->tool, (enum dn_exit)exit_code, NULL, "%s", reason);
	p->ended = true;
	p->end_reason = dn_xstrdup(reason);
	if (p->input != NULL)
		input_stop(p->input, true);
}

static void on_state(void *arg, const struct dn_client_why *why)
{
	struct pub *p = arg;

	if (why->state == DN_CLIENT_CONNECTED) {
		dn_diag(DN_INFO, NULL, "connected to %s", why->reason);
		p->connected_once = true;
		p->away = false;
		dn_tool_ready(&p->tool);
	} else if (why->state == DN_CLIENT_ENDED ||
		   (!p->connected_once && p->log == NULL)) {
		give_up(p, why->exit_code, why->reason);
		dn_client_close(&p->client);
	} else {
		dn_diag(DN_WARN, NULL, "%s; trying again in %.1f s",
		    why->reason, (double)why->retry_us / 1e6);
		p->away = !p->connected_once;
	}
	pub_pump(p);
}

static void on_stop(void *arg, int signo)
{
	struct pub *p = arg;

	dn_diag(DN_INFO, NULL, "signal %d: no more input", signo);
	if (p->input != NULL && !p->ended)
		input_stop(p->input, false);
	pub_pump(p);
}

/* The one payload of -m and -f; NULL after dn_tool_fail. */
static char *read_file(struct pub *p, size_t *n)
{
	char *text = dn_xmalloc(PUB_LINE_MAX + 1);
	int fd = open(p->opt.file, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;

	*n = 0;
	while (fd >= 0 && got > 0 && *n <= PUB_LINE_MAX) {
		got = read(fd, text + *n, PUB_LINE_MAX + 1 - *n);
		*n += got > 0 ? (size_t)got : 0;
	}
	if (fd < 0 || got < 0)
		dn_tool_fail(&p->tool, DN_EXIT_DATA, NULL, "%s: %s",
		    p->opt.file, strerror(errno));
	else if (*n > PUB_LINE_MAX)
		dn_tool_fail(&p->tool, DN_EXIT_DATA, NULL,
		    "%s: more than a message may hold (%d bytes); large "
		    "payloads travel by ref",
		    p->opt.file, PUB_LINE_MAX);
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 && got >= 0 && *n <= PUB_LINE_MAX)
		return text;
	free(text);
	return NULL;
}

static bool start_input(struct pub *p)
{
	struct dn_str payload = dn_str_of(p->opt.message);
	char *text = NULL;

	if (p->opt.message == NULL && p->opt.file == NULL) {
		p->input = input_open(
		    p->loop, STDIN_FILENO, PUB_LINE_MAX, on_ready, p);
		return true;
	}
	if (p->opt.file != NULL) {
		text = read_file(p, &payload.n);
		if (text == NULL)
			return false;
		payload.p = text;
	}
	add_line(p, payload, 1);
	free(text);
	p->input_ended = true;
	return true;
}

static void start_handles(struct pub *p)
{
	int rc;

	rc = uv_timer_init(p->loop, &p->timer);
	if (rc == 0)
		rc = uv_check_init(p->loop, &p->check);
	if (rc == 0)
		rc = uv_check_start(&p->check, on_check);
	DN_ASSERT(rc == 0);
	p->timer.data = p;
	p->check.data = p;
	uv_unref((uv_handle_t *)&p->timer);
	uv_unref((uv_handle_t *)&p->check);
}

static void run(struct pub *p)
{
	static const struct dn_client_events events = {
	    .state = on_state, .drained = on_drained};
	struct dn_client_options options;
	struct dn_err err = {0};

	p->loop = uv_default_loop();
	p->tail = &p->head;
	start_handles(p);
	p->net = dn_client_net_new(p->loop);
	dn_tool_signals(&p->tool, p->loop, on_stop, p);
	dn_tool_client_options(&p->tool, &options);
	if (dn_client_open(&p->client, p->net, &options, &events, p, &err) <
	    0) {
		dn_tool_fail(&p->tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		p->input_ended = true;
	} else if (!start_input(p)) {
		p->input_ended = true;
	}
	pub_pump(p);
	(void)uv_run(p->loop, UV_RUN_DEFAULT);
	DN_ASSERT(p->closing);
	(void)uv_loop_close(p->loop);
	queue_release(p);
	if (p->failed_n > 0)
		dn_tool_fail(&p->tool, DN_EXIT_AGAIN, NULL,
		    "%llu record%s not taken; see stdout",
		    (unsigned long long)p->failed_n,
		    p->failed_n == 1 ? " was" : "s were");
}

/* False after dn_tool_fail. */
static bool check_usage(struct pub *p)
{
	const struct pub_options *o = &p->opt;
	bool one = o->message != NULL || o->file != NULL;
	const char *wrong = NULL;
	struct dn_err err = {0};

	if (p->tool.operands > 1)
		wrong = "at most one CHANNEL may be given";
	else if (o->raw && o->text)
		wrong = "--raw and --text exclude each other";
	else if (o->message != NULL && o->file != NULL)
		wrong = "-m and -f exclude each other";
	else if ((o->raw || o->text || one) && p->tool.operands == 0)
		wrong = "--raw, --text, -m and -f need a CHANNEL";
	if (wrong == NULL && p->tool.operands == 1) {
		p->channel = p->tool.argv[1];
		if (dn_channel_check(dn_str_of(p->channel), &err) < 0)
			wrong = err.text;
	}
	if (wrong == NULL && shape_init(p, &err) < 0)
		wrong = err.text;
	if (wrong != NULL)
		dn_tool_fail(&p->tool, DN_EXIT_USAGE, NULL, "%s", wrong);
	return wrong == NULL;
}

int main(int argc, char **argv)
{
	struct pub p = {.opt = {.wait = "accepted", .timeout_us = 60000000}};
	const struct dn_opt_section sections[] = {
	    {"Publishing", opts, DN_ARRAY_LEN(opts), &p.opt},
	    {"Fields of every record", field_opts, DN_ARRAY_LEN(field_opts),
		&p.opt},
	};
	struct dn_err err = {0};

	if (dn_tool_init(&p.tool, &program, sections, DN_ARRAY_LEN(sections),
		argc, argv) &&
	    check_usage(&p)) {
		if (fallback_open(&p, &err) < 0)
			dn_tool_fail(
			    &p.tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		else
			run(&p);
	}
	if (p.log != NULL)
		dn_log_close(&p.log);
	shape_release(&p);
	dn_buf_release(&p.out);
	free(p.end_reason);
	dn_opt_list_release(&p.opt.tags);
	return dn_tool_release(&p.tool);
}
