/* SPDX-License-Identifier: MIT */
/*
 * json: a strict scanner that hands out slices (RFC 8259, UTF-8 only).
 *
 * It builds no tree: a text is validated once, then its members are visited
 * as raw slices of the same bytes. The hot path copies `data` as it stands.
 *
 * Ownership: borrows the text; every slice points into it.
 * Limits: depth DN_JSON_DEPTH_MAX; the size is the caller's to check.
 * Errors: -EINVAL with the byte offset and the reason.
 * Thread: any.
 */
#ifndef DN_JSON_H
#define DN_JSON_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	DN_JSON_DEPTH_MAX = 64,
	/* Of a value that is to be a part of other messages: these need the
	 * rest. */
	DN_JSON_PART_DEPTH_MAX = 48
};

enum dn_json_type {
	DN_JSON_NONE,
	DN_JSON_NULL,
	DN_JSON_FALSE,
	DN_JSON_TRUE,
	DN_JSON_NUMBER,
	DN_JSON_STRING,
	DN_JSON_ARRAY,
	DN_JSON_OBJECT,
};

struct dn_json {
	enum dn_json_type type;
	struct dn_str raw; /* without surrounding white space; strings with
			      their quotes */
};

/* The type of a valid value, by its first byte. */
enum dn_json_type dn_json_type_of(char first);

/* Validates the whole text as exactly one value (white space around it is
 * fine). Strings must be valid UTF-8 without raw control bytes; duplicate
 * keys are let through (the last one wins with the readers below). */
DN_MUST_CHECK int dn_json_parse(
    struct dn_str text, struct dn_json *value, struct dn_err *err);

/* Validates one value at the start of the text and tells how many bytes it
 * took; what follows is not looked at. */
DN_MUST_CHECK int dn_json_parse_prefix(struct dn_str text,
    struct dn_json *value, size_t *taken, struct dn_err *err);

/* Visits the members of a validated object or the items of a validated
 * array, without checking again. key is the raw text between the quotes
 * ({NULL,0} in arrays). */
struct dn_json_iter {
	const char *at;
	const char *end;
	bool object;
};
void dn_json_iter_init(struct dn_json_iter *it, struct dn_json container);
/* Over the items of a validated array that has lost its brackets. */
void dn_json_iter_items(struct dn_json_iter *it, struct dn_str items);
bool dn_json_next(
    struct dn_json_iter *it, struct dn_str *key, struct dn_json *value);

/* How many levels of arrays and objects a validated value has; 0 for a scalar.
 */
DN_MUST_CHECK unsigned dn_json_depth(struct dn_json value);

/* Whether a validated value may become a part of other messages. */
DN_MUST_CHECK bool dn_json_is_part(struct dn_json value);

/* Whether a raw key spells `name` (also when it is written with escapes). */
bool dn_json_key_is(struct dn_str raw_key, const char *name);
/* The member of that name, or type DN_JSON_NONE. */
struct dn_json dn_json_member(struct dn_json object, const char *name);

/* True where the value is a string; *out borrows from the text when it has
 * no escape, else from scratch, where it is appended: the caller keeps it
 * alive, resets it and releases it. When it grows, earlier results in it move
 * away. A string with \u0000 in it gives a NUL byte inside. Lone surrogates are
 * refused by dn_json_parse. */
bool dn_json_string(
    struct dn_json value, struct dn_str *out, struct dn_buf *scratch);
/* True where the value is an integer of that range, written without fraction
 * or exponent. */
bool dn_json_i64(struct dn_json value, int64_t *out);
bool dn_json_u64(struct dn_json value, uint64_t *out);
/* True where the value is true or false. */
bool dn_json_bool(struct dn_json value, bool *out);
/* True for n bytes of well-formed UTF-8. */
bool dn_utf8_valid(struct dn_str s);

#endif
