/* SPDX-License-Identifier: MIT */
#include "wire/outq.h"
#include "tap.h"

static struct dn_tally last;
static int finals;

static void report(void *arg, const struct dn_tally *tally, bool final)
{
	(void)arg;
	last = *tally;
	finals += final;
}

static struct dn_frame *frame_of(const char *text)
{
	return dn_frame_raw(dn_str_of(text));
}

static void in_order(void)
{
	struct dn_outq q = {0};
	struct dn_frame *a = frame_of("aaaa"), *b = frame_of("bb");
	struct dn_frame *ping = frame_of("P");
	struct iovec iov[4];

	dn_outq_push(&q, a, NULL, false, 100);
	dn_outq_push(&q, b, NULL, true, 200);
	IS_NUM(q.push_bytes, 4, "pushes are counted");
	IS_NUM(q.reply_bytes, 2, "replies are counted apart");
	IS_NUM(dn_outq_age_ms(&q, 150), 50, "the head's age");
	IS_NUM(dn_outq_sent(&q, 1), 0, "a byte is no frame");
	dn_outq_push_control(&q, ping, 210);
	IS_NUM(dn_outq_vectors(&q, iov, 4), 3, "three frames wait");
	IS_NUM(iov[0].iov_len, 3, "the first one from where it stopped");
	OK(memcmp(iov[1].iov_base, "P", 1) == 0,
	    "a control frame goes behind a frame that has begun");
	IS_NUM(dn_outq_sent(&q, 6), 1, "one of them was a push");
	OK(q.ring == NULL && q.push_bytes == 0 && q.reply_bytes == 0,
	    "an empty queue owns nothing");
	dn_outq_push(&q, a, NULL, false, 1);
	dn_outq_push_control(&q, ping, 2);
	(void)dn_outq_vectors(&q, iov, 4);
	OK(memcmp(iov[0].iov_base, "P", 1) == 0,
	    "and in front of one that has not");
	IS_NUM(dn_outq_drop(&q, true, DN_TRACK_GONE), 1, "all are dropped");
	dn_frame_unref(&a);
	dn_frame_unref(&b);
	dn_frame_unref(&ping);
}

static void taken(void)
{
	struct dn_outq q = {0};
	struct dn_outq_entry e;
	struct dn_frame *a = frame_of("aaaa"), *b = frame_of("bb");

	OK(!dn_outq_take(&q, &e), "nothing is taken from an empty queue");
	dn_outq_push(&q, a, NULL, false, 1);
	dn_outq_push(&q, b, NULL, true, 1);
	OK(dn_outq_take(&q, &e) && e.frame == a && q.push_bytes == 0,
	    "the first entry is taken out");
	dn_frame_unref(&e.frame);
	OK(dn_outq_take(&q, &e) && e.frame == b && e.reply,
	    "and then the next");
	dn_frame_unref(&e.frame);
	OK(q.ring == NULL && q.reply_bytes == 0, "until nothing is left");
	dn_frame_unref(&a);
	dn_frame_unref(&b);
}

static void followed(void)
{
	struct dn_outq q = {0};
	struct dn_frame *a = frame_of("aaaa");
	struct dn_track *t = dn_track_new(report, NULL);
	int i;

	for (i = 0; i < 9; i++) {
		dn_track_add(t);
		dn_outq_push(&q, a, t, false, 1);
	}
	dn_track_close(t);
	IS_NUM(dn_outq_sent(&q, 5), 1, "one is out and a quarter");
	OK(last.written == 1 && finals == 0, "the first written is told");
	IS_NUM(dn_outq_drop(&q, true, DN_TRACK_SLOW), 7,
	    "what has begun stays, the rest goes");
	IS_NUM(dn_outq_sent(&q, 3), 1, "the begun one ends");
	OK(finals == 1 && last.queued == 9 && last.written == 2 &&
		last.slow == 7,
	    "the tally adds up, once");
	dn_frame_unref(&a);
}

/* "a" tied to "bbb", twice. */
static void push_pairs(struct dn_outq *q)
{
	struct dn_frame *a = frame_of("a"), *b = frame_of("bbb");
	int i;

	for (i = 0; i < 2; i++) {
		dn_outq_push(q, a, NULL, false, 1);
		dn_outq_tie(q);
		dn_outq_push(q, b, NULL, false, 1);
	}
	dn_frame_unref(&a);
	dn_frame_unref(&b);
}

static void tied(void)
{
	struct dn_outq q = {0};
	struct dn_frame *ping = frame_of("P");
	struct iovec iov[8];

	push_pairs(&q);
	IS_NUM(q.push_bytes, 8, "both of a pair are counted in bytes");
	IS_NUM(dn_outq_drop(&q, true, DN_TRACK_SLOW), 2,
	    "a pair is one push; none has begun: all are dropped");
	push_pairs(&q);
	IS_NUM(dn_outq_sent(&q, 1), 0, "the first of a pair is none by itself");
	dn_outq_push_control(&q, ping, 1);
	(void)dn_outq_vectors(&q, iov, 8);
	OK(memcmp(iov[0].iov_base, "bbb", 3) == 0 &&
		memcmp(iov[1].iov_base, "P", 1) == 0,
	    "nothing comes between a pair");
	IS_NUM(dn_outq_drop(&q, true, DN_TRACK_SLOW), 1,
	    "whose first is out stays, the other pair goes");
	(void)dn_outq_vectors(&q, iov, 8);
	OK(q.count == 1 && memcmp(iov[0].iov_base, "bbb", 3) == 0,
	    "the second of the pair is left");
	IS_NUM(dn_outq_sent(&q, 3), 1, "and then the pair counts");
	OK(q.ring == NULL && !q.follows, "nothing is left");
	push_pairs(&q);
	q.pinned = true;
	IS_NUM(dn_outq_drop(&q, true, DN_TRACK_SLOW), 1,
	    "whose first is being written stays");
	q.pinned = false;
	IS_NUM(q.count, 2, "with its second");
	IS_NUM(dn_outq_drop(&q, false, DN_TRACK_GONE), 1, "until all goes");
	dn_frame_unref(&ping);
}

int main(void)
{
	in_order();
	taken();
	followed();
	tied();
	return tap_done();
}
