/* SPDX-License-Identifier: MIT */
/*
 * mail: how one loop speaks to another.
 *
 * A mail is embedded in what is sent. It goes into the sender's outbox for
 * that loop, is handed over once per turn under the receiver's lock, with one
 * wake-up, and is run by the receiver in the order sent.
 */
#ifndef DN_MAIL_H
#define DN_MAIL_H

#include "base/base.h"

struct dn_loop;

struct dn_mail {
	struct dn_mail *next;
	/* Runs on the receiving loop and takes the object. */
	void (*run)(struct dn_loop *loop, struct dn_mail *mail);
};

struct dn_mailbox {
	struct dn_mail *first;
	struct dn_mail **last; /* NULL while empty */
	size_t count;
};

static inline void dn_mailbox_add(struct dn_mailbox *box, struct dn_mail *mail)
{
	mail->next = NULL;
	*(box->last != NULL ? box->last : &box->first) = mail;
	box->last = &mail->next;
	box->count++;
}

/* Moves everything from one box behind another's. */
static inline void dn_mailbox_move(
    struct dn_mailbox *to, struct dn_mailbox *from)
{
	if (from->count == 0)
		return;
	*(to->last != NULL ? to->last : &to->first) = from->first;
	to->last = from->last;
	to->count += from->count;
	*from = (struct dn_mailbox){0};
}

#endif
