/* SPDX-License-Identifier: MIT */
/*
 * How it works: a size line, as many bytes, a line end, again, until the
 * size 0; then trailers up to an empty line. http-parser could do this, but
 * it lets any byte through in a chunk's extension and, as Debian builds it,
 * does not insist on the line feeds: that is how two parsers on one path
 * come to see different requests.
 *
 * It fails for a line that is too long or not ended by CRLF, for a size that
 * is no number, and for a body over the limit as soon as a size says so.
 */
#include "wire/http_chunk.h"

#include "base/text.h"
#include "wire/http.h"
#include "wire/http_line.h"

/* Collects a line; true when it is whole, *line without its end. */
static bool take_line(struct dn_http_chunk *c, struct dn_str *in,
    struct dn_str *line, enum dn_http_chunk_state *state)
{
	while (in->n > 0) {
		char ch = *in->p;

		if (c->line_n == sizeof(c->line)) {
			*state = DN_HTTP_CHUNK_BAD;
			return false;
		}
		c->line[c->line_n++] = ch;
		*in = (struct dn_str){in->p + 1, in->n - 1};
		if (ch != '\n')
			continue;
		if (c->line_n < 2 || c->line[c->line_n - 2] != '\r') {
			*state = DN_HTTP_CHUNK_BAD;
			return false;
		}
		*line = (struct dn_str){c->line, c->line_n - 2};
		c->line_n = 0;
		return true;
	}
	return false;
}

/* "1a;name=value" */
static bool read_size(struct dn_str line, uint64_t *size)
{
	size_t i = 0;

	*size = 0;
	for (; i < line.n && dn_hex_value(line.p[i]) >= 0; i++) {
		if (*size >> 58)
			return false;
		*size = *size << 4 | (uint64_t)dn_hex_value(line.p[i]);
	}
	if (i == 0)
		return false;
	line = dn_http_trim((struct dn_str){line.p + i, line.n - i});
	return line.n == 0 || (line.p[0] == ';' && dn_http_line_bytes(line) &&
				  memchr(line.p, '\r', line.n) == NULL);
}

static enum dn_http_chunk_state on_size(
    struct dn_http_chunk *c, struct dn_str line, size_t room)
{
	if (!read_size(line, &c->left))
		return DN_HTTP_CHUNK_BAD;
	if (c->left > room)
		return DN_HTTP_CHUNK_TOO_BIG;
	c->part = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	return DN_HTTP_CHUNK_MORE;
}

static enum dn_http_chunk_state on_trailer(
    struct dn_http_chunk *c, struct dn_str line)
{
	struct dn_str name, value;

	if (line.n == 0)
		return DN_HTTP_CHUNK_DONE;
	c->trailers += line.n + 2;
	if (c->trailers > DN_HTTP_HEAD_MAX || !dn_http_line_bytes(line) ||
	    dn_http_line_header(line, &name, &value).status != 0)
		return DN_HTTP_CHUNK_BAD;
	return DN_HTTP_CHUNK_MORE;
}

static void take_data(
    struct dn_http_chunk *c, struct dn_str *in, struct dn_buf *body)
{
	size_t n = in->n < c->left ? in->n : (size_t)c->left;

	dn_buf_add(body, in->p, n);
	*in = (struct dn_str){in->p + n, in->n - n};
	c->left -= n;
	if (c->left == 0)
		c->part = CHUNK_END;
}

static enum dn_http_chunk_state on_line(
    struct dn_http_chunk *c, struct dn_str line, size_t room)
{
	switch (c->part) {
	case CHUNK_SIZE:
		return on_size(c, line, room);
	case CHUNK_TRAILER:
		return on_trailer(c, line);
	case CHUNK_END:
		c->part = CHUNK_SIZE;
		return line.n == 0 ? DN_HTTP_CHUNK_MORE : DN_HTTP_CHUNK_BAD;
	case CHUNK_DATA:
		break;
	}
	return DN_HTTP_CHUNK_BAD;
}

enum dn_http_chunk_state dn_http_chunk_feed(struct dn_http_chunk *c,
    struct dn_str *in, struct dn_buf *body, size_t body_max)
{
	enum dn_http_chunk_state state = DN_HTTP_CHUNK_MORE;
	struct dn_str line;

	while (state == DN_HTTP_CHUNK_MORE && in->n > 0) {
		if (c->part == CHUNK_DATA)
			take_data(c, in, body);
		else if (take_line(c, in, &line, &state))
			state = on_line(c, line, body_max - body->n);
	}
	return state;
}
