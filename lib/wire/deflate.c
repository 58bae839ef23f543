/* SPDX-License-Identifier: MIT */
/*
 * How it works: a message is flushed with an empty stored block, whose last
 * four bytes, always the same, do not travel (RFC 7692, 7.2). The window and
 * the hash table are small: larger ones make messages of this size hardly
 * smaller, and clearing a table of zlib's default size costs more than
 * compressing a short message. Small windows are also what some clients ask
 * for.
 *
 * Compressing has as much room as the message is long. What does not fit does
 * not pay.
 *
 * Inflating gets room step by step, in all one byte more than is allowed. It
 * is good when nothing is left over and the flushed block's end is where the
 * data ends; a sender may also have used blocks that are final, behind which
 * the next stream begins.
 */
#include "wire/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"

enum {
	DEFLATE_MAGIC = 0x4445464c,
	INFLATE_MAGIC = 0x494e464c,
	MEM_LEVEL = 5,
	STEP_MIN = 1024,
	KEEP = 64 * 1024,
	AT_BLOCK_START = 128, /* of data_type, see inflate() in zlib.h */
	UNUSED_BITS = 63,
};

static const struct dn_str tail = {"\0\0\xff\xff", 4};

/* ---- compressing ---- */

struct dn_deflate {
	uint32_t magic;
	int level;
	size_t size_min;
	bool is_ready;
	z_stream z;
	struct dn_buf out;
};

struct dn_deflate *dn_deflate_new(void)
{
	struct dn_deflate *d = dn_xcalloc(1, sizeof(*d));

	d->magic = DEFLATE_MAGIC;
	d->level = Z_BEST_SPEED;
	d->size_min = SIZE_MAX;
	return d;
}

static void end_deflate(struct dn_deflate *d)
{
	if (d->is_ready)
		(void)deflateEnd(&d->z);
	d->is_ready = false;
}

void dn_deflate_free(struct dn_deflate **slot)
{
	struct dn_deflate *d = *slot;

	*slot = NULL;
	if (d == NULL)
		return;
	DN_CHECK(d, DEFLATE_MAGIC);
	end_deflate(d);
	dn_buf_release(&d->out);
	d->magic = 0;
	free(d);
}

void dn_deflate_tune(struct dn_deflate *d, unsigned level, size_t size_min)
{
	DN_CHECK(d, DEFLATE_MAGIC);
	DN_ASSERT(level >= Z_BEST_SPEED && level <= Z_BEST_COMPRESSION);
	d->size_min = size_min;
	if ((int)level == d->level)
		return;
	d->level = (int)level;
	end_deflate(d); /* the next message begins anew */
}

