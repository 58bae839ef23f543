/* SPDX-License-Identifier: MIT */
/*
 * permit: who may do what in a channel (docs/CONFIG.md, "Who may do what").
 *
 * It decides from the namespace's options, the channel's name and who asks,
 * and from nothing else. Whether there is such a namespace (102), whether the
 * name is one (107) and whether the feature is on at all (108) is asked
 * before.
 *
 * Ownership: borrows everything.
 * Errors: a refusal is -EACCES with what would grant it in words, which name
 *   the options. They tell of the configuration: for the operator's eyes and,
 *   in --dev, for the client's (103).
 * Thread: any.
 */
#ifndef DN_PERMIT_H
#define DN_PERMIT_H

#include "conf/conf.h"

enum dn_permit_op {
	DN_PERMIT_SUBSCRIBE,
	DN_PERMIT_PUBLISH,
	DN_PERMIT_HISTORY,
	DN_PERMIT_PRESENCE
};

struct dn_permit_who {
	struct dn_str user; /* empty: anonymous */
	bool server;        /* has a server key, so may do everything */
	bool subscribed;    /* to this channel, now */
	bool token; /* with a verified, unexpired subscription token whose
		       channel is this one and whose user is this one */
};

DN_MUST_CHECK int dn_permit(const struct dn_permit_who *who,
    enum dn_permit_op op, const struct dn_conf_ns *ns, struct dn_str channel,
    struct dn_err *err);

/* Adds the name of the user's personal channel to out. -EINVAL, with nothing
 * added: this user id makes no name of a channel that is this user's alone in
 * that namespace (nobody; a ',' or '#' in it; too long). */
DN_MUST_CHECK int dn_permit_personal(const struct dn_conf_tenant *tenant,
    struct dn_str user, struct dn_buf *out, struct dn_err *err);

#endif
