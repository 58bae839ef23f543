/* SPDX-License-Identifier: MIT */
/*
 * tool: what dnot-pub, dnot-sub, dnot-sweep and dnot-latency share: the
 * common flags and environment, secrets from files, signals, the exit code,
 * --ready-fd.
 *
 *   int main(int argc, char **argv)
 *   {
 *           struct dn_tool tool;
 *
 *           if (dn_tool_init(&tool, &program, sections, 1, argc, argv))
 *                   run(&tool);
 *           return dn_tool_release(&tool);
 *   }
 *
 * Ownership: the caller owns the struct; strings in it live until
 *   dn_tool_release.
 * Errors: dn_tool_fail prints one JSON line on stderr and keeps the worst
 *   exit code.
 * Thread: the main one, which runs the loop given to dn_tool_signals.
 */
#ifndef DN_TOOL_H
#define DN_TOOL_H

#include <signal.h>
#include <uv.h>

#include "base/exit.h"
#include "tool/client.h"
#include "tool/opt.h"

struct dn_log;

/* Called on the loop at the first SIGTERM or SIGINT: drain and end. A second
 * signal ends the process at once (by that signal). */
typedef void dn_tool_stop_fn(void *arg, int signo);

struct dn_tool {
	const char *program;
	/* Flags, or else the environment, or else the default. */
	const char *url;    /* never NULL */
	const char *log;    /* --log, DNOT_LOG; NULL: none */
	const char *tenant; /* --tenant, DNOT_TENANT; NULL: unknown */
	char *key;          /* server key; NULL when a token is used; "dev"
			       when there is neither */
	char *token;        /* client token, or NULL */
	unsigned verbose;
	bool quiet;
	/* After dn_tool_init: argv[1..operands]. */
	char **argv;
	size_t operands;
	/* Inside. */
	const char *key_file, *token_file;
	uint64_t ready_fd; /* UINT64_MAX: none (left) */
	int exit_code;
	uv_async_t on_signal;
	volatile sig_atomic_t signo; /* the first signal to stop; 0: none */
	unsigned signals_open;
	bool stopping;
	bool stdout_failed;
	dn_tool_stop_fn *stop;
	void *stop_arg;
};

/* Parses the program's sections and the common one. True: go on. False:
 * finished, return dn_tool_release's value (--help, a usage error, a secret
 * that cannot be read). SIGPIPE is ignored from here on, for the sake of the
 * sockets; dn_tool_print gives stdout its usual meaning back. */
DN_MUST_CHECK bool dn_tool_init(struct dn_tool *tool,
    const struct dn_opt_program *program, const struct dn_opt_section *sections,
    size_t sections_n, int argc, char **argv);
/* Frees, and gives the exit code. */
DN_MUST_CHECK int dn_tool_release(struct dn_tool *tool);

/* Watches SIGTERM and SIGINT on the loop; unwatch closes the handles (let the
 * loop run out afterwards). They do not keep the loop alive. */
void dn_tool_signals(
    struct dn_tool *tool, uv_loop_t *loop, dn_tool_stop_fn *stop, void *arg);
void dn_tool_signals_close(struct dn_tool *tool);

/* Keeps the code if it is worse than what is kept: 70 > 78 > 64 > 76 > 77 >
 * 69 > 75 > 65 > 1 > 0. */
void dn_tool_exit(struct dn_tool *tool, enum dn_exit code);
/* The same, and one line on stderr: {"level":"error",...,FIELDS}. fields is
 * NULL or JSON members without braces, as for dn_diag. */
void dn_tool_fail(struct dn_tool *tool, enum dn_exit code, const char *fields,
    const char *fmt, ...) DN_PRINTF(4, 5);

/* Writes "ready" and a newline to --ready-fd and closes it; only the first
 * call does anything. */
void dn_tool_ready(struct dn_tool *tool);

/* Writes all of it to stdout, waiting where stdout is slow. A reader that went
 * away ends the process quietly, by SIGPIPE; any other failure is reported
 * once (75) and gives false from then on. */
DN_MUST_CHECK bool dn_tool_print(struct dn_tool *tool, struct dn_str bytes);
/* What dn_tool_print does with a failed write, for those who write
 * themselves; error is the errno. */
void dn_tool_stdout_failed(struct dn_tool *tool, int error);

/* Options for dn_client_open with url, key, token and name filled in. */
void dn_tool_client_options(
    const struct dn_tool *tool, struct dn_client_options *options);

/* The tenant for the log: --tenant, else the connected one (may be NULL),
 * else "dev" where the log was made by --dev, else NULL after dn_tool_fail
 * with 78. */
DN_MUST_CHECK const char *dn_tool_tenant(
    struct dn_tool *tool, const char *connected, struct dn_log *log);

#endif
