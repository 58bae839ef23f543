/* SPDX-License-Identifier: MIT */
/*
 * How it works: integer arithmetic in 128 bits, so that "0.1s" is exactly
 * 100000 us. What is finer than a microsecond is cut off.
 *
 * How it fails: no number, an unknown unit (the known ones are named), a
 * sign, more than 100 years.
 */
#include "base/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char *name;
	int64_t us;
};

/* Longest first: dn_duration_text takes the first that divides. */
static const struct unit units[] = {
    {"d", 86400000000},
    {"h", 3600000000},
    {"m", 60000000},
    {"s", 1000000},
    {"ms", 1000},
};

#define US_MAX ((uint64_t)100 * 366 * 86400 * 1000000)

static int fail(struct dn_err *err, struct dn_str text, const char *why)
{
	struct dn_str shown = text;

	if (shown.n > 40)
		shown.n = 40;
	return dn_err_set(
	    err, -EINVAL, "duration \"%.*s\": %s", DN_FMT(shown), why);
}

static bool is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}

/* Nanounits of the fraction behind the point; digits past nine are cut. */
static uint64_t read_fraction(const char **at, const char *end)
{
	uint64_t nano = 0, weight = 100000000;

	for (; is_digit(*at, end); (*at)++) {
		nano += (uint64_t)(**at - '0') * weight;
		weight /= 10;
	}
	return nano;
}

static int64_t unit_us(const char *at, const char *end)
{
	struct dn_str name = {at, (size_t)(end - at)};
	size_t i;

	if (name.n == 0)
		return 1000000;
	for (i = 0; i < DN_ARRAY_LEN(units); i++)
		if (dn_str_is(name, units[i].name))
			return units[i].us;
	return 0;
}

int dn_duration_us(struct dn_str text, int64_t *us, struct dn_err *err)
{
	const char *at = text.p, *end = text.p + text.n;
	uint64_t whole = 0, nano = 0;
	unsigned __int128 total;
	int64_t unit;

	if (text.n > 0 && (*at == '-' || *at == '+'))
		return fail(err, text, "a sign is not allowed");
	if (!is_digit(at, end))
		return fail(err, text, "does not start with a number");
	for (; is_digit(at, end); at++) {
		if (whole > US_MAX)
			return fail(err, text, "more than 100 years");
		whole = whole * 10 + (uint64_t)(*at - '0');
	}
	if (at < end && *at == '.') {
		at++;
		if (!is_digit(at, end))
			return fail(err, text, "no digit behind the point");
		nano = read_fraction(&at, end);
	}
	unit = unit_us(at, end);
	if (unit == 0)
		return fail(
		    err, text, "unknown unit, these are ms, s, m, h and d");
	total = (unsigned __int128)whole * (uint64_t)unit +
		(unsigned __int128)nano * (uint64_t)unit / 1000000000;
	if (total > US_MAX)
		return fail(err, text, "more than 100 years");
	*us = (int64_t)total;
	return 0;
}

void dn_duration_text(int64_t us, char out[32])
{
	size_t i;

	DN_ASSERT(us >= 0);
	if (us == 0) {
		memcpy(out, "0s", 3);
		return;
	}
	for (i = 0; i < DN_ARRAY_LEN(units); i++) {
		if (us % units[i].us != 0)
			continue;
		snprintf(
		    out, 32, "%" PRId64 "%s", us / units[i].us, units[i].name);
		return;
	}
	i = (size_t)snprintf(
	    out, 32, "%" PRId64 ".%03" PRId64, us / 1000, us % 1000);
	while (out[i - 1] == '0')
		i--;
	memcpy(out + i, "ms", 3);
}
