/* SPDX-License-Identifier: MIT */
/*
 * How it works: one pass over the bytes; the first one that is wrong decides
 * the message.
 *
 * How it fails: empty, too long, a pattern, any other byte outside the set, a
 * ',' before the users.
 */
#include "record/channel.h"

#include <errno.h>

int dn_channel_check(struct dn_str name, struct dn_err *err)
{
	bool users = false;
	size_t i;

	if (name.n == 0)
		return dn_err_set(err, -EINVAL, "channel: the name is empty");
	if (name.n > DN_CHANNEL_MAX)
		return dn_err_set(err, -EINVAL,
		    "channel: the name has %zu bytes, at most %d are allowed",
		    name.n, DN_CHANNEL_MAX);
	for (i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c == '*')
			return dn_err_set(err, -EINVAL,
			    "channel: patterns are not supported "
			    "('*' at offset %zu)",
			    i);
		users = users || c == '#';
		if (c == ',' && !users)
			return dn_err_set(err, -EINVAL,
			    "channel: ',' at offset %zu is allowed between "
			    "users behind '#' only",
			    i);
		if (c <= 0x20 || c >= 0x7f)
			return dn_err_set(err, -EINVAL,
			    "channel: byte 0x%02x at offset %zu is not allowed "
			    "(printable ASCII without space and '*')",
			    c, i);
	}
	return 0;
}

struct dn_str dn_channel_namespace(struct dn_str name)
{
	const char *colon;

	if (name.n > 0 && name.p[0] == '$') {
		name.p++;
		name.n--;
	}
	colon = name.n > 0 ? memchr(name.p, ':', name.n) : NULL;
	if (colon == NULL)
		return DN_STR("");
	return (struct dn_str){name.p, (size_t)(colon - name.p)};
}

struct dn_str dn_channel_rest(struct dn_str name)
{
	const char *colon = name.n > 0 ? memchr(name.p, ':', name.n) : NULL;

	if (colon != NULL) {
		name.n -= (size_t)(colon + 1 - name.p);
		name.p = colon + 1;
	}
	return name;
}

bool dn_channel_is_private(struct dn_str name)
{
	return name.n > 0 && name.p[0] == '$' &&
	       !dn_str_is(name, DN_CHANNEL_EVENTS);
}

bool dn_channel_is_limited(struct dn_str name)
{
	return name.n > 0 && memchr(name.p, '#', name.n) != NULL;
}

bool dn_channel_is_for(struct dn_str name, struct dn_str user)
{
	const char *from, *end = name.p + name.n, *comma;

	if (!dn_channel_is_limited(name) || user.n == 0)
		return false;
	from = (const char *)memrchr(name.p, '#', name.n) + 1;
	while ((comma = memchr(from, ',', (size_t)(end - from))) != NULL) {
		if (dn_str_eq(
			(struct dn_str){from, (size_t)(comma - from)}, user))
			return true;
		from = comma + 1;
	}
	return dn_str_eq((struct dn_str){from, (size_t)(end - from)}, user);
}
