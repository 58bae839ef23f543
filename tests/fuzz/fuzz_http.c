/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one connection, whole and in pieces of the size that the
 * first byte says: the requests must be the same, and what a request holds
 * must be within the limits that the header promises.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BODY_MAX = 512 };

static void add(struct dn_buf *b, struct dn_str s)
{
	dn_buf_printf(b, "%zu ", s.n);
	dn_buf_str(b, s);
}

static void note_headers(struct dn_buf *out, struct dn_http *h)
{
	static const char *const names[] = {"host", "connection", "upgrade",
	    "content-length", "transfer-encoding", "origin", "x-api-key", "a"};
	struct dn_str value;

	for (size_t i = 0; i < DN_ARRAY_LEN(names); i++) {
		if (!dn_http_header(h, names[i], &value))
			continue;
		DN_ASSERT(value.n == 0 ||
			  (memchr(value.p, '\n', value.n) == NULL &&
			      memchr(value.p, '\0', value.n) == NULL));
		add(out, value);
	}
}

static void note_request(struct dn_buf *out, struct dn_http *h)
{
	const struct dn_http_request *r = dn_http_request(h);
	struct dn_buf scratch = {0};
	struct dn_str value;

	DN_ASSERT(r->path.n > 0 && r->path.p[0] == '/');
	DN_ASSERT(r->method.n > 0 && r->body.n <= BODY_MAX);
	DN_ASSERT(!r->upgrade_websocket || r->body.n == 0);
	add(out, r->method);
	add(out, r->path);
	add(out, r->query);
	add(out, r->body);
	dn_buf_printf(out, "%d %d ", r->keep_alive, r->upgrade_websocket);
	note_headers(out, h);
	if (dn_http_path(h, &value, &scratch)) {
		DN_ASSERT(memchr(value.p, '\0', value.n) == NULL);
		add(out, value);
	}
	if (dn_http_query(h, "x", &value, &scratch))
		add(out, value);
	dn_buf_release(&scratch);
}

/* False once the connection is over. */
static bool feed(struct dn_http *h, struct dn_str piece, struct dn_buf *out)
{
	while (piece.n > 0) {
		size_t taken = 0;
		enum dn_http_state state =
		    dn_http_feed(h, piece.p, piece.n, &taken);

		DN_ASSERT(taken <= piece.n);
		piece = (struct dn_str){piece.p + taken, piece.n - taken};
		if (state == DN_HTTP_BAD) {
			DN_ASSERT(dn_http_status(h) >= 400);
			dn_buf_printf(
			    out, "%u %s", dn_http_status(h), dn_http_reason(h));
			return false;
		}
		DN_ASSERT(state == DN_HTTP_DONE || piece.n == 0);
		if (state == DN_HTTP_MORE)
			return true;
		note_request(out, h);
		if (dn_http_request(h)->upgrade_websocket)
			return false;
		dn_http_reset(h);
	}
	return true;
}

static void run(struct dn_str stream, size_t step, struct dn_buf *out)
{
	struct dn_http *h = dn_http_new(BODY_MAX);
	bool open = true;

	while (open && stream.n > 0) {
		size_t n = stream.n < step ? stream.n : step;
		char *copy = malloc(n);

		memcpy(copy, stream.p, n);
		open = feed(h, (struct dn_str){copy, n}, out);
		free(copy);
		stream = (struct dn_str){stream.p + n, stream.n - n};
	}
	dn_http_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_buf whole = {0}, pieces = {0};
	struct dn_str stream = {(const char *)data + 1, n - 1};

	if (n < 2)
		return 0;
	run(stream, SIZE_MAX, &whole);
	run(stream, 1 + data[0] / 8, &pieces);
	DN_ASSERT(dn_str_eq(dn_buf_view(&whole), dn_buf_view(&pieces)));
	dn_buf_release(&whole);
	dn_buf_release(&pieces);
	return 0;
}
