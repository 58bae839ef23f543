/* SPDX-License-Identifier: MIT */
/*
 * How it works: the head is collected line by line and each line judged as
 * it ends; only a whole head goes to http-parser, in one piece, so that its
 * callbacks point into the collected bytes and nothing is pasted together.
 * Then the head is judged once more for what no line alone tells: Host,
 * lengths, target. The body is counted here or by http_chunk.
 *
 * It fails in these ways, each with the status to answer: a head over its
 * limit (414 within the first line, 431 later), bytes that have no place in
 * it, and grammar (400), a body over the limit (413, before it is read), an
 * expectation nobody knows (417), a method or a coding nobody knows (501), a
 * version (505).
 */
#include "wire/http.h"

#include <http_parser.h>
#include <stdlib.h>

#include "wire/http_chunk.h"
#include "wire/http_line.h"

enum { HTTP_MAGIC = 0x48545450, BODY_KEEP = 64 * 1024 };

struct header {
	struct dn_str name;
	struct dn_str value;
};

struct dn_http {
	uint32_t magic;
	enum dn_http_state state;
	struct dn_http_fault fault;
	size_t body_max;

	struct dn_buf head;
	size_t line;  /* where the unfinished line starts in `head` */
	size_t lines; /* finished ones */
	bool blank;   /* an empty line stood before the request */
	bool head_done;
	bool wants_continue;

	struct dn_str target;
	size_t header_count;
	struct header headers[DN_HTTP_HEADERS_MAX];
	struct dn_buf joined; /* values of headers that came more than once */

	bool chunked;
	uint64_t body_left;
	struct dn_http_chunk chunk;
	struct dn_buf body;
	struct dn_http_request request;
};

static void refuse(struct dn_http *h, unsigned status, const char *reason)
{
	h->state = DN_HTTP_BAD;
	h->fault = (struct dn_http_fault){status, reason};
}

struct dn_http *dn_http_new(size_t body_max)
{
	struct dn_http *h = dn_xcalloc(1, sizeof(*h));

	h->magic = HTTP_MAGIC;
	h->body_max = body_max;
	return h;
}

void dn_http_free(struct dn_http **slot)
{
	struct dn_http *h = *slot;

	*slot = NULL;
	if (h == NULL)
		return;
	DN_CHECK(h, HTTP_MAGIC);
	dn_buf_release(&h->head);
	dn_buf_release(&h->body);
	dn_buf_release(&h->joined);
	h->magic = 0;
	free(h);
}

void dn_http_reset(struct dn_http *h)
{
	struct dn_http fresh = {.magic = HTTP_MAGIC};

	DN_CHECK(h, HTTP_MAGIC);
	dn_buf_reset(&h->head, DN_HTTP_HEAD_MAX);
	dn_buf_reset(&h->joined, DN_HTTP_HEAD_MAX);
	dn_buf_reset(&h->body, BODY_KEEP);
	fresh.body_max = h->body_max;
	fresh.head = h->head;
	fresh.joined = h->joined;
	fresh.body = h->body;
	*h = fresh;
}

/* ---- what http-parser finds ---- */

static int on_url(http_parser *parser, const char *p, size_t n)
{
	struct dn_http *h = parser->data;

	h->target = (struct dn_str){p, n};
	return 0;
}

static int on_field(http_parser *parser, const char *p, size_t n)
{
	struct dn_http *h = parser->data;

	DN_ASSERT(h->header_count < DN_HTTP_HEADERS_MAX);
	h->headers[h->header_count++] = (struct header){.name = {p, n}};
	return 0;
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
	struct dn_http *h = parser->data;

	h->headers[h->header_count - 1].value =
	    dn_http_trim((struct dn_str){p, n});
	return 0;
}

static int on_head(http_parser *parser)
{
	(void)parser;
	return 1; /* the body is not its business */
}

static void run_parser(struct dn_http *h)
{
	static const http_parser_settings settings = {
	    .on_url = on_url,
	    .on_header_field = on_field,
	    .on_header_value = on_value,
	    .on_headers_complete = on_head,
	};
	http_parser parser;
	size_t got;
	enum http_errno error;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = h;
	got = http_parser_execute(&parser, &settings, h->head.p, h->head.n);
	error = HTTP_PARSER_ERRNO(&parser);
	if (error == HPE_INVALID_METHOD)
		refuse(h, 501, "method not implemented");
	else if (error != HPE_OK)
		refuse(h, 400, http_errno_description(error));
	else if (got != h->head.n)
		refuse(h, 400, "malformed head");
}

/* ---- the head as a whole ---- */

