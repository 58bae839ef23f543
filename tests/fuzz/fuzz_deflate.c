/* SPDX-License-Identifier: MIT */
/*
 * The first byte says what the rest is: compressed data, a text to compress,
 * or offers of extensions. zlib in one call, with room for everything, is the
 * oracle of what is inflated in steps; what is compressed must be inflated to
 * what it was; the answer to an offer must be one of two.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "wire/deflate.h"
#include "wire/ws_offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Deflated data grows at most 1032 times. */
enum { MESSAGE_MAX = 4096, ORACLE_MAX = 1 << 22, INPUT_MAX = 4000 };

static struct dn_inflate *inflater;
static struct dn_deflate *deflater;
static char *room;

/* ---- inflating ---- */

/* Only streams of one piece: what is behind a final block is another one,
 * and its window begins anew. */
static bool ask_oracle(struct dn_str data, struct dn_str *out)
{
	struct dn_buf in = {0};
	z_stream z = {0};
	int rc;

	dn_buf_str(&in, data);
	dn_buf_add(&in, "\0\0\xff\xff", 4);
	DN_ASSERT(inflateInit2(&z, -15) == Z_OK);
	z.next_in = (Bytef *)in.p;
	z.avail_in = (uInt)in.n;
	z.next_out = (Bytef *)room;
	z.avail_out = ORACLE_MAX;
	rc = inflate(&z, Z_SYNC_FLUSH);
	*out = (struct dn_str){room, z.total_out};
	DN_ASSERT(rc != Z_OK || z.avail_in == 0);
	(void)inflateEnd(&z);
	dn_buf_release(&in);
	return rc == Z_OK;
}

static void try_inflate(struct dn_str data)
{
	struct dn_str out, want;
	bool good = ask_oracle(data, &want);
	int rc = dn_inflate(inflater, data, MESSAGE_MAX, &out);

	DN_ASSERT(out.n <= MESSAGE_MAX + 1);
	DN_ASSERT((rc == -EMSGSIZE) == (out.n > MESSAGE_MAX));
	if (!good)
		return;
	/* The oracle does not see where the data is cut short. */
	DN_ASSERT(want.n > MESSAGE_MAX ? rc == -EMSGSIZE : rc != -EMSGSIZE);
	DN_ASSERT(rc != 0 || dn_str_eq(out, want));
	DN_ASSERT(out.n == 0 || memcmp(out.p, want.p, out.n) == 0);
}

/* ---- compressing ---- */

static void try_deflate(struct dn_str text, unsigned level)
{
	struct dn_frame *frame;
	struct dn_str out, payload;

	dn_deflate_tune(deflater, level, 0);
	frame = dn_deflate_frame(deflater, text);
	if (frame == NULL)
		return;
	payload = dn_frame_payload(frame);
	DN_ASSERT(payload.n < text.n);
	DN_ASSERT(dn_inflate(inflater, payload, text.n, &out) == 0);
	DN_ASSERT(dn_str_eq(out, text));
	DN_ASSERT(dn_inflate(inflater, payload, text.n - 1, &out) == -EMSGSIZE);
	dn_frame_unref(&frame);
}

/* ---- offers ---- */

static void try_offer(struct dn_str offers)
{
	const char *answer;

	if (!dn_ws_offer_answer(offers, &answer) || answer == NULL)
		return;
	DN_ASSERT(memmem(offers.p, offers.n, "permessage-deflate", 18));
	DN_ASSERT(strstr(answer, "server_max_window_bits") == NULL ||
		  memmem(offers.p, offers.n, "server_max_window_bits", 22));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str rest = {(const char *)data + 1, n - 1};

	if (n < 1 || n > INPUT_MAX)
		return 0;
	if (inflater == NULL) {
		inflater = dn_inflate_new();
		deflater = dn_deflate_new();
		room = dn_xmalloc(ORACLE_MAX);
	}
	if (data[0] % 3 == 0)
		try_inflate(rest);
	else if (data[0] % 3 == 1)
		try_deflate(rest, 1 + data[0] / 3 % 9);
	else
		try_offer(rest);
	return 0;
}
