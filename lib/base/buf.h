/* SPDX-License-Identifier: MIT */
/*
 * buf: a byte buffer that grows, and the ways to write JSON into it.
 *
 * Ownership: the caller owns the struct ({0} is an empty one) and calls
 *   dn_buf_release.
 * Limits: none of its own; what a peer controls is checked by the caller.
 * Errors: none (out of memory aborts).
 * Thread: one at a time.
 */
#ifndef DN_BUF_H
#define DN_BUF_H

#include "base/base.h"

struct dn_buf {
	char *p;
	size_t n;
	size_t cap;
};

void dn_buf_release(struct dn_buf *b);
/* Empties it and keeps the memory, unless that is more than keep_max. */
void dn_buf_reset(struct dn_buf *b, size_t keep_max);
/* Room for n more bytes; returns where they go (b->n is not moved). */
char *dn_buf_reserve(struct dn_buf *b, size_t n);
/* Drops the first n bytes. */
void dn_buf_consume(struct dn_buf *b, size_t n);

void dn_buf_add(struct dn_buf *b, const void *p, size_t n);
void dn_buf_str(struct dn_buf *b, struct dn_str s);
void dn_buf_lit(struct dn_buf *b, const char *text);
void dn_buf_byte(struct dn_buf *b, char c);
void dn_buf_u64(struct dn_buf *b, uint64_t v);
void dn_buf_i64(struct dn_buf *b, int64_t v);
void dn_buf_printf(struct dn_buf *b, const char *fmt, ...) DN_PRINTF(2, 3);

/* Valid UTF-8 as a JSON string, quotes included. */
void dn_buf_json_str(struct dn_buf *b, struct dn_str s);
/* A validated JSON text as it is, without raw newlines (they are white space
 * there): one record stays one line. */
void dn_buf_json_raw(struct dn_buf *b, struct dn_str s);

static inline struct dn_str dn_buf_view(const struct dn_buf *b)
{
	return (struct dn_str){b->p, b->n};
}

#endif
