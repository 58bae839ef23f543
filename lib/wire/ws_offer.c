/* SPDX-License-Identifier: MIT */
/*
 * How it works: the value is cut at commas into offers and at semicolons into
 * their parts, with an eye on quotes. The first part is the extension's name,
 * the others are parameters, with or without a value.
 *
 * An offer is declined for a parameter that is unknown, repeated or out of
 * range, and for a window smaller than that of the frames that all share. The
 * client's window needs no answer: what it sends is inflated with the largest
 * one. Another offer behind may still be good.
 */
#include "wire/ws_offer.h"

#include "wire/deflate.h"
#include "wire/http_line.h"

#define ANSWER \
	"permessage-deflate; server_no_context_takeover; " \
	"client_no_context_takeover"
#define ANSWER_WINDOW "; server_max_window_bits=12"
_Static_assert(DN_DEFLATE_WINDOW_BITS == 12, "as the answer says");

enum { WINDOW_MIN = 8, WINDOW_MAX = 15, DIGITS_MAX = 2 };

/* A name or a parameter. */
struct part {
	struct dn_str name;
	bool has_value;
	char value[DIGITS_MAX]; /* the beginning of it */
	size_t value_n;         /* all of it */
	char end;               /* ',' or ';' behind it, 0 at the end */
};

struct offer {
	bool is_deflate;
	bool is_declined;
	bool server_takeover, client_takeover;
	unsigned server_window; /* 0: not given */
	bool client_window;
};

/* Cuts off what is in front of the next comma or semicolon that is not
 * quoted; false where a quote is left open. */
static bool next_piece(struct dn_str *rest, struct dn_str *piece, char *end)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->n; i++) {
		char c = rest->p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == ',' || c == ';'))
			break;
	}
	if (quoted)
		return false;
	*piece = dn_http_trim((struct dn_str){rest->p, i});
	*end = i < rest->n ? rest->p[i] : '\0';
	i += i < rest->n;
	*rest = (struct dn_str){rest->p + i, rest->n - i};
	return true;
}

static bool add_to_value(struct part *part, const char *c)
{
	if (part->value_n < DIGITS_MAX)
		part->value[part->value_n] = *c;
	part->value_n++;
	return dn_http_is_token((struct dn_str){c, 1});
}

/* A token, or one in quotes. */
static bool read_value(struct part *part, struct dn_str text)
{
	const char *at = text.p, *end = text.p + text.n;
	bool quoted = text.n > 0 && *at == '"';

	part->has_value = true;
	if (quoted && (text.n < 2 || end[-1] != '"'))
		return false;
	if (quoted) {
		at++;
		end--;
	}
	for (; at < end; at++) {
		if (quoted && *at == '\\')
			at++;
		if (at == end || !add_to_value(part, at))
			return false;
	}
	return part->value_n > 0;
}

static bool next_part(struct dn_str *rest, struct part *part)
{
	struct dn_str piece;
	const char *equal;
	size_t n;

	*part = (struct part){0};
	if (!next_piece(rest, &piece, &part->end))
		return false;
	equal = piece.n > 0 ? memchr(piece.p, '=', piece.n) : NULL;
	n = equal != NULL ? (size_t)(equal - piece.p) : piece.n;
	part->name = dn_http_trim((struct dn_str){piece.p, n});
	if (equal == NULL)
		return true;
	return read_value(
	    part, dn_http_trim((struct dn_str){equal + 1, piece.n - n - 1}));
}

/* 8 to 15, without a zero in front; else 0. */
static unsigned window_of(const struct part *part)
{
	unsigned bits = 0;

	if (part->value_n == 0 || part->value_n > DIGITS_MAX ||
	    part->value[0] == '0')
		return 0;
	for (size_t i = 0; i < part->value_n; i++) {
		if (part->value[i] < '0' || part->value[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(part->value[i] - '0');
	}
	return bits >= WINDOW_MIN && bits <= WINDOW_MAX ? bits : 0;
}

static bool set_once(bool *flag)
{
	bool first = !*flag;

	*flag = true;
	return first;
}

/* False for what cannot be met. */
static bool take_parameter(struct offer *o, const struct part *part)
{
	if (dn_str_is(part->name, "server_no_context_takeover"))
		return !part->has_value && set_once(&o->server_takeover);
	if (dn_str_is(part->name, "client_no_context_takeover"))
		return !part->has_value && set_once(&o->client_takeover);
	if (dn_str_is(part->name, "client_max_window_bits"))
		return (!part->has_value || window_of(part) > 0) &&
		       set_once(&o->client_window);
	if (!dn_str_is(part->name, "server_max_window_bits") ||
	    o->server_window > 0)
		return false;
	o->server_window = window_of(part);
	return o->server_window >= DN_DEFLATE_WINDOW_BITS;
}

/* One offer with its parameters; false for broken grammar. */
static bool next_offer(struct dn_str *rest, struct offer *o)
{
	struct part part;

	*o = (struct offer){0};
	if (!next_part(rest, &part))
		return false;
	/* Empty elements of a list are nothing. */
	if (part.name.n == 0 && !part.has_value && part.end != ';')
		return true;
	if (!dn_http_is_token(part.name) || part.has_value)
		return false;
	o->is_deflate = dn_str_is(part.name, "permessage-deflate");
	while (part.end == ';') {
		if (!next_part(rest, &part) || !dn_http_is_token(part.name))
			return false;
		if (o->is_deflate && !take_parameter(o, &part))
			o->is_declined = true;
	}
	return true;
}

bool dn_ws_offer_answer(struct dn_str offers, const char **answer)
{
	struct offer o;

	*answer = NULL;
	while (offers.n > 0) {
		if (!next_offer(&offers, &o))
			return false;
		if (*answer == NULL && o.is_deflate && !o.is_declined)
			*answer =
			    o.server_window > 0 ? ANSWER ANSWER_WINDOW : ANSWER;
	}
	return true;
}
