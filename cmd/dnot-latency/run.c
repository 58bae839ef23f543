/* SPDX-License-Identifier: MIT */
/*
 * How it works: the publisher connects first and measures the server's clock;
 * then the readers subscribe; then the schedule starts. Once the publisher is
 * done, the number of records to expect is known, and the run ends when they
 * are here, at the latest TAIL_US after the last send. The first SIGINT ends
 * the schedule early; what was measured is reported all the same.
 *
 * How it fails: whatever keeps the run from starting is reported with its exit
 * code, and nothing is measured. What goes wrong later is in the numbers.
 */
#include "latency_tool.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "base/diag.h"
#include "publisher.h"
#include "readers.h"
#include "record/channel.h"

enum {
	LEAD_US = 50000, /* from the last subscription to the first record */
	FDS_BESIDE = 64, /* descriptors for everything but subscribers */
};

struct run {
	struct latency *tool;
	struct tally *tally;
	char prefix[DN_CHANNEL_MAX + 1];
	uv_loop_t loop;
	uv_async_t notify;
	uv_timer_t tail;
	struct dn_client_net *net;
	struct publisher *publisher;
	struct readers *readers;
	struct publisher_report report;
	bool started, published, over;
};

/* PREFIX:RUN-; with a ':' in the prefix it is more than a namespace. */
static void name_channels(struct run *run)
{
	const char *prefix = run->tool->channel;
	const char *joint = ":";
	uint32_t id;

	dn_random(&id, sizeof(id));
	if (prefix[0] == '\0')
		joint = "";
	else if (strchr(prefix, ':') != NULL)
		joint = "-";
	(void)snprintf(run->prefix, sizeof(run->prefix), "%s%s%08" PRIx32 "-",
	    prefix, joint, id);
}

static bool raise_descriptor_limit(struct latency *l)
{
	rlim_t need = (rlim_t)(l->subscribers + FDS_BESIDE);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return true;
	if (limit.rlim_max >= need) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
			return true;
	}
	dn_tool_fail(&l->tool, DN_EXIT_CONFIG, NULL,
	    "%" PRIu64 " subscribers need %" PRIu64
	    " descriptors, the hard limit is %" PRIu64 " (ulimit -Hn)",
	    l->subscribers, (uint64_t)need, (uint64_t)limit.rlim_max);
	return false;
}

static void end(struct run *run)
{
	if (run->over)
		return;
	run->over = true;
	/* Its thread must be gone before what it sends to is closed. */
	publisher_join(&run->publisher);
	if (run->readers != NULL)
		readers_close(run->readers);
	dn_client_net_close(&run->net);
	dn_tool_signals_close(&run->tool->tool);
	uv_close((uv_handle_t *)&run->notify, NULL);
	uv_close((uv_handle_t *)&run->tail, NULL);
}

static void on_tail(uv_timer_t *timer)
{
	end(timer->data);
}

static void end_if_complete(struct run *run)
{
	if (run->published && run->tally->received >= run->tally->expected)
		end(run);
}

static void count_expected(struct run *run)
{
	uint64_t channels = run->tool->channels;
	uint64_t readers = run->tool->subscribers;

	for (uint64_t k = 0; k < channels && k < readers; k++)
		run->tally->expected +=
		    publisher_sent_to(run->publisher, k) *
		    (readers / channels + (k < readers % channels));
}

static void fill_tally(struct run *run)
{
	const struct publisher_report *r = &run->report;
	struct tally *tally = run->tally;
	int64_t span_us = r->last_us - r->first_us;

	tally->planned = r->planned;
	tally->sent = r->sent - r->refused;
	tally->late_us = r->late_us;
	if (r->sent > 1 && span_us > 0)
		tally->rate = (double)(r->sent - 1) * 1e6 / (double)span_us *
			      (double)tally->sent / (double)r->sent;
	count_expected(run);
}

