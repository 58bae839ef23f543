/* SPDX-License-Identifier: MIT */
/*
 * ws_offer: the Sec-WebSocket-Extensions of a handshake, of which the server
 * knows permessage-deflate (RFC 7692), without context takeover in either
 * direction (deflate.h says why).
 *
 * Ownership: borrows; the answer is a literal.
 * Limits: the header's, which is the caller's.
 * Thread: any.
 */
#ifndef DN_WS_OFFER_H
#define DN_WS_OFFER_H

#include "base/base.h"

/* What to answer to the value of that header: the first offer that can be
 * met as it stands, or NULL for none. False where the value breaks the
 * grammar, which refuses the handshake (RFC 6455, 9.1). */
DN_MUST_CHECK bool dn_ws_offer_answer(
    struct dn_str offers, const char **answer);

#endif
