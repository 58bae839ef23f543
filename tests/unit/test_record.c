/* SPDX-License-Identifier: MIT */
#include "record.h"

#include "tap.h"

/* Line to record to line. */
static void rewrite(const char *line, const char *want, const char *name)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	bool ok = dn_record_parse(&r, dn_str_of(line), &err) == 0 &&
	    dn_record_check(&r, &err) == 0;

	if (ok)
		dn_record_write(&b, &r);
	else
		dn_buf_lit(&b, err.text);
	IS_SLICE(dn_buf_view(&b), want, name);
	dn_record_release(&r);
	dn_buf_release(&b);
}

/* Line to record to publication to record to line. */
static void round_trip(const char *line, const char *pub, const char *want)
{
	struct dn_record r = {0}, back = {0};
	struct dn_buf wire = {0}, b = {0};
	struct dn_json v;
	struct dn_err err = {0, ""};

	OK(dn_record_parse(&r, dn_str_of(line), &err) == 0, "is read");
	dn_record_write_pub(&wire, &r);
	IS_SLICE(dn_buf_view(&wire), pub, "publication");
	OK(dn_json_parse(dn_buf_view(&wire), &v, &err) == 0, "is JSON");
	back.channel = r.channel;
	OK(dn_record_from_pub(&back, v, &err) == 0, "comes back");
	dn_record_write(&b, &back);
	IS_SLICE(dn_buf_view(&b), want, "record");
	dn_record_release(&r);
	dn_record_release(&back);
	dn_buf_release(&wire);
	dn_buf_release(&b);
}

int main(void)
{
	rewrite("{\"data\":1,\"channel\":\"a:b\"}",
	    "{\"channel\":\"a:b\",\"data\":1}", "documented order");
	rewrite("{\"data\":1,\"channel\":\"a\",\"nix\":1}",
	    "unknown field \"nix\"", "unknown field");
	rewrite("{\"data\":1,\"channel\":\"a\",\"tags\":{\"seq\":\"1\"}}",
	    "tags.seq: the name is reserved", "reserved tag");
	round_trip("{\"channel\":\"a\",\"ref\":{\"url\":\"s3://b/k\"},"
		   "\"request_id\":\"r\\u0031\",\"seq\":0,\"tags\":{\"x\":\"y\"},"
		   "\"ts\":{\"enqueued\":5}}",
	    "{\"data\":null,\"tags\":{\"x\":\"y\",\"request_id\":\"r1\","
	    "\"seq\":\"0\",\"ref\":\"{\\\"url\\\":\\\"s3://b/k\\\"}\","
	    "\"enqueued\":\"5\"}}",
	    "{\"channel\":\"a\",\"request_id\":\"r1\",\"seq\":0,"
	    "\"ref\":{\"url\":\"s3://b/k\"},\"tags\":{\"x\":\"y\"},"
	    "\"ts\":{\"enqueued\":5}}");
	return tap_done();
}