static size_t count(const struct dn_http *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->header_count; i++)
		if (dn_http_same(h->headers[i].name, dn_str_of(name)))
			n++;
	return n;
}

/* Puts the values of headers i and all later ones of its name together. */
static void join_from(struct dn_http *h, size_t i)
{
	struct header *first = &h->headers[i];
	size_t start = h->joined.n;

	for (size_t k = i + 1; k < h->header_count; k++) {
		struct header *other = &h->headers[k];

		if (!dn_http_same(first->name, other->name))
			continue;
		if (h->joined.n == start)
			dn_buf_str(&h->joined, first->value);
		dn_buf_lit(&h->joined, ", ");
		dn_buf_str(&h->joined, other->value);
		other->name.n = 0;
	}
	if (h->joined.n > start)
		first->value =
		    (struct dn_str){h->joined.p + start, h->joined.n - start};
}

static void join_headers(struct dn_http *h)
{
	/* No value may move once a slice points to it. */
	(void)dn_buf_reserve(
	    &h->joined, h->head.n + (size_t)2 * DN_HTTP_HEADERS_MAX);
	for (size_t i = 0; i < h->header_count; i++)
		if (h->headers[i].name.n > 0)
			join_from(h, i);
}

static void judge_target(struct dn_http *h, bool old)
{
	struct dn_str host = {NULL, 0};
	size_t hosts = count(h, "host");
	struct dn_http_fault fault;

	(void)dn_http_header(h, "host", &host);
	if (hosts > 1 || (hosts == 0 && !old))
		refuse(h, 400, "needs exactly one Host");
	else if (hosts == 1 && !dn_http_line_host(host))
		refuse(h, 400, "malformed Host");
	if (h->state == DN_HTTP_BAD)
		return;
	fault = dn_http_line_target(
	    h->target, host, &h->request.path, &h->request.query);
	if (fault.status)
		refuse(h, fault.status, fault.reason);
}

static void judge_body(struct dn_http *h, bool old)
{
	struct dn_str coding, length;
	bool has_length = dn_http_header(h, "content-length", &length);

	h->chunked = dn_http_header(h, "transfer-encoding", &coding);
	if (h->chunked && (old || has_length))
		refuse(h, 400, "Transfer-Encoding has no place here");
	else if (h->chunked && !dn_http_same(coding, DN_STR("chunked")))
		refuse(h, 501, "transfer coding not implemented");
	else if (has_length && !dn_http_line_length(length, &h->body_left))
		refuse(h, 400, "malformed Content-Length");
	else if (h->body_left > h->body_max)
		refuse(h, 413, "body is too big");
}

static void judge_wishes(struct dn_http *h, bool old)
{
	struct dn_str connection = {NULL, 0}, upgrade = {NULL, 0}, expect;
	bool has_body = h->chunked || h->body_left > 0;

	(void)dn_http_header(h, "connection", &connection);
	(void)dn_http_header(h, "upgrade", &upgrade);
	h->request.keep_alive = !old && !dn_http_list_has(connection, "close");
	h->request.upgrade_websocket =
	    !old && dn_str_is(h->request.method, "GET") &&
	    dn_http_list_has(connection, "upgrade") &&
	    dn_http_list_has(upgrade, "websocket");
	if (h->request.upgrade_websocket && has_body)
		refuse(h, 400, "upgrade with a body");
	if (old || !dn_http_header(h, "expect", &expect))
		return;
	if (!dn_http_same(expect, DN_STR("100-continue")))
		refuse(h, 417, "unknown expectation");
	h->wants_continue = has_body;
}

static void finish_head(struct dn_http *h)
{
	const char *head = h->head.p;
	size_t method = (size_t)((char *)memchr(head, ' ', h->head.n) - head);
	const char *end = memchr(head, '\r', h->head.n);
	bool old = end[-1] == '0';

	h->head_done = true;
	run_parser(h);
	if (h->state == DN_HTTP_BAD)
		return;
	h->request.method = (struct dn_str){head, method};
	h->request.old = old;
	judge_target(h, old);
	if (h->state == DN_HTTP_BAD)
		return;
	join_headers(h);
	judge_body(h, old);
	if (h->state != DN_HTTP_BAD)
		judge_wishes(h, old);
}

/* ---- lines ---- */

static void take_line(struct dn_http *h, struct dn_str line)
{
	struct dn_http_fault fault;
	struct dn_str name, value;

	if (line.n == 0 && h->lines > 0) {
		finish_head(h);
		return;
	}
	if (line.n == 0 && !h->blank) {
		h->blank = true;
		dn_buf_reset(&h->head, DN_HTTP_HEAD_MAX);
		return;
	}
	fault = h->lines == 0 ? dn_http_line_request(line)
			      : dn_http_line_header(line, &name, &value);
	if (fault.status)
		refuse(h, fault.status, fault.reason);
	else if (h->lines > DN_HTTP_HEADERS_MAX)
		refuse(h, 431, "too many headers");
	h->lines++;
	h->line = h->head.n;
}

