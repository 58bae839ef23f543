/* SPDX-License-Identifier: MIT */
/*
 * Revoked tokens: by jti and by user, until when, whose, how many.
 */
#include <errno.h>
#include <pthread.h>

#include "auth/revoked.h"
#include "tap.h"

enum { NOW = 1000, MANY = 5000 };

static struct dn_revoked *set;

static int add(const char *tenant, enum dn_revoked_kind kind,
    const char *subject, int64_t issued_before, int64_t expire_at, uint64_t max)
{
	struct dn_revocation r = {dn_str_of(tenant), kind, dn_str_of(subject),
	    issued_before, expire_at};

	return dn_revoked_add(set, &r, max, NOW);
}

static bool has(const char *tenant, const char *jti, const char *user,
    int64_t iat, int64_t now)
{
	struct dn_jwt_claims claims = {
	    .jti = dn_str_of(jti), .sub = dn_str_of(user), .iat = iat};

	return dn_revoked_has(set, dn_str_of(tenant), &claims, now);
}

static void tokens(void)
{
	set = dn_revoked_new();
	OK(!has("t", "a", "u", 5, NOW), "nothing is revoked");
	IS_NUM(add("t", DN_REVOKED_TOKEN, "a", 0, 0, 10), 0, "a token is");
	OK(has("t", "a", "u", 5, NOW), "by its jti");
	OK(has("t", "a", "u", -1, INT64_MAX), "for ever");
	OK(!has("t", "b", "u", 5, NOW), "another one is not");
	OK(!has("t", NULL, "a", 5, NOW), "nor one without jti, of that user");
	OK(!has("u", "a", "u", 5, NOW), "nor another tenant's of that jti");
	OK(!has("t", "a\n", "u", 5, NOW), "nor one that is longer");
	dn_revoked_free(&set);
	OK(set == NULL, "free clears the pointer");
}

static void users(void)
{
	set = dn_revoked_new();
	IS_NUM(add("t", DN_REVOKED_USER, "u", 500, 0, 10), 0,
	    "the tokens of a user");
	OK(has("t", "a", "u", 499, NOW), "those before are revoked");
	OK(!has("t", "a", "u", 500, NOW), "one of that second is not");
	OK(has("t", NULL, "u", -1, NOW), "one without iat is");
	OK(!has("t", "u", "v", 499, NOW), "another user's is not");
	OK(!has("t", "a", "", -1, NOW), "nor nobody's");
	OK(!has("v", "a", "u", 499, NOW), "nor another tenant's user's");
	OK(dn_revoked_has_user(set, DN_STR("t"), DN_STR("u"), 499, NOW) &&
		!dn_revoked_has_user(set, DN_STR("t"), DN_STR("u"), 500, NOW),
	    "a user can be asked about");
	IS_NUM(add("t", DN_REVOKED_USER, "u", 400, 0, 10), 0, "another time");
	OK(!has("t", "a", "u", 450, NOW), "replaces the first");
	IS_NUM((int)dn_revoked_count(set), 1, "and is one entry");
	dn_revoked_free(&set);
}

static void ends(void)
{
	set = dn_revoked_new();
	IS_NUM(
	    add("t", DN_REVOKED_TOKEN, "a", 0, NOW, 10), 0, "one that is over");
	IS_NUM((int)dn_revoked_count(set), 0, "is not kept");
	IS_NUM(
	    add("t", DN_REVOKED_TOKEN, "a", 0, NOW + 10, 10), 0, "with an end");
	OK(has("t", "a", "", -1, NOW + 9), "it counts until then");
	OK(!has("t", "a", "", -1, NOW + 10), "and no more");
	dn_revoked_expire(set, NOW + 9);
	IS_NUM((int)dn_revoked_count(set), 1, "it is there until then");
	IS_NUM(
	    add("t", DN_REVOKED_TOKEN, "a", 0, NOW + 20, 10), 0, "and longer");
	dn_revoked_expire(set, NOW + 10);
	OK(has("t", "a", "", -1, NOW + 19), "where its end was moved");
	IS_NUM(add("t", DN_REVOKED_TOKEN, "a", 0, 0, 10), 0, "or taken away");
	dn_revoked_expire(set, INT64_MAX);
	OK(has("t", "a", "", -1, INT64_MAX), "to be for ever");
	IS_NUM(add("t", DN_REVOKED_TOKEN, "a", 0, NOW + 5, 10), 0, "or given");
	dn_revoked_expire(set, NOW + 5);
	IS_NUM((int)dn_revoked_count(set), 0, "then it is forgotten");
	dn_revoked_free(&set);
}

