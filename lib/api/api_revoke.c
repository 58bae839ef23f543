/* SPDX-License-Identifier: MIT */
/*
 * revoke_token and invalidate_user_tokens. What is revoked counts from the
 * call on: every look-up of a token finds it, and each loop closes the
 * connections that came by it. The answer tells that all loops did so and
 * that the log has it, where there is one.
 *
 * Fails: with 106 where the tenant has too many, and nothing is revoked. With
 * 100 where the log has no room or does not confirm in time: it is revoked
 * all the same, until the server ends or, if the log comes back before,
 * beyond; calling again is good.
 */
#include <stdlib.h>

#include "api/api_impl.h"
#include "base/diag.h"
#include "serve/server.h"
#include "session/bearer.h"

enum { LOG_WAIT_US = 10000000, LOG_BYTES = 1024 };

struct revoking {
	struct dn_call *call; /* NULL: answered */
	struct dn_loop *loop;
	struct dn_timer timer; /* for the log */
	unsigned open;         /* loops, and the log */
	uint64_t ended;
	bool unlogged; /* it should be in the log and is not */
	struct dn_revocation what;
	char bytes[];
};

/* There and back again. */
struct order {
	struct dn_mail mail;
	struct revoking *r;
	uint64_t ended;
};

/* --- the answer ---------------------------------------------------------- */

static void answer(struct revoking *r)
{
	struct dn_call *call = r->call;

	r->call = NULL;
	dn_timer_cancel(&r->timer);
	if (r->unlogged)
		dn_call_fail(call, 100,
		    "internal server error: it is revoked, and the log has "
		    "not confirmed it");
	else
		dn_buf_printf(&call->result,
		    "\"durable\":%s,\"disconnected\":%llu",
		    dn_server_logq(r->loop->server) != NULL ? "true" : "false",
		    (unsigned long long)r->ended);
	dn_call_answer(call);
}

/* For the operator, who sees so many come again. */
static void note(const struct revoking *r)
{
	unsigned long long ended = r->ended;

	if (r->what.kind == DN_REVOKED_TOKEN)
		dn_diag(DN_INFO, NULL,
		    "tenant %.*s: a token is revoked, %llu connections closed",
		    DN_FMT(r->what.tenant), ended);
	else
		dn_diag(DN_INFO, NULL,
		    "tenant %.*s: tokens of user \"%.*s\" are revoked, %llu "
		    "connections closed",
		    DN_FMT(r->what.tenant), DN_FMT(r->what.subject), ended);
}

static void goes_on(struct revoking *r)
{
	if (--r->open > 0)
		return;
	note(r);
	if (r->call != NULL)
		answer(r);
	free(r);
}

static void on_log_late(struct dn_timer *timer, int64_t now_us)
{
	struct revoking *r = DN_CONTAINER(timer, struct revoking, timer);

	(void)now_us;
	r->unlogged = true;
	answer(r);
}

/* --- its parts ----------------------------------------------------------- */

static void run_ended(struct dn_loop *loop, struct dn_mail *mail)
{
	struct order *order = DN_CONTAINER(mail, struct order, mail);
	struct revoking *r = order->r;

	(void)loop;
	r->ended += order->ended;
	free(order);
	goes_on(r);
}

static void run_order(struct dn_loop *loop, struct dn_mail *mail)
{
	struct order *order = DN_CONTAINER(mail, struct order, mail);

	order->ended = dn_bearer_end_all(loop, &order->r->what);
	order->mail.run = run_ended;
	dn_loop_send(loop, order->r->loop->ix, &order->mail);
}

static void on_logged(void *loop, struct dn_logreq *req)
{
	struct revoking *r = req->ctx;

	(void)loop;
	if (req->status != 0)
		r->unlogged = true;
	dn_logreq_free(req);
	goes_on(r);
}

static void write_log(struct revoking *r, struct dn_logq *logq)
{
	struct dn_logreq *req;
	size_t used = 0;

	if (!dn_logq_reserve(logq, LOG_BYTES)) {
		r->unlogged = true;
		return;
	}
	req = dn_logreq_new(DN_LOGREQ_REVOKED, r->loop->ix,
	    r->what.tenant.n + r->what.subject.n);
	req->reserved = LOG_BYTES;
	req->revoked = r->what;
	req->revoked.tenant = dn_logreq_copy(req, &used, r->what.tenant);
	req->revoked.subject = dn_logreq_copy(req, &used, r->what.subject);
	req->ctx = r;
	req->done = on_logged;
	r->open++;
	dn_wheel_arm(&r->loop->wheel, &r->timer, dn_mono_us() + LOG_WAIT_US);
	dn_logq_push(logq, req);
}

