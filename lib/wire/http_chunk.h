/* SPDX-License-Identifier: MIT */
/*
 * http_chunk: takes the chunked coding off a body (RFC 9112, 7.1). A part of
 * http.
 *
 * Ownership: the caller owns the struct; {0} is the start of a body.
 * Limits: DN_HTTP_CHUNK_LINE_MAX bytes a line, body_max bytes in all and
 *   DN_HTTP_HEAD_MAX bytes of trailers, which are dropped.
 * Errors: DN_HTTP_CHUNK_BAD, DN_HTTP_CHUNK_TOO_BIG.
 * Thread: one at a time.
 */
#ifndef DN_HTTP_CHUNK_H
#define DN_HTTP_CHUNK_H

#include "base/base.h"
#include "base/buf.h"

enum { DN_HTTP_CHUNK_LINE_MAX = 256 };

enum dn_http_chunk_state {
	DN_HTTP_CHUNK_MORE,
	DN_HTTP_CHUNK_DONE,
	DN_HTTP_CHUNK_BAD,
	DN_HTTP_CHUNK_TOO_BIG,
};

struct dn_http_chunk {
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } part;
	uint64_t left; /* of the chunk's data */
	size_t trailers;
	size_t line_n;
	char line[DN_HTTP_CHUNK_LINE_MAX];
};

/* Decodes from the front of *in, which is moved on, onto `body`. */
DN_MUST_CHECK enum dn_http_chunk_state dn_http_chunk_feed(
    struct dn_http_chunk *chunk, struct dn_str *in, struct dn_buf *body,
    size_t body_max);

#endif