/* Each is there until its own end, in whatever order they came. */
static void many(void)
{
	char name[16];
	size_t i, before, at = 7;
	bool good = true;

	set = dn_revoked_new();
	for (i = 0; i < MANY; i++) {
		at = (at + 3001) % MANY; /* each once: 3001 is prime to it */
		snprintf(name, sizeof(name), "j%zu", at);
		good = good && add("t", DN_REVOKED_TOKEN, name, 0,
				   NOW + 1 + (int64_t)at, MANY) == 0;
	}
	OK(good, "many are added");
	IS_NUM((int)dn_revoked_count(set), MANY, "and there");
	for (i = 0; i < MANY; i += 1000) {
		dn_revoked_expire(set, NOW + 1 + (int64_t)i);
		good = good && dn_revoked_count(set) == MANY - i - 1;
		dn_revoked_expire(set, NOW + 1000 + (int64_t)i);
		snprintf(name, sizeof(name), "j%zu", i + 999);
		good = good && !has("t", name, "", -1, NOW + 1000 + (int64_t)i);
		snprintf(name, sizeof(name), "j%zu", i + 1000);
		good = good &&
		       (i + 1000 >= MANY ||
			   has("t", name, "", -1, NOW + 1000 + (int64_t)i));
	}
	OK(good, "each goes when it is over and not before");
	IS_NUM((int)dn_revoked_count(set), 0, "at last all are gone");
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "j%zu", i);
		good = good &&
		       add("t", DN_REVOKED_TOKEN, name, 0, NOW + 1, MANY) == 0;
	}
	before = dn_revoked_count(set);
	dn_revoked_expire(set, NOW + 1);
	OK(good && dn_revoked_count(set) < before && dn_revoked_count(set) > 0,
	    "a heap of them goes in slices");
	dn_revoked_free(&set);
}

static void limit(void)
{
	struct dn_revocation r = {
	    DN_STR("t"), DN_REVOKED_TOKEN, DN_STR("d"), .expire_at_s = 0};

	set = dn_revoked_new();
	IS_NUM(add("t", DN_REVOKED_TOKEN, "a", 0, NOW + 1, 2), 0, "one");
	IS_NUM(add("t", DN_REVOKED_USER, "a", 1, 0, 2), 0, "two");
	IS_NUM(add("t", DN_REVOKED_TOKEN, "c", 0, 0, 2), -ENOSPC,
	    "one above the limit");
	OK(!has("t", "c", "", -1, NOW), "is not kept");
	IS_NUM(add("t", DN_REVOKED_TOKEN, "a", 0, NOW + 1, 2), 0,
	    "one that is there may come again");
	IS_NUM(add("u", DN_REVOKED_TOKEN, "c", 0, 0, 2), 0,
	    "another tenant has its own");
	IS_NUM(
	    dn_revoked_add(set, &r, 2, NOW + 1), 0, "what is over makes room");
	OK(!has("t", "a", "", -1, NOW), "by being forgotten");
	dn_revoked_free(&set);
}

static void lengths(void)
{
	char longest[DN_REVOKED_SUBJECT_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[DN_REVOKED_SUBJECT_MAX] = '\0';
	set = dn_revoked_new();
	IS_NUM(
	    add("t", DN_REVOKED_TOKEN, longest, 0, 0, 2), 0, "the longest jti");
	OK(has("t", longest, "", -1, NOW), "is found");
	longest[DN_REVOKED_SUBJECT_MAX] = 'x';
	OK(!dn_revoked_has_user(set, DN_STR("t"),
	       (struct dn_str){longest, sizeof(longest) - 1}, -1, NOW),
	    "a longer one is nobody's");
	dn_revoked_free(&set);
}

static void *reads(void *arg)
{
	int i, found = 0;

	for (i = 0; i < 20000; i++)
		found += has("t", "keeps", "", -1, NOW);
	*(int *)arg = found;
	return NULL;
}

/* What is there is found, whatever comes and goes meanwhile. */
static void threads(void)
{
	pthread_t thread[2];
	int found[2], i;
	char name[16];

	set = dn_revoked_new();
	IS_NUM(
	    add("t", DN_REVOKED_TOKEN, "keeps", 0, 0, 100000), 0, "one stays");
	for (i = 0; i < 2; i++)
		DN_ASSERT(
		    pthread_create(&thread[i], NULL, reads, &found[i]) == 0);
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		DN_ASSERT(add("t", DN_REVOKED_TOKEN, name, 0, NOW + 1 + i % 7,
			      100000) == 0);
		if (i % 100 == 0)
			dn_revoked_expire(set, NOW + 4);
	}
	for (i = 0; i < 2; i++)
		DN_ASSERT(pthread_join(thread[i], NULL) == 0);
	OK(found[0] == 20000 && found[1] == 20000, "and is always found");
	dn_revoked_free(&set);
}

int main(void)
{
	tokens();
	users();
	ends();
	many();
	limit();
	lengths();
	threads();
	return tap_done();
}
