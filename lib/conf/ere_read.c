/* SPDX-License-Identifier: MIT */
/*
 * How it works: the pattern is read once, from left to right, into Glushkov's
 * automaton: each piece knows at which positions it may begin and end, and
 * joining two of them tells the positions which others may follow. Counts
 * make copies, by reading the same atom of the pattern again.
 *
 * How it fails: the first thing wrong ends it, with its offset. Too many
 * positions end it, too, and so do too many atoms read, since empty groups
 * make no position.
 */
#include "conf/ere_impl.h"

#include <ctype.h>
#include <errno.h>

enum {
	PATTERN_MAX = 1024,
	DEPTH_MAX = 32,
	ATOMS_MAX = 1 << 16,
	COUNT_MAX = 255, /* RE_DUP_MAX, and a name's length */
	NO_END = -1,     /* of a count */
};

/* A piece of the pattern: where it begins and ends. */
struct piece {
	struct dn_ere_set first, last;
	bool nullable;
};

struct parser {
	struct dn_ere *ere;
	const char *pattern, *at;
	struct dn_err *err;
	unsigned positions, atoms, depth;
};

static void set_add(struct dn_ere_set *set, unsigned position)
{
	set->w[position / 64] |= (uint64_t)1 << position % 64;
}

/* Behind each of these may stand each of those. */
static void chain(struct dn_ere *ere, const struct dn_ere_set *these,
    const struct dn_ere_set *those)
{
	size_t i;

	for (i = 0; i < DN_ERE_WORDS; i++) {
		uint64_t rest = these->w[i];

		for (; rest != 0; rest &= rest - 1)
			dn_ere_or(&ere->follow[i * 64 +
					       (size_t)__builtin_ctzll(rest)],
			    those);
	}
}

static int wrong(struct parser *p, const char *why)
{
	return dn_err_set(p->err, -EINVAL, "%s, at offset %zu", why,
	    (size_t)(p->at - p->pattern));
}

static const struct piece nothing = {.nullable = true};

static void append(
    struct dn_ere *ere, struct piece *to, const struct piece *next)
{
	chain(ere, &to->last, &next->first);
	if (to->nullable)
		dn_ere_or(&to->first, &next->first);
	if (next->nullable)
		dn_ere_or(&to->last, &next->last);
	else
		to->last = next->last;
	to->nullable = to->nullable && next->nullable;
}

/* A position of its own, or negative; what it takes is for the caller to say.
 */
static int new_position(struct parser *p, struct piece *piece)
{
	if (p->positions == DN_ERE_POSITIONS_MAX)
		return wrong(p, "the pattern is too large");
	*piece = (struct piece){0};
	set_add(&piece->first, p->positions);
	piece->last = piece->first;
	return (int)p->positions++;
}

static int one_symbol(struct parser *p, unsigned symbol, struct piece *piece)
{
	int position = new_position(p, piece);

	if (position < 0)
		return position;
	set_add(&p->ere->takes[symbol], (unsigned)position);
	return 0;
}

static int bytes(struct parser *p, const bool in[256], struct piece *piece)
{
	int position = new_position(p, piece);
	unsigned c;

	if (position < 0)
		return position;
	for (c = 0; c < 256; c++)
		if (in[c])
			set_add(&p->ere->takes[c], (unsigned)position);
	return 0;
}

static int any_byte(struct parser *p, struct piece *piece)
{
	bool in[256];

	memset(in, true, sizeof(in));
	return bytes(p, in, piece);
}

