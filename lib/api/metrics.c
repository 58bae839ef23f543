/* SPDX-License-Identifier: MIT */
/*
 * The page of /metrics: what the loops count, added up, then each loop's lag
 * and the state of the log's queue.
 */
#include "api/api.h"
#include "hub/stats.h"
#include "log/logq.h"
#include "serve/server.h"

static void head(
    struct dn_buf *out, struct dn_str base, const char *type, const char *help)
{
	dn_buf_printf(out, "# HELP %.*s %s\n", DN_FMT(base), help);
	dn_buf_printf(out, "# TYPE %.*s %s\n", DN_FMT(base), type);
}

/* Metrics of one base name stand next to each other; *last is the one told
 * before. */
static void metric(struct dn_buf *out, struct dn_str *last, const char *name,
    const char *type, const char *help, uint64_t value)
{
	struct dn_str base = {name, strcspn(name, "{")};

	if (!dn_str_eq(base, *last))
		head(out, base, type, help);
	*last = base;
	dn_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void write_stats(struct dn_server *server, struct dn_buf *out)
{
	unsigned i, loops = dn_server_loops(server);
	struct dn_str last = {0};
	uint64_t sum;

#define X(field, name, type, help) \
	for (sum = 0, i = 0; i < loops; i++) \
		sum += dn_stat_get(&dn_server_loop(server, i)->stats.field); \
	metric(out, &last, name, type, help, sum);
	DN_STATS(X)
#undef X
}

static void write_lag(struct dn_server *server, struct dn_buf *out)
{
	unsigned i;
	uint64_t us;

	head(out, DN_STR("dnot_loop_lag_seconds"), "gauge",
	    "Longest turn of the loop in the last second");
	for (i = 0; i < dn_server_loops(server); i++) {
		us = dn_stat_get(&dn_server_loop(server, i)->stats.loop_lag_us);
		dn_buf_printf(out,
		    "dnot_loop_lag_seconds{loop=\"%u\"} %llu.%06llu\n", i,
		    (unsigned long long)(us / 1000000),
		    (unsigned long long)(us % 1000000));
	}
}

static void write_log(struct dn_logq *logq, struct dn_buf *out)
{
	struct dn_logq_stats stats;
	struct dn_str last = {0};

	dn_logq_stats(logq, &stats);
	metric(out, &last, "dnot_log_pending", "gauge",
	    "Requests that wait for the log", stats.pending);
	metric(out, &last, "dnot_log_pending_bytes", "gauge",
	    "Bytes that wait for the log", stats.pending_bytes);
	metric(out, &last, "dnot_log_written_total", "counter",
	    "Requests that the log has written", stats.written);
	metric(out, &last, "dnot_log_away", "gauge",
	    "1 while the last try to write the log failed", stats.away ? 1 : 0);
}

void dn_metrics_write(struct dn_server *server, struct dn_buf *out)
{
	struct dn_logq *logq = dn_server_logq(server);

	write_stats(server, out);
	write_lag(server, out);
	if (logq != NULL)
		write_log(logq, out);
}
