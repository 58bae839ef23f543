/* SPDX-License-Identifier: MIT */
/*
 * wheel: many coarse timers for the price of one (a hashed timing wheel,
 * Varghese and Lauck 1987, scheme 6).
 *
 * Pings, deadlines and waits sit here: arming and cancelling are O(1), and a
 * turn of the wheel touches only the slot that is due. A timer fires at its
 * time or up to DN_WHEEL_TICK_US later, never earlier.
 *
 * Ownership: timers are embedded by their owner, who cancels before freeing.
 * Thread: one; time is passed in.
 */
#ifndef DN_WHEEL_H
#define DN_WHEEL_H

#include "base/base.h"

enum { DN_WHEEL_SLOTS = 1024, DN_WHEEL_TICK_US = 10000 };

struct dn_timer {
	struct dn_timer *next;
	struct dn_timer **prev; /* NULL: not armed */
	int64_t due_us;
	void (*fire)(struct dn_timer *timer, int64_t now_us);
};

struct dn_wheel {
	int64_t tick; /* the last tick that was run */
	struct dn_timer *slots[DN_WHEEL_SLOTS];
};

void dn_wheel_init(struct dn_wheel *w, int64_t now_us);
/* Arms or re-arms; fire must be set. */
void dn_wheel_arm(struct dn_wheel *w, struct dn_timer *timer, int64_t due_us);
/* Does nothing where it is not armed. */
void dn_timer_cancel(struct dn_timer *timer);
static inline bool dn_timer_armed(const struct dn_timer *timer)
{
	return timer->prev != NULL;
}
/* Fires what is due. A timer may arm or cancel any timer while it fires. */
void dn_wheel_run(struct dn_wheel *w, int64_t now_us);

#endif
