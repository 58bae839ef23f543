/* SPDX-License-Identifier: MIT */
/*
 * One object goes from loop to loop as mail, first to last, then home; with
 * one loop these are plain calls. In a loop it looks for one session after the
 * other by its serial, so that it does not matter who comes and goes while it
 * acts. After SLICE_US the rest waits for the wheel, and the loop goes round.
 *
 * Fails: a join that a loop refused (111, 100) becomes the call's error; what
 * was done to the others stays.
 */
#include "api/tour.h"

#include <stdlib.h>

#include "base/b64.h"
#include "serve/server.h"
#include "session/sid.h"

enum { SLICE_US = 5000 };

static void on_waited(struct dn_sub_waiter *waiter);
static void on_timer(struct dn_timer *timer, int64_t now_us);

void *dn_tour_new(struct dn_call *call, struct dn_json params, size_t size)
{
	struct dn_tour *tour = dn_xcalloc(1, size);

	tour->call = call;
	dn_buf_str(&tour->text, params.raw);
	tour->params =
	    (struct dn_json){DN_JSON_OBJECT, dn_buf_view(&tour->text)};
	/* A decoded string is never longer than it is written. */
	(void)dn_buf_reserve(&tour->strings, params.raw.n);
	tour->waiter.done = on_waited;
	tour->timer.fire = on_timer;
	return tour;
}

void dn_tour_free(struct dn_tour *tour)
{
	dn_buf_release(&tour->text);
	dn_buf_release(&tour->strings);
	dn_buf_release(&tour->key);
	dn_map_release(&tour->whitelist);
	free(tour);
}

void dn_tour_bad(struct dn_tour *tour, const char *why)
{
	dn_api_bad(tour->call, why);
	dn_tour_free(tour);
}

/* --- params -------------------------------------------------------------- */

static bool is_given(struct dn_json value)
{
	return value.type != DN_JSON_NONE && value.type != DN_JSON_NULL;
}

bool dn_tour_string(struct dn_tour *tour, const char *name, struct dn_str *out)
{
	struct dn_json value = dn_json_member(tour->params, name);

	return !is_given(value) || dn_json_string(value, out, &tour->strings);
}

bool dn_tour_raw(struct dn_tour *tour, const char *name, const char *twin,
    struct dn_str *out)
{
	struct dn_json value = dn_json_member(tour->params, twin);
	struct dn_buf decoded = {0};
	bool good = true;

	if (is_given(value)) {
		/* That is shorter decoded, too. */
		good = dn_b64_json(value, out, &decoded);
		dn_buf_str(&tour->strings, *out);
		out->p = tour->strings.p + tour->strings.n - out->n;
		dn_buf_release(&decoded);
		return good;
	}
	value = dn_json_member(tour->params, name);
	if (is_given(value))
		*out = value.raw;
	return dn_json_is_part(value);
}

static const char *read_whitelist(struct dn_tour *tour)
{
	struct dn_json list = dn_json_member(tour->params, "whitelist"), item;
	struct dn_json_iter it;
	struct dn_str key, client;

	if (!is_given(list))
		return NULL;
	if (list.type != DN_JSON_ARRAY)
		return "whitelist: an array of client ids is needed";
	dn_json_iter_init(&it, list);
	while (dn_json_next(&it, &key, &item)) {
		if (!dn_json_string(item, &client, &tour->strings))
			return "whitelist: an array of client ids is needed";
		if (dn_map_get(&tour->whitelist, client) == NULL)
			dn_map_put(&tour->whitelist, client, tour);
	}
	return NULL;
}

/* One connection, of any user. */
static bool is_named(const struct dn_tour *tour)
{
	return tour->client.n > 0 || tour->session.n > 0;
}

const char *dn_tour_read_whom(struct dn_tour *tour, bool anybody)
{
	struct dn_str tenant = dn_str_of(tour->call->tenant->name);

	tour->has_user = is_given(dn_json_member(tour->params, "user"));
	if (!dn_tour_string(tour, "user", &tour->user))
		return "user: a string is needed";
	if (!dn_tour_string(tour, "client", &tour->client))
		return "client: a string is needed";
	if (!dn_tour_string(tour, "session", &tour->session))
		return "session: a string is needed";
	if (!anybody && !tour->has_user && !is_named(tour))
		return "user, client or session is needed";
	if (tour->has_user)
		dn_roster_user_key(&tour->key, tenant, tour->user);
	else
		dn_roster_tenant_key(&tour->key, tenant);
	return read_whitelist(tour);
}

