/* SPDX-License-Identifier: MIT */
/*
 * record: one unit of work on a channel, as people pipe it: one JSON object
 * a line (docs/RECORD.md). The same reader serves dnot-pub's lines and the
 * body of the server's `publish`.
 *
 * Ownership: a record borrows from the text it was read from, and from its
 *   own scratch for strings that were written with escapes; it is valid while
 *   both live. {0} then dn_record_init makes an empty one.
 * Limits: DN_RECORD_* below; channel names as channel.h says.
 * Errors: -EINVAL with a text that names the field and the reason.
 * Thread: one at a time.
 */
#ifndef DN_RECORD_H
#define DN_RECORD_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum {
	DN_RECORD_ID_MAX = 128,      /* request_id, key, schema, status */
	DN_RECORD_TAGS_MAX = 32,     /* members of tags */
	DN_RECORD_TAGS_BYTES = 4096, /* all of tags, as JSON text */
	/* Levels in data, ref, info, ...: the commands and replies around
	 * them need the rest of DN_JSON_DEPTH_MAX. */
	DN_RECORD_DEPTH_MAX = 56
};

struct dn_record {
	struct dn_str channel;    /* decoded */
	struct dn_str data;       /* raw JSON; n == 0: absent */
	struct dn_str data_b64;   /* decoded string, still base64; p == NULL:
				     unset ("" is the empty payload) */
	struct dn_str request_id; /* decoded; n == 0: unset, as below */
	int64_t seq;              /* -1: unset */
	struct dn_str status;
	struct dn_str schema;
	struct dn_str ref; /* raw JSON object */
	struct dn_str key;
	struct dn_str tags; /* raw JSON object of strings */
	bool has_offset;
	uint64_t offset;
	struct dn_str epoch;
	struct dn_str info;            /* raw JSON object */
	struct dn_str delivery;        /* raw JSON object */
	struct dn_str undelivered;     /* raw JSON object, in the log only */
	struct dn_str idempotency_key; /* decoded; input and log only */
	struct dn_str redelivery;      /* decoded; the undelivered id of one
					  that was swept */
	int64_t enqueued, accepted, claimed, received; /* us since 1970, 0:
							  unset */
	struct dn_buf scratch;
};

/* An empty record. r is {0} or was initialised before: its scratch memory is
 * used again. */
void dn_record_init(struct dn_record *r);
void dn_record_release(struct dn_record *r);

/* Initialises r and reads one line. Unknown fields are an error that names
 * them, but `failed` (which dnot-pub adds to what it hands back) is skipped; a
 * null is "not there" in every field but data. The caller keeps the line
 * alive, may set the channel, and calls dn_record_check. */
DN_MUST_CHECK int dn_record_parse(
    struct dn_record *r, struct dn_str line, struct dn_err *err);

/* One member of an object that is being read as a record: 1 taken, 0 not a
 * record field, -EINVAL. dn_record_check tells afterwards whether the whole
 * is a record (channel valid, data or ref or data_b64 there, at most one
 * payload, tags do not use a reserved name, ...). */
DN_MUST_CHECK int dn_record_field(struct dn_record *r, struct dn_str raw_key,
    struct dn_json value, struct dn_err *err);
DN_MUST_CHECK int dn_record_check(
    const struct dn_record *r, struct dn_err *err);

/* Whether the status is done, failed or cancelled. */
bool dn_status_terminal(struct dn_str status);
/* delivery.attempt, or 0. */
uint64_t dn_record_attempt(const struct dn_record *r);

/* The record as one JSON object in the documented field order, no newline;
 * unset fields cost nothing. */
void dn_record_write(struct dn_buf *b, const struct dn_record *r);

/* The publication object of the client protocol: {"data":..,"info":..,
 * "offset":..,"tags":{..}}. data is null where there is none; every other
 * field is a string tag of its name (numbers as text, objects as JSON text);
 * offset 0 and no has_offset are left out. */
void dn_record_write_pub(struct dn_buf *b, const struct dn_record *r);
/* The reverse: initialises r (the channel apart, which is the caller's to set)
 * and reads a validated publication object. Tags of a field's name become that
 * field, all others stay tags; unknown members are skipped. */
DN_MUST_CHECK int dn_record_from_pub(
    struct dn_record *r, struct dn_json pub, struct dn_err *err);

#endif
