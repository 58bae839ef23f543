/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a base, which ends at the first newline, and a target. The
 * delta must make the target again, byte for byte, be UTF-8 where both are,
 * and be as long as it says.
 */
#include <stdint.h>

#include "base/json.h"
#include "wire/fossil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct undo {
	struct dn_str base;
	struct dn_str patch; /* what is left of it */
	struct dn_buf *out;
	unsigned copies;
	unsigned literals;
	size_t literal_bytes;
	bool split; /* a literal is no UTF-8 */
};

static bool take_byte(struct undo *u, char c)
{
	if (u->patch.n == 0 || u->patch.p[0] != c)
		return false;
	u->patch.p++;
	u->patch.n--;
	return true;
}

/* Without leading zeros, up to 32 bits. */
static bool take_number(struct undo *u, uint32_t *v)
{
	static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				    "abcdefghijklmnopqrstuvwxyz~";
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < u->patch.n && i < 7; i++) {
		const char *found = memchr(digit, u->patch.p[i], 64);

		if (found == NULL)
			break;
		if (i == 1 && u->patch.p[0] == '0')
			return false;
		value = value << 6 | (uint64_t)(found - digit);
	}
	*v = (uint32_t)value;
	u->patch.p += i;
	u->patch.n -= i;
	return i > 0 && value <= UINT32_MAX;
}

static bool undo_copy(struct undo *u, uint32_t n)
{
	uint32_t from;

	if (n == 0 || !take_number(u, &from) || !take_byte(u, ','))
		return false;
	if (n > u->base.n || from > u->base.n - n)
		return false;
	dn_buf_add(u->out, u->base.p + from, n);
	u->copies++;
	return true;
}

static bool undo_literal(struct undo *u, uint32_t n)
{
	if (n == 0 || n > u->patch.n)
		return false;
	if (!dn_utf8_valid((struct dn_str){u->patch.p, n}))
		u->split = true;
	dn_buf_add(u->out, u->patch.p, n);
	u->patch.p += n;
	u->patch.n -= n;
	u->literals++;
	u->literal_bytes += n;
	return true;
}

static uint32_t sum_of(struct dn_str s)
{
	uint32_t sum = 0, word;
	size_t i, k;

	for (i = 0; i < s.n; i += 4) {
		for (word = 0, k = i; k < i + 4; k++)
			word = word << 8 | (k < s.n ? (uint8_t)s.p[k] : 0);
		sum += word;
	}
	return sum;
}

/* Appends what the patch makes of the base; false where it is no strict
 * delta. */
static bool undo(struct undo *u)
{
	uint32_t size, n;
	size_t from = u->out->n;

	dn_buf_reserve(u->out, 1); /* an empty target has an address too */
	if (!take_number(u, &size) || !take_byte(u, '\n'))
		return false;
	while (take_number(u, &n) && !take_byte(u, ';')) {
		if (take_byte(u, '@')
			? !undo_copy(u, n)
			: !take_byte(u, ':') || !undo_literal(u, n))
			return false;
		if (u->out->n - from > size)
			return false;
	}
	return u->patch.n == 0 && u->out->n - from == size &&
	       n == sum_of((struct dn_str){u->out->p + from, size});
}

static void check_json_size(struct dn_str s)
{
	struct dn_buf json = {0};

	dn_buf_json_str(&json, s);
	DN_ASSERT(dn_fossil_json_size(s) == json.n - 2);
	dn_buf_release(&json);
}

static void check_limit(
    struct dn_str base, struct dn_str target, struct dn_str patch)
{
	size_t size = dn_fossil_json_size(patch);
	struct dn_buf out = {0};

	dn_buf_lit(&out, "before");
	DN_ASSERT(!dn_fossil_delta(base, target, size, &out));
	DN_ASSERT(dn_str_is(dn_buf_view(&out), "before"));
	DN_ASSERT(dn_fossil_delta(base, target, size + 1, &out));
	dn_buf_consume(&out, 6);
	DN_ASSERT(dn_str_eq(dn_buf_view(&out), patch));
	dn_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dn_str base = {n > 0 ? (const char *)data : "", n},
		      target = DN_STR("");
	const uint8_t *end = n > 0 ? memchr(data, '\n', n) : NULL;
	struct dn_buf patch = {0}, out = {0};
	struct undo u = {.out = &out};

	if (end != NULL) {
		base.n = (size_t)(end - data);
		target.p = base.p + base.n + 1;
		target.n = n - base.n - 1;
	}
	DN_ASSERT(dn_fossil_delta(base, target, SIZE_MAX, &patch));
	u.base = base;
	u.patch = dn_buf_view(&patch);
	DN_ASSERT(undo(&u));
	DN_ASSERT(dn_str_eq(dn_buf_view(&out), target));
	if (dn_utf8_valid(base) && dn_utf8_valid(target))
		DN_ASSERT(!u.split);
	check_json_size(target);
	check_json_size(dn_buf_view(&patch));
	check_limit(base, target, dn_buf_view(&patch));
	dn_buf_release(&patch);
	dn_buf_release(&out);
	return 0;
}
