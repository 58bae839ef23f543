/* SPDX-License-Identifier: MIT */
#include "record/record.h"

#include "corpus.h"
#include "tap.h"
#include "../fuzz/fuzz_record.c"

#define C "\"channel\":\"a\","

/* What becomes of a line: the record as it is written, or the error. */
static void line_is(const char *line, const char *want, const char *name)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	char *exact = dn_xmalloc(strlen(line));
	bool ok;

	memcpy(exact, line, strlen(line));
	ok = dn_record_parse(&r, (struct dn_str){exact, strlen(line)}, &err) ==
		 0 &&
	     dn_record_check(&r, &err) == 0;
	if (ok)
		dn_record_write(&b, &r);
	else
		dn_buf_lit(&b, err.text);
	IS_SLICE(dn_buf_view(&b), want, name);
	dn_record_release(&r);
	dn_buf_release(&b);
	free(exact);
}

/* The same through the wire: the publication it becomes, and the record that
 * this is read back as. */
static void wire_is(const char *line, const char *pub, const char *want)
{
	struct dn_record r = {0}, back = {0};
	struct dn_buf wire = {0}, b = {0};
	struct dn_json v;
	struct dn_err err = {0, ""};

	OK(dn_record_parse(&r, dn_str_of(line), &err) == 0 &&
		dn_record_check(&r, &err) == 0,
	    line);
	dn_record_write_pub(&wire, &r);
	IS_SLICE(dn_buf_view(&wire), pub, "as a publication");
	OK(dn_json_parse(dn_buf_view(&wire), &v, &err) == 0, "it is JSON");
	back.channel = r.channel;
	OK(dn_record_from_pub(&back, v, &err) == 0, "it is read");
	dn_record_write(&b, &back);
	IS_SLICE(dn_buf_view(&b), want, "as a record again");
	dn_record_release(&r);
	dn_record_release(&back);
	dn_buf_release(&wire);
	dn_buf_release(&b);
}

static void test_write(void)
{
	line_is("{\"data\":1,\"channel\":\"a:b\"}",
	    "{\"channel\":\"a:b\",\"data\":1}", "the documented order");
	line_is(
	    "{\"ts\":{\"received\":4,\"claimed\":3,\"accepted\":2,"
	    "\"enqueued\":1},\"undelivered\":{\"id\":\"u\"},"
	    "\"idempotency_key\":\"i\",\"redelivery\":\"w\","
	    "\"delivery\":{\"id\":\"d\"},\"info\":{},\"epoch\":\"e\","
	    "\"offset\":0,\"tags\":{\"t\":\"u\"},\"key\":\"k\","
	    "\"ref\":{\"url\":\"u\"},\"schema\":\"s/1\",\"status\":\"done\","
	    "\"seq\":0,\"request_id\":\"r\",\"data\":null,"
	    "\"data_b64\":\"AA==\",\"channel\":\"a\"}",
	    "{\"channel\":\"a\",\"data_b64\":\"AA==\",\"request_id\":\"r\","
	    "\"seq\":0,\"status\":\"done\",\"schema\":\"s/1\","
	    "\"ref\":{\"url\":\"u\"},\"key\":\"k\",\"tags\":{\"t\":\"u\"},"
	    "\"offset\":0,\"epoch\":\"e\",\"info\":{},"
	    "\"delivery\":{\"id\":\"d\"},\"ts\":{\"enqueued\":1,"
	    "\"accepted\":2,\"claimed\":3,\"received\":4},"
	    "\"redelivery\":\"w\",\"idempotency_key\":\"i\","
	    "\"undelivered\":{\"id\":\"u\"}}",
	    "every field");
	line_is("{" C "\"data\":null}", "{\"channel\":\"a\",\"data\":null}",
	    "null is a payload");
	line_is("{" C "\"data\":[\n1,\r\n2]}",
	    "{\"channel\":\"a\",\"data\":[1,2]}", "a record stays one line");
	line_is("{" C "\"data\":1,\"request_id\":null,\"seq\":null,"
		"\"status\":null,\"schema\":null,\"ref\":null,\"key\":null,"
		"\"tags\":null,\"offset\":null,\"epoch\":null,\"info\":null,"
		"\"delivery\":null,\"data_b64\":null,"
		"\"ts\":{\"enqueued\":null}}",
	    "{\"channel\":\"a\",\"data\":1}", "null is not there");
	line_is("{" C "\"data\":1,\"failed\":\"unreachable\"}",
	    "{\"channel\":\"a\",\"data\":1}", "failed is skipped");
	line_is("{" C "\"data\":1,\"tags\":{},\"status\":\"\",\"ts\":{}}",
	    "{\"channel\":\"a\",\"data\":1,\"tags\":{}}",
	    "empty strings cost nothing");
	line_is("{" C "\"data\":1,\"data\":2}",
	    "{\"channel\":\"a\",\"data\":2}",
	    "the last of the same fields wins");
}

