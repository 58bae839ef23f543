/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "serve/admission.h"

#define SECOND_US ((int64_t)1000000)

/* How many of n come in at that time. */
static unsigned burst(
    struct dn_admission *a, unsigned n, uint32_t rate, int64_t now_us)
{
	unsigned in = 0;

	while (n-- > 0) {
		if (dn_admission_enter(a, 0, rate, now_us) != DN_ADMITTED)
			continue;
		in++;
		dn_admission_leave(a);
	}
	return in;
}

static void test_limit(void)
{
	struct dn_admission a = {0};

	OK(dn_admission_enter(&a, 2, 0, 1) == DN_ADMITTED &&
		dn_admission_enter(&a, 2, 0, 1) == DN_ADMITTED,
	    "up to the limit");
	OK(dn_admission_enter(&a, 2, 0, 1) == DN_ADMIT_TOO_MANY, "not above");
	IS_NUM(a.open, 2, "who was refused does not count");
	OK(dn_admission_enter(&a, 0, 0, 1) == DN_ADMITTED, "0 is no limit");
	dn_admission_leave(&a);
	dn_admission_leave(&a);
	OK(dn_admission_enter(&a, 2, 0, 1) == DN_ADMITTED,
	    "who left makes room");
}

static void test_rate(void)
{
	struct dn_admission a = {0};
	int64_t now = 100 * SECOND_US;

	IS_NUM(burst(&a, 50, 10, now), 10, "a second's worth at once");
	IS_NUM(a.open, 0, "who came too fast does not count");
	IS_NUM(burst(&a, 50, 10, now + SECOND_US / 20), 0,
	    "none in half of a share");
	IS_NUM(burst(&a, 50, 10, now + SECOND_US / 10), 1, "one a share");
	IS_NUM(burst(&a, 50, 10, now + SECOND_US), 9, "the rest of a second");
	IS_NUM(burst(&a, 50, 10, now + 100 * SECOND_US), 10,
	    "a long pause does not save up more than a second's worth");
	IS_NUM(burst(&a, 50, 1, now + 200 * SECOND_US), 1, "one a second");
	IS_NUM(burst(&a, 5000, 100000000, now + 300 * SECOND_US), 5000,
	    "the highest rate");
	IS_NUM(burst(&a, 50, 0, now + 300 * SECOND_US), 50, "0 is no limit");
	OK(dn_admission_enter(&a, 1, 10, now + 400 * SECOND_US) == DN_ADMITTED,
	    "both limits, below them");
	OK(dn_admission_enter(&a, 1, 10, now + 400 * SECOND_US) ==
		DN_ADMIT_TOO_MANY,
	    "the number is looked at first");
}

int main(void)
{
	test_limit();
	test_rate();
	return tap_done();
}
