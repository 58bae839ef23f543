/* SPDX-License-Identifier: MIT */
/*
 * Those of one token are a list, found by tenant and jti in a map of the
 * loop, so that revoking one token of many costs what it ends. Those of a
 * user are found by the roster.
 *
 * A token that is revoked while its connection is being made: either the
 * look-up of the token already finds it, or the search that follows each
 * revocation finds the session, or, for a user's tokens, the look-up at the
 * end of the connect command.
 */
#include "session/bearer.h"

#include <stdlib.h>

#include "record/channel.h"
#include "serve/server.h"
#include "session/session.h"

struct dn_bearers {
	struct dn_bearer *first;
	struct dn_str key; /* tenant, NUL, jti */
	char bytes[];
};

static const char reason[] = "invalid token";

/* Room for the longest key. */
enum { KEY_MAX = DN_CHANNEL_MAX * 2 + 1 };
_Static_assert((int)DN_REVOKED_SUBJECT_MAX <= (int)DN_CHANNEL_MAX,
    "a jti is no longer than a channel's name");

static struct dn_bearers *bearers_get(
    struct dn_loop *loop, struct dn_str tenant, struct dn_str jti)
{
	char buf[KEY_MAX];
	struct dn_str key = dn_hub_key(buf, tenant, jti);
	struct dn_bearers *of = dn_map_get(&loop->bearers, key);

	if (of != NULL)
		return of;
	of = dn_xcalloc(1, sizeof(*of) + key.n);
	memcpy(of->bytes, key.p, key.n);
	of->key = (struct dn_str){of->bytes, key.n};
	dn_map_put(&loop->bearers, of->key, of);
	return of;
}

static void enter(struct dn_bearer *b, struct dn_bearers *of)
{
	b->of = of;
	b->next = of->first;
	b->prev = &of->first;
	if (b->next != NULL)
		b->next->prev = &b->next;
	of->first = b;
}

struct dn_bearer *dn_bearer_new(
    struct dn_session *s, const struct dn_jwt_claims *claims)
{
	struct dn_bearer *b = dn_xcalloc(1, sizeof(*b));

	b->session = s;
	b->iat_s = claims->iat;
	/* One that is longer cannot be revoked by its jti. */
	if (claims->jti.n > 0 && claims->jti.n <= DN_REVOKED_SUBJECT_MAX)
		enter(b, bearers_get(
			     s->loop, dn_str_of(s->tenant->name), claims->jti));
	return b;
}

void dn_bearer_free(struct dn_bearer **bp)
{
	struct dn_bearer *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	if (b->of != NULL) {
		*b->prev = b->next;
		if (b->next != NULL)
			b->next->prev = b->prev;
		if (b->of->first == NULL) {
			dn_map_remove(&b->session->loop->bearers, b->of->key);
			free(b->of);
		}
	}
	free(b);
}

/* --- whether it is revoked ----------------------------------------------- */

bool dn_bearer_is_revoked(
    const struct dn_session *s, const struct dn_jwt_claims *claims)
{
	return dn_revoked_has(dn_server_revoked(s->loop->server),
	    dn_str_of(s->tenant->name), claims, dn_wall_us() / 1000000);
}

bool dn_bearer_was_revoked(const struct dn_session *s)
{
	return s->bearer != NULL &&
	       dn_revoked_has_user(dn_server_revoked(s->loop->server),
		   dn_str_of(s->tenant->name), s->user, s->bearer->iat_s,
		   dn_wall_us() / 1000000);
}

/* --- whom it ends -------------------------------------------------------- */

static uint64_t end_token(struct dn_loop *loop, const struct dn_revocation *r)
{
	char buf[KEY_MAX];
	struct dn_str key = dn_hub_key(buf, r->tenant, r->subject);
	struct dn_bearers *of;
	uint64_t n = 0;

	/* Each one leaves the list, and the last one ends it. */
	while ((of = dn_map_get(&loop->bearers, key)) != NULL) {
		dn_conn_close(of->first->session->conn, 3500, reason);
		n++;
	}
	return n;
}

static bool is_older(const struct dn_bearer *b, int64_t time_s)
{
	return b != NULL && b->iat_s < time_s;
}

static bool has_older(const struct dn_session *s, int64_t time_s)
{
	const struct dn_sub *sub;
	size_t at = 0;

	if (is_older(s->bearer, time_s))
		return true;
	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		if (is_older(sub->bearer, time_s))
			return true;
	return false;
}

static uint64_t end_user(struct dn_loop *loop, const struct dn_revocation *r)
{
	struct dn_session *s;
	struct dn_buf key = {0};
	uint64_t serial = 0, n = 0;

	dn_roster_user_key(&key, r->tenant, r->subject);
	while ((s = dn_roster_next(&loop->roster, dn_buf_view(&key), serial)) !=
	       NULL) {
		serial = s->serial;
		if (!has_older(s, r->issued_before_s))
			continue;
		dn_conn_close(s->conn, 3500, reason);
		n++;
	}
	dn_buf_release(&key);
	return n;
}

uint64_t dn_bearer_end_all(struct dn_loop *loop, const struct dn_revocation *r)
{
	return r->kind == DN_REVOKED_TOKEN ? end_token(loop, r)
					   : end_user(loop, r);
}