/* "[:digit:]" inside of brackets, from its "[". */
static int read_class(struct parser *p, bool in[256])
{
	static const struct {
		const char *name;
		int (*is)(int c);
	} classes[] = {{"alnum", isalnum}, {"alpha", isalpha},
	    {"blank", isblank}, {"cntrl", iscntrl}, {"digit", isdigit},
	    {"graph", isgraph}, {"lower", islower}, {"print", isprint},
	    {"punct", ispunct}, {"space", isspace}, {"upper", isupper},
	    {"xdigit", isxdigit}};
	const char *end = strstr(p->at, ":]");
	struct dn_str name;
	size_t i;
	int c;

	if (p->at[1] != ':' || end == NULL || end < p->at + 2)
		return wrong(p, "this needs a class like [:digit:]");
	name = (struct dn_str){p->at + 2, (size_t)(end - p->at - 2)};
	for (i = 0; i < DN_ARRAY_LEN(classes); i++)
		if (dn_str_is(name, classes[i].name))
			break;
	if (i == DN_ARRAY_LEN(classes))
		return wrong(p, "there is no such class");
	for (c = 0; c < 128; c++)
		in[c] = in[c] || classes[i].is(c) != 0;
	p->at = end + 2;
	return 0;
}

static bool is_class(const char *at)
{
	return at[0] == '[' && at[1] != '\0' && strchr(":.=", at[1]) != NULL;
}

/* A character or a range. */
static int read_range(struct parser *p, bool in[256])
{
	unsigned char from = (unsigned char)*p->at, to = from;
	unsigned c;

	if (p->at[1] == '-' && p->at[2] != ']' && p->at[2] != '\0') {
		if (is_class(p->at + 2))
			return wrong(p, "a class ends no range");
		to = (unsigned char)p->at[2];
		if (to < from)
			return wrong(p, "the range runs backwards");
		p->at += 2;
	}
	p->at++;
	for (c = from; c <= to; c++)
		in[c] = true;
	return 0;
}

static int read_brackets(struct parser *p, struct piece *piece)
{
	bool in[256] = {false}, others;
	const char *open = p->at++, *first;
	unsigned c;
	int rc = 0;

	others = *p->at == '^';
	if (others)
		p->at++;
	first = p->at;
	while (rc == 0 && *p->at != '\0' && (*p->at != ']' || p->at == first))
		rc = is_class(p->at) ? read_class(p, in) : read_range(p, in);
	if (rc == 0 && *p->at == '\0') {
		p->at = open;
		return wrong(p, "the \"[\" is not closed");
	}
	if (rc != 0)
		return rc;
	p->at++;
	for (c = 0; others && c < 256; c++)
		in[c] = !in[c];
	return bytes(p, in, piece);
}

static int read_escape(struct parser *p, struct piece *piece)
{
	unsigned char c = (unsigned char)p->at[1];

	if (c == '\0')
		return wrong(p, "nothing is behind the \"\\\"");
	if (isalnum(c))
		return wrong(p, "\"\\\" before a letter or digit means "
				"nothing here");
	p->at += 2;
	return one_symbol(p, c, piece);
}

static int read_alternatives(struct parser *p, struct piece *piece);

static int read_group(struct parser *p, struct piece *piece)
{
	const char *open = p->at++;
	int rc;

	if (p->depth == DEPTH_MAX)
		return wrong(p, "groups are too deep");
	p->depth++;
	rc = read_alternatives(p, piece);
	p->depth--;
	if (rc != 0)
		return rc;
	if (*p->at != ')') {
		p->at = open;
		return wrong(p, "the \"(\" is not closed");
	}
	p->at++;
	return 0;
}

static int read_atom(struct parser *p, struct piece *piece)
{
	if (++p->atoms > ATOMS_MAX)
		return wrong(p, "the pattern is too large");
	switch (*p->at) {
	case '(':
		return read_group(p, piece);
	case '[':
		return read_brackets(p, piece);
	case '\\':
		return read_escape(p, piece);
	case '*':
	case '+':
	case '?':
	case '{':
		return wrong(p, "there is nothing to repeat");
	case '.':
		p->at++;
		return any_byte(p, piece);
	case '^':
		p->at++;
		return one_symbol(p, DN_ERE_BEGIN, piece);
	case '$':
		p->at++;
		return one_symbol(p, DN_ERE_END, piece);
	default:
		return one_symbol(p, (unsigned char)*p->at++, piece);
	}
}

/* Digits at *at; -1 when there are none or they say too much. */
static int read_number(const char **at)
{
	int n = 0;

	if (!isdigit((unsigned char)**at))
		return -1;
	for (; isdigit((unsigned char)**at); (*at)++) {
		n = n * 10 + (**at - '0');
		if (n > COUNT_MAX)
			return -1;
	}
	return n;
}

