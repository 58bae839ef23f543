/* SPDX-License-Identifier: MIT */
/*
 * variant: the frames of one push for the subscribers of one loop, who want
 * it in different forms (form.h) and with its data written in different ways:
 * as it is, as text (for those who negotiated deltas, docs/PROTOCOL.md), or
 * as the difference from the publication before it. Each is made once, when
 * the first subscriber wants it.
 *
 * Ownership: borrows both frames and the compressor; keeps what it made until
 *   dn_variants_release. Gives borrowed frames.
 * Thread: one.
 */
#ifndef DN_VARIANT_H
#define DN_VARIANT_H

#include "base/buf.h"
#include "base/json.h"
#include "wire/form.h"

enum dn_data {
	DN_DATA_JSON,
	DN_DATA_TEXT,  /* the JSON text as a string */
	DN_DATA_DELTA, /* a fossil delta as a string, where that is smaller */
	DN_DATA_KINDS,
};

struct dn_variants {
	struct dn_frame *frame;     /* of the push, as WebSocket frame */
	struct dn_frame *base;      /* of the publication before it, or NULL */
	struct dn_deflate *deflate; /* the loop's; NULL: nobody needs it */
	bool any;                   /* something was made */
	struct dn_buf text[DN_DATA_KINDS];
	struct dn_frame *made[DN_DATA_KINDS][DN_FORMS];
};

DN_MUST_CHECK struct dn_frame *dn_variant(
    struct dn_variants *v, enum dn_data data, unsigned form);
void dn_variants_release(struct dn_variants *v);

/* A publication object with its data as text. */
void dn_variant_text(struct dn_buf *out, struct dn_json pub);

#endif