static void on_published(struct run *run)
{
	int64_t left_us;
	int rc;

	run->published = true;
	if (run->report.exit_code != DN_EXIT_OK)
		dn_tool_fail(&run->tool->tool,
		    (enum dn_exit)run->report.exit_code, NULL, "%s",
		    run->report.reason);
	fill_tally(run);
	left_us = run->report.last_us + TAIL_US - steady_now(&run->tool->clock);
	left_us = left_us > 0 ? left_us : 0;
	rc = uv_timer_start(
	    &run->tail, on_tail, (uint64_t)left_us / 1000 + 1, 0);
	DN_ASSERT(rc == 0);
	end_if_complete(run);
}

/* All readers have subscribed. */
static void on_readers_ready(void *arg)
{
	struct run *run = arg;

	dn_tool_ready(&run->tool->tool);
	run->started = true;
	publisher_go(run->publisher, steady_now(&run->tool->clock) + LEAD_US);
}

static void on_readers_failed(void *arg, int exit_code, const char *reason)
{
	struct run *run = arg;

	dn_tool_fail(
	    &run->tool->tool, (enum dn_exit)exit_code, NULL, "%s", reason);
	end(run);
}

static void on_received(void *arg)
{
	end_if_complete(arg);
}

/* An estimate that is smaller than its own error says that both clocks are
 * one. */
static int64_t believed_offset(const struct publisher_report *r)
{
	int64_t size = r->offset_us < 0 ? -r->offset_us : r->offset_us;

	return r->has_clock && size > r->error_us ? r->offset_us : 0;
}

static void on_publisher_ready(struct run *run)
{
	struct readers_options options = {
	    .tool = run->tool,
	    .net = run->net,
	    .prefix = run->prefix,
	    .offset_us = believed_offset(&run->report),
	    .tally = run->tally,
	    .ready = on_readers_ready,
	    .failed = on_readers_failed,
	    .received = on_received,
	    .arg = run,
	};

	run->tally->has_clock_error = run->report.has_clock;
	run->tally->clock_error_us = run->report.error_us;
	run->readers = readers_new(&options);
}

static void on_notify(uv_async_t *notify)
{
	struct run *run = notify->data;

	publisher_report(run->publisher, &run->report);
	switch (run->report.phase) {
	case PUBLISHER_STARTING:
		break;
	case PUBLISHER_READY:
		if (run->readers == NULL)
			on_publisher_ready(run);
		break;
	case PUBLISHER_DONE:
		if (run->started && !run->published) {
			on_published(run);
		} else if (!run->started) {
			if (run->report.exit_code != DN_EXIT_OK)
				dn_tool_fail(&run->tool->tool,
				    (enum dn_exit)run->report.exit_code, NULL,
				    "%s", run->report.reason);
			end(run);
		}
		break;
	}
}

static void on_signal(void *arg, int signo)
{
	struct run *run = arg;

	(void)signo;
	publisher_stop(run->publisher);
}

static void open_run(struct run *run)
{
	int rc = uv_loop_init(&run->loop);

	DN_ASSERT(rc == 0);
	rc = uv_async_init(&run->loop, &run->notify, on_notify);
	DN_ASSERT(rc == 0);
	rc = uv_timer_init(&run->loop, &run->tail);
	DN_ASSERT(rc == 0);
	run->notify.data = run->tail.data = run;
	run->net = dn_client_net_new(&run->loop);
	dn_tool_signals(&run->tool->tool, &run->loop, on_signal, run);
}

bool latency_run(struct latency *l, struct tally *tally)
{
	struct run run = {.tool = l, .tally = tally};
	struct publisher_options options = {
	    .tool = l,
	    .prefix = run.prefix,
	    .notify = &run.notify,
	};
	int rc;

	if (!raise_descriptor_limit(l))
		return false;
	name_channels(&run);
	open_run(&run);
	run.publisher = publisher_new(&options);
	(void)uv_run(&run.loop, UV_RUN_DEFAULT);
	readers_free(&run.readers);
	rc = uv_loop_close(&run.loop);
	DN_ASSERT(rc == 0);
	return run.published;
}
