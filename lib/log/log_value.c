/* SPDX-License-Identifier: MIT */
/*
 * log_value: how a failed record's JSON text is kept in step.
 *
 * The text was written by dn_record_write and is not parsed again unless it
 * may have an `undelivered` member already: then that one is cut out first.
 * The new member goes in front of the closing brace.
 *
 * How it fails: a text that does not look like an object is refused before
 * anything is written.
 */
#include <errno.h>

#include "base/json.h"
#include "log/log_value.h"

static void add_member(struct dn_buf *out, struct dn_str key, struct dn_str raw)
{
	if (out->p[out->n - 1] != '{')
		dn_buf_byte(out, ',');
	dn_buf_byte(out, '"');
	dn_buf_str(out, key);
	dn_buf_lit(out, "\":");
	dn_buf_json_raw(out, raw);
}

/* The object without its closing brace and without `undelivered`. */
static int copy_other_members(
    struct dn_buf *out, struct dn_str value, struct dn_err *err)
{
	struct dn_json object, member;
	struct dn_json_iter it;
	struct dn_str key;
	int rc = dn_json_parse(value, &object, err);

	if (rc != 0)
		return rc;
	dn_json_iter_init(&it, object);
	dn_buf_byte(out, '{');
	while (dn_json_next(&it, &key, &member)) {
		if (!dn_json_key_is(key, "undelivered"))
			add_member(out, key, member.raw);
	}
	return 0;
}

static void add_undelivered(
    struct dn_buf *out, const struct dn_log_undelivered *u, struct dn_str story)
{
	dn_buf_lit(out, out->p[out->n - 1] == '{' ? "" : ",");
	dn_buf_lit(out, "\"undelivered\":{\"id\":");
	dn_buf_json_str(out, u->uid);
	dn_buf_lit(out, ",\"reason\":");
	dn_buf_json_str(out, u->reason);
	dn_buf_lit(out, ",\"attempts\":");
	dn_buf_i64(out, u->attempts);
	dn_buf_lit(out, ",\"first\":");
	dn_buf_i64(out, u->first_us);
	dn_buf_lit(out, ",\"not_before\":");
	dn_buf_i64(out, u->not_before_us);
	if (u->key.n > 0) {
		dn_buf_lit(out, ",\"key\":");
		dn_buf_json_str(out, u->key);
	}
	if (story.n > 0) {
		dn_buf_lit(out, ",\"history\":");
		dn_buf_str(out, story);
	}
	dn_buf_lit(out, "}}");
}

int dn_log_value_undelivered(struct dn_buf *out, struct dn_str value,
    const struct dn_log_undelivered *u, struct dn_str story, struct dn_err *err)
{
	static const char name[] = "undelivered\"";

	if (value.n < 2 || value.p[0] != '{' || value.p[value.n - 1] != '}')
		return dn_err_set(err, -EINVAL,
		    "value of an undelivered record: no JSON object");
	/* An escaped spelling of the key is nothing dnot writes. */
	if (memmem(value.p, value.n, name, sizeof(name) - 1) != NULL) {
		int rc = copy_other_members(out, value, err);

		if (rc != 0)
			return dn_err_wrap(
			    err, "value of an undelivered record");
	} else {
		dn_buf_add(out, value.p, value.n - 1);
	}
	add_undelivered(out, u, story);
	return 0;
}

static size_t story_length(struct dn_json story)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	size_t n = 0;

	dn_json_iter_init(&it, story);
	while (dn_json_next(&it, &key, &item))
		n++;
	return n;
}

static void copy_story(struct dn_buf *out, struct dn_str story)
{
	struct dn_json array = {DN_JSON_ARRAY, story};
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	size_t n = story_length(array);
	size_t at = 0;

	dn_json_iter_init(&it, array);
	for (; dn_json_next(&it, &key, &item); at++) {
		/* The first failure stays; the oldest after it make room. */
		if (at > 0 && at + DN_LOG_STORY_MAX <= n + 1)
			continue;
		dn_buf_str(out, item.raw);
		dn_buf_byte(out, ',');
	}
}

void dn_log_value_story(struct dn_buf *out, struct dn_str story, int64_t at_us,
    struct dn_str reason, int64_t attempt)
{
	dn_buf_byte(out, '[');
	if (story.n > 0)
		copy_story(out, story);
	dn_buf_lit(out, "{\"at_us\":");
	dn_buf_i64(out, at_us);
	dn_buf_lit(out, ",\"reason\":");
	dn_buf_json_str(out, reason);
	dn_buf_lit(out, ",\"attempt\":");
	dn_buf_i64(out, attempt);
	dn_buf_lit(out, "}]");
}