static void test_payload(void)
{
	line_is("{" C "\"seq\":1}",
	    "data: is missing (nor is there data_b64 or ref)", "no payload");
	line_is("{" C "\"data\":1,\"data_b64\":\"AA==\"}",
	    "data_b64: stands beside data, only one may be there", "two");
	line_is("{" C "\"ref\":{\"url\":\"u\"},\"data\":1}",
	    "{\"channel\":\"a\",\"data\":1,\"ref\":{\"url\":\"u\"}}",
	    "ref beside data");
	line_is("{" C "\"ref\":{\"url\":\"u\"},\"data\":null}",
	    "{\"channel\":\"a\",\"ref\":{\"url\":\"u\"}}",
	    "ref beside null is ref alone");
	line_is("{" C "\"data_b64\":\"\"}",
	    "{\"channel\":\"a\",\"data_b64\":\"\"}", "an empty payload");
	line_is("{" C "\"data_b64\":\"AB\"}",
	    "data_b64: is not base64 (its length is no multiple of 4)",
	    "base64 without padding");
	line_is("{" C "\"data_b64\":\"A===\"}", "data_b64: is not base64",
	    "base64 with three padding bytes");
	line_is("{" C "\"data_b64\":\"====\"}", "data_b64: is not base64",
	    "base64 of padding alone");
	line_is("{" C "\"data_b64\":\"AA=A\"}", "data_b64: is not base64",
	    "padding inside");
	line_is("{" C "\"data_b64\":\"AA-_\"}", "data_b64: is not base64",
	    "the URL alphabet");
	line_is("{" C "\"data_b64\":1}", "data_b64: is no string", "a number");
}

static void test_refused(void)
{
	line_is("", "JSON: ends too early at offset 0", "nothing");
	line_is("[]", "a record is a JSON object, this is none", "an array");
	line_is("{\"data\":1}", "channel: is missing", "no channel");
	line_is("{\"channel\":\"\",\"data\":1}", "channel: the name is empty",
	    "an empty channel");
	line_is("{\"channel\":\"a*\",\"data\":1}",
	    "channel: patterns are not supported ('*' at offset 1)",
	    "a pattern");
	line_is("{\"channel\":1,\"data\":1}", "channel: is no string",
	    "a channel that is a number");
	line_is("{" C "\"data\":1,\"nix\":1}", "unknown field \"nix\"",
	    "an unknown field");
	line_is(
	    "{" C "\"data\":1,\"seq\":-1}", "seq: is no integer >= 0", "-1");
	line_is("{" C "\"data\":1,\"seq\":1.0}", "seq: is no integer >= 0",
	    "a fraction");
	line_is("{" C "\"data\":1,\"seq\":\"1\"}", "seq: is no integer >= 0",
	    "a string as number");
	line_is("{" C "\"data\":1,\"offset\":-1}", "offset: is no integer >= 0",
	    "a negative offset");
	line_is("{" C "\"data\":1,\"request_id\":\"a\\nb\"}",
	    "request_id: has a control character", "a newline in an id");
	line_is("{" C "\"data\":1,\"status\":{}}", "status: is no string",
	    "an object as status");
	line_is("{" C "\"data\":1,\"info\":[]}", "info: is no object", "info");
	line_is("{" C "\"data\":1,\"ts\":1}", "ts: is no object", "ts");
	line_is("{" C "\"data\":1,\"ts\":{\"x\":1}}",
	    "ts: unknown member \"x\"", "an unknown stamp");
	line_is("{" C "\"data\":1,\"ts\":{\"enqueued\":\"1\"}}",
	    "ts: enqueued: is no integer >= 0", "a stamp that is a string");
}

