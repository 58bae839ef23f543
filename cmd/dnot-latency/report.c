/* SPDX-License-Identifier: MIT */
/*
 * How it works: one tally, three forms: a table for people, one JSON object
 * for machines, and HdrHistogram's text for its plotter. All name the same
 * numbers the same way.
 *
 * How it fails: a file or stdout that cannot be written is reported; the exit
 * code of what was measured stays.
 */
#include "latency_tool.h"

#include <errno.h>
#include <unistd.h>

static const struct {
	const char *name;
	double percent;
} columns[] = {
    {"p50", 50},
    {"p90", 90},
    {"p99", 99},
    {"p99.9", 99.9},
    {"p99.99", 99.99},
    {"max", 100},
};

void tally_init(struct tally *tally)
{
	*tally = (struct tally){0};
	dn_hist_init(&tally->latency, DN_HIST_HOUR_US, 3);
	dn_hist_init(&tally->actual, DN_HIST_HOUR_US, 3);
	dn_hist_init(&tally->enqueued, DN_HIST_HOUR_US, 3);
	dn_hist_init(&tally->processing, DN_HIST_HOUR_US, 3);
	dn_hist_init(&tally->delivery, DN_HIST_HOUR_US, 3);
}

void tally_release(struct tally *tally)
{
	dn_hist_release(&tally->latency);
	dn_hist_release(&tally->actual);
	dn_hist_release(&tally->enqueued);
	dn_hist_release(&tally->processing);
	dn_hist_release(&tally->delivery);
}

uint64_t tally_lost(const struct tally *tally)
{
	return tally->expected > tally->received
		   ? tally->expected - tally->received
		   : 0;
}

/* Of the records that an objective is about: a lost one misses any bound.
 * Holes in a pipe may be somebody's filter, so there only what came counts. */
static bool met(const struct latency *l, const struct tally *tally, size_t i)
{
	return dn_latency_met(&l->objectives[i], &tally->latency,
	    l->piped ? dn_hist_count(&tally->latency) : tally->expected);
}

