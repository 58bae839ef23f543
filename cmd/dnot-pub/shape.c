/* SPDX-License-Identifier: MIT */
/*
 * How it works: a line is read as a record, or a payload put into an empty
 * one. Then come the flags' fields (an object that is made and checked once),
 * the channel, the stamp and, where the record brings no identity of its own,
 * an idempotency key: a prefix that is unique to this process and a count.
 * What a record has from an earlier delivery (position, info, the server's
 * stamps) is dropped.
 *
 * How it fails: -EINVAL with the reason; the line's number is the caller's to
 * add.
 */
#include "pub.h"

#include <errno.h>
#include <stdlib.h>

#include "base/b64.h"

static void add_text_field(struct dn_buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return;
	dn_buf_lit(b, b->n > 1 ? ",\"" : "\"");
	dn_buf_lit(b, name);
	dn_buf_lit(b, "\":");
	dn_buf_json_str(b, dn_str_of(text));
}

static int add_tags(struct pub *p, struct dn_buf *b, struct dn_err *err)
{
	size_t i, n;

	for (i = 0; i < p->opt.tags.n; i++) {
		const char *tag = p->opt.tags.v[i];

		n = strcspn(tag, "=");
		if (n == 0 || tag[n] == '\0')
			return dn_err_set(err, -EINVAL,
			    "--tag: \"%s\" is not of the form K=V", tag);
		dn_buf_lit(b, i > 0      ? ","
			      : b->n > 1 ? ",\"tags\":{"
					 : "\"tags\":{");
		dn_buf_json_str(b, (struct dn_str){tag, n});
		dn_buf_byte(b, ':');
		dn_buf_json_str(b, dn_str_of(tag + n + 1));
	}
	if (p->opt.tags.n > 0)
		dn_buf_byte(b, '}');
	return 0;
}

/* Reads the flags' fields as a record that lacks only what lines bring. */
static int check_fields(struct pub *p, struct dn_err *err)
{
	struct dn_record r = {0};
	int rc;

	rc = dn_record_parse(&r, (struct dn_str){p->fields, p->fields_n}, err);
	if (rc == 0) {
		r.channel = dn_str_of(p->channel != NULL ? p->channel : "x");
		r.data = DN_STR("0");
		rc = dn_record_check(&r, err);
	}
	dn_record_release(&r);
	return rc;
}

int shape_init(struct pub *p, struct dn_err *err)
{
	const char *flags[] = {
	    p->opt.request_id, p->opt.status, p->opt.schema, p->opt.key};
	struct dn_buf b = {0}, extras = {0};
	size_t i;
	int rc = 0;

	for (i = 0; i < DN_ARRAY_LEN(flags); i++)
		if (flags[i] != NULL && !dn_utf8_valid(dn_str_of(flags[i])))
			return dn_err_set(
			    err, -EINVAL, "a flag's value is not UTF-8");
	for (i = 0; i < p->opt.tags.n; i++)
		if (!dn_utf8_valid(dn_str_of(p->opt.tags.v[i])))
			return dn_err_set(err, -EINVAL, "a tag is not UTF-8");
	dn_buf_byte(&b, '{');
	add_text_field(&b, "request_id", p->opt.request_id);
	add_text_field(&b, "status", p->opt.status);
	add_text_field(&b, "schema", p->opt.schema);
	add_text_field(&b, "key", p->opt.key);
	rc = add_tags(p, &b, err);
	dn_buf_byte(&b, '}');
	p->fields = b.p;
	p->fields_n = b.n;
	if (rc == 0)
		rc = check_fields(p, err);
	if (strcmp(p->opt.wait, "accepted") != 0)
		dn_buf_printf(&extras, ",\"wait\":\"%s\",\"timeout_ms\":%lld",
		    p->opt.wait, (long long)(p->opt.timeout_us / 1000));
	p->extras_text = extras.p;
	p->extras = dn_buf_view(&extras);
	dn_uuid(p->key_prefix);
	return rc;
}

void shape_release(struct pub *p)
{
	free(p->fields);
	free(p->extras_text);
	dn_record_release(&p->record);
	dn_buf_release(&p->scratch);
	dn_buf_release(&p->shaped);
	dn_buf_release(&p->params);
}

/* A payload that is one JSON value, or text, or bytes. */
static int read_payload(struct pub *p, struct dn_record *r,
    struct dn_str payload, struct dn_err *err)
{
	struct dn_json value;

	dn_record_init(r);
	if (!p->opt.text) {
		if (dn_json_parse(payload, &value, err) == 0) {
			r->data = value.raw;
			return 0;
		}
		if (p->opt.raw)
			return dn_err_wrap(
			    err, "the payload is no JSON (--text takes any)");
		err->code = 0;
	}
	dn_buf_reset(&p->scratch, PUB_LINE_MAX);
	if (dn_utf8_valid(payload)) {
		dn_buf_json_str(&p->scratch, payload);
		r->data = dn_buf_view(&p->scratch);
	} else {
		dn_b64_encode(DN_B64_STD, payload.p, payload.n, &p->scratch);
		r->data_b64 = dn_buf_view(&p->scratch);
	}
	return 0;
}

