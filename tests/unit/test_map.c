/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdlib.h>

#include "tap.h"

enum { N = 5000 };

struct item {
	char name[16];
	bool in; /* what the map should say */
	bool seen;
};

static struct item items[N];

static struct dn_str name_of(const struct item *it)
{
	return dn_str_of(it->name);
}

/* How many items the map and the flags disagree about. */
static size_t differences(const struct dn_map *m)
{
	size_t i, at = 0, wrong = 0, in = 0;
	struct item *it;

	for (i = 0; i < N; i++) {
		void *want = items[i].in ? &items[i] : NULL;

		wrong += dn_map_get(m, name_of(&items[i])) != want;
		in += items[i].in;
		items[i].seen = false;
	}
	while ((it = dn_map_next(m, &at)) != NULL) {
		wrong += it->seen || !it->in;
		it->seen = true;
		in--;
	}
	return wrong + in + (m->count > m->cap);
}

static void test_small(void)
{
	struct dn_map m = {0};
	size_t at = 0;
	int one = 1, two = 2;

	OK(dn_map_get(&m, DN_STR("a")) == NULL, "nothing in an empty one");
	OK(dn_map_remove(&m, DN_STR("a")) == NULL, "nor to remove");
	OK(dn_map_next(&m, &at) == NULL, "nor to visit");
	dn_map_put(&m, DN_STR("a"), &one);
	dn_map_put(&m, DN_STR(""), &two);
	OK(dn_map_get(&m, DN_STR("a")) == &one, "found");
	OK(dn_map_get(&m, DN_STR("")) == &two, "the empty key is a key");
	OK(dn_map_get(&m, DN_STR("b")) == NULL, "not there");
	OK(dn_map_remove(&m, DN_STR("b")) == NULL, "not there to remove");
	OK(dn_map_remove(&m, DN_STR("a")) == &one, "removed");
	OK(dn_map_get(&m, DN_STR("a")) == NULL, "gone");
	OK(dn_map_remove(&m, DN_STR("")) == &two, "the last one");
	OK(m.slots == NULL && m.cap == 0, "an empty map holds no memory");
	dn_map_release(&m);
}

/* Puts and removes at random, compared with plain flags. */
static void test_random(void)
{
	struct dn_map m = {0};
	size_t i, wrong = 0;

	srandom(1);
	for (i = 0; i < N; i++)
		snprintf(items[i].name, sizeof(items[i].name), "k%zu", i);
	for (i = 0; i < 200000; i++) {
		/* The share of puts goes up and down, and the size with it. */
		bool put = random() % 100 < (i / 20000 % 2 == 0 ? 80 : 20);
		struct item *it = &items[random() % N];

		if (put && !it->in) {
			dn_map_put(&m, name_of(it), it);
			it->in = true;
		} else if (!put) {
			wrong += dn_map_remove(&m, name_of(it)) !=
				 (it->in ? it : NULL);
			it->in = false;
		}
		if (i % 10000 == 0)
			wrong += differences(&m);
	}
	wrong += differences(&m);
	IS_NUM(wrong, 0, "agrees with plain flags");
	for (i = 0; i < N; i++) {
		(void)dn_map_remove(&m, name_of(&items[i]));
		items[i].in = false;
		if (m.count == 100)
			OK(m.cap <= 2048, "shrinks when mostly empty");
	}
	IS_NUM(m.count, 0, "empties");
	OK(m.slots == NULL, "and holds no memory");
	dn_map_release(&m);
}

static void emptied(void)
{
	static struct {
		char key[8];
	} entries[5000];
	struct dn_map m = {0};
	size_t at = 0, i, n = 0;
	char *item;

	for (i = 0; i < DN_ARRAY_LEN(entries); i++) {
		(void)snprintf(
		    entries[i].key, sizeof(entries[i].key), "%zu", i);
		dn_map_put(&m, dn_str_of(entries[i].key), entries[i].key);
	}
	while ((item = dn_map_any(&m, &at)) != NULL) {
		n += dn_map_remove(&m, dn_str_of(item)) == item;
		if (n > DN_ARRAY_LEN(entries))
			break;
	}
	IS_NUM(n, DN_ARRAY_LEN(entries), "any: empties, each value once");
	IS_NUM(m.count, 0, "and then there is none");
	dn_map_release(&m);
}

int main(void)
{
	test_small();
	test_random();
	emptied();
	return tap_done();
}
