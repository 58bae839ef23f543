/* SPDX-License-Identifier: MIT */
/*
 * How it works: a redelivery hands over the row's own text; a publication is
 * written anew without what only a server may set. The key is what makes a
 * repeat harmless: dnot-pub's from the time it first sent the record, which
 * the server may have accepted without a sign; a row that has none is known
 * by its request and seq, or at last by its id. What was only accepted may go
 * with a crash of the server, so the row waits until the record is in the log,
 * where there is one.
 */
#include "attempt.h"

#include "log/log_value.h"
#include "record/record.h"

int sweep_redeliver_params(
    struct dn_buf *out, const struct sweep_item *item, struct dn_err *err)
{
	return dn_log_value_undelivered(
	    out, item->row.value, &item->u, (struct dn_str){NULL, 0}, err);
}

static void forget_position(struct dn_record *r)
{
	r->has_offset = false;
	r->offset = 0;
	r->epoch = (struct dn_str){NULL, 0};
	r->info = (struct dn_str){NULL, 0};
	r->undelivered = (struct dn_str){NULL, 0};
	r->redelivery = (struct dn_str){NULL, 0};
	r->accepted = r->claimed = r->received = 0;
}

int sweep_publish_params(
    struct dn_buf *out, const struct sweep_item *item, struct dn_err *err)
{
	struct dn_record r = {0};
	int rc;

	dn_record_init(&r);
	rc = dn_record_parse(&r, item->row.value, err);
	if (rc == 0) {
		forget_position(&r);
		if (item->u.key.n > 0)
			r.idempotency_key = item->u.key;
		else if (r.idempotency_key.n == 0 &&
			 (r.request_id.n == 0 || r.seq < 0))
			r.idempotency_key = item->u.uid;
		dn_record_write(out, &r);
		if (!item->unlogged) {
			out->n--; /* the closing brace */
			dn_buf_lit(out, ",\"wait\":\"logged\"}");
		}
	}
	dn_record_release(&r);
	return rc;
}
