/* SPDX-License-Identifier: MIT */
/*
 * How it works: a namespace's channel_regex is compiled once, when the
 * configuration is checked, and then only matched. Threads may match at the
 * same time: the C library locks what it caches of a pattern.
 *
 * How it fails: what does not compile is noted with the C library's reason.
 * Two things that do are refused as well, since clients choose what is
 * matched and a start must not run out of memory: back references, whose
 * matching may take exponential time, and counts of counts of counts, which
 * the C library writes out.
 */
#include "conf/conf_table.h"

#include <regex.h>
#include <stdlib.h>

#include "record/channel.h"

enum { COPIES_MAX = 10000 };

struct dn_conf_pattern {
	regex_t regex;
};

/* The larger number of "{2,5}", at its brace. */
static long count_of(const char *brace)
{
	char *end;
	long count = strtol(brace + 1, &end, 10), most;

	if (*end == ',') {
		most = strtol(end + 1, NULL, 10);
		count = most > count ? most : count;
	}
	return count < 1 ? 1 : count;
}

/* At most that often is a character of the pattern written out: counts of
 * groups may be inside one another, counts of characters may not. */
static bool is_huge(const char *regex)
{
	long groups = 1, characters = 1, count;
	const char *p;

	for (p = regex; (p = strchr(p, '{')) != NULL; p++) {
		count = count_of(p);
		if (count > COPIES_MAX)
			return true;
		if (p > regex && strchr(")}*+?", p[-1]) != NULL)
			groups *= count;
		else if (count > characters)
			characters = count;
		if (groups * characters > COPIES_MAX)
			return true;
	}
	return false;
}

static bool has_back_reference(const char *regex)
{
	const char *p;

	for (p = regex; (p = strchr(p, '\\')) != NULL && p[1] != '\0'; p += 2)
		if (p[1] >= '1' && p[1] <= '9')
			return true;
	return false;
}

static const char *why_not(
    const char *regex, regex_t *compiled, char *text, size_t n)
{
	int rc;

	if (has_back_reference(regex))
		return "back references are not supported";
	if (is_huge(regex))
		return "its counts make it too large";
	rc = regcomp(compiled, regex, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return NULL;
	regerror(rc, compiled, text, n);
	return text;
}

void dn_conf_compile_regex(struct dn_conf_reader *r, struct dn_conf_ns *ns)
{
	struct dn_conf_pattern *pattern;
	char text[128];
	const char *why;
	size_t mark;

	dn_conf_pattern_free(&ns->channel_pattern);
	if (ns->channel_regex[0] == '\0')
		return;
	pattern = dn_xcalloc(1, sizeof(*pattern));
	why = why_not(ns->channel_regex, &pattern->regex, text, sizeof(text));
	if (why == NULL) {
		ns->channel_pattern = pattern;
		return;
	}
	free(pattern);
	mark = dn_conf_enter(r, "channel_regex");
	dn_conf_wrong(r, "\"%s\": %s", ns->channel_regex, why);
	dn_conf_leave(r, mark);
}

void dn_conf_pattern_free(struct dn_conf_pattern **pattern_p)
{
	struct dn_conf_pattern *pattern = *pattern_p;

	*pattern_p = NULL;
	if (pattern == NULL)
		return;
	regfree(&pattern->regex);
	free(pattern);
}

bool dn_conf_ns_takes(const struct dn_conf_ns *ns, struct dn_str channel)
{
	struct dn_str rest = dn_channel_rest(channel);
	char text[DN_CHANNEL_MAX + 1];

	if (ns->channel_pattern == NULL)
		return true;
	if (rest.n > DN_CHANNEL_MAX)
		return false;
	memcpy(text, rest.p, rest.n);
	text[rest.n] = '\0';
	return regexec(&ns->channel_pattern->regex, text, 0, NULL, 0) == 0;
}
