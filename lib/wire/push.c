/* SPDX-License-Identifier: MIT */
/*
 * dn_push_begin writes everything that the publisher's loop knows, with a
 * placeholder of sixteen digits for the time of acceptance (microseconds
 * since 1970 have sixteen until the year 2286); dn_push_finish writes the
 * time over it and the offset behind.
 */
#include "wire/push.h"

#define PLACEHOLDER 1000000000000000
#define ACCEPTED "\"accepted\":\""

enum { DIGITS = 16, TAIL_MAX = 96 };

struct dn_frame *dn_push_begin(
    const struct dn_record *r, struct dn_str info, struct dn_str redelivery)
{
	struct dn_record out = *r;
	struct dn_buf b = {0};
	struct dn_frame *frame;
	uint32_t mark;

	out.has_offset = false;
	out.offset = 0;
	out.epoch = (struct dn_str){0};
	out.info = info;
	out.undelivered = (struct dn_str){0};
	out.redelivery = redelivery;
	out.claimed = 0;
	out.received = 0;
	out.accepted = PLACEHOLDER;
	dn_buf_reserve(&b, r->data.n + 512);
	dn_buf_lit(&b, "{\"push\":{\"channel\":");
	dn_buf_json_str(&b, r->channel);
	dn_buf_lit(&b, ",\"pub\":");
	mark = (uint32_t)b.n;
	dn_record_write_pub(&b, &out);
	frame = dn_frame_begin(dn_buf_view(&b), TAIL_MAX);
	frame->mark = mark;
	dn_buf_release(&b);
	return frame;
}

/* The last place where the name stands: a quote inside any value is escaped,
 * so the tag itself is the only match. */
static char *find_accepted(struct dn_frame *frame)
{
	size_t n = sizeof(ACCEPTED) - 1;
	char *p = frame->bytes + frame->end - n - DIGITS;

	while (p > frame->bytes + frame->start &&
	       (*p != '"' || memcmp(p, ACCEPTED, n) != 0))
		p--;
	DN_ASSERT(memcmp(p, ACCEPTED, n) == 0);
	return p + n;
}

void dn_push_finish(struct dn_frame *frame, int64_t accepted_us,
    uint64_t offset, struct dn_str epoch)
{
	struct dn_buf b = {0};
	char *digits = find_accepted(frame);
	int i;

	for (i = DIGITS - 1; i >= 0; i--) {
		digits[i] = (char)('0' + accepted_us % 10);
		accepted_us /= 10;
	}
	frame->end--; /* the brace that closes the publication */
	if (offset > 0) {
		dn_buf_lit(&b, ",\"offset\":");
		dn_buf_u64(&b, offset);
	}
	if (offset == 1) {
		dn_buf_lit(&b, ",\"epoch\":");
		dn_buf_json_str(&b, epoch);
	}
	dn_buf_lit(&b, "}}}");
	dn_frame_append(frame, b.p, b.n);
	dn_buf_release(&b);
	dn_frame_seal_ws(frame, DN_WS_TEXT);
}

struct dn_str dn_push_pub(const struct dn_frame *frame)
{
	struct dn_str payload = dn_frame_payload(frame);

	/* Two braces close "push" and the message. */
	return (struct dn_str){
	    payload.p + frame->mark, payload.n - frame->mark - 2};
}

struct dn_frame *dn_push_presence(
    struct dn_str channel, bool join, struct dn_str info)
{
	struct dn_frame *frame;
	struct dn_buf b = {0};

	dn_buf_lit(&b, "{\"push\":{\"channel\":");
	dn_buf_json_str(&b, channel);
	dn_buf_lit(&b, join ? ",\"join\":{\"info\":" : ",\"leave\":{\"info\":");
	dn_buf_json_raw(&b, info);
	dn_buf_lit(&b, "}}}");
	frame = dn_frame_ws(DN_WS_TEXT, dn_buf_view(&b));
	dn_buf_release(&b);
	return frame;
}

void dn_push_unsubscribe(
    struct dn_buf *b, struct dn_str channel, unsigned code, const char *reason)
{
	dn_buf_lit(b, "{\"push\":{\"channel\":");
	dn_buf_json_str(b, channel);
	dn_buf_printf(b, ",\"unsubscribe\":{\"code\":%u,\"reason\":", code);
	dn_buf_json_str(b, dn_str_of(reason));
	dn_buf_lit(b, "}}}");
}