/* --- whom ---------------------------------------------------------------- */

/* The session whose id that is, or would be but for its secret. */
static struct dn_session *at_id(const struct dn_tour *tour)
{
	struct dn_conn *conn;
	unsigned loop;
	uint64_t id;

	if (!dn_sid_read(tour->session, &loop, &id) || loop != tour->loop->ix)
		return NULL;
	conn = dn_conn_find(tour->loop, id);
	if (conn == NULL || conn->session == NULL || conn->session->serial == 0)
		return NULL;
	return conn->session;
}

static bool has_id(const struct dn_session *s, struct dn_str id)
{
	return s->id != NULL && id.n == DN_SID_LEN &&
	       dn_same_secret(s->id, id.p, DN_SID_LEN);
}

bool dn_tour_matches(const struct dn_tour *tour, const struct dn_session *s)
{
	return dn_str_is(
		   dn_str_of(s->tenant->name), tour->call->tenant->name) &&
	       (!tour->has_user || dn_str_eq(s->user, tour->user)) &&
	       (tour->client.n == 0 || dn_str_is(tour->client, s->client)) &&
	       (tour->session.n == 0 || has_id(s, tour->session)) &&
	       (!s->server || tour->servers || is_named(tour)) &&
	       dn_map_get(&tour->whitelist, dn_str_of(s->client)) == NULL;
}

struct dn_session *dn_tour_next(const struct dn_tour *tour)
{
	const struct dn_roster *roster = &tour->loop->roster;

	if (!is_named(tour))
		return dn_roster_next(
		    roster, dn_buf_view(&tour->key), tour->after);
	if (tour->after > 0)
		return NULL;
	return tour->client.n > 0 ? dn_roster_client(roster, tour->client)
				  : at_id(tour);
}

/* --- from loop to loop --------------------------------------------------- */

static void visit(struct dn_tour *tour)
{
	int64_t until = dn_mono_us() + SLICE_US;
	struct dn_session *s;

	while ((s = dn_tour_next(tour)) != NULL) {
		if (dn_mono_us() > until) {
			dn_wheel_arm(&tour->loop->wheel, &tour->timer, until);
			return;
		}
		tour->after = s->serial;
		if (!dn_tour_matches(tour, s))
			continue;
		tour->matched++;
		tour->act(tour, s);
	}
	dn_sub_waiter_less(&tour->waiter);
}

static void on_timer(struct dn_timer *timer, int64_t now_us)
{
	(void)now_us;
	visit(DN_CONTAINER(timer, struct dn_tour, timer));
}

static void run_visit(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_tour *tour = DN_CONTAINER(mail, struct dn_tour, mail);

	tour->loop = loop;
	tour->after = 0;
	tour->waiter.open = 1;
	visit(tour);
}

static void on_waited(struct dn_sub_waiter *waiter)
{
	struct dn_tour *tour = DN_CONTAINER(waiter, struct dn_tour, waiter);
	unsigned at = tour->loop->ix + 1;

	if (at < dn_server_loops(tour->loop->server))
		dn_tour_go(tour, at, run_visit);
	else
		dn_tour_home(tour);
}

static void run_home(struct dn_loop *loop, struct dn_mail *mail)
{
	struct dn_tour *tour = DN_CONTAINER(mail, struct dn_tour, mail);
	struct dn_call *call = tour->call;

	(void)loop;
	if (tour->end != NULL)
		tour->end(tour);
	if (tour->waiter.code != 0)
		dn_call_fail(call, tour->waiter.code, tour->waiter.message);
	dn_tour_free(tour);
	dn_call_answer(call);
}

void dn_tour_go(struct dn_tour *tour, unsigned loop,
    void (*run)(struct dn_loop *loop, struct dn_mail *mail))
{
	tour->mail.run = run;
	dn_loop_send(tour->loop, loop, &tour->mail);
}

void dn_tour_home(struct dn_tour *tour)
{
	dn_tour_go(tour, tour->call->loop->ix, run_home);
}

void dn_tour_start(struct dn_tour *tour)
{
	tour->loop = tour->call->loop;
	dn_tour_go(tour, 0, run_visit);
}
