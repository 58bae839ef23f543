/* SPDX-License-Identifier: MIT */
/*
 * How it works: the token is cut at its two dots. Of the header only "alg"
 * counts, and it only chooses among the keys that take it; one of these must
 * have signed the first two parts as they stand. Then the payload is decoded
 * and read, and times, audience and issuer are held against the policy.
 *
 * How it fails: too long, not three parts, not strict base64url, no JSON, an
 * unknown algorithm (also "none"), an extension that must be understood
 * ("crit"), no key for it, a wrong signature, a claim of the wrong type: bad.
 * Well signed but past exp, or before nbf or iat by more than the allowed
 * skew: expired.
 */
#include "auth/jwt_impl.h"

#include <errno.h>

#include "base/b64.h"
#include "base/json.h"

struct parts {
	struct dn_str header, payload, signature;
	struct dn_str head; /* header and payload, what is signed */
};

static int split(struct dn_str token, struct parts *out, struct dn_err *err)
{
	const char *first, *second, *end = token.p + token.n;

	if (token.n > DN_JWT_MAX)
		return dn_err_set(
		    err, -EINVAL, "more than %d bytes", DN_JWT_MAX);
	first = token.n == 0 ? NULL : memchr(token.p, '.', token.n);
	second = first == NULL
		     ? NULL
		     : memchr(first + 1, '.', (size_t)(end - first - 1));
	if (second == NULL)
		return dn_err_set(err, -EINVAL, "not three parts");
	out->header = (struct dn_str){token.p, (size_t)(first - token.p)};
	out->payload = (struct dn_str){first + 1, (size_t)(second - first - 1)};
	out->signature =
	    (struct dn_str){second + 1, (size_t)(end - second - 1)};
	out->head = (struct dn_str){token.p, (size_t)(second - token.p)};
	return 0;
}

static const struct dn_jwt_alg *read_header(
    struct dn_json header, struct dn_err *err)
{
	const struct dn_jwt_alg *alg;
	struct dn_buf scratch = {0};
	struct dn_str name = {0};
	struct dn_json_iter it;
	struct dn_json v;
	struct dn_str key;
	size_t n = 0;

	dn_json_iter_init(&it, header);
	while (dn_json_next(&it, &key, &v)) {
		n += dn_json_key_is(key, "alg");
		if (dn_json_key_is(key, "crit")) {
			dn_err_set(err, -EINVAL, "crit is not understood");
			return NULL;
		}
	}
	if (n != 1 ||
	    !dn_json_string(dn_json_member(header, "alg"), &name, &scratch)) {
		dn_err_set(err, -EINVAL, "the header has not one alg");
		return NULL;
	}
	alg = dn_jwt_alg_find(name);
	dn_buf_release(&scratch);
	if (alg == NULL)
		dn_err_set(err, -EINVAL, "an algorithm that is not known");
	return alg;
}

static const struct dn_jwt_alg *algorithm(
    struct dn_str encoded, struct dn_err *err)
{
	const struct dn_jwt_alg *alg = NULL;
	struct dn_err ignored = {0};
	struct dn_json header = {0};
	struct dn_buf text = {0};

	if (dn_b64_decode(DN_B64_URL, encoded, &text) != 0 ||
	    dn_json_parse(dn_buf_view(&text), &header, &ignored) != 0 ||
	    header.type != DN_JSON_OBJECT)
		dn_err_set(err, -EINVAL, "the header is no JSON object");
	else
		alg = read_header(header, err);
	dn_buf_release(&text);
	return alg;
}

static int try_keys(const struct dn_jwt_policy *policy,
    const struct dn_jwt_alg *alg, struct dn_str head, struct dn_str signature,
    struct dn_err *err)
{
	bool any = false;
	size_t i;

	for (i = 0; i < policy->keys_n; i++) {
		if (!dn_jwt_key_takes(policy->keys[i], alg))
			continue;
		any = true;
		if (dn_jwt_key_verify(policy->keys[i], alg, head, signature))
			return 0;
	}
	return dn_err_set(err, -EINVAL, "%s",
	    any ? "the signature does not match"
		: "no key here verifies that algorithm");
}

static int check_signature(const struct dn_jwt_policy *policy,
    const struct parts *parts, struct dn_err *err)
{
	const struct dn_jwt_alg *alg;
	struct dn_buf raw = {0};
	int rc;

	if (policy->insecure)
		return 0;
	alg = algorithm(parts->header, err);
	if (alg == NULL)
		return -EINVAL;
	rc = dn_b64_decode(DN_B64_URL, parts->signature, &raw);
	if (rc != 0)
		dn_err_set(err, rc, "the signature is not base64url");
	else
		rc = try_keys(policy, alg, parts->head, dn_buf_view(&raw), err);
	dn_buf_release(&raw);
	return rc;
}

static int read_payload(
    struct dn_str encoded, struct dn_jwt_claims *claims, struct dn_err *err)
{
	if (dn_b64_decode(DN_B64_URL, encoded, &claims->text) != 0)
		return dn_err_set(err, -EINVAL, "the payload is not base64url");
	return dn_jwt_claims_read(claims, err);
}

