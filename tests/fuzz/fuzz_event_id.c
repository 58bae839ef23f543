/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an id, as they are and as what an id is made of. What is
 * accepted is JSON of at most so many positions, from which the same id can be
 * made again.
 */
#include <stdint.h>

#include "base/b64.h"
#include "base/json.h"
#include "session/event_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* One position of the JSON, added to what an id is made of. */
static void add(
    struct dn_buf *positions, struct dn_str raw_key, struct dn_json at)
{
	struct dn_json name = {DN_JSON_STRING, {raw_key.p - 1, raw_key.n + 2}};
	struct dn_buf channel_text = {0}, epoch_text = {0};
	struct dn_str channel, epoch, digits;
	bool recover = false;

	DN_ASSERT(dn_json_string(name, &channel, &channel_text));
	DN_ASSERT(
	    dn_json_string(dn_json_member(at, "epoch"), &epoch, &epoch_text));
	DN_ASSERT(dn_json_bool(dn_json_member(at, "recover"), &recover));
	DN_ASSERT(recover);
	digits = dn_json_member(at, "offset").raw;
	dn_buf_str(positions, digits);
	dn_buf_byte(positions, ' ');
	dn_buf_str(positions, epoch);
	dn_buf_byte(positions, ' ');
	dn_buf_str(positions, channel);
	dn_buf_byte(positions, '\n');
	dn_buf_release(&channel_text);
	dn_buf_release(&epoch_text);
}

static void read_id(struct dn_str id)
{
	struct dn_buf text = {0}, positions = {0}, line = {0};
	struct dn_json_iter it;
	struct dn_json json, at;
	struct dn_err err;
	struct dn_str key;

	if (dn_event_id_read(id, &text) == 0) {
		DN_ASSERT(dn_json_parse(dn_buf_view(&text), &json, &err) == 0);
		DN_ASSERT(json.type == DN_JSON_OBJECT);
		dn_json_iter_init(&it, json);
		while (dn_json_next(&it, &key, &at))
			add(&positions, key, at);
		DN_ASSERT(dn_event_id_write(&line, dn_buf_view(&positions)));
		DN_ASSERT(line.n == id.n + 5);
		DN_ASSERT(memcmp(line.p + 4, id.p, id.n) == 0);
	}
	dn_buf_release(&text);
	dn_buf_release(&positions);
	dn_buf_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_buf id = {0};

	read_id((struct dn_str){(const char *)data, n});
	dn_b64_encode(DN_B64_URL, data, n, &id);
	read_id(dn_buf_view(&id));
	dn_buf_release(&id);
	return 0;
}
