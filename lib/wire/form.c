/* SPDX-License-Identifier: MIT */
#include "wire/form.h"

#include "base/buf.h"

#define PUSH "{\"push\":"

const char *dn_form_transport(unsigned form)
{
	bool uni = (form & DN_FORM_UNI) != 0;

	switch (form & DN_FORM_FRAMING) {
	case DN_FORM_WS:
		return uni ? "uni_websocket" : "websocket";
	case DN_FORM_SSE:
		return uni ? "uni_sse" : "sse";
	default:
		return uni ? "uni_http_stream" : "http_stream";
	}
}

static struct dn_frame *ws_message(
    unsigned form, struct dn_str text, struct dn_deflate *deflate)
{
	struct dn_frame *frame = NULL;

	if ((form & DN_FORM_DEFLATE) != 0)
		frame = dn_deflate_frame(deflate, text);
	return frame != NULL ? frame : dn_frame_ws(DN_WS_TEXT, text);
}

/* A part of an HTTP answer, in three pieces. */
static struct dn_frame *part(unsigned form, struct dn_str before,
    struct dn_str text, struct dn_str behind)
{
	bool chunked = (form & DN_FORM_CHUNKED) != 0;
	size_t room = text.n + behind.n + (chunked ? 2 : 0);
	struct dn_frame *frame = dn_frame_begin(before, (uint32_t)room);

	dn_frame_append(frame, text.p, text.n);
	dn_frame_append(frame, behind.p, behind.n);
	if (chunked)
		dn_frame_seal_chunk(frame);
	return frame;
}

struct dn_frame *dn_form_bytes(unsigned form, struct dn_str bytes)
{
	return part(form, (struct dn_str){0}, bytes, (struct dn_str){0});
}

struct dn_frame *dn_form_message(
    unsigned form, struct dn_str text, struct dn_deflate *deflate)
{
	if (dn_form_is_ws(form))
		return ws_message(form, text, deflate);
	if ((form & DN_FORM_FRAMING) == DN_FORM_SSE)
		return part(form, DN_STR("data: "), text, DN_STR("\n\n"));
	return part(form, (struct dn_str){0}, text, DN_STR("\n"));
}

struct dn_frame *dn_form_push(
    unsigned form, struct dn_str text, struct dn_deflate *deflate)
{
	size_t n = sizeof(PUSH) - 1;

	if ((form & DN_FORM_UNI) != 0) {
		DN_ASSERT(text.n > n && memcmp(text.p, PUSH, n) == 0);
		text = (struct dn_str){text.p + n, text.n - n - 1};
	}
	return dn_form_message(form, text, deflate);
}

/* The same with the chunk that ends an answer. */
static struct dn_frame *last(struct dn_frame *frame)
{
	struct dn_str bytes = dn_frame_bytes(frame), end = DN_STR("0\r\n\r\n");
	struct dn_frame *both = dn_frame_begin(bytes, (uint32_t)end.n);

	dn_frame_append(both, end.p, end.n);
	dn_frame_unref(&frame);
	return both;
}

struct dn_frame *dn_form_close(unsigned form, unsigned code, const char *reason)
{
	struct dn_frame *frame;
	struct dn_buf b = {0};

	if (dn_form_is_ws(form))
		return dn_frame_ws_close(code, reason);
	dn_buf_printf(
	    &b, PUSH "{\"disconnect\":{\"code\":%u,\"reason\":", code);
	dn_buf_json_str(&b, dn_str_of(reason));
	dn_buf_lit(&b, "}}}");
	frame = dn_form_push(form, dn_buf_view(&b), NULL);
	dn_buf_release(&b);
	return (form & DN_FORM_CHUNKED) != 0 ? last(frame) : frame;
}