/* Moves bytes up to a line's end into the head. What fits is judged before
 * the length is, so that the answer does not depend on how the bytes came. */
static void feed_line(struct dn_http *h, struct dn_str *in)
{
	const char *lf = memchr(in->p, '\n', in->n);
	size_t n = lf ? (size_t)(lf - in->p) + 1 : in->n;
	size_t room = DN_HTTP_HEAD_MAX - h->head.n;
	struct dn_str line;

	if (!dn_http_line_bytes((struct dn_str){in->p, n < room ? n : room})) {
		refuse(h, 400, "control byte in the head");
		return;
	}
	if (n > room) {
		refuse(h, h->lines == 0 ? 414 : 431, "head is too long");
		return;
	}
	dn_buf_add(&h->head, in->p, n);
	*in = (struct dn_str){in->p + n, in->n - n};
	if (lf == NULL)
		return;
	line = (struct dn_str){h->head.p + h->line, h->head.n - h->line - 1};
	if (line.n == 0 || line.p[line.n - 1] != '\r') {
		refuse(h, 400, "line feed without carriage return");
		return;
	}
	line.n--;
	take_line(h, line);
}

/* ---- the body ---- */

static void feed_body(struct dn_http *h, struct dn_str *in)
{
	size_t n = in->n < h->body_left ? in->n : (size_t)h->body_left;

	if (n > 0) {
		dn_buf_add(&h->body, in->p, n);
		*in = (struct dn_str){in->p + n, in->n - n};
		h->body_left -= n;
	}
	if (h->body_left == 0)
		h->state = DN_HTTP_DONE;
}

static void feed_chunks(struct dn_http *h, struct dn_str *in)
{
	switch (dn_http_chunk_feed(&h->chunk, in, &h->body, h->body_max)) {
	case DN_HTTP_CHUNK_MORE:
		return;
	case DN_HTTP_CHUNK_DONE:
		h->state = DN_HTTP_DONE;
		return;
	case DN_HTTP_CHUNK_BAD:
		refuse(h, 400, "malformed chunk");
		return;
	case DN_HTTP_CHUNK_TOO_BIG:
		refuse(h, 413, "body is too big");
		return;
	}
}

enum dn_http_state dn_http_feed(
    struct dn_http *h, const char *p, size_t n, size_t *taken)
{
	struct dn_str in = {p, n};

	DN_CHECK(h, HTTP_MAGIC);
	DN_ASSERT(h->state == DN_HTTP_MORE);
	while (in.n > 0 && !h->head_done && h->state == DN_HTTP_MORE)
		feed_line(h, &in);
	if (h->head_done && h->state == DN_HTTP_MORE) {
		if (h->chunked)
			feed_chunks(h, &in);
		else
			feed_body(h, &in);
	}
	if (h->state == DN_HTTP_DONE)
		h->request.body = dn_buf_view(&h->body);
	*taken = n - in.n;
	return h->state;
}

/* ---- what the caller asks ---- */

bool dn_http_wants_continue(struct dn_http *h)
{
	bool wants;

	DN_CHECK(h, HTTP_MAGIC);
	wants = h->wants_continue && h->state == DN_HTTP_MORE;
	h->wants_continue = false;
	return wants;
}

const struct dn_http_request *dn_http_request(struct dn_http *h)
{
	DN_CHECK(h, HTTP_MAGIC);
	DN_ASSERT(h->state == DN_HTTP_DONE);
	return &h->request;
}

const struct dn_http_request *dn_http_head(struct dn_http *h)
{
	DN_CHECK(h, HTTP_MAGIC);
	return h->head_done && h->request.path.n > 0 ? &h->request : NULL;
}

bool dn_http_header(struct dn_http *h, const char *name, struct dn_str *out)
{
	DN_CHECK(h, HTTP_MAGIC);
	for (size_t i = 0; i < h->header_count; i++) {
		if (dn_http_same(h->headers[i].name, dn_str_of(name))) {
			*out = h->headers[i].value;
			return true;
		}
	}
	return false;
}

unsigned dn_http_status(struct dn_http *h)
{
	DN_CHECK(h, HTTP_MAGIC);
	return h->fault.status;
}

const char *dn_http_reason(struct dn_http *h)
{
	DN_CHECK(h, HTTP_MAGIC);
	return h->fault.reason;
}
