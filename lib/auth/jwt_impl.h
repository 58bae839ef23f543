/* SPDX-License-Identifier: MIT */
/*
 * jwt_impl: what jwt.c, jwt_key.c and jwt_claims.c share; for them only.
 *
 * Ownership, thread: as jwt.h says.
 */
#ifndef DN_JWT_IMPL_H
#define DN_JWT_IMPL_H

#include "auth/jwt.h"

/* An algorithm, as a header's "alg" names it; NULL: not one of ours. */
struct dn_jwt_alg;
const struct dn_jwt_alg *dn_jwt_alg_find(struct dn_str name);

/* Whether the key may verify the algorithm at all. */
bool dn_jwt_key_takes(
    const struct dn_jwt_key *key, const struct dn_jwt_alg *alg);
/* Whether `signature` (raw bytes) is the key's of `text`; the key takes the
 * algorithm. */
bool dn_jwt_key_verify(const struct dn_jwt_key *key,
    const struct dn_jwt_alg *alg, struct dn_str text, struct dn_str signature);
/* Adds the HS256 signature of text, raw; -EINVAL: no HMAC key. */
DN_MUST_CHECK int dn_jwt_key_sign(const struct dn_jwt_key *key,
    struct dn_str text, struct dn_buf *signature, struct dn_err *err);

/* Reads claims->text, which is set, into the other members. -EINVAL. */
DN_MUST_CHECK int dn_jwt_claims_read(
    struct dn_jwt_claims *claims, struct dn_err *err);

#endif