static void test_shapes(void)
{
	static const char *const schemas[] = {"\"a\"", "\"/1\"", "\"a/\"",
	    "\"a/b\"", "\"a/-1\"", "\"1\"", "\"a/1234567890\""};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(schemas); i++) {
		char line[128];

		snprintf(line, sizeof(line), "{" C "\"data\":1,\"schema\":%s}",
		    schemas[i]);
		line_is(line, "schema: is not of the form name/N", schemas[i]);
	}
	line_is("{" C "\"data\":1,\"schema\":\"a/b/12\"}",
	    "{\"channel\":\"a\",\"data\":1,\"schema\":\"a/b/12\"}", "a/b/12");
	line_is("{" C "\"ref\":\"s3://b/k\"}", "ref: is no object", "ref");
	line_is("{" C "\"ref\":{}}", "ref.url: is missing", "ref.url");
	line_is("{" C "\"ref\":{\"url\":1}}", "ref.url: is no string", "url");
	line_is("{" C "\"ref\":{\"url\":\"u\",\"size\":\"1\"}}",
	    "ref.size: is no number", "size");
	line_is("{" C "\"ref\":{\"url\":\"u\",\"size\":1.5}}",
	    "ref.size: is no integer >= 0", "half a byte");
	line_is("{" C "\"ref\":{\"url\":\"u\",\"etag\":1}}",
	    "{\"channel\":\"a\",\"ref\":{\"url\":\"u\",\"etag\":1}}",
	    "other members of ref are kept");
	line_is("{" C "\"data\":1,\"delivery\":{\"attempt\":1}}",
	    "delivery.id: is missing", "delivery.id");
	line_is("{" C "\"data\":1,\"delivery\":{\"id\":\"d\",\"attempt\":-1}}",
	    "delivery.attempt: is no integer >= 0", "delivery.attempt");
}

static void test_reserved(void)
{
	static const char *const names[] = {"request_id", "seq", "status",
	    "schema", "key", "ref", "delivery", "enqueued", "accepted",
	    "claimed", "data_b64", "redelivery"};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(names); i++) {
		char line[128], want[128];

		snprintf(line, sizeof(line),
		    "{" C "\"data\":1,\"tags\":{\"x\":\"\",\"%s\":\"1\"}}",
		    names[i]);
		snprintf(want, sizeof(want), "tags.%s: the name is reserved",
		    names[i]);
		line_is(line, want, names[i]);
	}
	line_is("{" C "\"data\":1,\"tags\":{\"s\\u0065q\":\"1\"}}",
	    "tags.s\\u0065q: the name is reserved", "with an escape");
	line_is("{" C "\"data\":1,\"tags\":{\"data\":\"1\",\"received\":\"\"}}",
	    "{\"channel\":\"a\",\"data\":1,"
	    "\"tags\":{\"data\":\"1\",\"received\":\"\"}}",
	    "names that are no tags on the wire are free");
	line_is("{" C "\"data\":1,\"tags\":{\"a\":1}}", "tags.a: is no string",
	    "a tag that is a number");
	line_is("{" C "\"data\":1,\"tags\":[]}", "tags: is no object", "tags");
}

/* A field of n bytes. */
static void long_field(const char *head, size_t n, const char *tail,
    const char *error, const char *name)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	size_t i;

	dn_buf_lit(&b, head);
	for (i = 0; i < n; i++)
		dn_buf_byte(&b, 'x');
	dn_buf_lit(&b, tail);
	if (dn_record_parse(&r, dn_buf_view(&b), &err) == 0 &&
	    dn_record_check(&r, &err) != 0)
		OK(err.code < 0, "the code is set");
	IS_STR(err.text, error, name);
	dn_record_release(&r);
	dn_buf_release(&b);
}

static void many_tags(int n, const char *error, const char *name)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	int i;

	dn_buf_lit(&b, "{" C "\"data\":1,\"tags\":{");
	for (i = 0; i < n; i++)
		dn_buf_printf(&b, "%s\"t%d\":\"\"", i ? "," : "", i);
	dn_buf_lit(&b, "}}");
	OK(dn_record_parse(&r, dn_buf_view(&b), &err) == 0, "is read");
	(void)!dn_record_check(&r, &err);
	IS_STR(err.text, error, name);
	dn_record_release(&r);
	dn_buf_release(&b);
}

