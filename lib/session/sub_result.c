/* SPDX-License-Identifier: MIT */
/*
 * What a client is told about its new subscription (docs/PROTOCOL.md).
 */
#include "base/json.h"
#include "record/tagfilter.h"
#include "session/session_impl.h"
#include "wire/variant.h"

static void comma(struct dn_buf *b, size_t start)
{
	if (b->n > start)
		dn_buf_byte(b, ',');
}

static void flag(struct dn_buf *b, size_t start, const char *name, bool value)
{
	if (!value)
		return;
	comma(b, start);
	dn_buf_printf(b, "\"%s\":true", name);
}

/* Its end, where the client is to prevent it with a new token. */
static void write_expiry(
    struct dn_buf *b, size_t start, const struct dn_sub *sub)
{
	if (sub->expires_s == 0 || dn_sub_is_server_side(sub))
		return;
	flag(b, start, "expires", true);
	dn_buf_printf(
	    b, ",\"ttl\":%lld", (long long)dn_session_ttl_s(sub->expires_s));
}

static bool passes(const struct dn_sub *sub, struct dn_json pub,
    struct dn_tagfilter_view *view)
{
	if (sub->filter == NULL)
		return true;
	dn_tagfilter_view_read(view, dn_json_member(pub, "tags"));
	return dn_tagfilter_matches(sub->filter, view);
}

void dn_sub_write_missed(
    struct dn_buf *b, const struct dn_sub *sub, const struct dn_ask *ask)
{
	struct dn_str body = dn_buf_view(&ask->body), key;
	struct dn_tagfilter_view view = {0};
	struct dn_json_iter it;
	struct dn_json pub;
	size_t start = b->n;

	if (!sub->delta && sub->filter == NULL) {
		dn_buf_str(b, body);
		return;
	}
	dn_json_iter_items(&it, body);
	while (dn_json_next(&it, &key, &pub)) {
		if (!passes(sub, pub, &view))
			continue;
		comma(b, start);
		if (sub->delta)
			dn_variant_text(b, pub);
		else
			dn_buf_str(b, pub.raw);
	}
	dn_tagfilter_view_release(&view);
}

void dn_sub_keep_taken(const struct dn_sub *sub, struct dn_ask *ask)
{
	struct dn_gather *g = &ask->subscribe.gather;
	struct dn_tagfilter_view view = {0};
	struct dn_json_iter it;
	struct dn_json pub;
	struct dn_str key;
	uint64_t offset = 0;
	size_t i = 0, kept = 0;

	if (sub->filter == NULL || g->taken_n == 0)
		return;
	dn_json_iter_items(&it, dn_buf_view(&ask->body));
	while (dn_json_next(&it, &key, &pub)) {
		(void)dn_json_u64(dn_json_member(pub, "offset"), &offset);
		while (i < g->taken_n && g->taken[i] < offset)
			i++;
		if (i < g->taken_n && g->taken[i] == offset &&
		    passes(sub, pub, &view))
			g->taken[kept++] = offset;
	}
	g->taken_n = kept;
	dn_tagfilter_view_release(&view);
}

static void write_position(
    struct dn_buf *b, size_t start, const struct dn_sub *sub, uint64_t offset)
{
	if (!sub->positioned)
		return;
	comma(b, start);
	dn_buf_printf(b, "\"epoch\":\"%s\"", sub->epoch);
	if (offset > 0)
		dn_buf_printf(
		    b, ",\"offset\":%llu", (unsigned long long)offset);
}

bool dn_sub_sends_missed(const struct dn_sub *sub)
{
	return sub->told == DN_SUB_PUSH ||
	       (sub->told == DN_SUB_CONNECT &&
		   dn_session_has_ids(sub->session));
}

void dn_sub_write_result(
    struct dn_buf *b, const struct dn_sub *sub, const struct dn_ask *ask)
{
	const struct dn_ask_subscribe *a = &ask->subscribe;
	size_t start = b->n;

	flag(b, start, "recoverable", sub->recoverable);
	flag(b, start, "positioned", sub->positioned);
	flag(b, start, "was_recovering", a->was_recovering);
	flag(b, start, "recovered", a->recovered);
	flag(b, start, "delta", sub->delta);
	write_expiry(b, start, sub);
	if (sub->data.n > 0) {
		comma(b, start);
		dn_buf_lit(b, "\"data\":");
		dn_buf_json_raw(b, dn_buf_view(&sub->data));
	}
	if (ask->body.n > 0 && !dn_sub_sends_missed(sub)) {
		comma(b, start);
		dn_buf_lit(b, "\"publications\":[");
		dn_sub_write_missed(b, sub, ask);
		dn_buf_byte(b, ']');
	}
	write_position(b, start, sub, a->offset_now);
}
