/* SPDX-License-Identifier: MIT */
/*
 * notify: tells the service manager how a server is, through the datagram
 * socket that NOTIFY_SOCKET names (a path, or abstract with "@").
 *
 * Errors: none; without a manager, or when it does not listen, nothing
 *   happens.
 * Thread: any.
 */
#ifndef DN_NOTIFY_H
#define DN_NOTIFY_H

void dn_notify_ready(void);
void dn_notify_stopping(void);
/* Followed by dn_notify_ready when it is done. */
void dn_notify_reloading(void);

#endif