/* "{2}", "{2,}" or "{2,5}". */
static int read_braces(struct parser *p, int *least, int *most)
{
	const char *at = p->at + 1;

	*least = read_number(&at);
	*most = *least;
	if (*least >= 0 && *at == ',') {
		at++;
		*most = *at == '}' ? NO_END : read_number(&at);
		if (*most < 0 && *at != '}')
			*least = -1;
	}
	if (*least < 0 || *at != '}' || (*most != NO_END && *most < *least))
		return wrong(p, "a count is {2}, {2,} or {2,5}, up to 255");
	p->at = at + 1;
	return 0;
}

/* 1 to 1 where nothing is said. */
static int read_count(struct parser *p, int *least, int *most)
{
	static const char signs[] = "*+?";
	const char *sign = *p->at == '\0' ? NULL : strchr(signs, *p->at);
	int rc = 0;

	*least = 1;
	*most = 1;
	if (*p->at == '{') {
		rc = read_braces(p, least, most);
	} else if (sign != NULL) {
		*least = *sign == '+' ? 1 : 0;
		*most = *sign == '?' ? 1 : NO_END;
		p->at++;
	} else {
		return 0;
	}
	if (rc == 0 && *p->at != '\0' && strchr("*+?{", *p->at) != NULL)
		return wrong(p, "this repeats what repeats already");
	return rc;
}

/* The atom from `from` on, that often; copy is its first one. */
static int repeat(struct parser *p, const char *from, struct piece *copy,
    int least, int most, struct piece *piece)
{
	int i, copies = most != NO_END ? most : least > 1 ? least : 1;
	const char *end = p->at;
	int rc = 0;

	*piece = nothing;
	for (i = 0; i < copies; i++) {
		if (i > 0) {
			p->at = from;
			rc = read_atom(p, copy);
			p->at = end;
		}
		if (rc != 0)
			return rc;
		if (most == NO_END && i == copies - 1)
			chain(p->ere, &copy->last, &copy->first);
		copy->nullable = copy->nullable || i >= least;
		append(p->ere, piece, copy);
	}
	return 0;
}

static int read_piece(struct parser *p, struct piece *piece)
{
	const char *from = p->at;
	struct piece copy;
	int least, most;
	int rc = read_atom(p, &copy);

	if (rc != 0)
		return rc;
	rc = read_count(p, &least, &most);
	if (rc != 0)
		return rc;
	return repeat(p, from, &copy, least, most, piece);
}

static int read_sequence(struct parser *p, struct piece *sequence)
{
	struct piece piece;
	int rc;

	*sequence = nothing;
	while (*p->at != '\0' && *p->at != '|' && *p->at != ')') {
		rc = read_piece(p, &piece);
		if (rc != 0)
			return rc;
		append(p->ere, sequence, &piece);
	}
	return 0;
}

static int read_alternatives(struct parser *p, struct piece *piece)
{
	struct piece other;
	int rc = read_sequence(p, piece);

	while (rc == 0 && *p->at == '|') {
		p->at++;
		rc = read_sequence(p, &other);
		dn_ere_or(&piece->first, &other.first);
		dn_ere_or(&piece->last, &other.last);
		piece->nullable = piece->nullable || other.nullable;
	}
	return rc;
}

int dn_ere_read(struct dn_ere *ere, const char *pattern, struct dn_err *err)
{
	struct parser p = {
	    .ere = ere, .pattern = pattern, .at = pattern, .err = err};
	struct piece all;
	int rc;

	if (strlen(pattern) > PATTERN_MAX)
		return dn_err_set(err, -EINVAL,
		    "the pattern has more than %d bytes", PATTERN_MAX);
	rc = read_alternatives(&p, &all);
	if (rc == 0 && *p.at == ')')
		rc = wrong(&p, "the \")\" closes nothing");
	if (rc != 0)
		return rc;
	ere->first = all.first;
	ere->last = all.last;
	ere->nullable = all.nullable;
	return 0;
}
