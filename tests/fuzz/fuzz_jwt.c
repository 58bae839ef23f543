/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a token: nothing that was not signed may verify, but for the
 * policy that believes it. And as claims: what can be issued must verify, with
 * the same claims.
 */
#include <stdint.h>

#include "base/b64.h"
#include "base/json.h"
#include "auth/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW_US ((int64_t)1700000000 * 1000000)

static const char pem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";

struct keys {
	struct dn_jwt_key *hmac, *ec;
	struct dn_jwt_policy policy;
};

/* The secret is random: what verifies was issued here. */
static void keys_make(struct keys *keys)
{
	unsigned char secret[32];
	struct dn_err err;

	dn_random(secret, sizeof(secret));
	DN_ASSERT(dn_jwt_key_hmac(&keys->hmac,
		      (struct dn_str){(const char *)secret, sizeof(secret)},
		      &err) == 0);
	DN_ASSERT(dn_jwt_key_pem(&keys->ec, dn_str_of(pem), &err) == 0);
	keys->policy =
	    (struct dn_jwt_policy){.keys = {keys->hmac, keys->ec}, .keys_n = 2};
}

static bool verify(const struct dn_jwt_policy *policy, struct dn_str token)
{
	struct dn_jwt_claims claims;
	struct dn_err err = {0};
	struct dn_json v;
	enum dn_jwt_result result =
	    dn_jwt_verify(policy, token, NOW_US, &claims, &err);

	DN_ASSERT((result == DN_JWT_OK) == (err.text[0] == '\0'));
	if (result == DN_JWT_OK) {
		if (claims.info.p != NULL)
			DN_ASSERT(dn_json_parse(claims.info, &v, &err) == 0);
		DN_ASSERT(dn_jwt_ends_at(&claims) >= 0);
	} else {
		DN_ASSERT(claims.text.p == NULL && claims.strings_n == 0);
	}
	dn_jwt_claims_release(&claims);
	return result == DN_JWT_OK;
}

static void check_token(const struct keys *keys, struct dn_str token)
{
	static const struct dn_jwt_policy insecure = {.insecure = true};
	struct dn_buf text = {0};

	DN_ASSERT(!verify(&keys->policy, token));
	(void)verify(&insecure, token);
	(void)dn_jwt_tenant_hint(token, &text);
	dn_buf_release(&text);
}

static void check_issue(const struct keys *keys, struct dn_str claims)
{
	struct dn_jwt_claims back;
	struct dn_buf token = {0};
	struct dn_err err = {0};
	enum dn_jwt_result result;

	if (dn_jwt_issue(keys->hmac, claims, &token, &err) == 0) {
		result = dn_jwt_verify(
		    &keys->policy, dn_buf_view(&token), NOW_US, &back, &err);
		DN_ASSERT(result != DN_JWT_BAD);
		if (result == DN_JWT_OK)
			DN_ASSERT(dn_str_eq(dn_buf_view(&back.text), claims));
		dn_jwt_claims_release(&back);
	}
	dn_buf_release(&token);
}

/* The bytes as the payload of a token that looks right. */
static void check_payload(const struct keys *keys, struct dn_str claims)
{
	struct dn_buf token = {0};

	dn_buf_lit(&token, "eyJhbGciOiJIUzI1NiJ9.");
	dn_b64_encode(DN_B64_URL, claims.p, claims.n, &token);
	dn_buf_lit(&token, ".AAAA");
	check_token(keys, dn_buf_view(&token));
	dn_buf_release(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct keys keys;
	struct dn_str text = {(const char *)data, n};
	struct dn_buf bytes = {0};

	if (keys.hmac == NULL)
		keys_make(&keys);
	check_token(&keys, text);
	check_issue(&keys, text);
	check_payload(&keys, text);
	/* A strict decoder is the inverse of its encoder. */
	if (dn_b64_decode(DN_B64_STD, text, &bytes) == 0) {
		struct dn_buf again = {0};

		dn_b64_encode(DN_B64_STD, bytes.p, bytes.n, &again);
		DN_ASSERT(dn_str_eq(dn_buf_view(&again), text));
		dn_buf_release(&again);
	}
	dn_buf_release(&bytes);
	return 0;
}
