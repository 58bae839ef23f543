/* SPDX-License-Identifier: MIT */
#include "tool/latency.h"
#include "tap.h"

static void test_schedule(void)
{
	static const uint64_t rates[] = {1, 3, 7, 100, 999, 1000000};
	bool counts = true, ascends = true;

	IS_NUM(dn_latency_due_us(0, 100), 0, "schedule: the first at once");
	IS_NUM(dn_latency_due_us(1, 100), 10000, "schedule: the second");
	IS_NUM(dn_latency_due_us(1000, 100), 10000000, "schedule: 10 s later");
	IS_NUM(dn_latency_due_us(UINT64_C(1) << 50, 1000000), INT64_C(1) << 50,
	    "schedule: no overflow");
	IS_NUM(dn_latency_due_count(-1, 5), 0, "schedule: not yet");
	IS_NUM(dn_latency_due_count(0, 5), 1, "schedule: one at 0");
	for (size_t r = 0; r < DN_ARRAY_LEN(rates); r++) {
		for (uint64_t k = 0; k < 5000; k++) {
			int64_t due = dn_latency_due_us(k, rates[r]);

			counts = counts &&
				 dn_latency_due_count(due, rates[r]) >= k + 1 &&
				 dn_latency_due_count(due - 1, rates[r]) <= k;
			ascends = ascends &&
				  dn_latency_due_us(k + 1, rates[r]) >= due;
		}
	}
	OK(counts, "schedule: the count is the inverse of the time");
	OK(ascends, "schedule: ascends");
}

static void test_payload(void)
{
	struct dn_buf out = {0};
	bool exact = true, reads = true;

	for (size_t size = 0; size < 300; size++) {
		struct dn_json data;
		struct dn_err err = {0};
		uint64_t k = 0;
		int64_t planned = 0;

		dn_buf_reset(&out, 1024);
		dn_latency_payload(&out, 1234, 1700000000000000, size);
		exact = exact && out.n == (size < 37 ? 37 : size);
		reads = reads &&
			dn_json_parse(dn_buf_view(&out), &data, &err) == 0 &&
			dn_latency_payload_read(data, &k, &planned) &&
			k == 1234 && planned == 1700000000000000;
	}
	OK(exact, "payload: exactly the size, from the shortest on");
	OK(reads, "payload: comes back");
	dn_buf_release(&out);
}

static void test_foreign_payload(void)
{
	static const char *const texts[] = {"null", "[1,2]", "{}", "{\"k\":1}",
	    "{\"planned\":1}", "{\"k\":-1,\"planned\":1}",
	    "{\"k\":\"1\",\"planned\":1}"};
	struct dn_err err = {0};
	uint64_t k;
	int64_t planned;

	for (size_t i = 0; i < DN_ARRAY_LEN(texts); i++) {
		struct dn_json data;

		OK(dn_json_parse(dn_str_of(texts[i]), &data, &err) == 0 &&
			!dn_latency_payload_read(data, &k, &planned),
		    texts[i]);
	}
}

static void test_track(void)
{
	struct dn_latency_track t = {0};
	bool in_order = true;

	for (uint64_t i = 0; i < 5000; i++)
		in_order = in_order && dn_latency_see(&t, i) == DN_LATENCY_NEW;
	OK(in_order, "track: in order, all are new");
	OK(dn_latency_see(&t, 4999) == DN_LATENCY_DUPLICATE,
	    "track: the last again");
	OK(dn_latency_see(&t, 4999 - 1023) == DN_LATENCY_DUPLICATE,
	    "track: the oldest of the window again");
	OK(dn_latency_see(&t, 0) == DN_LATENCY_DUPLICATE,
	    "track: older than the window");
	OK(dn_latency_see(&t, 5002) == DN_LATENCY_NEW, "track: a gap");
	OK(dn_latency_see(&t, 5001) == DN_LATENCY_REORDERED,
	    "track: comes after a later one");
	OK(dn_latency_see(&t, 5001) == DN_LATENCY_DUPLICATE,
	    "track: and is known then");
	OK(dn_latency_see(&t, 5000) == DN_LATENCY_REORDERED,
	    "track: the other of the gap");
	OK(dn_latency_see(&t, 5003) == DN_LATENCY_NEW, "track: goes on");
}