static void begin_deflate(struct dn_deflate *d)
{
	if (d->is_ready) {
		DN_ASSERT(deflateReset(&d->z) == Z_OK);
		return;
	}
	d->z = (z_stream){0};
	/* Negative: deflated data alone, without a header of zlib's. */
	DN_ASSERT(
	    deflateInit2(&d->z, d->level, Z_DEFLATED, -DN_DEFLATE_WINDOW_BITS,
		MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
	d->is_ready = true;
}

static struct dn_frame *compressed_frame(struct dn_str payload)
{
	char head[DN_FRAME_HEAD_MAX];
	size_t n = dn_frame_head(head, DN_WS_TEXT, payload.n);
	struct dn_frame *f;

	head[0] |= DN_WS_COMPRESSED;
	f = dn_frame_begin((struct dn_str){head, n}, (uint32_t)payload.n);
	dn_frame_append(f, payload.p, payload.n);
	return f;
}

struct dn_frame *dn_deflate_frame(struct dn_deflate *d, struct dn_str text)
{
	size_t room = text.n + tail.n;

	DN_CHECK(d, DEFLATE_MAGIC);
	DN_ASSERT(text.n <= DN_FRAME_PAYLOAD_MAX);
	if (text.n < d->size_min)
		return NULL;
	begin_deflate(d);
	dn_buf_reset(&d->out, KEEP);
	d->z.next_in = (Bytef *)text.p;
	d->z.avail_in = (uInt)text.n;
	d->z.next_out = (Bytef *)dn_buf_reserve(&d->out, room);
	d->z.avail_out = (uInt)room;
	DN_ASSERT(deflate(&d->z, Z_SYNC_FLUSH) == Z_OK);
	/* Without room left there may be more to come. */
	if (d->z.avail_out == 0)
		return NULL;
	return compressed_frame(
	    (struct dn_str){d->out.p, room - d->z.avail_out - tail.n});
}

/* ---- inflating ---- */

struct dn_inflate {
	uint32_t magic;
	bool is_ready;
	z_stream z;
	struct dn_buf out;
};

struct dn_inflate *dn_inflate_new(void)
{
	struct dn_inflate *s = dn_xcalloc(1, sizeof(*s));

	s->magic = INFLATE_MAGIC;
	return s;
}

void dn_inflate_free(struct dn_inflate **slot)
{
	struct dn_inflate *s = *slot;

	*slot = NULL;
	if (s == NULL)
		return;
	DN_CHECK(s, INFLATE_MAGIC);
	if (s->is_ready)
		(void)inflateEnd(&s->z);
	dn_buf_release(&s->out);
	s->magic = 0;
	free(s);
}

static void begin_inflate(struct dn_inflate *s)
{
	if (s->is_ready) {
		DN_ASSERT(inflateReset(&s->z) == Z_OK);
	} else {
		s->z = (z_stream){0};
		/* A client may use the largest window. */
		DN_ASSERT(inflateInit2(&s->z, -MAX_WBITS) == Z_OK);
		s->is_ready = true;
	}
	dn_buf_reset(&s->out, KEEP);
}

/* Inflates into the next bytes of room, of which there is at least one. */
static int step(struct dn_inflate *s, size_t max)
{
	size_t room = max + 1 - s->out.n;
	size_t want = s->out.n < STEP_MIN ? STEP_MIN : s->out.n;
	int rc;

	if (room > want)
		room = want;
	s->z.next_out = (Bytef *)dn_buf_reserve(&s->out, room);
	s->z.avail_out = (uInt)room;
	rc = inflate(&s->z, Z_SYNC_FLUSH);
	DN_ASSERT(rc != Z_MEM_ERROR && rc != Z_STREAM_ERROR);
	s->out.n += room - s->z.avail_out;
	if (s->out.n > max)
		return -EMSGSIZE;
	if (rc == Z_STREAM_END)
		rc = inflateReset(&s->z);
	return rc == Z_OK || rc == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int feed(struct dn_inflate *s, struct dn_str bytes, size_t max)
{
	int rc;

	s->z.next_in = (Bytef *)bytes.p;
	s->z.avail_in = (uInt)bytes.n;
	do {
		rc = step(s, max);
	} while (rc == 0 && (s->z.avail_in > 0 || s->z.avail_out == 0));
	return rc;
}

static bool is_whole(const struct dn_inflate *s)
{
	return (s->z.data_type & AT_BLOCK_START) != 0 &&
	       (s->z.data_type & UNUSED_BITS) == 0;
}

int dn_inflate(struct dn_inflate *s, struct dn_str compressed, size_t max,
    struct dn_str *out)
{
	int rc;

	DN_CHECK(s, INFLATE_MAGIC);
	DN_ASSERT(compressed.n <= DN_FRAME_PAYLOAD_MAX);
	DN_ASSERT(max <= DN_FRAME_PAYLOAD_MAX);
	begin_inflate(s);
	rc = feed(s, compressed, max);
	if (rc == 0)
		rc = feed(s, tail, max);
	if (rc == 0 && !is_whole(s))
		rc = -EBADMSG;
	*out = dn_buf_view(&s->out);
	return rc;
}
