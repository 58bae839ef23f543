/* SPDX-License-Identifier: MIT */
#include "session/roster.h"
#include "session/session.h"
#include "tap.h"

#include <stdlib.h>

static struct dn_conf_tenant acme = {.name = (char *)"acme"};
static struct dn_conf_tenant other = {.name = (char *)"other"};
static uint64_t serial;

static struct dn_session *enter(struct dn_roster *roster,
    const struct dn_conf_tenant *tenant, struct dn_str user)
{
	struct dn_session *s = dn_xcalloc(1, sizeof(*s));

	s->tenant = tenant;
	s->user = user;
	s->serial = ++serial;
	dn_uuid(s->client);
	dn_roster_enter(roster, s);
	return s;
}

static void leave(struct dn_roster *roster, struct dn_session **s)
{
	dn_roster_leave(roster, *s);
	free(*s);
	*s = NULL;
}

static size_t walk(const struct dn_roster *roster, struct dn_str key)
{
	struct dn_session *s;
	uint64_t after = 0;
	size_t n = 0;

	while ((s = dn_roster_next(roster, key, after)) != NULL) {
		if (s->serial <= after)
			return SIZE_MAX;
		after = s->serial;
		n++;
	}
	return n;
}

static void finding(void)
{
	struct dn_roster roster = {0};
	struct dn_session *a = enter(&roster, &acme, DN_STR("ann"));
	struct dn_session *b = enter(&roster, &acme, DN_STR("ann"));
	struct dn_session *c = enter(&roster, &acme, (struct dn_str){0});
	struct dn_session *d = enter(&roster, &other, DN_STR("ann"));
	struct dn_session *stranger = dn_xcalloc(1, sizeof(*stranger));
	char client[37];
	struct dn_buf key = {0};

	memcpy(client, a->client, sizeof(client));
	OK(dn_roster_client(&roster, dn_str_of(client)) == a, "by client id");
	OK(dn_roster_client(&roster, DN_STR("none")) == NULL, "no such one");
	dn_roster_user_key(&key, DN_STR("acme"), DN_STR("ann"));
	OK(dn_roster_next(&roster, dn_buf_view(&key), 0) == a,
	    "a user's first");
	OK(dn_roster_next(&roster, dn_buf_view(&key), a->serial) == b,
	    "the next one");
	OK(dn_roster_next(&roster, dn_buf_view(&key), b->serial) == NULL,
	    "no other tenant's");
	IS_NUM(dn_roster_count(&roster, dn_buf_view(&key)), 2, "two of them");
	dn_roster_user_key(&key, DN_STR("acme"), (struct dn_str){0});
	OK(dn_roster_next(&roster, dn_buf_view(&key), 0) == c, "nobody's");
	dn_roster_tenant_key(&key, DN_STR("acme"));
	IS_NUM(walk(&roster, dn_buf_view(&key)), 3, "a tenant's");
	leave(&roster, &a);
	OK(dn_roster_client(&roster, dn_str_of(client)) == NULL, "gone");
	OK(dn_roster_next(&roster, dn_buf_view(&key), 0) == b,
	    "a walk goes on behind who left");
	leave(&roster, &stranger);
	OK(stranger == NULL, "who never entered may leave");
	leave(&roster, &b);
	leave(&roster, &c);
	leave(&roster, &d);
	IS_NUM(dn_roster_count(&roster, dn_buf_view(&key)), 0, "all gone");
	dn_buf_release(&key);
	dn_roster_release(&roster);
}

enum { MANY = 2000 };

/* Comes and goes at random; holes never hide or repeat anybody. */
static void churn(void)
{
	struct dn_roster roster = {0};
	struct dn_session *in[MANY] = {0};
	struct dn_buf key = {0};
	size_t i, round, n = 0;
	bool right = true;

	dn_roster_tenant_key(&key, DN_STR("acme"));
	for (round = 0; round < MANY * 10; round++) {
		i = dn_random_below(MANY);
		if (in[i] == NULL) {
			in[i] = enter(&roster, &acme, DN_STR("u"));
			n++;
		} else {
			leave(&roster, &in[i]);
			n--;
		}
		if (round % 500 == 0)
			right = right && walk(&roster, dn_buf_view(&key)) == n;
	}
	OK(right, "after each step all who are there, once, in order");
	for (i = 0; i < MANY; i++)
		if (in[i] != NULL)
			leave(&roster, &in[i]);
	dn_buf_release(&key);
	dn_roster_release(&roster);
}

int main(void)
{
	finding();
	churn();
	return tap_done();
}