static void tell_loops(struct revoking *r)
{
	unsigned i, loops = dn_server_loops(r->loop->server);

	for (i = 0; i < loops; i++) {
		struct order *order = dn_xcalloc(1, sizeof(*order));

		order->mail.run = run_order;
		order->r = r;
		r->open++;
		dn_loop_send(r->loop, i, &order->mail);
	}
}

/* Copies what the call's params hold. */
static struct revoking *revoking_new(
    struct dn_call *call, const struct dn_revocation *what)
{
	struct dn_str tenant = what->tenant, subject = what->subject;
	struct revoking *r = dn_xcalloc(1, sizeof(*r) + tenant.n + subject.n);

	r->call = call;
	r->loop = call->loop;
	r->timer.fire = on_log_late;
	r->what = *what;
	memcpy(r->bytes, tenant.p, tenant.n);
	memcpy(r->bytes + tenant.n, subject.p, subject.n);
	r->what.tenant.p = r->bytes;
	r->what.subject.p = r->bytes + tenant.n;
	return r;
}

static void begin(struct dn_call *call, const struct dn_revocation *what)
{
	struct dn_server *server = call->loop->server;
	struct dn_logq *logq = dn_server_logq(server);
	struct revoking *r;

	if (dn_revoked_add(dn_server_revoked(server), what,
		call->tenant->limits.revoked_tokens,
		dn_wall_us() / 1000000) != 0) {
		dn_call_fail(call, 106, "limit exceeded: revoked_tokens");
		dn_call_answer(call);
		return;
	}
	r = revoking_new(call, what);
	r->open = 1; /* this function */
	if (logq != NULL)
		write_log(r, logq);
	tell_loops(r);
	goes_on(r);
}

/* --- params -------------------------------------------------------------- */

/* Answers 107 with "NAME: WHY". */
static bool bad(struct dn_call *call, const char *name, const char *why)
{
	struct dn_buf text = {0};

	dn_buf_printf(&text, "%s: %s", name, why);
	dn_buf_byte(&text, '\0');
	dn_api_bad(call, text.p);
	dn_buf_release(&text);
	return false;
}

/* False with the call answered. Absent, null and 0 are `absent`. */
static bool read_time(struct dn_call *call, struct dn_json params,
    const char *name, int64_t absent, int64_t *out)
{
	struct dn_json value = dn_json_member(params, name);

	*out = 0;
	if (value.type != DN_JSON_NONE && value.type != DN_JSON_NULL &&
	    (!dn_json_i64(value, out) || *out < 0))
		return bad(call, name, "seconds since 1970 are needed");
	if (*out == 0)
		*out = absent;
	return true;
}

static bool read_subject(struct dn_call *call, struct dn_json params,
    const char *name, struct dn_str *out, struct dn_buf *text)
{
	if (dn_json_string(dn_json_member(params, name), out, text) &&
	    out->n > 0 && out->n <= DN_REVOKED_SUBJECT_MAX)
		return true;
	return bad(call, name, "a string of 1 to 255 bytes is needed");
}

static bool read_end(
    struct dn_call *call, struct dn_json params, int64_t *expire_at_s)
{
	if (!read_time(call, params, "expire_at", 0, expire_at_s))
		return false;
	if (*expire_at_s == 0 || *expire_at_s > dn_wall_us() / 1000000)
		return true;
	return bad(call, "expire_at", "is over");
}

void dn_api_revoke_token(struct dn_call *call, struct dn_json params)
{
	struct dn_revocation r = {
	    .tenant = dn_str_of(call->tenant->name), .kind = DN_REVOKED_TOKEN};
	struct dn_buf text = {0};

	if (read_subject(call, params, "uid", &r.subject, &text) &&
	    read_end(call, params, &r.expire_at_s))
		begin(call, &r);
	dn_buf_release(&text);
}

/* Centrifugo can be asked for the tokens of one channel alone. To take that
 * for all of them would be more than was asked. */
static bool refuse_channel(struct dn_call *call, struct dn_json params)
{
	struct dn_json value = dn_json_member(params, "channel");

	if (value.type == DN_JSON_NONE || value.type == DN_JSON_NULL)
		return false;
	dn_call_fail(
	    call, 108, "not available: channel: a user's tokens end together");
	dn_call_answer(call);
	return true;
}

void dn_api_invalidate_user_tokens(struct dn_call *call, struct dn_json params)
{
	struct dn_revocation r = {
	    .tenant = dn_str_of(call->tenant->name), .kind = DN_REVOKED_USER};
	struct dn_buf text = {0};

	if (!refuse_channel(call, params) &&
	    read_subject(call, params, "user", &r.subject, &text) &&
	    read_time(call, params, "issued_before", dn_wall_us() / 1000000,
		&r.issued_before_s) &&
	    read_end(call, params, &r.expire_at_s))
		begin(call, &r);
	dn_buf_release(&text);
}
