/* SPDX-License-Identifier: MIT */
/*
 * call: one call of a method that has to be answered: a client's command, an
 * rpc of a server key, a POST to /api, or a part of a batch.
 *
 * Ownership: made by whoever receives it; dn_call_answer takes it. It names
 *   its connection by id, so an answer that comes after the connection's end
 *   goes nowhere.
 * Thread: its loop's.
 */
#ifndef DN_CALL_H
#define DN_CALL_H

#include "serve/loop.h"

struct dn_call {
	struct dn_loop *loop;
	uint64_t conn;        /* 0: none */
	struct dn_conf *conf; /* a reference: tenant points into it */
	const struct dn_conf_tenant *tenant;
	bool server;       /* with a server key, or unasked for in --dev */
	struct dn_who who; /* of an ordinary client; borrowed while the method
			      starts */
	/* How the answer leaves; gets the call before it is freed. */
	void (*done)(struct dn_call *call);
	uint32_t weight;        /* in its connection's calls; 1, or more where
				   somebody set both (conn.h) */
	uint32_t id;            /* of the command */
	const char *method;     /* member that carries the result */
	struct dn_call *parent; /* of a part */
	size_t part, parts_open;
	struct dn_buf *parts;
	struct dn_call_rest *rest; /* parts that wait for others; NULL: none */
	/* the answer */
	struct dn_track *track; /* for the reply's frame; the one who sends it
				   takes it, NULL: none */
	unsigned code;
	bool temporary;
	const char *message;
	struct dn_buf message_bytes; /* where the message is made */
	struct dn_buf result;        /* members, without braces */
};

DN_MUST_CHECK struct dn_call *dn_call_new(struct dn_loop *loop, uint64_t conn,
    const struct dn_conf_tenant *tenant, void (*done)(struct dn_call *call));
/* A literal, or a text that is copied. */
void dn_call_fail(struct dn_call *call, unsigned code, const char *message);
void dn_call_fail_text(
    struct dn_call *call, unsigned code, const char *message);
/* Ends it. */
void dn_call_answer(struct dn_call *call);
/* {"code":..,"message":..[,"temporary":true]} */
void dn_call_write_error(
    struct dn_buf *b, unsigned code, const char *message, bool temporary);

#endif
