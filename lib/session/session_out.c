/* SPDX-License-Identifier: MIT */
/*
 * What a session sends. While a connect command waits for its subscriptions,
 * pushes are held back: a client has to know that it is connected first. A
 * client whose queue is over its limit is not closed at once, inside some
 * fan-out, but marked, and closed at the end of the turn.
 */
#include "session/session_impl.h"

/* --- replies ------------------------------------------------------------ */

void dn_session_result(
    struct dn_session *s, uint32_t id, const char *method, struct dn_str result)
{
	struct dn_buf *b = &s->loop->scratch;

	b->n = 0;
	dn_buf_lit(b, "{\"id\":");
	dn_buf_u64(b, id);
	dn_buf_lit(b, ",\"");
	dn_buf_lit(b, method);
	dn_buf_lit(b, "\":");
	dn_buf_str(b, result);
	dn_buf_byte(b, '}');
	dn_conn_reply(s->conn, dn_buf_view(b));
}

void dn_session_error(
    struct dn_session *s, uint32_t id, unsigned code, const char *message)
{
	struct dn_buf *b = &s->loop->scratch;

	b->n = 0;
	dn_buf_lit(b, "{\"id\":");
	dn_buf_u64(b, id);
	dn_buf_lit(b, ",\"error\":");
	dn_call_write_error(b, code, message, code == 100 || code == 111);
	dn_buf_byte(b, '}');
	dn_conn_reply(s->conn, dn_buf_view(b));
}

/* --- pushes -------------------------------------------------------------- */

void dn_session_queue(struct dn_session *s, struct dn_frame *frame,
    struct dn_track *track, bool reply)
{
	if (s->connecting != NULL)
		dn_outq_push(
		    &s->connecting->held, frame, track, reply, s->loop->now_ms);
	else
		dn_conn_send(s->conn, frame, track, reply);
}

void dn_session_push(
    struct dn_session *s, struct dn_frame *frame, struct dn_track *track)
{
	dn_session_queue(s, frame, track, false);
}

void dn_session_push_text(struct dn_session *s, struct dn_str text)
{
	struct dn_frame *frame =
	    dn_form_push(s->conn->form, text, s->loop->deflate);

	dn_session_push(s, frame, NULL);
	dn_frame_unref(&frame);
}

void dn_session_push_text_at(struct dn_session *s, struct dn_sub *sub,
    uint64_t offset, struct dn_str text, struct dn_track *track)
{
	struct dn_frame *frame =
	    dn_form_push(s->conn->form, text, s->loop->deflate);

	if (track != NULL)
		dn_track_add(track);
	dn_session_push_at(s, sub, offset, frame, track, true);
	dn_frame_unref(&frame);
}

size_t dn_session_waiting_bytes(const struct dn_session *s)
{
	return s->conn->out.push_bytes +
	       (s->connecting != NULL ? s->connecting->held.push_bytes : 0);
}

bool dn_session_takes(struct dn_session *s, size_t n, size_t max)
{
	if (!s->slow && dn_session_waiting_bytes(s) + n <= max)
		return true;
	s->slow = true;
	dn_session_doom(s);
	dn_stat_add(&s->loop->stats.slow_drops, 1);
	return false;
}

void dn_session_push_missed(struct dn_session *s, struct dn_sub *sub,
    struct dn_str list, struct dn_track *track)
{
	struct dn_json_iter it;
	struct dn_json pub;
	struct dn_buf b = {0};
	struct dn_str key;
	uint64_t offset = 0;

	dn_json_iter_items(&it, list);
	while (dn_json_next(&it, &key, &pub)) {
		b.n = 0;
		dn_buf_lit(&b, "{\"push\":{\"channel\":");
		dn_buf_json_str(&b, sub->channel);
		dn_buf_lit(&b, ",\"pub\":");
		dn_buf_str(&b, pub.raw);
		dn_buf_lit(&b, "}}");
		/* They go out in order: the last one tells for all. */
		(void)dn_json_u64(dn_json_member(pub, "offset"), &offset);
		dn_session_push_text_at(s, sub, offset, dn_buf_view(&b),
		    it.at == it.end ? track : NULL);
	}
	if (track != NULL)
		dn_track_close(track);
	dn_buf_release(&b);
}

/* --- the loop's list of those to be closed -------------------------------- */

void dn_session_doom(struct dn_session *s)
{
	if (s->doomed)
		return;
	s->doomed = true;
	s->next_doomed = s->loop->doomed;
	s->loop->doomed = s;
}

void dn_session_end_doomed(struct dn_loop *loop)
{
	/* Closing ends the session, which takes it off the list. */
	while (loop->doomed != NULL)
		dn_conn_close_slow(loop->doomed->conn);
}