static void test_track_jump(void)
{
	struct dn_latency_track t = {0};

	OK(dn_latency_see(&t, UINT64_MAX - 2) == DN_LATENCY_NEW,
	    "track: starts anywhere");
	OK(dn_latency_see(&t, UINT64_MAX - 3) == DN_LATENCY_REORDERED,
	    "track: nothing before it was seen");
	memset(&t, 0, sizeof(t));
	OK(dn_latency_see(&t, 1023) == DN_LATENCY_NEW, "track: in the window");
	OK(dn_latency_see(&t, 0) == DN_LATENCY_REORDERED, "track: its end");
	OK(dn_latency_see(&t, 1024) == DN_LATENCY_NEW, "track: one further");
	OK(dn_latency_see(&t, 0) == DN_LATENCY_DUPLICATE,
	    "track: out of the window");
	OK(dn_latency_see(&t, 1024 + 1023) == DN_LATENCY_NEW,
	    "track: nearly a whole window on");
	OK(dn_latency_see(&t, 1024) == DN_LATENCY_DUPLICATE,
	    "track: still knows its oldest");
	OK(dn_latency_see(&t, 1025) == DN_LATENCY_REORDERED,
	    "track: tells what was skipped");
	OK(dn_latency_see(&t, 2047 + 5000) == DN_LATENCY_NEW, "track: far on");
	OK(dn_latency_see(&t, 2047 + 5000 - 1023) == DN_LATENCY_REORDERED,
	    "track: a whole window is forgotten");
}

static void test_objective(void)
{
	static const char *const bad[] = {"", "p99", "p=1s", "99=1s",
	    "p99.9=", "p101=1s", "p-1=1s", "pinf=1s", "p0x10=1s", "p1.2.3=1s",
	    "max", "max=", "max=-1s", "p99=1parsec", "p 9=1s", "maxi=1s"};
	struct dn_latency_objective o;
	struct dn_err err = {0};

	OK(dn_latency_objective(&o, "p99.9=200ms", &err) == 0 &&
		o.percent == 99.9 && o.bound_us == 200000,
	    "objective: p99.9=200ms");
	IS_STR(o.expr, "p99.9=200ms", "objective: keeps its text");
	OK(dn_latency_objective(&o, "max=2", &err) == 0 && o.percent == 100 &&
		o.bound_us == 2000000,
	    "objective: max, in seconds");
	for (size_t i = 0; i < DN_ARRAY_LEN(bad); i++) {
		err = (struct dn_err){0};
		OK(dn_latency_objective(&o, bad[i], &err) < 0 &&
			err.text[0] != '\0',
		    bad[i]);
	}
}

static bool met(const char *expr, const struct dn_hist *h, uint64_t expected)
{
	struct dn_latency_objective o;
	struct dn_err err = {0};

	return dn_latency_objective(&o, expr, &err) == 0 &&
	       dn_latency_met(&o, h, expected);
}

static void test_met(void)
{
	struct dn_hist h;

	dn_hist_init(&h, DN_HIST_HOUR_US, 3);
	OK(!met("p50=1h", &h, 0), "met: nothing expected meets nothing");
	OK(!met("p50=1h", &h, 10), "met: nothing arrived");
	for (int64_t v = 1; v <= 1000; v++)
		dn_hist_add(&h, v);
	OK(met("p99=990ms", &h, 1000), "met: far below");
	OK(met("p99=0.00099", &h, 1000), "met: exactly");
	OK(!met("p99=0.000989", &h, 1000), "met: one us above");
	OK(met("max=1ms", &h, 1000), "met: max");
	OK(!met("max=1h", &h, 1001), "met: one lost breaks max");
	OK(!met("p99.95=1h", &h, 1001), "met: and what is as rare");
	OK(met("p99=1ms", &h, 1001), "met: but not p99");
	OK(!met("p99=1h", &h, 1020), "met: 2 % lost break p99");
	OK(!met("p99=0.00099", &h, 1001), "met: lost ones move the rank");
	dn_hist_release(&h);
}

int main(void)
{
	test_schedule();
	test_payload();
	test_foreign_payload();
	test_track();
	test_track_jump();
	test_objective();
	test_met();
	return tap_done();
}
