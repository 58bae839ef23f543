/* SPDX-License-Identifier: MIT */
/*
 * jwt: signed JSON Web Tokens of clients: verify, read, issue.
 *
 * Compact JWS only. Which algorithms a key may verify is fixed when the key
 * is made, never by the token: an HMAC secret verifies HS256/384/512, an RSA
 * key RS256/384/512, a P-256, P-384 or P-521 key ES256, ES384 or ES512.
 * Nothing else of the header is believed ("kid", "jku", "jwk" are not read,
 * "crit" is refused). Time is passed in.
 *
 * Ownership: a key is made once and then shared read-only. Claims own the
 *   decoded text; their slices live until dn_jwt_claims_release.
 * Limits: a token is at most DN_JWT_MAX bytes, looked at before anything else.
 * Errors: an enum dn_jwt_result, with the reason as text for the server's
 *   own diagnostics; the text holds neither token nor claim.
 * Thread: any; keys and policies may be used by several at once.
 */
#ifndef DN_JWT_H
#define DN_JWT_H

#include "base/buf.h"
#include "base/err.h"

enum {
	DN_JWT_MAX = 16 * 1024,
	/* How far the issuer's clock may be ahead, for nbf and iat. */
	DN_JWT_SKEW_S = 60,
};

/* The values are what the client is told. */
enum dn_jwt_result {
	DN_JWT_OK = 0,
	DN_JWT_BAD = 3500,    /* close code "invalid token" */
	DN_JWT_EXPIRED = 109, /* error code "token expired": get a new one; a
				 token that is not valid yet is one, too */
};

struct dn_jwt_key;

/* -EINVAL: empty. */
DN_MUST_CHECK int dn_jwt_key_hmac(
    struct dn_jwt_key **out, struct dn_str secret, struct dn_err *err);
/* A public key, "BEGIN PUBLIC KEY". -EINVAL: something else, an RSA key under
 * 2048 bits, another curve. */
DN_MUST_CHECK int dn_jwt_key_pem(
    struct dn_jwt_key **out, struct dn_str pem, struct dn_err *err);
void dn_jwt_key_free(struct dn_jwt_key **key);

/* What tokens are held against; borrows everything. */
struct dn_jwt_policy {
	const struct dn_jwt_key *keys[4]; /* any of them may have signed it */
	size_t keys_n;
	const char *audience; /* NULL: not looked at */
	const char *issuer;   /* NULL: not looked at */
	/* --dev without keys: what the token says is believed unsigned, and it
	 * never expires. */
	bool insecure;
};

/* Unset strings and raw values have p == NULL; unset times are -1. Raw values
 * are validated JSON, byte for byte as signed (write them with
 * dn_buf_json_raw). */
struct dn_jwt_claims {
	struct dn_str sub; /* the user; unset or "": anonymous */
	struct dn_str iss;
	struct dn_str jti;
	struct dn_str tenant;
	struct dn_str channel; /* set: a subscription token */
	struct dn_str client;  /* the connection a subscription is for */
	int64_t exp;           /* s */
	int64_t nbf;
	int64_t iat;
	int64_t expire_at;         /* of the connection; 0: never */
	struct dn_str aud;         /* raw string, or array of strings */
	struct dn_str info;        /* raw; of b64info where that is set */
	struct dn_str channels;    /* raw array of strings */
	struct dn_str subs;        /* raw object of objects, whose info, data
				      and their twins are as those here */
	struct dn_str meta;        /* raw object */
	struct dn_str override;    /* raw object, of a subscription token */
	struct dn_str data;        /* raw; of b64data where that is set */
	struct dn_buf text;        /* the decoded payload */
	struct dn_buf strings[10]; /* what had escapes, or was base64 */
	size_t strings_n;
};

/* Anything but DN_JWT_OK leaves claims released. DN_JWT_EXPIRED is said only
 * of a token that was signed well. */
DN_MUST_CHECK enum dn_jwt_result dn_jwt_verify(
    const struct dn_jwt_policy *policy, struct dn_str token, int64_t now_us,
    struct dn_jwt_claims *claims, struct dn_err *err);
void dn_jwt_claims_release(struct dn_jwt_claims *claims);

/* When the connection or subscription of the token ends, in seconds since
 * 1970 (expire_at where it is set, else exp); 0: never. */
int64_t dn_jwt_ends_at(const struct dn_jwt_claims *claims);

/* The claim `tenant` as the token states it, before anything is verified: only
 * good for choosing whose keys to verify with. The caller releases `text`,
 * which the result may point into; unset when there is none. */
struct dn_str dn_jwt_tenant_hint(struct dn_str token, struct dn_buf *text);

/* Signs claims (a JSON object) with HS256; adds the token to out. -EINVAL: no
 * object, a claim of the wrong type, no HMAC key, or the token is too long. */
DN_MUST_CHECK int dn_jwt_issue(const struct dn_jwt_key *key,
    struct dn_str claims, struct dn_buf *out, struct dn_err *err);

#endif
