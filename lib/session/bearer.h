/* SPDX-License-Identifier: MIT */
/*
 * bearer: what a session or a subscription remembers of the token that it
 * came by, and how those are found whose token is revoked (revoked.h).
 *
 * Ownership: belongs to its session or subscription; borrows the session,
 *   whose connection ends with the token.
 * Limits: some 150 bytes, for a token with a jti.
 * Thread: the loop's.
 */
#ifndef DN_BEARER_H
#define DN_BEARER_H

#include "auth/revoked.h"

struct dn_loop;
struct dn_session;
struct dn_bearers;

struct dn_bearer {
	struct dn_session *session;
	struct dn_bearer *next, **prev; /* of the same token */
	struct dn_bearers *of;          /* NULL: the token has no jti */
	int64_t iat_s;                  /* -1: none */
};

DN_MUST_CHECK struct dn_bearer *dn_bearer_new(
    struct dn_session *s, const struct dn_jwt_claims *claims);
void dn_bearer_free(struct dn_bearer **bearer);

/* Whether the token is revoked, for this session's tenant. */
DN_MUST_CHECK bool dn_bearer_is_revoked(
    const struct dn_session *s, const struct dn_jwt_claims *claims);
/* Its connect succeeds: whether its user's tokens were revoked since it was
 * begun. A single token is looked for from the beginning on. */
DN_MUST_CHECK bool dn_bearer_was_revoked(const struct dn_session *s);
/* Closes the loop's connections that came by what is revoked, or have a
 * subscription by it, with 3500. Gives their number. */
DN_MUST_CHECK uint64_t dn_bearer_end_all(
    struct dn_loop *loop, const struct dn_revocation *r);

#endif
