/* SPDX-License-Identifier: MIT */
/*
 * b64: base64 both ways, strict (RFC 4648): one text for each byte string.
 *
 * Ownership: the caller owns the buffer, which is added to.
 * Limits: the size is the caller's to check.
 * Errors: -EINVAL: foreign characters, white space, wrong length or padding,
 *   left-over bits that are not zero; the buffer is then as it was.
 * Thread: any.
 */
#ifndef DN_B64_H
#define DN_B64_H

#include "base/buf.h"
#include "base/json.h"

enum dn_b64 {
	DN_B64_STD, /* "+/", padded */
	DN_B64_URL, /* "-_", without padding */
};

void dn_b64_encode(
    enum dn_b64 kind, const void *p, size_t n, struct dn_buf *out);
DN_MUST_CHECK int dn_b64_decode(
    enum dn_b64 kind, struct dn_str text, struct dn_buf *out);

/* A JSON string of base64 that is JSON inside: *out is that value's text, in
 * scratch, which is emptied first. An empty string leaves *out unset. False
 * for anything else, and for JSON that is no part (json.h). */
DN_MUST_CHECK bool dn_b64_json(
    struct dn_json value, struct dn_str *out, struct dn_buf *scratch);

#endif