static void json_u64(struct dn_buf *out, const char *name, uint64_t value)
{
	dn_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

/* A percentile without a sample is null. */
static void json_hist(
    struct dn_buf *out, const char *name, const struct dn_hist *h)
{
	dn_buf_printf(out, "\"%s\":{", name);
	for (size_t i = 0; i < DN_ARRAY_LEN(columns); i++) {
		dn_buf_printf(
		    out, "%s\"%s\":", i > 0 ? "," : "", columns[i].name);
		if (dn_hist_count(h) > 0)
			dn_buf_i64(
			    out, dn_hist_percentile(h, columns[i].percent));
		else
			dn_buf_lit(out, "null");
	}
	dn_buf_byte(out, '}');
}

static void json_objectives(
    struct dn_buf *out, const struct latency *l, const struct tally *tally)
{
	dn_buf_lit(out, ",\"objectives\":[");
	for (size_t i = 0; i < l->objective_texts.n; i++) {
		const struct dn_latency_objective *o = &l->objectives[i];

		dn_buf_lit(out, i > 0 ? ",{\"expr\":" : "{\"expr\":");
		dn_buf_json_str(out, dn_str_of(o->expr));
		dn_buf_lit(out, ",\"value_us\":");
		if (dn_hist_count(&tally->latency) > 0)
			dn_buf_i64(out,
			    dn_hist_percentile(&tally->latency, o->percent));
		else
			dn_buf_lit(out, "null");
		dn_buf_printf(
		    out, ",\"met\":%s}", met(l, tally, i) ? "true" : "false");
	}
	dn_buf_byte(out, ']');
}

static void write_json(
    struct dn_buf *out, const struct latency *l, const struct tally *tally)
{
	dn_buf_printf(out, "{\"path\":\"%s\"", l->piped ? "stdin" : l->path);
	json_u64(out, "planned", tally->planned);
	json_u64(out, "sent", tally->sent);
	json_u64(out, "expected", tally->expected);
	json_u64(out, "received", tally->received);
	json_u64(out, "lost", tally_lost(tally));
	json_u64(out, "duplicate", tally->duplicate);
	json_u64(out, "reordered", tally->reordered);
	json_u64(out, "late_us", (uint64_t)tally->late_us);
	dn_buf_byte(out, ',');
	json_hist(out, "latency_us", &tally->latency);
	dn_buf_byte(out, ',');
	json_hist(out, "from_actual_us", &tally->actual);
	dn_buf_lit(out, ",\"hops_us\":{");
	json_hist(out, "enqueued", &tally->enqueued);
	dn_buf_byte(out, ',');
	if (dn_hist_count(&tally->processing) > 0)
		json_hist(out, "processing", &tally->processing);
	else
		dn_buf_lit(out, "\"processing\":null");
	dn_buf_byte(out, ',');
	json_hist(out, "delivery", &tally->delivery);
	dn_buf_printf(out, "},\"rate\":%.3f,\"clock_error_us\":", tally->rate);
	if (tally->has_clock_error)
		dn_buf_i64(out, tally->clock_error_us);
	else
		dn_buf_lit(out, "null");
	json_objectives(out, l, tally);
	dn_buf_lit(out, "}\n");
}

static void row(struct dn_buf *out, const char *name, const struct dn_hist *h)
{
	dn_buf_printf(out, "%-12s", name);
	for (size_t i = 0; i < DN_ARRAY_LEN(columns); i++) {
		int64_t value = dn_hist_percentile(h, columns[i].percent);

		if (dn_hist_count(h) > 0)
			dn_buf_printf(out, "%10.3f", (double)value / 1000);
		else
			dn_buf_printf(out, "%10s", "-");
	}
	dn_buf_byte(out, '\n');
}

static void write_what(
    struct dn_buf *out, const struct latency *l, const struct tally *tally)
{
	if (l->piped)
		dn_buf_lit(out, "records from stdin\n");
	else
		dn_buf_printf(out,
		    "%s: %llu subscriber%s on %llu channel%s, %llu/s of "
		    "%llu B for %.3g s\n",
		    l->path, (unsigned long long)l->subscribers,
		    l->subscribers == 1 ? "" : "s",
		    (unsigned long long)l->channels,
		    l->channels == 1 ? "" : "s", (unsigned long long)l->rate,
		    (unsigned long long)l->size, (double)l->duration_us / 1e6);
	dn_buf_printf(out,
	    "planned %llu  sent %llu  expected %llu  received %llu\n"
	    "lost %llu  duplicate %llu  reordered %llu\n\n",
	    (unsigned long long)tally->planned, (unsigned long long)tally->sent,
	    (unsigned long long)tally->expected,
	    (unsigned long long)tally->received,
	    (unsigned long long)tally_lost(tally),
	    (unsigned long long)tally->duplicate,
	    (unsigned long long)tally->reordered);
}

static void write_rows(
    struct dn_buf *out, const struct latency *l, const struct tally *tally)
{
	dn_buf_printf(out, "%-12s", "ms");
	for (size_t i = 0; i < DN_ARRAY_LEN(columns); i++)
		dn_buf_printf(out, "%10s", columns[i].name);
	dn_buf_byte(out, '\n');
	if (!l->piped)
		row(out, "from planned", &tally->latency);
	row(out, "from actual", &tally->actual);
	row(out, "  enqueued", &tally->enqueued);
	row(out, "  processing", &tally->processing);
	row(out, "  delivery", &tally->delivery);
	dn_buf_byte(out, '\n');
}

static bool schedule_missed(const struct latency *l, const struct tally *tally)
{
	return !l->piped &&
	       (tally->late_us > LATE_MAX_US || tally->sent < tally->planned);
}

static void write_table(
    struct dn_buf *out, const struct latency *l, const struct tally *tally)
{
	write_what(out, l, tally);
	write_rows(out, l, tally);
	if (!l->piped)
		dn_buf_printf(out,
		    "schedule: %s, %.1f/s, at most %.3f ms late\n",
		    schedule_missed(l, tally) ? "MISSED" : "met", tally->rate,
		    (double)tally->late_us / 1000);
	if (tally->has_clock_error)
		dn_buf_printf(out, "clock error of the hops: %.3f ms\n",
		    (double)tally->clock_error_us / 1000);
	for (size_t i = 0; i < l->objective_texts.n; i++) {
		const struct dn_latency_objective *o = &l->objectives[i];

		dn_buf_printf(out, "objective %s: %s (%.3f ms)\n", o->expr,
		    met(l, tally, i) ? "met" : "MISSED",
		    (double)dn_hist_percentile(&tally->latency, o->percent) /
			1000);
	}
}

static void write_hgrm(struct latency *l, const struct tally *tally)
{
	struct dn_buf out = {0};
	size_t at = 0;
	ssize_t wrote = 0;

	dn_hist_write_hgrm(&tally->latency, 1000, &out);
	while (at < out.n && wrote >= 0) {
		wrote = write(l->hgrm_fd, out.p + at, out.n - at);
		if (wrote < 0 && errno == EINTR)
			wrote = 0;
		at += wrote > 0 ? (size_t)wrote : 0;
	}
	if (wrote < 0)
		dn_tool_fail(&l->tool, DN_EXIT_CONFIG, NULL, "--hgrm %s: %s",
		    l->hgrm, strerror(errno));
	dn_buf_release(&out);
}

void latency_report(struct latency *l, const struct tally *tally)
{
	struct dn_buf out = {0};

	if (l->json)
		write_json(&out, l, tally);
	else
		write_table(&out, l, tally);
	if (!dn_tool_print(&l->tool, dn_buf_view(&out)))
		dn_tool_exit(&l->tool, DN_EXIT_AGAIN);
	dn_buf_release(&out);
	if (l->hgrm_fd >= 0)
		write_hgrm(l, tally);
	if (schedule_missed(l, tally))
		dn_tool_exit(&l->tool, DN_EXIT_NONE);
	for (size_t i = 0; i < l->objective_texts.n; i++)
		if (!met(l, tally, i))
			dn_tool_exit(&l->tool, DN_EXIT_NONE);
}