static void deep_data(unsigned depth, const char *error, const char *name)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	unsigned i;

	dn_buf_lit(&b, "{" C "\"data\":");
	for (i = 0; i < depth; i++)
		dn_buf_byte(&b, '[');
	dn_buf_lit(&b, "\"long enough\"");
	for (i = 0; i < depth; i++)
		dn_buf_byte(&b, ']');
	dn_buf_byte(&b, '}');
	(void)!dn_record_parse(&r, dn_buf_view(&b), &err);
	IS_STR(err.text, error, name);
	dn_record_release(&r);
	dn_buf_release(&b);
}

static void test_limits(void)
{
	long_field("{" C "\"data\":1,\"request_id\":\"", 128, "\"}", "",
	    "request_id of 128 bytes");
	long_field("{" C "\"data\":1,\"request_id\":\"", 129, "\"}",
	    "request_id: longer than 128 bytes", "request_id of 129 bytes");
	long_field("{" C "\"data\":1,\"key\":\"", 129, "\"}",
	    "key: longer than 128 bytes", "key of 129 bytes");
	long_field("{" C "\"data\":1,\"schema\":\"", 127, "/1\"}",
	    "schema: longer than 128 bytes", "schema of 129 bytes");
	long_field("{\"data\":1,\"channel\":\"", 255, "\"}", "",
	    "channel of 255 bytes");
	long_field("{\"data\":1,\"channel\":\"", 256, "\"}",
	    "channel: the name has 256 bytes, at most 255 are allowed",
	    "channel of 256 bytes");
	long_field("{" C "\"data\":1,\"tags\":{\"t\":\"", 4096 - 8, "\"}}", "",
	    "tags of 4096 bytes");
	long_field("{" C "\"data\":1,\"tags\":{\"t\":\"", 4097 - 8, "\"}}",
	    "tags: 4097 bytes, at most 4096 are allowed", "tags of 4097 bytes");
	many_tags(32, "", "32 tags");
	many_tags(33, "tags: more than 32 members", "33 tags");
	deep_data(56, "", "56 levels");
	deep_data(57, "data: is nested too deeply", "57 levels");
}

static void test_wire(void)
{
	wire_is("{" C "\"data\":{\"x\":1}}", "{\"data\":{\"x\":1}}",
	    "{\"channel\":\"a\",\"data\":{\"x\":1}}");
	wire_is("{" C "\"data\":1,\"tags\":{ },\"offset\":0}", "{\"data\":1}",
	    "{\"channel\":\"a\",\"data\":1}");
	wire_is("{" C
		"\"data\":1,\"tags\":{ \"b\" : \"\\u00e9\" },\"offset\":9,"
		"\"info\":{\"user\":\"u\"}}",
	    "{\"data\":1,\"info\":{\"user\":\"u\"},\"offset\":9,"
	    "\"tags\":{\"b\":\"\\u00e9\"}}",
	    "{\"channel\":\"a\",\"data\":1,\"tags\":{\"b\":\"\\u00e9\"},"
	    "\"offset\":9,\"info\":{\"user\":\"u\"}}");
	wire_is("{" C
		"\"ref\":{\"url\":\"s3://b/k\"},\"request_id\":\"r\\u0031\","
		"\"seq\":0,\"tags\":{\"x\":\"y\"},\"ts\":{\"enqueued\":5}}",
	    "{\"data\":null,\"tags\":{\"x\":\"y\",\"request_id\":\"r1\","
	    "\"seq\":\"0\",\"ref\":\"{\\\"url\\\":\\\"s3://b/k\\\"}\","
	    "\"enqueued\":\"5\"}}",
	    "{\"channel\":\"a\",\"request_id\":\"r1\",\"seq\":0,"
	    "\"ref\":{\"url\":\"s3://b/k\"},\"tags\":{\"x\":\"y\"},"
	    "\"ts\":{\"enqueued\":5}}");
	wire_is("{" C "\"data_b64\":\"\",\"delivery\":{\"id\":\"d\\\"\","
		"\"attempt\":2},\"redelivery\":\"u\",\"ts\":{\"accepted\":6,"
		"\"claimed\":7,\"received\":8},\"epoch\":\"e\","
		"\"idempotency_key\":\"i\"}",
	    "{\"data\":null,\"tags\":{\"data_b64\":\"\","
	    "\"delivery\":\"{\\\"id\\\":\\\"d\\\\\\\"\\\",\\\"attempt\\\":2}\","
	    "\"accepted\":\"6\",\"claimed\":\"7\",\"redelivery\":\"u\"}}",
	    "{\"channel\":\"a\",\"data_b64\":\"\","
	    "\"delivery\":{\"id\":\"d\\\"\",\"attempt\":2},"
	    "\"ts\":{\"accepted\":6,\"claimed\":7},\"redelivery\":\"u\"}");
}

