/* SPDX-License-Identifier: MIT */
/*
 * How it works: with --report one line an item, in input order: the line's
 * number, what names the record, and the result or the error; a record that
 * nobody took stands in it whole. Without --report only such records are
 * printed, as they are, with `failed` inside, so that they can be fed again.
 */
#include "pub.h"

static void add_string(struct dn_buf *b, const char *name, struct dn_str s)
{
	if (s.n == 0)
		return;
	dn_buf_printf(b, ",\"%s\":", name);
	dn_buf_json_str(b, s);
}

static void add_error(struct dn_buf *b, const struct item *item)
{
	dn_buf_printf(b, ",\"error\":{\"code\":%u,\"message\":", item->code);
	dn_buf_json_str(b, dn_str_of(item->reason));
	dn_buf_byte(b, '}');
}

static void report(struct pub *p, const struct item *item)
{
	struct dn_str text = {item->text, item->text_n};
	struct dn_record *r = &p->record;
	struct dn_buf *b = &p->out;
	struct dn_err err = {0};

	dn_buf_printf(b, "{\"line\":%llu", (unsigned long long)item->line);
	if (text.n > 0 && dn_record_parse(r, text, &err) == 0) {
		add_string(b, "channel", r->channel);
		add_string(b, "request_id", r->request_id);
		if (r->seq >= 0)
			dn_buf_printf(b, ",\"seq\":%lld", (long long)r->seq);
	}
	if (item->result != NULL && item->result[0] != '\0') {
		dn_buf_byte(b, ',');
		dn_buf_lit(b, item->result);
	}
	if (item->code != 0)
		add_error(b, item);
	if (item->failed) {
		add_string(b, "failed", dn_str_of(item->reason));
		dn_buf_lit(b, ",\"record\":");
		dn_buf_str(b, text);
	}
	dn_buf_lit(b, "}\n");
}

void report_item(struct pub *p, const struct item *item)
{
	if (p->opt.report) {
		report(p, item);
	} else if (item->failed) {
		dn_buf_add(&p->out, item->text, item->text_n - 1);
		add_string(&p->out, "failed", dn_str_of(item->reason));
		dn_buf_lit(&p->out, "}\n");
	}
}

void report_flush(struct pub *p)
{
	if (p->out.n == 0)
		return;
	/* A failure is told and kept by the tool; the publishing goes on. */
	if (!dn_tool_print(&p->tool, dn_buf_view(&p->out)))
		p->stdout_gone = true;
	dn_buf_reset(&p->out, 1 << 20);
}
