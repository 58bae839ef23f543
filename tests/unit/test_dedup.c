/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tool/dedup.h"
#include "tap.h"

static struct dn_dedup_key key_of(const char *line, bool content)
{
	struct dn_record r = {0};
	struct dn_err err = {0};
	struct dn_dedup_key key = {{0, 0}};

	if (dn_record_parse(&r, dn_str_of(line), &err) == 0)
		key = content ? dn_dedup_content_key(dn_dedup_content(&r))
			      : dn_dedup_identity(&r);
	dn_record_release(&r);
	return key;
}

static bool same(const char *a, const char *b, bool content)
{
	struct dn_dedup_key x = key_of(a, content), y = key_of(b, content);

	return dn_dedup_key_set(x) && memcmp(&x, &y, sizeof(x)) == 0;
}

static void test_keys(void)
{
	OK(!dn_dedup_key_set(key_of("{\"seq\":1,\"data\":1}", false)),
	    "no identity without request_id");
	OK(!dn_dedup_key_set(key_of("{\"request_id\":\"r\"}", false)),
	    "nor without seq");
	OK(same("{\"request_id\":\"r\",\"seq\":1,\"data\":1}",
	       "{\"request_id\":\"r\",\"seq\":1,\"data\":2}", false),
	    "an identity is no matter of the payload");
	OK(!same("{\"request_id\":\"r\",\"seq\":1}",
	       "{\"request_id\":\"r\",\"seq\":2}", false),
	    "but of seq");
	OK(!same("{\"request_id\":\"r\",\"seq\":1}",
	       "{\"request_id\":\"s\",\"seq\":1}", false),
	    "of request_id");
	OK(!same("{\"request_id\":\"r\",\"seq\":1,\"delivery\":{\"id\":\"a\","
		 "\"group\":\"g\",\"attempt\":1}}",
	       "{\"request_id\":\"r\",\"seq\":1,\"delivery\":{\"id\":\"a\","
	       "\"group\":\"g\",\"attempt\":2}}",
	       false),
	    "and of the attempt");
	OK(!dn_dedup_key_set(key_of("{\"data\":1}", true)),
	    "no content without a stamp");
	OK(same("{\"data\":[1],\"ts\":{\"enqueued\":5,\"accepted\":6}}",
	       "{\"data\":[1],\"ts\":{\"enqueued\":5,\"accepted\":9}}", true),
	    "a content is no matter of the server's stamp");
	OK(!same("{\"data\":[1],\"ts\":{\"enqueued\":5}}",
	       "{\"data\":[2],\"ts\":{\"enqueued\":5}}", true),
	    "but of the payload");
	OK(!same("{\"data\":[1],\"ts\":{\"enqueued\":5}}",
	       "{\"data\":[1],\"ts\":{\"enqueued\":6}}", true),
	    "and of the publisher's stamp");
	OK(!same("{\"data\":\"AAAA\",\"ts\":{\"enqueued\":5}}",
	       "{\"data_b64\":\"AAAA\",\"ts\":{\"enqueued\":5}}", true),
	    "bytes and text differ");
}

static uint64_t proof(const char *line)
{
	struct dn_record r = {0};
	struct dn_err err = {0};
	uint64_t h = 0;

	if (dn_record_parse(&r, dn_str_of(line), &err) == 0)
		h = dn_dedup_proof(&r);
	dn_record_release(&r);
	return h;
}

static void test_proof(void)
{
	OK(proof("{\"data\":1,\"ts\":{\"accepted\":6}}") ==
		proof("{\"ts\":{\"accepted\":6},\"data\":1}"),
	    "a proof is of what was stored");
	OK(proof("{\"data\":1,\"ts\":{\"accepted\":6}}") !=
		proof("{\"data\":1,\"ts\":{\"accepted\":7}}"),
	    "with the server's stamp");
	OK(proof("{\"data\":\"12345678\"}") != proof("{\"data\":\"1234567\"}"),
	    "and the payload's length");
	OK(proof("{\"data\":1,\"ts\":{\"enqueued\":5,\"accepted\":6}}") ==
		0xf75312e6200dfd09,
	    "and the same in every process");
}

static struct dn_dedup_key number_key(uint64_t i)
{
	/* Many share a home slot. */
	return (struct dn_dedup_key){{i * 2 + 1, i % 50}};
}

static void test_window(void)
{
	enum { MAX = 1000, ADDS = 5000 };
	struct dn_dedup d;
	size_t wrong = 0;
	uint64_t i, j;

	dn_dedup_init(&d, MAX);
	OK(dn_dedup_find(&d, number_key(1)) == NULL, "empty");
	dn_dedup_add(&d, (struct dn_dedup_key){{0, 0}}, 1, 1);
	OK(d.count == 0, "no key, no entry");
	for (i = 0; i < ADDS; i++) {
		dn_dedup_add(&d, number_key(i), i, 7);
		if (i % 97 != 0)
			continue;
		for (j = 0; j <= i; j++)
			wrong += (dn_dedup_find(&d, number_key(j)) != NULL) !=
				 (i - j < MAX);
	}
	IS_NUM(wrong, 0, "the last 1000 are known, none else");
	IS_NUM(d.count, MAX, "and no more are kept");
	IS_NUM(dn_dedup_find(&d, number_key(ADDS - 1))->offset, ADDS - 1,
	    "with their place");
	dn_dedup_add(&d, number_key(ADDS - 1), 3, 8);
	IS_NUM(dn_dedup_find(&d, number_key(ADDS - 1))->generation, 8,
	    "one that is known gets its new place");
	IS_NUM(d.count, MAX, "and no second entry");
	dn_dedup_release(&d);

	dn_dedup_init(&d, 1);
	for (i = 0; i < 10; i++)
		dn_dedup_add(&d, number_key(i), i, 0);
	OK(dn_dedup_find(&d, number_key(9)) != NULL &&
		dn_dedup_find(&d, number_key(8)) == NULL,
	    "a window of one");
	dn_dedup_release(&d);
}

int main(void)
{
	test_keys();
	test_proof();
	test_window();
	return tap_done();
}