static void pub_refused(const char *text, const char *error)
{
	struct dn_record r = {0};
	struct dn_err err = {0, ""};
	struct dn_json v;

	OK(dn_json_parse(dn_str_of(text), &v, &err) == 0, text);
	OK(dn_record_from_pub(&r, v, &err) < 0, "is refused");
	IS_STR(err.text, error, "says why");
	dn_record_release(&r);
}

static void test_pub_refused(void)
{
	pub_refused("[]", "publication: is no object");
	pub_refused(
	    "{\"data\":1,\"tags\":[]}", "publication: tags: is no object");
	pub_refused("{\"data\":1,\"tags\":{\"a\":1}}",
	    "publication: tags: a value is no string");
	pub_refused("{\"data\":1,\"tags\":{\"seq\":\"\"}}",
	    "publication: seq: is no integer >= 0");
	pub_refused("{\"data\":1,\"tags\":{\"seq\":\"-1\"}}",
	    "publication: seq: is no integer >= 0");
	pub_refused("{\"data\":1,\"tags\":{\"ref\":\"[]\"}}",
	    "publication: ref: is no object");
	pub_refused("{\"data\":1,\"tags\":{\"delivery\":\"{\"}}",
	    "publication: delivery: JSON: key expected at offset 1");
	pub_refused("{\"data\":1,\"offset\":\"1\"}",
	    "publication: offset: is no integer >= 0");
}

static void test_helpers(void)
{
	struct dn_record r = {0};

	dn_record_init(&r);
	OK(!dn_status_terminal(r.status), "no status is not terminal");
	IS_NUM(dn_record_attempt(&r), 0, "no delivery has no attempt");
	r.status = DN_STR("done");
	OK(dn_status_terminal(r.status), "done");
	r.status = DN_STR("failed");
	OK(dn_status_terminal(r.status), "failed");
	r.status = DN_STR("cancelled");
	OK(dn_status_terminal(r.status), "cancelled");
	r.status = DN_STR("running");
	OK(!dn_status_terminal(r.status), "running is not");
	r.delivery = DN_STR("{\"id\":\"d\",\"attempt\":3}");
	IS_NUM(dn_record_attempt(&r), 3, "the attempt");
	r.delivery = DN_STR("{\"id\":\"d\"}");
	IS_NUM(dn_record_attempt(&r), 0, "a delivery without attempt");
	dn_record_release(&r);
}

/* Slices in the scratch stay right while it grows, and the record can be used
 * again for the next line. */
static void test_scratch(void)
{
	struct dn_record r = {0};
	struct dn_buf b = {0};
	struct dn_err err = {0, ""};
	int i;

	for (i = 0; i < 3; i++) {
		dn_buf_reset(&b, 0);
		dn_buf_printf(&b,
		    "{\"request_id\":\"\\u0072%d\",\"key\":\"\\u006b\",", i);
		dn_buf_printf(&b, "\"channel\":\"\\u0063%0200d\",", i);
		dn_buf_printf(&b, "\"data_b64\":\"\\u0041%07999d\"}", 0);
		OK(dn_record_parse(&r, dn_buf_view(&b), &err) == 0, "is read");
		IS_NUM(r.request_id.n, 2, "request_id");
		OK(r.request_id.p[0] == 'r' && r.request_id.p[1] == '0' + i,
		    "request_id is right");
		IS_SLICE(r.key, "k", "key is right");
		OK(r.channel.n == 201 && r.channel.p[0] == 'c', "channel");
		OK(r.data_b64.n == 8000 && r.data_b64.p[0] == 'A', "data_b64");
	}
	OK(dn_record_parse(&r, DN_STR("{}"), &err) == 0, "an empty object");
	OK(r.request_id.n == 0 && r.seq == -1 && r.data_b64.p == NULL,
	    "nothing is left of the line before");
	dn_record_release(&r);
	dn_buf_release(&b);
}

int main(void)
{
	test_write();
	test_payload();
	test_refused();
	test_shapes();
	test_reserved();
	test_limits();
	test_wire();
	test_pub_refused();
	test_helpers();
	test_scratch();
	corpus_run("tests/fuzz/corpus/record");
	return tap_done();
}
