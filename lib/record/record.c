/* SPDX-License-Identifier: MIT */
/*
 * How it works: one table lists the fields in their documented order, with
 * their kind and where they may stand: as a member of the record, as a stamp
 * in `ts`, as a tag on the wire. Reading, writing and the set of reserved tag
 * names all follow from it.
 *
 * Strings with escapes are decoded into the scratch, which may move when it
 * grows; the slices that point into it are moved along.
 *
 * How it fails: the first field that is wrong (record_check has the rules) is
 * named with the reason. A null counts as "not there" in every field but data,
 * because that is what jq's object construction and other languages' encoders
 * make of a missing one.
 */
#include "record/record.h"

#include <errno.h>
#include <stdlib.h>

#include "record/record_fields.h"

#define FIELD(name, kind, places) \
	{ \
		{#name, sizeof(#name) - 1}, kind, places, \
		    offsetof(struct dn_record, name) \
	}

const struct dn_record_field_info dn_record_fields[] = {
    FIELD(channel, DN_IS_TEXT, DN_AS_MEMBER),
    FIELD(data, DN_IS_ANY, DN_AS_MEMBER),
    FIELD(data_b64, DN_IS_BASE64, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(request_id, DN_IS_WORD, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(seq, DN_IS_NUMBER, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(status, DN_IS_WORD, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(schema, DN_IS_SCHEMA, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(ref, DN_IS_REF, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(key, DN_IS_WORD, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(tags, DN_IS_OBJECT, DN_AS_MEMBER),
    FIELD(offset, DN_IS_OFFSET, DN_AS_MEMBER),
    FIELD(epoch, DN_IS_WORD, DN_AS_MEMBER),
    FIELD(info, DN_IS_OBJECT, DN_AS_MEMBER),
    FIELD(delivery, DN_IS_DELIVERY, DN_AS_MEMBER | DN_AS_TAG),
    {{"ts", 2}, DN_IS_STAMPS, DN_AS_MEMBER, 0},
    FIELD(enqueued, DN_IS_NUMBER, DN_AS_STAMP | DN_AS_TAG),
    FIELD(accepted, DN_IS_NUMBER, DN_AS_STAMP | DN_AS_TAG),
    FIELD(claimed, DN_IS_NUMBER, DN_AS_STAMP | DN_AS_TAG),
    FIELD(received, DN_IS_NUMBER, DN_AS_STAMP),
    FIELD(redelivery, DN_IS_WORD, DN_AS_MEMBER | DN_AS_TAG),
    FIELD(idempotency_key, DN_IS_WORD, DN_AS_MEMBER),
    FIELD(undelivered, DN_IS_OBJECT, DN_AS_MEMBER),
};

const size_t dn_record_fields_n = DN_ARRAY_LEN(dn_record_fields);

/* Chains of fields by length and last byte of the name, filled before main();
 * entries count from 1. */
static uint8_t chain_first[32], chain_next[DN_ARRAY_LEN(dn_record_fields)];

static size_t chain_of(struct dn_str name)
{
	return (name.n + (unsigned char)name.p[name.n - 1]) % 32;
}

__attribute__((constructor)) static void fill_chains(void)
{
	size_t i;

	for (i = 0; i < dn_record_fields_n; i++) {
		uint8_t *first =
		    &chain_first[chain_of(dn_record_fields[i].name)];

		chain_next[i] = *first;
		*first = (uint8_t)(i + 1);
	}
}

static const struct dn_record_field_info *find_escaped(
    struct dn_str raw_key, unsigned place)
{
	size_t i;

	for (i = 0; i < dn_record_fields_n; i++) {
		const struct dn_record_field_info *f = &dn_record_fields[i];

		if ((f->places & place) != 0 &&
		    dn_json_key_is(raw_key, f->name.p))
			return f;
	}
	return NULL;
}

const struct dn_record_field_info *dn_record_find(
    struct dn_str raw_key, unsigned place)
{
	size_t at;

	if (raw_key.n == 0)
		return NULL;
	if (memchr(raw_key.p, '\\', raw_key.n) != NULL)
		return find_escaped(raw_key, place);
	for (at = chain_first[chain_of(raw_key)]; at > 0;
	     at = chain_next[at - 1]) {
		const struct dn_record_field_info *f =
		    &dn_record_fields[at - 1];

		if ((f->places & place) != 0 && dn_str_eq(raw_key, f->name))
			return f;
	}
	return NULL;
}

void dn_record_init(struct dn_record *r)
{
	struct dn_buf scratch = r->scratch;

	dn_buf_reset(&scratch, 64 * 1024);
	*r = (struct dn_record){.seq = -1, .scratch = scratch};
}

void dn_record_release(struct dn_record *r)
{
	dn_buf_release(&r->scratch);
	*r = (struct dn_record){.seq = -1};
}

/* Room for n more bytes in the scratch, with the slices moved along. */
static void scratch_room(struct dn_record *r, size_t n)
{
	struct dn_buf *b = &r->scratch;
	struct dn_buf grown = {0};
	size_t i;

	if (b->cap - b->n >= n)
		return;
	dn_buf_reserve(&grown, 2 * b->n + n);
	dn_buf_add(&grown, b->p, b->n);
	for (i = 0; b->n > 0 && i < dn_record_fields_n; i++) {
		struct dn_str *s = dn_record_text_at(r, &dn_record_fields[i]);
		uintptr_t from = (uintptr_t)b->p;

		if (!dn_record_is_text(&dn_record_fields[i]) ||
		    (uintptr_t)s->p < from || (uintptr_t)s->p > from + b->n)
			continue;
		s->p = grown.p + ((uintptr_t)s->p - from);
	}
	free(b->p);
	*b = grown;
}

static int set_text(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_str text, struct dn_err *err)
{
	int rc = dn_record_check_text(f, text, err);

	if (rc != 0)
		return rc;
	*dn_record_text_at(r, f) = text;
	return 1;
}

static int set_raw(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	int rc = dn_record_check_raw(f, value, err);

	if (rc != 0)
		return rc;
	*dn_record_text_at(r, f) = value.raw;
	return 1;
}

static int set_number(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	int64_t v;

	if (!dn_json_i64(value, &v) || v < 0)
		return dn_record_wrong(err, f, "is no integer >= 0");
	*dn_record_number_at(r, f) = v;
	return 1;
}

static int set_stamps(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	struct dn_json_iter it;
	struct dn_json stamp;
	struct dn_str key;

	if (value.type != DN_JSON_OBJECT)
		return dn_record_wrong(err, f, "is no object");
	dn_json_iter_init(&it, value);
	while (dn_json_next(&it, &key, &stamp)) {
		const struct dn_record_field_info *g =
		    dn_record_find(key, DN_AS_STAMP);

		if (g == NULL)
			return dn_err_set(err, -EINVAL,
			    "ts: unknown member \"%.*s\"",
			    key.n < 64 ? (int)key.n : 64, key.p);
		if (stamp.type == DN_JSON_NULL)
			continue;
		if (set_number(r, g, stamp, err) < 0) {
			(void)dn_err_wrap(err, "ts");
			return -EINVAL;
		}
	}
	return 1;
}

static int set_field(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	struct dn_str text;

	if (value.type == DN_JSON_NULL && f->kind != DN_IS_ANY)
		return 1;
	switch (f->kind) {
	case DN_IS_ANY:
	case DN_IS_OBJECT:
	case DN_IS_REF:
	case DN_IS_DELIVERY:
		return set_raw(r, f, value, err);
	case DN_IS_NUMBER:
		return set_number(r, f, value, err);
	case DN_IS_OFFSET:
		if (!dn_json_u64(value, &r->offset))
			return dn_record_wrong(err, f, "is no integer >= 0");
		r->has_offset = true;
		return 1;
	case DN_IS_STAMPS:
		return set_stamps(r, f, value, err);
	case DN_IS_TEXT:
	case DN_IS_WORD:
	case DN_IS_SCHEMA:
	case DN_IS_BASE64:
		break;
	}
	if (value.type != DN_JSON_STRING)
		return dn_record_wrong(err, f, "is no string");
	if (memchr(value.raw.p, '\\', value.raw.n) != NULL)
		scratch_room(r, value.raw.n);
	DN_ASSERT(dn_json_string(value, &text, &r->scratch));
	return set_text(r, f, text, err);
}

int dn_record_field(struct dn_record *r, struct dn_str raw_key,
    struct dn_json value, struct dn_err *err)
{
	const struct dn_record_field_info *f =
	    dn_record_find(raw_key, DN_AS_MEMBER);

	return f != NULL ? set_field(r, f, value, err) : 0;
}

int dn_record_parse(struct dn_record *r, struct dn_str line, struct dn_err *err)
{
	struct dn_json whole, value;
	struct dn_json_iter it;
	struct dn_str key;
	int rc;

	dn_record_init(r);
	rc = dn_json_parse(line, &whole, err);
	if (rc != 0)
		return rc;
	if (whole.type != DN_JSON_OBJECT)
		return dn_err_set(
		    err, -EINVAL, "a record is a JSON object, this is none");
	dn_json_iter_init(&it, whole);
	while (dn_json_next(&it, &key, &value)) {
		rc = dn_record_field(r, key, value, err);
		if (rc < 0)
			return rc;
		if (rc == 0 && !dn_json_key_is(key, "failed"))
			return dn_err_set(err, -EINVAL,
			    "unknown field \"%.*s\"",
			    key.n < 64 ? (int)key.n : 64, key.p);
	}
	return 0;
}

bool dn_status_terminal(struct dn_str status)
{
	return dn_str_is(status, "done") || dn_str_is(status, "failed") ||
	       dn_str_is(status, "cancelled");
}

uint64_t dn_record_attempt(const struct dn_record *r)
{
	struct dn_json delivery = {DN_JSON_OBJECT, r->delivery};
	uint64_t attempt = 0;

	if (r->delivery.n == 0)
		return 0;
	if (!dn_json_u64(dn_json_member(delivery, "attempt"), &attempt))
		return 0;
	return attempt;
}

/* The text of a tag becomes the field it stands for. */
static int set_from_text(struct dn_record *r,
    const struct dn_record_field_info *f, struct dn_str text,
    struct dn_err *err)
{
	struct dn_json value = {DN_JSON_NUMBER, text};

	if (f->kind == DN_IS_NUMBER) {
		if (text.n == 0)
			return dn_record_wrong(err, f, "is no integer >= 0");
		return set_number(r, f, value, err);
	}
	if (f->kind != DN_IS_REF && f->kind != DN_IS_DELIVERY)
		return set_text(r, f, text, err);
	if (dn_json_parse(text, &value, err) != 0) {
		(void)dn_err_wrap(err, "%s", f->name.p);
		return -EINVAL;
	}
	return set_raw(r, f, value, err);
}

static int take_tag(struct dn_record *r, const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err)
{
	struct dn_str text;

	if (memchr(value.raw.p, '\\', value.raw.n) != NULL)
		scratch_room(r, value.raw.n);
	DN_ASSERT(dn_json_string(value, &text, &r->scratch));
	return set_from_text(r, f, text, err);
}

/* Copies the tags that are no fields into the scratch, as one object. */
static void keep_user_tags(struct dn_record *r, struct dn_json tags)
{
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	size_t from;

	scratch_room(r, tags.raw.n);
	from = r->scratch.n;
	dn_json_iter_init(&it, tags);
	while (dn_json_next(&it, &key, &value)) {
		if (dn_record_find(key, DN_AS_TAG) != NULL)
			continue;
		dn_buf_byte(&r->scratch, r->scratch.n == from ? '{' : ',');
		dn_buf_byte(&r->scratch, '"');
		dn_buf_str(&r->scratch, key);
		dn_buf_lit(&r->scratch, "\":");
		dn_buf_str(&r->scratch, value.raw);
	}
	dn_buf_byte(&r->scratch, '}');
	r->tags = (struct dn_str){r->scratch.p + from, r->scratch.n - from};
}

static int take_tags(
    struct dn_record *r, struct dn_json tags, struct dn_err *err)
{
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	size_t own = 0, ours = 0;

	if (tags.type != DN_JSON_OBJECT)
		return dn_err_set(err, -EINVAL, "tags: is no object");
	dn_json_iter_init(&it, tags);
	while (dn_json_next(&it, &key, &value)) {
		const struct dn_record_field_info *f =
		    dn_record_find(key, DN_AS_TAG);

		if (value.type != DN_JSON_STRING)
			return dn_err_set(
			    err, -EINVAL, "tags: a value is no string");
		if (f == NULL) {
			own++;
			continue;
		}
		ours++;
		if (take_tag(r, f, value, err) < 0)
			return -EINVAL;
	}
	if (own > 0 && ours > 0)
		keep_user_tags(r, tags);
	else if (own > 0)
		r->tags = tags.raw;
	return 0;
}

static int take_member(struct dn_record *r, struct dn_str key,
    struct dn_json value, struct dn_err *err)
{
	static const char *const plain[] = {"data", "offset", "info", "epoch"};
	size_t i;

	if (dn_json_key_is(key, "tags") && value.type != DN_JSON_NULL)
		return take_tags(r, value, err);
	for (i = 0; i < DN_ARRAY_LEN(plain); i++)
		if (dn_json_key_is(key, plain[i]))
			return dn_record_field(r, key, value, err);
	return 0;
}

int dn_record_from_pub(
    struct dn_record *r, struct dn_json pub, struct dn_err *err)
{
	struct dn_str channel = r->channel;
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;

	dn_record_init(r);
	r->channel = channel;
	if (pub.type != DN_JSON_OBJECT)
		return dn_err_set(err, -EINVAL, "publication: is no object");
	dn_json_iter_init(&it, pub);
	while (dn_json_next(&it, &key, &value)) {
		if (take_member(r, key, value, err) < 0) {
			(void)dn_err_wrap(err, "publication");
			return -EINVAL;
		}
	}
	if (r->offset == 0)
		r->has_offset = false;
	if (!dn_record_has_data(r))
		r->data = (struct dn_str){NULL, 0};
	return 0;
}
