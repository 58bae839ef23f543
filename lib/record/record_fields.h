/* SPDX-License-Identifier: MIT */
/*
 * record_fields: the table of a record's fields, shared by the reader, the
 * rules and the writer of records and by nobody else.
 *
 * Thread: any; the table is constant.
 */
#ifndef DN_RECORD_FIELDS_H
#define DN_RECORD_FIELDS_H

#include "record/record.h"

enum dn_record_kind {
	DN_IS_TEXT,   /* any string */
	DN_IS_WORD,   /* a short string without control bytes */
	DN_IS_SCHEMA, /* name/N */
	DN_IS_BASE64,
	DN_IS_ANY,      /* raw JSON */
	DN_IS_OBJECT,   /* raw JSON object */
	DN_IS_REF,      /* the same, of a known shape */
	DN_IS_DELIVERY, /* the same */
	DN_IS_NUMBER,   /* integer >= 0 */
	DN_IS_OFFSET,   /* the same, unsigned, with a flag beside it */
	DN_IS_STAMPS,   /* ts */
};

enum dn_record_place {
	DN_AS_MEMBER = 1, /* of the record */
	DN_AS_STAMP = 2,  /* of its ts */
	DN_AS_TAG = 4,    /* of the publication on the wire */
};

struct dn_record_field_info {
	struct dn_str name;
	enum dn_record_kind kind;
	unsigned places;
	size_t at; /* offset in struct dn_record */
};

/* In the documented order. */
extern const struct dn_record_field_info dn_record_fields[];
extern const size_t dn_record_fields_n;

/* The field of that raw key that may stand there, or NULL. */
const struct dn_record_field_info *dn_record_find(
    struct dn_str raw_key, unsigned place);

/* -EINVAL with "FIELD: WHY". */
int dn_record_wrong(
    struct dn_err *err, const struct dn_record_field_info *f, const char *why);
/* Whether a decoded string, or a raw value, may be set there. */
DN_MUST_CHECK int dn_record_check_text(const struct dn_record_field_info *f,
    struct dn_str text, struct dn_err *err);
DN_MUST_CHECK int dn_record_check_raw(const struct dn_record_field_info *f,
    struct dn_json value, struct dn_err *err);

static inline struct dn_str *dn_record_text_at(
    const struct dn_record *r, const struct dn_record_field_info *f)
{
	return (struct dn_str *)(void *)((char *)(uintptr_t)r + f->at);
}

static inline int64_t *dn_record_number_at(
    const struct dn_record *r, const struct dn_record_field_info *f)
{
	return (int64_t *)(void *)((char *)(uintptr_t)r + f->at);
}

static inline bool dn_record_is_text(const struct dn_record_field_info *f)
{
	return f->kind < DN_IS_NUMBER;
}

/* A null beside another payload only says that there is no JSON. */
static inline bool dn_record_has_data(const struct dn_record *r)
{
	if (r->data.n == 0)
		return false;
	return !dn_str_is(r->data, "null") ||
	       (r->ref.n == 0 && r->data_b64.p == NULL);
}

#endif
