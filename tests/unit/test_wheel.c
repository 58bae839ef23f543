/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "base/wheel.h"

static int64_t fired_at[4];
static struct dn_timer timers[4];
static struct dn_wheel wheel;

static void fire(struct dn_timer *timer, int64_t now_us)
{
	fired_at[timer - timers] = now_us;
}

static void fire_and_cancel(struct dn_timer *timer, int64_t now_us)
{
	fire(timer, now_us);
	dn_timer_cancel(&timers[1]);
	dn_timer_cancel(&timers[2]);
}

int main(void)
{
	int64_t t = 1000000, turn = (int64_t)DN_WHEEL_SLOTS * DN_WHEEL_TICK_US;
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(timers); i++)
		timers[i].fire = fire;
	dn_wheel_init(&wheel, t);
	dn_wheel_arm(&wheel, &timers[0], t + 25000);
	dn_wheel_run(&wheel, t + 20000);
	IS_NUM(fired_at[0], 0, "not before its time");
	dn_wheel_run(&wheel, t + 30000);
	IS_NUM(fired_at[0], t + 30000, "at the tick behind its time");
	OK(!dn_timer_armed(&timers[0]), "once");

	t += 30000;
	dn_wheel_arm(&wheel, &timers[0], t + turn + 5 * DN_WHEEL_TICK_US);
	fired_at[0] = 0;
	dn_wheel_run(&wheel, t + 6 * DN_WHEEL_TICK_US);
	IS_NUM(fired_at[0], 0, "a timer of a later round stays");
	dn_wheel_run(&wheel, t + turn + 5 * DN_WHEEL_TICK_US);
	OK(fired_at[0] > 0, "and fires in its round");

	t += turn + 5 * DN_WHEEL_TICK_US;
	timers[0].fire = fire_and_cancel;
	for (i = 0; i < 3; i++) {
		fired_at[i] = 0;
		dn_wheel_arm(&wheel, &timers[2 - i], t + 1);
	}
	dn_wheel_run(&wheel, t + DN_WHEEL_TICK_US);
	OK(fired_at[0] > 0, "the first of three fires");
	OK(fired_at[1] == 0 && fired_at[2] == 0,
	    "and may cancel others of the same tick");

	dn_wheel_arm(&wheel, &timers[3], t - 5000000);
	dn_wheel_run(&wheel, t + 3 * DN_WHEEL_TICK_US);
	OK(fired_at[3] > 0, "a time that is over fires at the next tick");
	dn_wheel_arm(&wheel, &timers[3], t + turn);
	fired_at[3] = 0;
	dn_wheel_run(&wheel, t + 50 * turn);
	OK(fired_at[3] > 0, "a long sleep loses no timer");
	return tap_done();
}
