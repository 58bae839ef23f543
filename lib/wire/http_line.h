/* SPDX-License-Identifier: MIT */
/*
 * http_line: the lines of an HTTP head, strictly. A part of http and
 * ws_client.
 *
 * Ownership: borrows everything; slices point into what was given.
 * Errors: a fault has the status to answer with; status 0 is none.
 * Thread: any.
 */
#ifndef DN_HTTP_LINE_H
#define DN_HTTP_LINE_H

#include "base/base.h"

struct dn_http_fault {
	unsigned status;
	const char *reason; /* a literal */
};

/* True for bytes that may stand anywhere in a head, line ends included. */
DN_MUST_CHECK bool dn_http_line_bytes(struct dn_str bytes);
/* "GET /path HTTP/1.1", without its line end. */
DN_MUST_CHECK struct dn_http_fault dn_http_line_request(struct dn_str line);
/* "Name: value", without its line end; value is trimmed. */
DN_MUST_CHECK struct dn_http_fault dn_http_line_header(
    struct dn_str line, struct dn_str *name, struct dn_str *value);
/* The value of a Host header. */
DN_MUST_CHECK bool dn_http_line_host(struct dn_str host);
/* A request's target in origin-form, or in absolute-form with the authority
 * `host`. */
DN_MUST_CHECK struct dn_http_fault dn_http_line_target(struct dn_str target,
    struct dn_str host, struct dn_str *path, struct dn_str *query);
/* Decimal digits only, below 2^63. */
DN_MUST_CHECK bool dn_http_line_length(struct dn_str text, uint64_t *length);

/* A token of RFC 9110. */
DN_MUST_CHECK bool dn_http_is_token(struct dn_str s);
/* Without spaces and tabs around. */
struct dn_str dn_http_trim(struct dn_str s);
/* Equal but for the case of letters. */
bool dn_http_same(struct dn_str a, struct dn_str b);
/* Takes the first item off a comma-separated list, trimmed. */
struct dn_str dn_http_list_next(struct dn_str *list);
/* True when the comma-separated list has the word, in any case. */
bool dn_http_list_has(struct dn_str list, const char *word);

#endif
