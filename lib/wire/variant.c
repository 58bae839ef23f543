/* SPDX-License-Identifier: MIT */
/*
 * A push is looked at as three slices: what is before its data, the data, and
 * what is behind. Only the data is written anew.
 *
 * Where a delta would not be smaller than the whole text, both as strings of
 * JSON, the text takes its place.
 */
#include "wire/variant.h"

#include "wire/fossil.h"
#include "wire/push.h"

#define DELTA_FLAG ",\"delta\":true"

struct slices {
	struct dn_str before, data, behind;
};

static struct slices cut(struct dn_str text, struct dn_json pub)
{
	struct dn_str data = dn_json_member(pub, "data").raw;
	const char *end = text.p + text.n;

	DN_ASSERT(data.n > 0 && data.p > text.p && data.p + data.n < end);
	return (struct slices){
	    .before = {text.p, (size_t)(data.p - text.p)},
	    .data = data,
	    .behind = {data.p + data.n, (size_t)(end - data.p) - data.n},
	};
}

/* The push of a publication: {"push":{"channel":C,"pub":PUB}}. */
static struct slices cut_push(const struct dn_frame *frame)
{
	struct dn_json pub = {DN_JSON_OBJECT, dn_push_pub(frame)};

	return cut(dn_frame_payload(frame), pub);
}

static void write(struct dn_buf *out, const struct slices *s,
    struct dn_str data, const char *behind_data)
{
	dn_buf_str(out, s->before);
	dn_buf_json_str(out, data);
	dn_buf_lit(out, behind_data);
	dn_buf_str(out, s->behind);
}

void dn_variant_text(struct dn_buf *out, struct dn_json pub)
{
	struct slices s = cut(pub.raw, pub);

	write(out, &s, s.data, "");
}

/* Empty where a delta does not pay. */
static void write_delta(
    struct dn_buf *out, const struct slices *s, struct dn_str base)
{
	size_t whole = dn_fossil_json_size(s->data);
	struct dn_buf patch = {0};

	if (whole > sizeof(DELTA_FLAG) &&
	    dn_fossil_delta(
		base, s->data, whole - (sizeof(DELTA_FLAG) - 1), &patch))
		write(out, s, dn_buf_view(&patch), DELTA_FLAG);
	dn_buf_release(&patch);
}

static struct dn_str text_of(struct dn_variants *v, enum dn_data data)
{
	struct dn_buf *out = &v->text[data];
	struct slices s;

	if (data == DN_DATA_JSON)
		return dn_frame_payload(v->frame);
	if (out->n > 0)
		return dn_buf_view(out);
	s = cut_push(v->frame);
	if (data == DN_DATA_TEXT)
		write(out, &s, s.data, "");
	else if (v->base != NULL)
		write_delta(out, &s, cut_push(v->base).data);
	return dn_buf_view(out);
}

struct dn_frame *dn_variant(
    struct dn_variants *v, enum dn_data data, unsigned form)
{
	struct dn_frame **made = &v->made[data][form];
	struct dn_str text;

	if (data == DN_DATA_JSON && form == DN_FORM_WS)
		return v->frame;
	if (*made != NULL)
		return *made;
	v->any = true;
	text = text_of(v, data);
	if (data == DN_DATA_DELTA && text.n == 0)
		*made = dn_frame_ref(dn_variant(v, DN_DATA_TEXT, form));
	else
		*made = dn_form_push(form, text, v->deflate);
	return *made;
}

void dn_variants_release(struct dn_variants *v)
{
	unsigned data, form;

	/* Most often all want the frame itself. */
	for (data = 0; v->any && data < DN_DATA_KINDS; data++) {
		dn_buf_release(&v->text[data]);
		for (form = 0; form < DN_FORMS; form++)
			dn_frame_unref(&v->made[data][form]);
	}
}
