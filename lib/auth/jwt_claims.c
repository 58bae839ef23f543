/* SPDX-License-Identifier: MIT */
/*
 * How it works: one table of claims. The payload is validated once and each
 * member that the table names is read by its type; JSON values stay raw
 * slices of the payload, since they are handed on to clients as they stand.
 * A user id that has escapes, and what was base64, lies in claims->strings.
 *
 * How it fails: no object, a claim of the wrong type, or one that is there
 * twice (two readers could disagree on which counts) is refused; claims the
 * table does not name are skipped.
 */
#include "auth/jwt_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/json.h"

enum type {
	TEXT,    /* a string, decoded */
	SECONDS, /* a NumericDate */
	AUDIENCE,
	PART,   /* any JSON that is to become a part of messages */
	BASE64, /* a string that holds JSON in base64; over the raw twin */
	OBJECT,
	SUBS,    /* an object of objects, each the options of a channel */
	STRINGS, /* an array of strings */
};

#define AT(member) offsetof(struct dn_jwt_claims, member)

static const struct claim {
	const char *name;
	enum type type;
	size_t offset;
} table[] = {
    {"sub", TEXT, AT(sub)},
    {"iss", TEXT, AT(iss)},
    {"jti", TEXT, AT(jti)},
    {"tenant", TEXT, AT(tenant)},
    {"channel", TEXT, AT(channel)},
    {"client", TEXT, AT(client)},
    {"exp", SECONDS, AT(exp)},
    {"nbf", SECONDS, AT(nbf)},
    {"iat", SECONDS, AT(iat)},
    {"expire_at", SECONDS, AT(expire_at)},
    {"aud", AUDIENCE, AT(aud)},
    {"info", PART, AT(info)},
    {"channels", STRINGS, AT(channels)},
    {"subs", SUBS, AT(subs)},
    {"meta", OBJECT, AT(meta)},
    {"override", OBJECT, AT(override)},
    {"data", PART, AT(data)},
    /* Behind their twins in this table and read in its order. */
    {"b64info", BASE64, AT(info)},
    {"b64data", BASE64, AT(data)},
};

/* The next place for a string that is not in the payload as it stands. */
static struct dn_buf *scratch(struct dn_jwt_claims *claims)
{
	DN_ASSERT(claims->strings_n < DN_ARRAY_LEN(claims->strings));
	return &claims->strings[claims->strings_n];
}

static bool read_text(
    struct dn_jwt_claims *claims, struct dn_json v, struct dn_str *out)
{
	struct dn_buf *buf = scratch(claims);

	if (!dn_json_string(v, out, buf))
		return false;
	if (buf->p != NULL)
		claims->strings_n++;
	return true;
}

/* A NumericDate may have a fraction, which is cut off, and an exponent. */
static bool read_seconds(struct dn_json v, int64_t *out)
{
	char text[40];
	double d;

	if (v.type != DN_JSON_NUMBER)
		return false;
	if (dn_json_i64(v, out))
		return *out >= 0;
	if (v.raw.n >= sizeof(text))
		return false;
	memcpy(text, v.raw.p, v.raw.n);
	text[v.raw.n] = '\0';
	d = strtod(text, NULL);
	if (!(d >= 0 && d < 9e15))
		return false;
	*out = (int64_t)floor(d);
	return true;
}

static bool read_base64(
    struct dn_jwt_claims *claims, struct dn_json v, struct dn_str *out)
{
	struct dn_buf *buf = scratch(claims);
	bool good = dn_b64_json(v, out, buf);

	claims->strings_n += buf->p != NULL;
	return good;
}

static bool all_are(struct dn_json container, enum dn_json_type type)
{
	struct dn_json_iter it;
	struct dn_json v;
	struct dn_str key;

	dn_json_iter_init(&it, container);
	while (dn_json_next(&it, &key, &v))
		if (v.type != type)
			return false;
	return true;
}

/* A value of options, held to what the claims of these names are. */
static bool is_raw_or_base64(
    struct dn_json options, const char *name, const char *twin)
{
	struct dn_json encoded = dn_json_member(options, twin);
	struct dn_buf buf = {0};
	struct dn_str decoded;
	bool good = dn_json_is_part(dn_json_member(options, name));

