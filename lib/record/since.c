/* SPDX-License-Identifier: MIT */
/*
 * How it works: each form is tried in turn, the strict ones first; no two of
 * them take the same text.
 *
 * How it fails: what no form takes is an error that lists the forms.
 */
#include "record/since.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/duration.h"

static int bad(const char *text, struct dn_err *err)
{
	return dn_err_set(err, -EINVAL,
	    "\"%s\" is none of all, OFFSET, -N, @SECONDS, a time as in "
	    "2026-01-02T03:04:05Z, or how long ago as in 5m",
	    text);
}

/* Digits only, to the end. */
static bool read_number(const char *text, uint64_t *value)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0)
		return false;
	*value = number;
	return true;
}

/* The fraction of a second as microseconds; *at moves behind it. */
static int64_t read_fraction(const char **at)
{
	int64_t us = 0, weight = 100000;

	if (**at != '.')
		return 0;
	for ((*at)++; isdigit((unsigned char)**at); (*at)++) {
		us += (**at - '0') * weight;
		weight /= 10;
	}
	return us;
}

/* "Z", "+02:00", "-0330"; as seconds east. */
static bool read_zone(const char *at, int64_t *east_s)
{
	unsigned hours, minutes;
	int n = 0;

	*east_s = 0;
	if ((at[0] == 'Z' || at[0] == 'z') && at[1] == '\0')
		return true;
	if (at[0] != '+' && at[0] != '-')
		return false;
	if ((sscanf(at + 1, "%2u:%2u%n", &hours, &minutes, &n) != 2 || n != 5 ||
		at[6] != '\0') &&
	    (sscanf(at + 1, "%2u%2u%n", &hours, &minutes, &n) != 2 || n != 4 ||
		at[5] != '\0'))
		return false;
	*east_s = (int64_t)hours * 3600 + minutes * 60;
	if (at[0] == '-')
		*east_s = -*east_s;
	return hours < 24 && minutes < 60;
}

/* RFC 3339. */
static bool read_time(const char *text, int64_t *us)
{
	struct tm tm = {0};
	int64_t east_s, fraction;
	const char *at;
	int n = 0;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year,
		&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		&n) != 6 ||
	    n != 19)
		return false;
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
	    tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
	    tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	at = text + n;
	fraction = read_fraction(&at);
	if (!read_zone(at, &east_s))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*us = ((int64_t)timegm(&tm) - east_s) * 1000000 + fraction;
	return true;
}

/* @SECONDS[.FRACTION] */
static bool read_seconds(const char *text, int64_t *us)
{
	const char *at = text;
	uint64_t seconds = 0;

	for (; isdigit((unsigned char)*at); at++) {
		if (at - text > 11)
			return false;
		seconds = seconds * 10 + (uint64_t)(*at - '0');
	}
	if (at == text)
		return false;
	*us = (int64_t)seconds * 1000000 + read_fraction(&at);
	return *at == '\0';
}

int dn_since_parse(const char *text, int64_t now_us, struct dn_since *since,
    struct dn_err *err)
{
	struct dn_err ignored = {0};
	int64_t ago_us;

	memset(since, 0, sizeof(*since));
	if (strcmp(text, "all") == 0) {
		since->kind = DN_SINCE_ALL;
	} else if (read_number(text, &since->value)) {
		since->kind = DN_SINCE_OFFSET;
	} else if (text[0] == '-' && read_number(text + 1, &since->value)) {
		since->kind = DN_SINCE_LAST;
	} else if ((text[0] == '@' &&
		       read_seconds(text + 1, &since->time_us)) ||
		   read_time(text, &since->time_us)) {
		since->kind = DN_SINCE_TIME;
	} else if (dn_duration_us(dn_str_of(text), &ago_us, &ignored) == 0) {
		since->kind = DN_SINCE_TIME;
		since->time_us = now_us > ago_us ? now_us - ago_us : 0;
	} else {
		return bad(text, err);
	}
	return 0;
}
