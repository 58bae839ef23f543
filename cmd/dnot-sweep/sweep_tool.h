/* SPDX-License-Identifier: MIT */
/*
 * sweep_tool: what the files of dnot-sweep share.
 *
 * One run does one of three things: a pass (pass.c), a look (show.c: --dry-run
 * and --dead), or --requeue. All know the log and the tenant; only a pass
 * needs the server, and a run whose tenant nobody told.
 *
 * Ownership: main owns the struct; the others borrow it.
 * Errors: printed through dn_tool_fail, which keeps the exit code.
 * Thread: the main one.
 */
#ifndef DN_SWEEP_TOOL_H
#define DN_SWEEP_TOOL_H

#include "log/log.h"
#include "tool/sweep.h"
#include "tool/tool.h"

struct sweep {
	struct dn_tool tool;
	struct dn_sweep_rules rules;
	uint64_t limit;
	bool dry_run;
	bool dead;
	const char *requeue; /* an id, or "all"; NULL: no */

	struct dn_log *log;
	char *tenant; /* NULL until it is known */
	bool locked;

	uv_loop_t loop;
	struct dn_client_net *net;
	struct dn_client *client;
	void *pass; /* the pass that runs, for the client's callbacks */
};

/* Reports an error of the log: 75 for one that is away or held, else 78. */
void sweep_log_failed(struct sweep *s, const struct dn_err *err);

/* server.c: connects and finds out whose key it is. False: reported. After
 * true the loop runs with a connected client until sweep_disconnect. */
DN_MUST_CHECK bool sweep_connect(struct sweep *s);
void sweep_disconnect(struct sweep *s);

/* pass.c: one pass over a locked log with a connected client; prints the
 * summary. */
void sweep_pass(struct sweep *s);
/* What the pass does when the connection changes, and when the queue of the
 * client has room again. */
void sweep_pass_state(struct sweep *s, const struct dn_client_why *why);
void sweep_pass_drained(struct sweep *s);

/* show.c */
void sweep_dry_run(struct sweep *s);
void sweep_list_dead(struct sweep *s);
void sweep_requeue(struct sweep *s);

#endif
