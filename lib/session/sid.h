/* SPDX-License-Identifier: MIT */
/*
 * sid: the id of a session that a client names in other requests: which loop
 * and connection it is, so that it is found without a table, and a secret of
 * 128 bits, so that nobody else can name it.
 *
 * Ownership: borrows and fills the caller's memory.
 * Errors: reading tells false where the text was never such an id; whether it
 *   is the session's is for the caller to compare (dn_same_secret).
 * Thread: any.
 */
#ifndef DN_SID_H
#define DN_SID_H

#include "base/base.h"

enum { DN_SID_LEN = 4 + 16 + 32 }; /* hex digits: loop, connection, secret */

/* Ends it with a NUL. */
void dn_sid_write(char out[DN_SID_LEN + 1], unsigned loop, uint64_t conn);
DN_MUST_CHECK bool dn_sid_read(
    struct dn_str text, unsigned *loop, uint64_t *conn);

#endif