/* The record's tags that no flag replaces, and the flags'. */
static void merge_tags(struct pub *p, struct dn_str ours, struct dn_record *r)
{
	struct dn_json own = {DN_JSON_OBJECT, r->tags};
	struct dn_json flags = {DN_JSON_OBJECT, ours};
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	struct dn_buf *b = &p->params;
	char name[DN_RECORD_TAGS_BYTES + 1];

	dn_buf_reset(b, PUB_LINE_MAX);
	dn_buf_byte(b, '{');
	dn_json_iter_init(&it, own);
	while (dn_json_next(&it, &key, &value)) {
		(void)snprintf(name, sizeof(name), "%.*s", DN_FMT(key));
		if (dn_json_member(flags, name).type != DN_JSON_NONE)
			continue;
		dn_buf_byte(b, '"');
		dn_buf_str(b, key);
		dn_buf_lit(b, "\":");
		dn_buf_str(b, value.raw);
		dn_buf_byte(b, ',');
	}
	dn_buf_add(b, ours.p + 1, ours.n - 1);
	r->tags = dn_buf_view(b);
}

/* Puts the flags' fields over the record's. */
static int put_fields(struct pub *p, struct dn_record *r, struct dn_err *err)
{
	struct dn_json fields = {DN_JSON_OBJECT, {p->fields, p->fields_n}};
	struct dn_json value;
	struct dn_json_iter it;
	struct dn_str key;

	dn_json_iter_init(&it, fields);
	while (dn_json_next(&it, &key, &value)) {
		if (dn_json_key_is(key, "tags") && r->tags.n > 2)
			merge_tags(p, value.raw, r);
		else if (dn_record_field(r, key, value, err) < 0)
			return -EINVAL;
	}
	if (p->channel != NULL)
		r->channel = dn_str_of(p->channel);
	if (p->opt.request_id != NULL && (p->opt.raw || p->opt.text))
		r->seq = (int64_t)p->seq;
	return 0;
}

/* What came from an earlier delivery says nothing about this one. */
static void drop_fields(struct dn_record *r)
{
	r->has_offset = false;
	r->offset = 0;
	r->epoch = (struct dn_str){0};
	r->info = (struct dn_str){0};
	r->undelivered = (struct dn_str){0};
	r->redelivery = (struct dn_str){0};
	r->accepted = r->claimed = r->received = 0;
}

/* Strictly ascending in one process, so that a stamp and the payload together
 * tell records apart. */
static int64_t stamp(struct pub *p)
{
	int64_t now = dn_wall_us();

	if (now <= p->last_enqueued)
		now = p->last_enqueued + 1;
	p->last_enqueued = now;
	return now;
}

struct item *item_new(struct dn_str text)
{
	struct item *item = dn_xcalloc(1, sizeof(*item) + text.n + 1);

	if (text.n > 0)
		memcpy(item->text, text.p, text.n);
	item->text_n = text.n;
	return item;
}

void item_free(struct item *item)
{
	free(item->result);
	free(item->reason);
	free(item);
}

static int finish(
    struct pub *p, struct dn_record *r, struct item **out, struct dn_err *err)
{
	char key[64];

	drop_fields(r);
	if (dn_record_check(r, err) < 0)
		return -EINVAL;
	if (r->enqueued == 0)
		r->enqueued = stamp(p);
	if (r->idempotency_key.n == 0 && (r->request_id.n == 0 || r->seq < 0)) {
		(void)snprintf(key, sizeof(key), "%s:%llu", p->key_prefix,
		    (unsigned long long)p->key_count++);
		r->idempotency_key = dn_str_of(key);
	}
	dn_buf_reset(&p->shaped, PUB_LINE_MAX);
	dn_record_write(&p->shaped, r);
	if (p->shaped.n + p->extras.n + 128 > DN_CLIENT_MESSAGE_MAX)
		return dn_err_set(err, -EINVAL,
		    "the record has %zu bytes, more than a message may have "
		    "(%d); large payloads travel by ref",
		    p->shaped.n, DN_CLIENT_MESSAGE_MAX);
	*out = item_new(dn_buf_view(&p->shaped));
	return 0;
}

int shape_line(
    struct pub *p, struct dn_str line, struct item **out, struct dn_err *err)
{
	bool payload = p->opt.raw || p->opt.text || p->opt.message != NULL ||
		       p->opt.file != NULL;
	struct dn_record *r = &p->record;
	int rc;

	rc = payload ? read_payload(p, r, line, err)
		     : dn_record_parse(r, line, err);
	if (rc == 0)
		rc = put_fields(p, r, err);
	if (rc == 0)
		rc = finish(p, r, out, err);
	if (rc == 0)
		p->seq++;
	return rc;
}
