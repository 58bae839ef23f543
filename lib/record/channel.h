/* SPDX-License-Identifier: MIT */
/*
 * channel: the rules for names of channels.
 *
 * A name is 1-255 bytes of printable ASCII without space and '*'; text before
 * the first ':' (a leading '$' aside) is its namespace, none is the namespace
 * "". A leading '$' makes it private. What is behind the last '#' are the ids
 * of the users it is for, with ',' between them, which stands nowhere else.
 *
 * Ownership: slices point into the name.
 * Thread: any.
 */
#ifndef DN_CHANNEL_H
#define DN_CHANNEL_H

#include "base/err.h"

enum { DN_CHANNEL_MAX = 255 };
/* Where a tenant's events are told: not private, a namespace of its own. */
#define DN_CHANNEL_EVENTS "$events"

/* -EINVAL with the reason; a pattern ('*') gets its own. */
DN_MUST_CHECK int dn_channel_check(struct dn_str name, struct dn_err *err);
/* The namespace part; {"",0} for none. */
struct dn_str dn_channel_namespace(struct dn_str name);
/* What is behind it and its ':'; without a namespace the whole name. */
struct dn_str dn_channel_rest(struct dn_str name);
bool dn_channel_is_private(struct dn_str name);
/* Whether it is for some users alone. */
bool dn_channel_is_limited(struct dn_str name);
/* Whether this user is one of them; nobody (an empty id) never is. */
bool dn_channel_is_for(struct dn_str name, struct dn_str user);

#endif
