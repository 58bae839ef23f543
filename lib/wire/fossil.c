/* SPDX-License-Identifier: MIT */
/*
 * How it works: the target is read once from its beginning; what is not
 * covered by a copy collects as a literal. At each byte there are two guesses
 * where the base goes on. The near one is the diagonal: the base as far behind
 * the last copy as the target is, which is right where a field changed and
 * kept its length, and at the start of both texts. The far ones come from an
 * index of the base: blocks of 16 bytes by their hash. Each guess is extended
 * forwards, and backwards into the literal; the longest that is shorter than
 * what it replaces becomes a copy. The common end is taken off beforehand, and
 * the index is built only when the diagonal fails: text that is appended, or
 * replaced in one place by as much, needs none.
 *
 * A base of up to 8 KiB is indexed at every byte, a larger one in steps of up
 * to 16, where a match of 31 bytes has a whole block in it. Two loads hash a
 * block, so there is no rolling state.
 *
 * How it fails: never, but a delta may not pay. The work is bounded for
 * hostile texts too. A chain of equal hashes is followed for CHAIN_MAX blocks,
 * all chains together for one block a byte of the target; after that there is
 * the diagonal. A match that was extended far is always taken, for 16 bytes
 * are more than any copy costs, so its bytes are not looked at again.
 */
#include "wire/fossil.h"

#include <stdlib.h>

#include "base/text.h"

enum {
	BLOCK = 16,
	NEAR = 8, /* what a match has at least */
	CHAIN_MAX = 8,
	FINE_BLOCKS = 4096, /* a base with more of them is indexed in steps */
	STEP_MAX = 16,
	UTF8_MORE_MAX = 3 /* bytes of a character behind its first */
};

struct match {
	size_t base;
	size_t target;
	size_t n;
};

/* Blocks of the base by hash; numbers are one more than the block's, 0 ends a
 * chain. */
struct index {
	uint32_t *head; /* NULL until it is built */
	uint32_t *next;
	size_t step;
	unsigned shift;
};

struct delta {
	struct dn_str base;
	struct dn_str target;
	size_t written; /* bytes of the target that are in out */
	size_t end;     /* of the target, without what it ends with in common */
	size_t diagonal; /* from target to base, modulo the word */
	size_t steps;    /* that may still be taken along chains */
	struct index index;
	struct dn_buf *out;
};

static unsigned digits(size_t v)
{
	unsigned n = 1;

	while ((v >>= 6) > 0)
		n++;
	return n;
}

static void put_number(struct dn_buf *out, size_t v)
{
	static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				    "abcdefghijklmnopqrstuvwxyz~";
	unsigned i;

	for (i = digits(v); i-- > 0;)
		dn_buf_byte(out, digit[v >> (6 * i) & 63]);
}

/* The target's bytes up to `to` as a literal, if there are any. */
static void put_literal(struct delta *d, size_t to)
{
	size_t n = to - d->written;

	if (n == 0)
		return;
	put_number(d->out, n);
	dn_buf_byte(d->out, ':');
	dn_buf_add(d->out, d->target.p + d->written, n);
	d->written = to;
}

static void put_copy(struct delta *d, struct match m)
{
	put_literal(d, m.target);
	put_number(d->out, m.n);
	dn_buf_byte(d->out, '@');
	put_number(d->out, m.base);
	dn_buf_byte(d->out, ',');
	d->written += m.n;
	d->diagonal = m.base - m.target;
}

/* The sum of the big-endian words of four bytes; zeros fill the last one. */
static uint32_t checksum(struct dn_str s)
{
	uint32_t sum = 0;
	size_t i = 0;

	for (; s.n - i >= 8; i += 8) {
		uint64_t two = __builtin_bswap64(dn_load8(s.p + i));

		sum += (uint32_t)(two >> 32) + (uint32_t)two;
	}
	for (; i < s.n; i++)
		sum += (uint32_t)(unsigned char)s.p[i] << (24 - 8 * (i & 3));
	return sum;
}

/* How many of the n bytes at a and b are equal, from the first on. */
static size_t common_start(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t differ = dn_load8(a + i) ^ dn_load8(b + i);

		if (differ != 0)
			return i + (size_t)__builtin_ctzll(differ) / 8;
		i += 8;
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* The same for the n bytes that end at a and b, from the last on. */
static size_t common_end(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t differ = dn_load8(a - i - 8) ^ dn_load8(b - i - 8);

		if (differ != 0)
			return i + (size_t)__builtin_clzll(differ) / 8;
		i += 8;
	}
	while (i < n && a[-1 - (ptrdiff_t)i] == b[-1 - (ptrdiff_t)i])
		i++;
	return i;
}

static bool inside_character(struct dn_str s, size_t at)
{
	return at < s.n && dn_utf8_more((unsigned char)s.p[at]);
}

/* Shortens a match to whole characters; bytes that are no UTF-8 are cut
 * anywhere. */
static struct match cut(struct dn_str target, struct match m)
{
	unsigned i;

	for (i = 0; i < UTF8_MORE_MAX && m.n > 0; i++) {
		if (!inside_character(target, m.target))
			break;
		m.base++;
		m.target++;
		m.n--;
	}
	for (i = 0; i < UTF8_MORE_MAX && m.n > 0; i++) {
		if (!inside_character(target, m.target + m.n))
			break;
		m.n--;
	}
	return m;
}

/* Whether a copy, and the head of the literal that it may split off, are
 * shorter than the bytes it stands for. So a copy never makes a delta longer.
 */
