/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a record and as a publication. What is accepted is written,
 * read again and written again: both texts must be the same, through the wire
 * form as well.
 */
#include <stdint.h>

#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_same(struct dn_buf *a, struct dn_buf *b)
{
	DN_ASSERT(dn_str_eq(dn_buf_view(a), dn_buf_view(b)));
	DN_ASSERT(memchr(a->p, '\n', a->n) == NULL);
	dn_buf_release(a);
	dn_buf_release(b);
}

static void check_line(const struct dn_record *r)
{
	struct dn_record back = {0};
	struct dn_buf a = {0}, b = {0};
	struct dn_err err;

	dn_record_write(&a, r);
	DN_ASSERT(dn_record_parse(&back, dn_buf_view(&a), &err) == 0);
	DN_ASSERT(dn_record_check(&back, &err) == 0);
	DN_ASSERT(dn_record_attempt(&back) == dn_record_attempt(r));
	DN_ASSERT(
	    dn_status_terminal(back.status) == dn_status_terminal(r->status));
	dn_record_write(&b, &back);
	check_same(&a, &b);
	dn_record_release(&back);
}

static void check_wire(const struct dn_record *r)
{
	struct dn_record back = {0};
	struct dn_buf a = {0}, b = {0};
	struct dn_json pub;
	struct dn_err err;

	dn_record_write_pub(&a, r);
	DN_ASSERT(dn_json_parse(dn_buf_view(&a), &pub, &err) == 0);
	DN_ASSERT(dn_record_from_pub(&back, pub, &err) == 0);
	back.channel = r->channel;
	DN_ASSERT(dn_record_check(&back, &err) == 0);
	dn_record_write_pub(&b, &back);
	check_same(&a, &b);
	dn_record_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str text = {(const char *)data, n};
	struct dn_record r = {0};
	struct dn_err err = {0, ""};
	struct dn_json pub;

	if (dn_record_parse(&r, text, &err) == 0 &&
	    dn_record_check(&r, &err) == 0) {
		check_line(&r);
		check_wire(&r);
	}
	if (dn_json_parse(text, &pub, &err) == 0 &&
	    dn_record_from_pub(&r, pub, &err) == 0) {
		r.channel = DN_STR("c");
		if (dn_record_check(&r, &err) == 0)
			check_wire(&r);
	}
	dn_record_release(&r);
	return 0;
}
