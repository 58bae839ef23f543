/* SPDX-License-Identifier: MIT */
/*
 * dnot-sweep: one pass over what was not delivered, and out.
 *
 * The log is opened first, then its rows are looked for: where there are
 * none, the server is not asked at all. A tenant that no flag names is that of
 * a --dev log, or else the one the server tells.
 */
#include "sweep_tool.h"

#include <errno.h>
#include <stdlib.h>

#define AT(member) offsetof(struct sweep, member)
#define DAY_US (UINT64_C(86400) * 1000000)

static const struct dn_opt opts[] = {
    {.name = "min-age",
	.arg = "D",
	.type = DN_OPT_DURATION,
	.at = AT(rules.min_age_us),
	.help = "Leave records that failed less than D ago",
	.note = "default 5s"},
    {.name = "max-age",
	.arg = "D",
	.type = DN_OPT_DURATION,
	.at = AT(rules.max_age_us),
	.help = "Bury records that failed more than D ago",
	.note = "default 24h"},
    {.name = "max-attempts",
	.arg = "N",
	.type = DN_OPT_U64,
	.at = AT(rules.max_attempts),
	.help = "Bury records after N attempts",
	.note = "default 10",
	.min = 1,
	.max = 1000000},
    {.name = "backoff",
	.arg = "D",
	.type = DN_OPT_DURATION,
	.at = AT(rules.backoff_us),
	.help = "Wait D after the first attempt; doubles, at most 1h",
	.note = "default 30s"},
    {.name = "limit",
	.arg = "N",
	.type = DN_OPT_U64,
	.at = AT(limit),
	.help = "Handle at most N records",
	.note = "default 10000",
	.min = 1},
    {.name = "dry-run",
	.type = DN_OPT_FLAG,
	.at = AT(dry_run),
	.help = "Say what would be done, change nothing"},
    {.name = "dead",
	.type = DN_OPT_FLAG,
	.at = AT(dead),
	.help = "List the buried records"},
    {.name = "requeue",
	.arg = "ID",
	.type = DN_OPT_TEXT,
	.at = AT(requeue),
	.help = "Put a buried record, or all, back",
	.note = "ID as --dead shows it, or \"all\""},
};

static const struct dn_opt_program program = {
    .name = "dnot-sweep",
    .operands = "",
    .about = "Delivers again what was not delivered: one pass over the "
	     "log's undelivered records, then out. For cron.",
};

void sweep_log_failed(struct sweep *s, const struct dn_err *err)
{
	bool later = err->code == -EAGAIN || err->code == -EBUSY;

	dn_tool_fail(&s->tool, later ? DN_EXIT_AGAIN : DN_EXIT_CONFIG, NULL,
	    "%s", err->text);
}

static bool check_flags(struct sweep *s)
{
	const char *what = NULL;

	if (s->tool.operands > 0)
		what = "takes no operands";
	else if (s->dry_run + s->dead + (s->requeue != NULL) > 1)
		what = "--dry-run, --dead and --requeue exclude each other";
	else if (s->tool.log == NULL)
		what = "needs the log: --log URL or DNOT_LOG";
	if (what != NULL)
		dn_tool_fail(&s->tool, DN_EXIT_USAGE, NULL, "%s", what);
	return what == NULL;
}

static bool open_log(struct sweep *s)
{
	bool reads = s->dry_run || s->dead;
	struct dn_err err = {0};

	if (dn_log_open(&s->log, s->tool.log, NULL,
		reads ? DN_LOG_READ : DN_LOG_TOOL, &err) < 0) {
		sweep_log_failed(s, &err);
		return false;
	}
	if (s->tool.tenant != NULL)
		s->tenant = dn_xstrdup(s->tool.tenant);
	else if (dn_log_dev(s->log))
		s->tenant = dn_xstrdup("dev");
	return true;
}

static bool lock(struct sweep *s)
{
	struct dn_err err = {0};

	if (s->locked)
		return true;
	if (dn_log_sweep_lock(s->log, dn_str_of(s->tenant), &err) < 0) {
		sweep_log_failed(s, &err);
		return false;
	}
	s->locked = true;
	return true;
}

static int stop_at_first(void *arg, const struct dn_log_row *row,
    const struct dn_log_undelivered *u, bool taken)
{
	(void)arg;
	(void)row;
	(void)u;
	(void)taken;
	return 1;
}

/* Whether there is a row; an error has been reported. */
static bool has_rows(struct sweep *s)
{
	struct dn_err err = {0};
	int rc = dn_log_undelivered(
	    s->log, dn_str_of(s->tenant), 0, 1, stop_at_first, NULL, &err);

	if (rc < 0)
		sweep_log_failed(s, &err);
	return rc > 0;
}

static void run_pass(struct sweep *s)
{
	if (s->tenant != NULL && (!lock(s) || !has_rows(s)))
		return;
	if (!sweep_connect(s) || !lock(s))
		return;
	dn_tool_ready(&s->tool);
	sweep_pass(s);
}

static void run(struct sweep *s)
{
	if (!check_flags(s) || !open_log(s))
		return;
	s->rules.began_us = dn_wall_us();
	if (!s->dry_run && !s->dead && s->requeue == NULL)
		run_pass(s);
	else if (s->tenant == NULL && !sweep_connect(s))
		return;
	else if (s->dry_run)
		sweep_dry_run(s);
	else if (s->dead)
		sweep_list_dead(s);
	else
		sweep_requeue(s);
}

int main(int argc, char **argv)
{
	struct sweep s = {
	    .rules =
		{
		    .min_age_us = 5000000,
		    .max_age_us = DAY_US,
		    .backoff_us = 30000000,
		    .max_attempts = 10,
		},
	    .limit = 10000,
	};
	struct dn_opt_section section = {
	    .title = "Options",
	    .opts = opts,
	    .n = DN_ARRAY_LEN(opts),
	    .target = &s,
	};

	if (dn_tool_init(&s.tool, &program, &section, 1, argc, argv))
		run(&s);
	sweep_disconnect(&s);
	dn_log_close(&s.log);
	free(s.tenant);
	return dn_tool_release(&s.tool);
}