static bool pays(const struct delta *d, struct match m)
{
	size_t cost = digits(m.n) + digits(m.base) + 2;

	if (m.target > d->written)
		cost += digits(d->target.n - d->written) + 1;
	return m.n > cost || dn_fossil_json_size((struct dn_str){
				 d->target.p + m.target, m.n}) > cost;
}

/* The match around these two places, n is 0 where there is none. The target
 * has NEAR bytes there. */
static struct match extend(const struct delta *d, size_t base, size_t target)
{
	const char *b = d->base.p + base, *t = d->target.p + target;
	size_t room = d->base.n - base, left = d->end - target, before;
	struct match m = {base, target, 0};

	if (room < NEAR || dn_load8(b) != dn_load8(t))
		return m;
	m.n = common_start(b, t, room < left ? room : left);
	left = target - d->written;
	before = common_end(b, t, base < left ? base : left);
	m.base -= before;
	m.target -= before;
	m.n += before;
	return cut(d->target, m);
}

static size_t slot(const struct index *x, const char *block)
{
	const uint64_t odd = 0x9e3779b97f4a7c15u;
	uint64_t h = dn_load8(block) * odd;

	h = (h ^ h >> 32 ^ dn_load8(block + 8)) * odd;
	return (size_t)(h >> x->shift);
}

static void build_index(struct index *x, struct dn_str base)
{
	size_t count, slots, i;

	x->step = base.n / FINE_BLOCKS;
	if (x->step < 1)
		x->step = 1;
	if (x->step > STEP_MAX)
		x->step = STEP_MAX;
	count = (base.n - BLOCK) / x->step + 1;
	/* Four to eight slots a block: most bytes of the target end at an
	 * empty one. */
	x->shift = (unsigned)__builtin_clzll(count) - 2;
	slots = (size_t)1 << (64 - x->shift);
	x->head = dn_xcalloc(slots + count, sizeof(*x->head));
	x->next = x->head + slots;
	/* The last one put in is found first: small offsets are shorter. */
	for (i = count; i-- > 0;) {
		uint32_t *head = &x->head[slot(x, base.p + i * x->step)];

		x->next[i] = *head;
		*head = (uint32_t)i + 1;
	}
}

static struct match find(struct delta *d, size_t at)
{
	size_t near = at + d->diagonal;
	struct match best = {0, 0, 0};
	unsigned tries = CHAIN_MAX;
	uint32_t i;

	if (near < d->base.n)
		best = extend(d, near, at);
	if (best.n >= BLOCK || d->end - at < BLOCK || d->base.n < BLOCK)
		return best;
	if (d->index.head == NULL)
		build_index(&d->index, d->base);
	i = d->index.head[slot(&d->index, d->target.p + at)];
	for (; i != 0 && tries > 0 && d->steps > 0; tries--, d->steps--) {
		struct match m = extend(d, (i - 1) * d->index.step, at);

		if (m.n > best.n)
			best = m;
		i = d->index.next[i - 1];
	}
	return best;
}

/* What base and target end with in common, as far as it pays. */
static struct match find_end(const struct delta *d)
{
	struct dn_str b = d->base, t = d->target;
	struct match m = {b.n, t.n, 0};

	m.n = common_end(b.p + b.n, t.p + t.n, b.n < t.n ? b.n : t.n);
	m.base -= m.n;
	m.target -= m.n;
	m = cut(t, m);
	if (!pays(d, m))
		m = (struct match){b.n, t.n, 0};
	return m;
}

static void write_delta(struct delta *d)
{
	struct match last = find_end(d);
	size_t at = 0;

	d->end = last.target;
	put_number(d->out, d->target.n);
	dn_buf_byte(d->out, '\n');
	while (d->end - at >= NEAR) {
		struct match m = find(d, at);

		if (m.n > 0 && pays(d, m)) {
			put_copy(d, m);
			at = d->written;
		} else {
			at++;
		}
	}
	put_literal(d, d->end);
	if (last.n > 0)
		put_copy(d, last);
	put_number(d->out, checksum(d->target));
	dn_buf_byte(d->out, ';');
}

bool dn_fossil_delta(struct dn_str base, struct dn_str target, size_t less_than,
    struct dn_buf *out)
{
	struct delta d = {
	    .base = base, .target = target, .steps = target.n, .out = out};
	size_t from = out->n;

	if (base.n > DN_FOSSIL_MAX || target.n > DN_FOSSIL_MAX)
		return false;
	/* An empty text may have no address; give it one. */
	if (base.n == 0)
		d.base.p = "";
	if (target.n == 0)
		d.target.p = "";
	write_delta(&d);
	free(d.index.head);
	if (dn_fossil_json_size((struct dn_str){out->p + from, out->n - from}) <
	    less_than)
		return true;
	out->n = from;
	return false;
}

/* The bytes of the escape that dn_buf_json_str writes for an ASCII byte. */
static size_t escape_size(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '\b':
	case '\f':
	case '\n':
	case '\r':
	case '\t':
		return 2;
	default:
		return 6;
	}
}

size_t dn_fossil_json_size(struct dn_str s)
{
	const char *at = s.p;
	size_t left = s.n, size = s.n;

	while (left > 0) {
		size_t n = dn_plain_run(at, left);

		at += n;
		left -= n;
		if (left == 0)
			break;
		n = 1;
		if ((unsigned char)*at < 0x80) {
			size += escape_size(*at) - 1;
		} else if ((n = dn_utf8_run(at, left)) == 0) {
			/* U+FFFD stands for a byte that is no UTF-8. */
			n = 1;
			size += 2;
		}
		at += n;
		left -= n;
	}
	return size;
}
