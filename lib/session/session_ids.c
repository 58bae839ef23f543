/* SPDX-License-Identifier: MIT */
/*
 * Events with ids, for EventSource (event_id.h). An event's frame is shared
 * by all who get it, so its id goes as a frame of its own in front, and the two
 * stay together in the queue.
 *
 * `shown` of a subscription is where the client is once it has all that is
 * queued. It moves in the very step in which an event is queued: what is held
 * back behind a connect reply moves it only when it is let go, and what was
 * dropped never does.
 */
#include "session/session_impl.h"

#include "base/json.h"
#include "session/event_id.h"

bool dn_session_has_ids(const struct dn_session *s)
{
	const unsigned what = DN_FORM_FRAMING | DN_FORM_UNI;

	return (s->conn->form & what) == (DN_FORM_SSE | DN_FORM_UNI);
}

struct dn_frame *dn_session_event_id(const struct dn_session *s, bool *fits)
{
	struct dn_buf positions = {0}, line = {0};
	const struct dn_sub *sub;
	struct dn_frame *frame;
	size_t at = 0;

	while ((sub = dn_map_next(&s->subs, &at)) != NULL)
		if (sub->positioned)
			dn_event_id_add(&positions, sub->channel, sub->shown,
			    dn_str_of(sub->epoch));
	*fits = dn_event_id_write(&line, dn_buf_view(&positions));
	frame = dn_form_bytes(s->conn->form, dn_buf_view(&line));
	dn_buf_release(&positions);
	dn_buf_release(&line);
	return frame;
}

void dn_session_push_at(struct dn_session *s, struct dn_sub *sub,
    uint64_t offset, struct dn_frame *frame, struct dn_track *track, bool reply)
{
	struct dn_frame *id;
	bool fits;

	if (s->connecting != NULL || offset == 0 || !sub->positioned ||
	    !dn_session_has_ids(s)) {
		dn_session_queue(s, frame, track, reply);
		return;
	}
	sub->shown = offset;
	id = dn_session_event_id(s, &fits);
	dn_conn_send_behind(s->conn, id, frame, track, reply);
	dn_frame_unref(&id);
}

/* The subscription whose publication an event is, and its offset; NULL where
 * it is another event. */
static struct dn_sub *position_of(
    const struct dn_session *s, const struct dn_frame *frame, uint64_t *offset)
{
	struct dn_str text = dn_frame_bytes(frame), channel;
	const char *brace = memchr(text.p, '{', text.n);
	struct dn_buf scratch = {0};
	struct dn_sub *sub = NULL;
	struct dn_json push;
	struct dn_err ignored = {0};
	size_t taken;

	DN_ASSERT(brace != NULL);
	text.n -= (size_t)(brace - text.p);
	text.p = brace;
	DN_ASSERT(dn_json_parse_prefix(text, &push, &taken, &ignored) == 0);
	if (dn_json_string(
		dn_json_member(push, "channel"), &channel, &scratch) &&
	    dn_json_u64(
		dn_json_member(dn_json_member(push, "pub"), "offset"), offset))
		sub = dn_map_get(&s->subs, channel);
	dn_buf_release(&scratch);
	return sub;
}

void dn_session_push_held(struct dn_session *s, struct dn_frame *frame,
    struct dn_track *track, bool reply)
{
	struct dn_sub *sub = NULL;
	uint64_t offset = 0;

	if (dn_session_has_ids(s))
		sub = position_of(s, frame, &offset);
	if (sub != NULL)
		dn_session_push_at(s, sub, offset, frame, track, reply);
	else
		dn_session_queue(s, frame, track, reply);
}
