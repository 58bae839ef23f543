/* SPDX-License-Identifier: MIT */
/*
 * revoked: tokens that count no more although they are signed and not over:
 * single ones, by their `jti`, and all of a user's that were issued before a
 * time, by their `iat`.
 *
 * A tenant's entries are its own. An entry may have an end (the end of the
 * tokens that it is about), at which it is forgotten. The same token or user
 * again replaces what was there.
 *
 * Ownership: keeps copies of what it is given.
 * Limits: DN_REVOKED_SUBJECT_MAX bytes of a jti or user; entries of a tenant,
 *   as whoever adds says.
 * Errors: -ENOSPC at that limit.
 * Thread: any; a lock is held for one look-up or one change.
 */
#ifndef DN_REVOKED_H
#define DN_REVOKED_H

#include "auth/jwt.h"

enum { DN_REVOKED_SUBJECT_MAX = 255 };

enum dn_revoked_kind { DN_REVOKED_TOKEN, DN_REVOKED_USER };

struct dn_revocation {
	struct dn_str tenant;
	enum dn_revoked_kind kind;
	struct dn_str subject;   /* the jti, or the user's id; not empty */
	int64_t issued_before_s; /* of a user: tokens with an earlier iat, and
				    those without one */
	int64_t expire_at_s;     /* 0: never */
};

struct dn_revoked;

DN_MUST_CHECK struct dn_revoked *dn_revoked_new(void);
void dn_revoked_free(struct dn_revoked **set);

/* max: entries that the tenant may have. One that is over already is a
 * success and changes nothing. */
DN_MUST_CHECK int dn_revoked_add(struct dn_revoked *set,
    const struct dn_revocation *r, uint64_t max, int64_t now_s);
/* Whether a token with these claims is revoked. */
DN_MUST_CHECK bool dn_revoked_has(struct dn_revoked *set, struct dn_str tenant,
    const struct dn_jwt_claims *claims, int64_t now_s);
/* Whether that user's tokens of that iat (-1: none) are. */
DN_MUST_CHECK bool dn_revoked_has_user(struct dn_revoked *set,
    struct dn_str tenant, struct dn_str user, int64_t iat_s, int64_t now_s);
/* Forgets a slice of what is over. */
void dn_revoked_expire(struct dn_revoked *set, int64_t now_s);
/* All entries, of all tenants. */
DN_MUST_CHECK size_t dn_revoked_count(struct dn_revoked *set);

#endif