	if (encoded.type != DN_JSON_NONE && encoded.type != DN_JSON_NULL)
		good = good && dn_b64_json(encoded, &decoded, &buf);
	dn_buf_release(&buf);
	return good;
}

static bool are_subs(struct dn_json subs)
{
	struct dn_json_iter it;
	struct dn_json v;
	struct dn_str key;

	if (subs.type != DN_JSON_OBJECT)
		return false;
	dn_json_iter_init(&it, subs);
	while (dn_json_next(&it, &key, &v))
		if (v.type != DN_JSON_OBJECT ||
		    !is_raw_or_base64(v, "info", "b64info") ||
		    !is_raw_or_base64(v, "data", "b64data"))
			return false;
	return true;
}

static bool right_type(enum type type, struct dn_json v)
{
	switch (type) {
	case OBJECT:
		return v.type == DN_JSON_OBJECT;
	case SUBS:
		return are_subs(v);
	case STRINGS:
		return v.type == DN_JSON_ARRAY && all_are(v, DN_JSON_STRING);
	case PART:
		return dn_json_is_part(v);
	case AUDIENCE:
		return v.type == DN_JSON_STRING ||
		       (v.type == DN_JSON_ARRAY && all_are(v, DN_JSON_STRING));
	default:
		return true;
	}
}

static bool read_claim(
    struct dn_jwt_claims *claims, const struct claim *c, struct dn_json v)
{
	void *member = (char *)claims + c->offset;

	switch (c->type) {
	case TEXT:
		return read_text(claims, v, member);
	case SECONDS:
		return read_seconds(v, member);
	case BASE64:
		return read_base64(claims, v, member);
	default:
		*(struct dn_str *)member = v.raw;
		return right_type(c->type, v);
	}
}

/* Each of the table's claims, where it is there, in found[]. */
static int collect(struct dn_json payload,
    struct dn_json found[DN_ARRAY_LEN(table)], struct dn_err *err)
{
	struct dn_json_iter it;
	struct dn_json v;
	struct dn_str key;
	size_t i;

	dn_json_iter_init(&it, payload);
	while (dn_json_next(&it, &key, &v)) {
		for (i = 0; i < DN_ARRAY_LEN(table); i++) {
			if (!dn_json_key_is(key, table[i].name))
				continue;
			if (found[i].type != DN_JSON_NONE)
				return dn_err_set(err, -EINVAL,
				    "claim %s is there twice", table[i].name);
			found[i] = v;
			break;
		}
	}
	return 0;
}

int dn_jwt_claims_read(struct dn_jwt_claims *claims, struct dn_err *err)
{
	struct dn_json found[DN_ARRAY_LEN(table)] = {{0}};
	struct dn_err ignored = {0};
	struct dn_json payload;
	size_t i;

	claims->exp = claims->nbf = claims->iat = claims->expire_at = -1;
	if (dn_json_parse(dn_buf_view(&claims->text), &payload, &ignored) != 0)
		return dn_err_set(err, -EINVAL, "the claims are no JSON");
	if (payload.type != DN_JSON_OBJECT)
		return dn_err_set(err, -EINVAL, "the claims are no object");
	if (collect(payload, found, err) != 0)
		return err->code;
	for (i = 0; i < DN_ARRAY_LEN(table); i++) {
		if (found[i].type == DN_JSON_NONE ||
		    found[i].type == DN_JSON_NULL)
			continue;
		if (!read_claim(claims, &table[i], found[i]))
			return dn_err_set(err, -EINVAL,
			    "claim %s is not what it must be", table[i].name);
	}
	return 0;
}

void dn_jwt_claims_release(struct dn_jwt_claims *claims)
{
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(claims->strings); i++)
		dn_buf_release(&claims->strings[i]);
	dn_buf_release(&claims->text);
	*claims = (struct dn_jwt_claims){0};
}

int64_t dn_jwt_ends_at(const struct dn_jwt_claims *claims)
{
	if (claims->expire_at >= 0)
		return claims->expire_at;
	return claims->exp > 0 ? claims->exp : 0;
}
