/* SPDX-License-Identifier: MIT */
/*
 * How it works: a record that is known by its identity is passed over. One
 * without an identity can only be known by its content, and that is asked
 * where a record may come twice: a redelivery, and, after the epoch changed,
 * one whose first coming the server may have lost, since its publisher sends
 * it again. What is new is remembered, filtered and printed; the position
 * moves in any case.
 *
 * How it fails: a jq program that fails on a record does not match it; that
 * is told once, the rest only with -vv.
 */
#include "sub.h"

#include "base/b64.h"
#include "base/diag.h"

bool show_known_at(const struct chan *c, uint64_t offset, uint64_t proof)
{
	const struct sub_recent *r = &c->recent[offset % SUB_RECENT];

	return offset > 0 && r->offset == offset && r->proof == proof;
}

void show_remember(struct chan *c, uint64_t offset, const struct dn_record *r)
{
	c->recent[offset % SUB_RECENT] =
	    (struct sub_recent){offset, dn_dedup_proof(r), dn_dedup_content(r)};
}

/* The stream goes on under a new epoch, and this is the very record we had
 * at this offset under the old one: the server lost nothing up to here. */
static bool same_as_before(
    struct chan *c, const struct dn_record *r, uint64_t offset)
{
	if (c->generation == 0 || !show_known_at(c, offset, dn_dedup_proof(r)))
		return false;
	c->proven = offset;
	return true;
}

/* Whether it came already, and would come again only because something was
 * lost on the way. */
static bool known(const struct chan *c, const struct dn_record *r,
    struct dn_dedup_key identity, struct dn_dedup_key content)
{
	const struct dn_dedup_entry *e;

	if (dn_dedup_find(&c->seen, identity) != NULL)
		return true;
	if (dn_dedup_key_set(identity) ||
	    (c->generation == 0 && r->redelivery.n == 0))
		return false;
	e = dn_dedup_find(&c->seen, content);
	if (e == NULL || r->redelivery.n > 0)
		return e != NULL;
	return e->generation < c->generation && e->offset > c->proven;
}

static void remember(struct chan *c, const struct dn_record *r,
    struct dn_dedup_key identity, struct dn_dedup_key content, uint64_t offset)
{
	dn_dedup_add(&c->seen, dn_dedup_key_set(identity) ? identity : content,
	    offset, c->generation);
	if (offset > 0)
		show_remember(c, offset, r);
}

static void jq_failed(struct sub *p, const struct dn_err *err)
{
	dn_diag(p->jq_failed ? DN_DEBUG : DN_WARN, NULL, "%s", err->text);
	p->jq_failed = true;
}

static void print_raw(struct dn_buf *out, const struct dn_record *r)
{
	if (r->data_b64.n > 0) {
		if (dn_b64_decode(DN_B64_STD, r->data_b64, out) < 0)
			dn_buf_str(out, r->data_b64);
	} else if (r->data.n > 0) {
		dn_buf_json_raw(out, r->data);
	} else {
		dn_buf_lit(out, "null");
	}
	dn_buf_byte(out, '\n');
}

static bool filtered_out(struct sub *p)
{
	struct dn_err err = {0};
	int rc;

	if (p->filter == NULL)
		return false;
	rc = dn_jqfilter_match(p->filter, dn_buf_view(&p->text), &err);
	if (rc < 0)
		jq_failed(p, &err);
	return rc <= 0;
}

static void count(struct sub *p)
{
	p->printed++;
	if (p->opt.count > 0 && p->printed >= p->opt.count)
		sub_finish(p);
}

/* True when something was printed. */
static bool print(struct sub *p, const struct dn_record *r)
{
	struct dn_buf *out = output_buf(p->out);
	struct dn_err err = {0};
	int rc = 1;

	if (p->filter != NULL || p->format != NULL) {
		dn_buf_reset(&p->text, 1 << 20);
		dn_record_write(&p->text, r);
		if (filtered_out(p))
			return false;
	}
	if (p->format != NULL) {
		rc = dn_jqfilter_format(
		    p->format, dn_buf_view(&p->text), out, &err);
		if (rc < 0)
			jq_failed(p, &err);
	} else if (p->opt.raw) {
		print_raw(out, r);
	} else {
		dn_record_write(out, r);
		dn_buf_byte(out, '\n');
	}
	return rc > 0;
}

void show_record(struct chan *c, enum sub_source source, uint64_t offset)
{
	struct sub *p = c->sub;
	struct dn_record *r = &p->record;
	struct dn_dedup_key identity = dn_dedup_identity(r);
	struct dn_dedup_key content = dn_dedup_content_key(dn_dedup_content(r));
	bool printed = false;

	if (p->finishing)
		return;
	if ((source == SUB_REPLAY && same_as_before(c, r, offset)) ||
	    known(c, r, identity, content)) {
		dn_diag(DN_DEBUG, NULL, "%s: offset %llu came before", c->name,
		    (unsigned long long)offset);
	} else {
		r->channel = dn_str_of(c->name);
		r->epoch = dn_str_of(offset > 0 ? place_epoch(c) : "");
		r->has_offset = offset > 0;
		r->offset = offset;
		r->received = dn_wall_us();
		r->idempotency_key = (struct dn_str){0};
		r->undelivered = (struct dn_str){0};
		printed = print(p, r);
		remember(c, r, identity, content, offset);
	}
	if (offset > 0)
		place_advance(c, offset);
	if (printed)
		count(p);
}

void show_presence(struct chan *c, bool join, struct dn_json info)
{
	struct sub *p = c->sub;
	struct dn_buf *out;

	if (p->finishing)
		return;
	out = output_buf(p->out);
	dn_buf_lit(out, "{\"channel\":");
	dn_buf_json_str(out, dn_str_of(c->name));
	dn_buf_lit(out, join ? ",\"event\":\"join\"" : ",\"event\":\"leave\"");
	if (info.type == DN_JSON_OBJECT) {
		dn_buf_lit(out, ",\"info\":");
		dn_buf_json_raw(out, info.raw);
	}
	dn_buf_printf(out, ",\"ts\":%lld}\n", (long long)dn_wall_us());
	count(p);
}
