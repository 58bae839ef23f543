/* SPDX-License-Identifier: MIT */
/*
 * How it works: each line is a record as dnot-sub prints it. Its stamps give
 * the hops; a plan is not known, so the publisher's stamp stands in for it.
 * Offsets tell duplicates, disorder and holes, channel by channel; a new epoch
 * starts anew. A redelivered record has no offset and only counts.
 *
 * How it fails: a line that is no record is reported with its number and makes
 * exit 65 at the end; the others still count. A stamp that is missing leaves
 * out the hops it belongs to.
 */
#include "latency_tool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "record/record.h"

/* Longer than any record that a server hands out. */
enum { LINE_BYTES_MAX = 16 << 20, READ_BYTES = 64 << 10, BAD_SHOWN = 10 };

struct stream {
	char *channel, *epoch;
	struct dn_latency_track track;
	uint64_t lowest; /* offset in this epoch; 0: none yet */
};

struct piped {
	struct latency *tool;
	struct tally *tally;
	struct dn_map streams;
	struct dn_buf in;
	uint64_t line, bad;
	bool dropping;
	int64_t first_us, last_us; /* received */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

/* So that a read ends, and a second signal ends the process. */
static void watch_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	action.sa_flags = (int)SA_RESETHAND;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

/* What the finished epoch of a stream should have had. */
static void close_epoch(struct piped *p, struct stream *s)
{
	if (s->lowest > 0)
		p->tally->expected += s->track.next - s->lowest;
	s->lowest = 0;
	s->track = (struct dn_latency_track){0};
	free(s->epoch);
	s->epoch = NULL;
}

static struct stream *stream_of(struct piped *p, const struct dn_record *r)
{
	struct stream *s = dn_map_get(&p->streams, r->channel);

	if (s == NULL) {
		s = dn_xcalloc(1, sizeof(*s));
		s->channel = dn_xstrndup(r->channel.p, r->channel.n);
		dn_map_put(
		    &p->streams, (struct dn_str){s->channel, r->channel.n}, s);
	}
	if (s->epoch != NULL && !dn_str_is(r->epoch, s->epoch))
		close_epoch(p, s);
	if (s->epoch == NULL)
		s->epoch = dn_xstrndup(r->epoch.p, r->epoch.n);
	return s;
}

/* False for a repeat. */
static bool count(struct piped *p, const struct dn_record *r)
{
	struct stream *s;

	if (!r->has_offset || r->offset == 0 || r->offset == UINT64_MAX) {
		p->tally->received++;
		p->tally->expected++;
		return true;
	}
	s = stream_of(p, r);
	switch (dn_latency_see(&s->track, r->offset)) {
	case DN_LATENCY_DUPLICATE:
		p->tally->duplicate++;
		return false;
	case DN_LATENCY_REORDERED:
		p->tally->reordered++;
		break;
	case DN_LATENCY_NEW:
		break;
	}
	if (s->lowest == 0 || r->offset < s->lowest)
		s->lowest = r->offset;
	p->tally->received++;
	return true;
}

static void measure(struct piped *p, const struct dn_record *r)
{
	struct tally *tally = p->tally;
	int64_t handed = r->claimed > 0 ? r->claimed : r->accepted;

	if (r->received > 0) {
		p->first_us = p->first_us == 0 ? r->received : p->first_us;
		p->last_us = r->received;
	}
	if (r->enqueued > 0 && handed > 0)
		dn_hist_add(&tally->enqueued, handed - r->enqueued);
	if (r->accepted > 0 && r->received > 0)
		dn_hist_add(&tally->delivery, r->received - r->accepted);
	if (r->enqueued <= 0 || r->received <= 0)
		return;
	dn_hist_add(&tally->latency, r->received - r->enqueued);
	dn_hist_add(&tally->actual, r->received - r->enqueued);
}

static void bad_line(struct piped *p, const char *why)
{
	if (p->bad++ < BAD_SHOWN)
		dn_tool_fail(&p->tool->tool, DN_EXIT_DATA, NULL,
		    "line %llu: %s", (unsigned long long)p->line, why);
}

static void take_line(struct piped *p, struct dn_str line)
{
	struct dn_record r = {0};
	struct dn_err err = {0};

	p->line++;
	while (line.n > 0 && strchr(" \t\r\n", line.p[line.n - 1]) != NULL)
		line.n--;
	if (line.n == 0)
		return;
	dn_record_init(&r);
	if (dn_record_parse(&r, line, &err) == 0 && count(p, &r))
		measure(p, &r);
	dn_record_release(&r);
	if (err.code != 0)
		bad_line(p, err.text);
}

/* Takes the whole lines out of the buffer. The rest of one that got too long
 * is dropped as it comes. */
static void take_lines(struct piped *p)
{
	char *at = p->in.p, *newline;
	size_t left = p->in.n;

	while (left > 0 && (newline = memchr(at, '\n', left)) != NULL) {
		size_t n = (size_t)(newline - at);

		if (!p->dropping)
			take_line(p, (struct dn_str){at, n});
		p->dropping = false;
		at += n + 1;
		left -= n + 1;
	}
	dn_buf_consume(&p->in, p->in.n - left);
	if (p->dropping) {
		dn_buf_consume(&p->in, p->in.n);
	} else if (p->in.n > LINE_BYTES_MAX) {
		p->line++;
		p->dropping = true;
		bad_line(p, "is too long for a record");
		dn_buf_consume(&p->in, p->in.n);
	}
}

/* False at the end of the input. */
static bool read_some(struct piped *p)
{
	ssize_t n =
	    read(STDIN_FILENO, dn_buf_reserve(&p->in, READ_BYTES), READ_BYTES);

	if (n > 0) {
		p->in.n += (size_t)n;
		return true;
	}
	if (n < 0 && errno != EINTR)
		dn_tool_fail(&p->tool->tool, DN_EXIT_DATA, NULL, "stdin: %s",
		    strerror(errno));
	return n < 0 && errno == EINTR;
}

static void close_streams(struct piped *p)
{
	struct stream *s;
	size_t at = 0;

	while ((s = dn_map_next(&p->streams, &at)) != NULL) {
		close_epoch(p, s);
		free(s->channel);
		free(s);
	}
	dn_map_release(&p->streams);
}

static void fill_tally(struct piped *p)
{
	struct tally *tally = p->tally;
	int64_t span_us = p->last_us - p->first_us;

	close_streams(p);
	tally->planned = tally->sent = tally->expected;
	if (tally->received > 1 && span_us > 0)
		tally->rate =
		    (double)(tally->received - 1) * 1e6 / (double)span_us;
}

bool latency_piped(struct latency *l, struct tally *tally)
{
	struct piped p = {.tool = l, .tally = tally};

	watch_interrupt();
	dn_tool_ready(&l->tool);
	while (!interrupted && read_some(&p))
		take_lines(&p);
	if (p.in.n > 0 && !p.dropping)
		take_line(&p, dn_buf_view(&p.in));
	dn_buf_release(&p.in);
	fill_tally(&p);
	if (p.bad > BAD_SHOWN)
		dn_tool_fail(&l->tool, DN_EXIT_DATA, NULL,
		    "%llu lines were no records", (unsigned long long)p.bad);
	return true;
}
