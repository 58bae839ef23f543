/* SPDX-License-Identifier: MIT */
/*
 * How it works: an Origin is scheme://host[:port], in lower case as browsers
 * send it; a pattern may have `*` for any run of characters, which the usual
 * two-pointer walk matches without recursion.
 *
 * How it fails: a pattern that no Origin can match (a path, no scheme) is
 * noted when it is read. A header that is too long matches nothing.
 */
#include "conf/conf_table.h"

#include <stdlib.h>

enum { ORIGIN_MAX = 512 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the text, lower-cased, matches; at a mismatch the last `*` takes
 * one character more. */
static bool glob(const char *pattern, struct dn_str text)
{
	const char *star = NULL;
	size_t at = 0, star_at = 0;

	while (at < text.n) {
		if (*pattern == '*') {
			star = pattern++;
			star_at = at;
		} else if (*pattern == lower(text.p[at])) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star + 1;
			at = ++star_at;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool dn_conf_origin_allowed(const struct dn_conf *conf, struct dn_str origin)
{
	size_t i;

	if (origin.n == 0 || origin.n > ORIGIN_MAX)
		return false;
	for (i = 0; i < conf->allowed_origins_n; i++)
		if (glob(conf->allowed_origins[i], origin))
			return true;
	return false;
}

static const char *why_never(const char *pattern)
{
	const char *host = strstr(pattern, "://");

	if (strlen(pattern) > ORIGIN_MAX)
		return "is too long";
	if (host == NULL && strcmp(pattern, "null") != 0 &&
	    strchr(pattern, '*') == NULL)
		return "needs a scheme, as in https://app.example";
	if (host != NULL && strchr(host + 3, '/') != NULL)
		return "has a path, and an Origin has none";
	if (host != NULL && host[3] == '\0')
		return "has no host";
	return NULL;
}

static char *read_one(struct dn_conf_reader *r, json_t *v)
{
	const char *why;
	char *pattern;
	size_t i;

	if (!json_is_string(v) || json_string_length(v) == 0) {
		dn_conf_wrong(r, "must be a string like https://app.example");
		return dn_xstrdup("");
	}
	pattern = dn_xstrdup(json_string_value(v));
	for (i = 0; pattern[i] != '\0'; i++)
		pattern[i] = lower(pattern[i]);
	why = why_never(pattern);
	if (why != NULL)
		dn_conf_wrong(r, "\"%s\" %s", pattern, why);
	return pattern;
}

void dn_conf_read_origins(struct dn_conf_reader *r, json_t *v, void *base)
{
	struct dn_conf *conf = base;
	json_t *item;
	size_t i, mark;

	if (!json_is_array(v)) {
		dn_conf_wrong(r, "must be an array of strings");
		return;
	}
	conf->allowed_origins =
	    dn_xcalloc(json_array_size(v) + 1, sizeof(*conf->allowed_origins));
	conf->allowed_origins_n = json_array_size(v);
	json_array_foreach(v, i, item)
	{
		mark = dn_conf_enter_index(r, i);
		conf->allowed_origins[i] = read_one(r, item);
		dn_conf_leave(r, mark);
	}
}

json_t *dn_conf_show_origins(const void *base)
{
	const struct dn_conf *conf = base;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < conf->allowed_origins_n; i++)
		json_array_append_new(
		    list, json_string(conf->allowed_origins[i]));
	return list;
}
