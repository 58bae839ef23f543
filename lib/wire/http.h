/* SPDX-License-Identifier: MIT */
/*
 * http: one strict HTTP/1.1 request at a time, for upgrades and the API
 * (RFC 9112). http-parser does the grammar; this refuses on top what it lets
 * through: more or less than one Host (HTTP/1.0 may have none), obs-fold, space
 * before a colon, bare LF, control bytes, both Content-Length and
 * Transfer-Encoding, a target whose authority is not the Host, a head over the
 * limit.
 *
 * Ownership: the parser copies what it keeps; the request is valid until the
 *   next dn_http_reset or dn_http_free.
 * Limits: head DN_HTTP_HEAD_MAX bytes, DN_HTTP_HEADERS_MAX headers, body as
 *   given to dn_http_new.
 * Errors: dn_http_feed gives DN_HTTP_BAD with the status to answer with (400,
 *   413, 414, 417, 431, 501, 505) and a reason.
 * Thread: one at a time.
 */
#ifndef DN_HTTP_H
#define DN_HTTP_H

#include "base/base.h"
#include "base/buf.h"

enum { DN_HTTP_HEAD_MAX = 8192, DN_HTTP_HEADERS_MAX = 64 };

struct dn_http;

struct dn_http_request {
	struct dn_str method; /* "GET" */
	struct dn_str path;   /* percent-encoded as sent, without the query;
				 starts with '/' */
	struct dn_str query;  /* without '?'; as sent */
	struct dn_str body;
	bool old; /* HTTP/1.0 */
	bool keep_alive;
	bool upgrade_websocket; /* GET, Connection: Upgrade, Upgrade: websocket
				 */
};

enum dn_http_state { DN_HTTP_MORE, DN_HTTP_DONE, DN_HTTP_BAD };

DN_MUST_CHECK struct dn_http *dn_http_new(size_t body_max);
void dn_http_free(struct dn_http **http);

/* Feeds bytes; *taken tells how many belong to this request (the rest is the
 * next request, or WebSocket frames). After DONE and BAD feed no more before
 * dn_http_reset; BAD ends the connection. */
DN_MUST_CHECK enum dn_http_state dn_http_feed(
    struct dn_http *http, const char *p, size_t n, size_t *taken);
/* True once, when the head is read and waits for "100 Continue" before its
 * body; the caller sends that line. */
DN_MUST_CHECK bool dn_http_wants_continue(struct dn_http *http);
/* After DONE. */
const struct dn_http_request *dn_http_request(struct dn_http *http);
/* The request without its body once its head is there, also of one that is
 * BAD behind its target; else NULL. */
const struct dn_http_request *dn_http_head(struct dn_http *http);
/* The value of a header (name in lower case), trimmed; false when absent.
 * Several of one name are joined with ", ". */
bool dn_http_header(struct dn_http *http, const char *name, struct dn_str *out);
/* The decoded value of the first query parameter of that name; false when
 * absent or wrongly escaped. Borrows from the request or from scratch, whose
 * content it may replace. */
bool dn_http_query(struct dn_http *http, const char *name, struct dn_str *out,
    struct dn_buf *scratch);
/* Whether there is a query parameter of that name. */
bool dn_http_has_query(struct dn_http *http, const char *name);
/* The path with its percent-escapes decoded; false for a wrong escape or an
 * escaped NUL. Borrows like dn_http_query. */
bool dn_http_path(
    struct dn_http *http, struct dn_str *out, struct dn_buf *scratch);
/* After BAD. The reason is a literal. */
unsigned dn_http_status(struct dn_http *http);
const char *dn_http_reason(struct dn_http *http);
/* Ready for the next request of the connection. */
void dn_http_reset(struct dn_http *http);

/* Appends a response: head, Content-Length (none for 1xx and 204) and body.
 * content_type NULL: none. `extra` is NULL or complete header lines. */
void dn_http_response(struct dn_buf *b, unsigned status,
    const char *content_type, const char *extra, struct dn_str body,
    bool keep_alive);

#endif
