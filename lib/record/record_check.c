/* SPDX-License-Identifier: MIT */
/*
 * How it works: the rules of each kind of field, asked by the reader for each
 * field as it comes, and the rules of a record as a whole, asked by its user
 * once the channel is known.
 *
 * How it fails: the text names the field and what is wrong with it.
 */
#include "record/record_fields.h"

#include <errno.h>

#include "record/channel.h"

/* What is known of the members of ref and delivery; others may be there. */
struct shape {
	const char *name;
	enum dn_json_type type;
	bool required;
};

static const struct shape ref_shape[] = {
    {"url", DN_JSON_STRING, true},
    {"size", DN_JSON_NUMBER, false},
    {"sha256", DN_JSON_STRING, false},
    {"type", DN_JSON_STRING, false},
};

static const struct shape delivery_shape[] = {
    {"id", DN_JSON_STRING, true},
    {"group", DN_JSON_STRING, false},
    {"attempt", DN_JSON_NUMBER, false},
    {"lease_ms", DN_JSON_NUMBER, false},
};

int dn_record_wrong(
    struct dn_err *err, const struct dn_record_field_info *f, const char *why)
{
	return dn_err_set(err, -EINVAL, "%s: %s", f->name.p, why);
}

static const char *word_fault(struct dn_str s)
{
	size_t i;

	if (s.n > DN_RECORD_ID_MAX)
		return "longer than 128 bytes";
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return "has a control character";
	return NULL;
}

static const char *schema_fault(struct dn_str s)
{
	size_t digits = 0;

	if (s.n == 0)
		return NULL;
	while (digits < s.n && s.p[s.n - 1 - digits] >= '0' &&
	       s.p[s.n - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits > 9 || s.n - digits < 2 ||
	    s.p[s.n - 1 - digits] != '/')
		return "is not of the form name/N";
	return word_fault(s);
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

static const char *base64_fault(struct dn_str s)
{
	size_t i, n = s.n;

	if (n % 4 != 0)
		return "is not base64 (its length is no multiple of 4)";
	if (n > 0 && s.p[n - 1] == '=')
		n -= s.p[n - 2] == '=' ? 2 : 1;
	for (i = 0; i < n; i++)
		if (!is_base64(s.p[i]))
			return "is not base64";
	return NULL;
}

int dn_record_check_text(const struct dn_record_field_info *f,
    struct dn_str text, struct dn_err *err)
{
	const char *fault = NULL;

	if (f->kind == DN_IS_WORD)
		fault = word_fault(text);
	else if (f->kind == DN_IS_SCHEMA)
		fault = schema_fault(text);
	else if (f->kind == DN_IS_BASE64)
		fault = base64_fault(text);
	return fault != NULL ? dn_record_wrong(err, f, fault) : 0;
}

static int check_shape(const struct dn_record_field_info *f,
    struct dn_json object, const struct shape *shape, size_t n,
    struct dn_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct dn_json v = dn_json_member(object, shape[i].name);
		uint64_t number;

		if (v.type == DN_JSON_NONE || v.type == DN_JSON_NULL) {
			if (!shape[i].required)
				continue;
			return dn_err_set(err, -EINVAL, "%s.%s: is missing",
			    f->name.p, shape[i].name);
		}
		if (v.type != shape[i].type)
			return dn_err_set(err, -EINVAL, "%s.%s: is no %s",
			    f->name.p, shape[i].name,
			    shape[i].type == DN_JSON_STRING ? "string"
							    : "number");
		if (v.type == DN_JSON_NUMBER && !dn_json_u64(v, &number))
			return dn_err_set(err, -EINVAL,
			    "%s.%s: is no integer >= 0", f->name.p,
			    shape[i].name);
	}
	return 0;
}

/* Fewer bytes than two a level cannot be too deep, which spares the look. */
static bool too_deep(struct dn_json value)
{
	return value.raw.n > 2 * DN_RECORD_DEPTH_MAX &&
	       dn_json_depth(value) > DN_RECORD_DEPTH_MAX;
}

int dn_record_check_raw(const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	if (f->kind != DN_IS_ANY && value.type != DN_JSON_OBJECT)
		return dn_record_wrong(err, f, "is no object");
	if (too_deep(value))
		return dn_record_wrong(err, f, "is nested too deeply");
	if (f->kind == DN_IS_REF)
		return check_shape(
		    f, value, ref_shape, DN_ARRAY_LEN(ref_shape), err);
	if (f->kind == DN_IS_DELIVERY)
		return check_shape(f, value, delivery_shape,
		    DN_ARRAY_LEN(delivery_shape), err);
	return 0;
}

static int check_tags(struct dn_str raw, struct dn_err *err)
{
	struct dn_json value = {DN_JSON_OBJECT, raw};
	struct dn_json_iter it;
	struct dn_str key;
	size_t n = 0;

	if (raw.n > DN_RECORD_TAGS_BYTES)
		return dn_err_set(err, -EINVAL,
		    "tags: %zu bytes, at most %d are allowed", raw.n,
		    DN_RECORD_TAGS_BYTES);
	dn_json_iter_init(&it, value);
	while (dn_json_next(&it, &key, &value)) {
		int shown = key.n < 64 ? (int)key.n : 64;

		if (++n > DN_RECORD_TAGS_MAX)
			return dn_err_set(err, -EINVAL,
			    "tags: more than %d members", DN_RECORD_TAGS_MAX);
		if (value.type != DN_JSON_STRING)
			return dn_err_set(err, -EINVAL,
			    "tags.%.*s: is no string", shown, key.p);
		if (dn_record_find(key, DN_AS_TAG) != NULL)
			return dn_err_set(err, -EINVAL,
			    "tags.%.*s: the name is reserved", shown, key.p);
	}
	return 0;
}

int dn_record_check(const struct dn_record *r, struct dn_err *err)
{
	int rc;

	if (r->channel.p == NULL)
		return dn_err_set(err, -EINVAL, "channel: is missing");
	rc = dn_channel_check(r->channel, err);
	if (rc != 0)
		return rc;
	if (r->data_b64.p != NULL && dn_record_has_data(r))
		return dn_err_set(err, -EINVAL,
		    "data_b64: stands beside data, only one may be there");
	if (!dn_record_has_data(r) && r->data_b64.p == NULL && r->ref.n == 0)
		return dn_err_set(err, -EINVAL,
		    "data: is missing (nor is there data_b64 or ref)");
	return r->tags.n > 0 ? check_tags(r->tags, err) : 0;
}
