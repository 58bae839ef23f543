/* SPDX-License-Identifier: MIT */
/*
 * How it works: both forms walk the table of fields in its order and write
 * what is set. For people that is one object; on the wire the payload is
 * `data` and the other fields are tags beside the user's own, whose values
 * are copied as they stand.
 *
 * How it fails: it does not; what is written was checked when it was read.
 */
#include "record/record_fields.h"

/* Whether writing it would say anything. */
static bool is_set(
    const struct dn_record *r, const struct dn_record_field_info *f)
{
	switch (f->kind) {
	case DN_IS_ANY:
		return dn_record_has_data(r);
	case DN_IS_BASE64:
		return dn_record_text_at(r, f)->p != NULL;
	case DN_IS_NUMBER:
		if (f->places & DN_AS_STAMP)
			return *dn_record_number_at(r, f) > 0;
		return *dn_record_number_at(r, f) >= 0;
	case DN_IS_OFFSET:
		return r->has_offset;
	case DN_IS_STAMPS:
		return r->enqueued > 0 || r->accepted > 0 || r->claimed > 0 ||
		       r->received > 0;
	default:
		return dn_record_text_at(r, f)->n > 0;
	}
}

static void write_name(
    struct dn_buf *b, const struct dn_record_field_info *f, char *before)
{
	dn_buf_byte(b, *before);
	*before = ',';
	dn_buf_byte(b, '"');
	dn_buf_str(b, f->name);
	dn_buf_lit(b, "\":");
}

static void write_stamps(struct dn_buf *b, const struct dn_record *r)
{
	char before = '{';
	size_t i;

	for (i = 0; i < dn_record_fields_n; i++) {
		const struct dn_record_field_info *f = &dn_record_fields[i];

		if ((f->places & DN_AS_STAMP) == 0 || !is_set(r, f))
			continue;
		write_name(b, f, &before);
		dn_buf_i64(b, *dn_record_number_at(r, f));
	}
	dn_buf_byte(b, '}');
}

static void write_value(struct dn_buf *b, const struct dn_record *r,
    const struct dn_record_field_info *f)
{
	switch (f->kind) {
	case DN_IS_TEXT:
	case DN_IS_WORD:
	case DN_IS_SCHEMA:
	case DN_IS_BASE64:
		dn_buf_json_str(b, *dn_record_text_at(r, f));
		break;
	case DN_IS_ANY:
	case DN_IS_OBJECT:
	case DN_IS_REF:
	case DN_IS_DELIVERY:
		dn_buf_json_raw(b, *dn_record_text_at(r, f));
		break;
	case DN_IS_NUMBER:
		dn_buf_i64(b, *dn_record_number_at(r, f));
		break;
	case DN_IS_OFFSET:
		dn_buf_u64(b, r->offset);
		break;
	case DN_IS_STAMPS:
		write_stamps(b, r);
		break;
	}
}

void dn_record_write(struct dn_buf *b, const struct dn_record *r)
{
	char before = '{';
	size_t i;

	for (i = 0; i < dn_record_fields_n; i++) {
		const struct dn_record_field_info *f = &dn_record_fields[i];

		if ((f->places & DN_AS_MEMBER) == 0 || !is_set(r, f))
			continue;
		write_name(b, f, &before);
		write_value(b, r, f);
	}
	if (before == '{')
		dn_buf_byte(b, '{');
	dn_buf_byte(b, '}');
}

/* The user's own tags, without the white space between them. */
static void write_own_tags(
    struct dn_buf *b, const struct dn_record *r, char *before)
{
	struct dn_json own = {DN_JSON_OBJECT, r->tags}, value;
	struct dn_json_iter it;
	struct dn_str key;

	if (r->tags.n == 0)
		return;
	dn_json_iter_init(&it, own);
	while (dn_json_next(&it, &key, &value)) {
		dn_buf_byte(b, *before);
		*before = ',';
		dn_buf_byte(b, '"');
		dn_buf_str(b, key);
		dn_buf_lit(b, "\":");
		dn_buf_str(b, value.raw);
	}
}

/* Adds the member `tags`, or nothing where none is set. */
static void write_tags(struct dn_buf *b, const struct dn_record *r)
{
	size_t i, from = b->n;
	char before = '{';

	dn_buf_lit(b, ",\"tags\":");
	write_own_tags(b, r, &before);
	for (i = 0; i < dn_record_fields_n; i++) {
		const struct dn_record_field_info *f = &dn_record_fields[i];

		if ((f->places & DN_AS_TAG) == 0 || !is_set(r, f))
			continue;
		write_name(b, f, &before);
		if (dn_record_is_text(f)) {
			dn_buf_json_str(b, *dn_record_text_at(r, f));
			continue;
		}
		dn_buf_byte(b, '"');
		dn_buf_i64(b, *dn_record_number_at(r, f));
		dn_buf_byte(b, '"');
	}
	if (before == '{')
		b->n = from;
	else
		dn_buf_byte(b, '}');
}

void dn_record_write_pub(struct dn_buf *b, const struct dn_record *r)
{
	dn_buf_lit(b, "{\"data\":");
	if (dn_record_has_data(r))
		dn_buf_json_raw(b, r->data);
	else
		dn_buf_lit(b, "null");
	if (r->info.n > 0) {
		dn_buf_lit(b, ",\"info\":");
		dn_buf_json_raw(b, r->info);
	}
	if (r->has_offset && r->offset > 0) {
		dn_buf_lit(b, ",\"offset\":");
		dn_buf_u64(b, r->offset);
	}
	write_tags(b, r);
	dn_buf_byte(b, '}');
}