static bool names(struct dn_json v, const char *audience)
{
	struct dn_buf scratch = {0};
	struct dn_str text = {0};
	bool same =
	    dn_json_string(v, &text, &scratch) && dn_str_is(text, audience);

	dn_buf_release(&scratch);
	return same;
}

static bool audience_fits(struct dn_str raw, const char *audience)
{
	struct dn_err ignored = {0};
	struct dn_json aud, item;
	struct dn_json_iter it;
	struct dn_str key;

	if (raw.p == NULL || dn_json_parse(raw, &aud, &ignored) != 0)
		return false;
	if (aud.type == DN_JSON_STRING)
		return names(aud, audience);
	dn_json_iter_init(&it, aud);
	while (dn_json_next(&it, &key, &item))
		if (names(item, audience))
			return true;
	return false;
}

static int check_names(const struct dn_jwt_policy *policy,
    const struct dn_jwt_claims *claims, struct dn_err *err)
{
	if (policy->audience != NULL &&
	    !audience_fits(claims->aud, policy->audience))
		return dn_err_set(err, -EINVAL, "meant for another audience");
	if (policy->issuer != NULL && !dn_str_is(claims->iss, policy->issuer))
		return dn_err_set(err, -EINVAL, "from another issuer");
	return 0;
}

static bool is_current(const struct dn_jwt_claims *claims, int64_t now_s)
{
	if (claims->exp >= 0 && now_s >= claims->exp)
		return false;
	return claims->nbf <= now_s + DN_JWT_SKEW_S &&
	       claims->iat <= now_s + DN_JWT_SKEW_S;
}

static enum dn_jwt_result judge(const struct dn_jwt_policy *policy,
    struct dn_str token, int64_t now_us, struct dn_jwt_claims *claims,
    struct dn_err *err)
{
	struct parts parts = {0};

	if (split(token, &parts, err) != 0 ||
	    check_signature(policy, &parts, err) != 0 ||
	    read_payload(parts.payload, claims, err) != 0 ||
	    check_names(policy, claims, err) != 0)
		return DN_JWT_BAD;
	if (policy->insecure) {
		claims->exp = -1;
		claims->expire_at = -1;
		return DN_JWT_OK;
	}
	if (is_current(claims, now_us / 1000000))
		return DN_JWT_OK;
	dn_err_set(err, -ETIME, "expired, or not valid yet");
	return DN_JWT_EXPIRED;
}

enum dn_jwt_result dn_jwt_verify(const struct dn_jwt_policy *policy,
    struct dn_str token, int64_t now_us, struct dn_jwt_claims *claims,
    struct dn_err *err)
{
	enum dn_jwt_result result;

	*claims = (struct dn_jwt_claims){0};
	result = judge(policy, token, now_us, claims, err);
	if (result != DN_JWT_OK) {
		dn_err_wrap(err, "token");
		dn_jwt_claims_release(claims);
	}
	return result;
}

struct dn_str dn_jwt_tenant_hint(struct dn_str token, struct dn_buf *text)
{
	struct dn_jwt_claims claims = {0};
	struct dn_str tenant = {0};
	struct dn_err ignored = {0};
	struct parts parts = {0};

	if (split(token, &parts, &ignored) == 0 &&
	    read_payload(parts.payload, &claims, &ignored) == 0 &&
	    claims.tenant.p != NULL) {
		dn_buf_str(text, claims.tenant);
		tenant = (struct dn_str){text->p, text->n};
	}
	dn_jwt_claims_release(&claims);
	return tenant;
}

static int check_claims(struct dn_str json, struct dn_err *err)
{
	struct dn_jwt_claims claims = {0};
	int rc;

	dn_buf_str(&claims.text, json);
	rc = dn_jwt_claims_read(&claims, err);
	dn_jwt_claims_release(&claims);
	return rc;
}

int dn_jwt_issue(const struct dn_jwt_key *key, struct dn_str claims,
    struct dn_buf *out, struct dn_err *err)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	struct dn_buf raw = {0};
	size_t start = out->n;
	struct dn_str head;
	int rc;

	/* Before anything grows with it. */
	if (claims.n > DN_JWT_MAX)
		return dn_err_set(
		    err, -EINVAL, "claims of more than %d bytes", DN_JWT_MAX);
	rc = check_claims(claims, err);
	if (rc != 0)
		return rc;
	dn_b64_encode(DN_B64_URL, header, sizeof(header) - 1, out);
	dn_buf_byte(out, '.');
	dn_b64_encode(DN_B64_URL, claims.p, claims.n, out);
	head = (struct dn_str){out->p + start, out->n - start};
	rc = dn_jwt_key_sign(key, head, &raw, err);
	dn_buf_byte(out, '.');
	dn_b64_encode(DN_B64_URL, raw.p, raw.n, out);
	dn_buf_release(&raw);
	if (rc == 0 && out->n - start > DN_JWT_MAX)
		rc = dn_err_set(err, -EINVAL,
		    "the token would have more than %d bytes", DN_JWT_MAX);
	if (rc != 0)
		out->n = start;
	return rc;
}
