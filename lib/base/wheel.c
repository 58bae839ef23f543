/* SPDX-License-Identifier: MIT */
/*
 * A timer hangs in slot (due tick) mod DN_WHEEL_SLOTS. Running a tick takes
 * the slot's list off, fires what is due and hangs back what belongs to a
 * later round. Timers armed for the past go into the next tick.
 */
#include "base/wheel.h"

static int64_t tick_of(int64_t us)
{
	return (us + DN_WHEEL_TICK_US - 1) / DN_WHEEL_TICK_US;
}

static void hang(struct dn_timer **list, struct dn_timer *timer)
{
	timer->next = *list;
	timer->prev = list;
	if (timer->next != NULL)
		timer->next->prev = &timer->next;
	*list = timer;
}

void dn_wheel_init(struct dn_wheel *w, int64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_us / DN_WHEEL_TICK_US;
}

void dn_wheel_arm(struct dn_wheel *w, struct dn_timer *timer, int64_t due_us)
{
	int64_t tick = tick_of(due_us);

	DN_ASSERT(timer->fire != NULL);
	dn_timer_cancel(timer);
	if (tick <= w->tick)
		tick = w->tick + 1;
	timer->due_us = due_us;
	hang(&w->slots[tick % DN_WHEEL_SLOTS], timer);
}

void dn_timer_cancel(struct dn_timer *timer)
{
	if (timer->prev == NULL)
		return;
	*timer->prev = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	timer->next = NULL;
	timer->prev = NULL;
}

static void run_slot(struct dn_wheel *w, int64_t now_us)
{
	struct dn_timer *list = w->slots[w->tick % DN_WHEEL_SLOTS];
	struct dn_timer *timer;

	w->slots[w->tick % DN_WHEEL_SLOTS] = NULL;
	if (list != NULL)
		list->prev = &list;
	/* A firing timer may cancel others of this list: always take the
	 * head. */
	while ((timer = list) != NULL) {
		dn_timer_cancel(timer);
		if (timer->due_us <= now_us)
			timer->fire(timer, now_us);
		else
			hang(&w->slots[w->tick % DN_WHEEL_SLOTS], timer);
	}
}

void dn_wheel_run(struct dn_wheel *w, int64_t now_us)
{
	int64_t to = now_us / DN_WHEEL_TICK_US;

	/* After a long sleep one round visits every slot. */
	if (to - w->tick > DN_WHEEL_SLOTS)
		w->tick = to - DN_WHEEL_SLOTS;
	while (w->tick < to) {
		w->tick++;
		run_slot(w, now_us);
	}
}
