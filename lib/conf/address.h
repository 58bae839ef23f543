/* SPDX-License-Identifier: MIT */
/*
 * address: where a listener listens: "HOST:PORT", "[V6]:PORT", "unix:PATH".
 *
 * Ownership: borrows the text; the slices point into it.
 * Limits: a host name has at most 253 bytes, a socket's path 107.
 * Errors: -EINVAL with the reason.
 * Thread: any; resolves nothing.
 */
#ifndef DN_ADDRESS_H
#define DN_ADDRESS_H

#include "base/err.h"

struct dn_address {
	struct dn_str path; /* of a Unix socket, else unset */
	struct dn_str host; /* without brackets */
	bool v6;            /* host is an IPv6 address */
	uint16_t port;      /* 0: any free one */
};

DN_MUST_CHECK int dn_address_parse(
    struct dn_str text, struct dn_address *address, struct dn_err *err);
/* 127.0.0.0/8, ::1, "localhost" and Unix sockets; any other name counts as
 * foreign. */
bool dn_address_is_loopback(const struct dn_address *address);

#endif
