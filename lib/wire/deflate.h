/* SPDX-License-Identifier: MIT */
/*
 * deflate: the payloads of permessage-deflate (RFC 7692), each for itself.
 * No context is kept from one message to the next, in either direction, so
 * that a compressed frame is as good for every connection that negotiated it
 * (ws_offer.h), and no connection owns a state of zlib: one dn_deflate and
 * one dn_inflate serve all connections of a loop.
 *
 * Ownership: the maker owns both; frames are given with one reference.
 * Limits: what is inflated is bounded by the caller, and checked while it
 *   grows. zlib's state takes about 35 KiB to deflate and 40 KiB to inflate,
 *   from the first message on.
 * Errors: -EMSGSIZE and -EBADMSG of dn_inflate; close with 1009 and 1007.
 * Thread: each belongs to one.
 */
#ifndef DN_DEFLATE_H
#define DN_DEFLATE_H

#include "base/base.h"
#include "wire/frame.h"

/* No frame looks back further than 2^12 bytes. */
enum { DN_DEFLATE_WINDOW_BITS = 12 };

struct dn_deflate;
struct dn_inflate;

/* Compresses nothing until dn_deflate_tune. */
DN_MUST_CHECK struct dn_deflate *dn_deflate_new(void);
void dn_deflate_free(struct dn_deflate **deflate);
/* Level 1 (fast) to 9 (small); what has less than size_min bytes stays as it
 * is. */
void dn_deflate_tune(
    struct dn_deflate *deflate, unsigned level, size_t size_min);
/* A text frame with the compressed payload; NULL where that is not allowed or
 * would not be smaller. */
DN_MUST_CHECK struct dn_frame *dn_deflate_frame(
    struct dn_deflate *deflate, struct dn_str text);

DN_MUST_CHECK struct dn_inflate *dn_inflate_new(void);
void dn_inflate_free(struct dn_inflate **inflate);
/* The message that was compressed; *out is valid until the next call.
 * -EMSGSIZE: it has more than max bytes; -EBADMSG: it is no deflated data, or
 * not all of it. */
DN_MUST_CHECK int dn_inflate(struct dn_inflate *inflate,
    struct dn_str compressed, size_t max, struct dn_str *out);

#endif
