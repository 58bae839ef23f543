/* SPDX-License-Identifier: MIT */
/*
 * dnot-latency: what a client really sees of dnot-serve.
 *
 * Flags are checked and the output file is opened before anything is
 * measured, so that no run ends without its result.
 */
#include "latency_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/channel.h"

#define AT(member) offsetof(struct latency, member)
#define DAY_US (UINT64_C(86400) * 1000000)

static const struct dn_opt opts[] = {
    {.name = "subscribers",
	.arg = "N",
	.type = DN_OPT_U64,
	.at = AT(subscribers),
	.help = "Connections that listen, spread over the channels",
	.note = "default 100",
	.min = 1,
	.max = SUBSCRIBERS_MAX},
    {.name = "channels",
	.arg = "N",
	.type = DN_OPT_U64,
	.at = AT(channels),
	.help = "Channels, published to in turn",
	.note = "default 1",
	.min = 1,
	.max = SUBSCRIBERS_MAX},
    {.name = "rate",
	.arg = "R",
	.type = DN_OPT_U64,
	.at = AT(rate),
	.help = "Records a second, on a fixed schedule",
	.note = "default 100",
	.min = 1,
	.max = 10000000},
    {.name = "size",
	.arg = "B",
	.type = DN_OPT_U64,
	.at = AT(size),
	.help = "Bytes of payload in each record",
	.note = "default 128",
	.min = 1,
	.max = SIZE_MAX_BYTES},
    {.name = "duration",
	.arg = "D",
	.type = DN_OPT_DURATION,
	.at = AT(duration_us),
	.help = "How long to send",
	.note = "default 10s",
	.min = 1000,
	.max = 7 * DAY_US},
    {.name = "path",
	.arg = "PATH",
	.type = DN_OPT_CHOICE,
	.at = AT(path),
	.help = "Which path to measure",
	.note = "default realtime",
	.choices = "realtime"},
    {.name = "channel",
	.arg = "PREFIX",
	.type = DN_OPT_TEXT,
	.at = AT(channel),
	.help = "Namespace, or longer prefix, of the channels",
	.note = "default latency"},
    {.name = "objective",
	.arg = "EXPR",
	.type = DN_OPT_LIST,
	.at = AT(objective_texts),
	.help = "Exit 1 unless it holds; may be repeated",
	.note = "p99.9=200ms or max=1s"},
    {.name = "hgrm",
	.arg = "FILE",
	.type = DN_OPT_FILE,
	.at = AT(hgrm),
	.help = "Write the distribution (ms) for HdrHistogram's plotter"},
    {.name = "json",
	.type = DN_OPT_FLAG,
	.at = AT(json),
	.help = "Print one JSON object in place of the table"},
    {.name = "stdin",
	.type = DN_OPT_FLAG,
	.at = AT(piped),
	.help = "Measure records piped from dnot-sub instead"},
};

static const struct dn_opt_program program = {
    .name = "dnot-latency",
    .operands = "",
    .about = "Publishes on a fixed schedule and measures what subscribers "
	     "see, counted from when each record was due.",
};

static void usage(struct latency *l, const char *text)
{
	dn_tool_fail(&l->tool, DN_EXIT_USAGE, NULL, "%s", text);
}

/* Channel names are PREFIX:RUN-k; the longest must still be a name. */
static bool check_channel(struct latency *l)
{
	struct dn_err err = {0};
	struct dn_str prefix = dn_str_of(l->channel);

	if (prefix.n > DN_CHANNEL_MAX - 32) {
		(void)dn_err_set(
		    &err, -EINVAL, "at most %d bytes", DN_CHANNEL_MAX - 32);
	} else if (prefix.n == 0 || dn_channel_check(prefix, &err) == 0) {
		return true;
	}
	dn_tool_fail(&l->tool, DN_EXIT_USAGE, NULL, "--channel: %s", err.text);
	return false;
}

static bool read_objectives(struct latency *l)
{
	size_t n = l->objective_texts.n;
	struct dn_err err = {0};

	l->objectives = dn_xcalloc(n + 1, sizeof(*l->objectives));
	for (size_t i = 0; i < n; i++) {
		if (dn_latency_objective(
			&l->objectives[i], l->objective_texts.v[i], &err) < 0) {
			usage(l, err.text);
			return false;
		}
	}
	return true;
}

static bool open_hgrm(struct latency *l)
{
	l->hgrm_fd = -1;
	if (l->hgrm == NULL)
		return true;
	l->hgrm_fd =
	    open(l->hgrm, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (l->hgrm_fd >= 0)
		return true;
	dn_tool_fail(&l->tool, DN_EXIT_CONFIG, NULL, "--hgrm %s: %s", l->hgrm,
	    strerror(errno));
	return false;
}

static bool check_flags(struct latency *l)
{
	if (l->tool.operands > 0) {
		usage(l, "takes no operands");
		return false;
	}
	return check_channel(l) && read_objectives(l) && open_hgrm(l);
}

static void run(struct latency *l)
{
	struct tally tally;
	bool measured;

	if (!check_flags(l))
		return;
	l->clock = (struct steady){dn_wall_us(), dn_mono_us()};
	tally_init(&tally);
	measured = l->piped ? latency_piped(l, &tally) : latency_run(l, &tally);
	if (measured)
		latency_report(l, &tally);
	tally_release(&tally);
	if (l->hgrm_fd >= 0)
		(void)close(l->hgrm_fd);
}

int main(int argc, char **argv)
{
	struct latency l = {
	    .subscribers = 100,
	    .channels = 1,
	    .rate = 100,
	    .size = 128,
	    .duration_us = 10000000,
	    .path = "realtime",
	    .channel = "latency",
	};
	struct dn_opt_section section = {
	    .title = "Options",
	    .opts = opts,
	    .n = DN_ARRAY_LEN(opts),
	    .target = &l,
	};

	if (dn_tool_init(&l.tool, &program, &section, 1, argc, argv))
		run(&l);
	dn_opt_list_release(&l.objective_texts);
	free(l.objectives);
	return dn_tool_release(&l.tool);
}
