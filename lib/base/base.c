/* SPDX-License-Identifier: MIT */
/*
 * How it works: thin wrappers that turn "out of memory" and "no random
 * source" into the end of the process, so that no caller needs a path for
 * them that nobody could test.
 *
 * The hash multiplies 64-bit words to 128 bits and folds the halves; its two
 * secrets come from the kernel before main(), so that no lock is needed and a
 * peer cannot choose names that collide.
 *
 * How it fails: dn_panic writes what it knows to stderr, without allocating,
 * and ends the process with the exit code of a bug; under a sanitizer it
 * aborts instead, so that the stack is shown.
 */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"

static uint64_t hash_secret[2];

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PANIC_ABORTS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PANIC_ABORTS 1
#endif
#endif

static DN_NORETURN void die(void)
{
#ifdef PANIC_ABORTS
	abort();
#else
	_exit(DN_EXIT_BUG);
#endif
}

void dn_panic(const char *file, int line, const char *what)
{
	char text[512];
	int n = snprintf(
	    text, sizeof(text), "dnot: bug at %s:%d: %s\n", file, line, what);

	if (n > (int)sizeof(text) - 1)
		n = (int)sizeof(text) - 1;
	/* Nothing is left to do about a stderr that cannot be written. */
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		die();
	die();
}

void *dn_xmalloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		dn_panic(__FILE__, __LINE__, "out of memory");
	return p;
}

void *dn_xcalloc(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (p == NULL)
		dn_panic(__FILE__, __LINE__, "out of memory");
	return p;
}

void *dn_xrealloc(void *p, size_t n)
{
	void *q = realloc(p, n > 0 ? n : 1);

	if (q == NULL)
		dn_panic(__FILE__, __LINE__, "out of memory");
	return q;
}

char *dn_xstrndup(const char *p, size_t n)
{
	char *copy;

	DN_ASSERT(n < SIZE_MAX);
	copy = dn_xmalloc(n + 1);
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *dn_xstrdup(const char *text)
{
	return dn_xstrndup(text, strlen(text));
}

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;

	DN_ASSERT(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t dn_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t dn_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

void dn_random(void *p, size_t n)
{
	unsigned char *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		DN_ASSERT(got > 0);
		at += got;
		n -= (size_t)got;
	}
}

uint64_t dn_random_below(uint64_t bound)
{
	uint64_t floor, x;

	DN_ASSERT(bound > 0);
	/* The first 2^64 mod bound values would come up once too often. */
	floor = (0 - bound) % bound;
	do
		dn_random(&x, sizeof(x));
	while (x < floor);
	return x % bound;
}

void dn_uuid(char out[37])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char raw[16];
	size_t i, o = 0;

	dn_random(raw, sizeof(raw));
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	for (i = 0; i < sizeof(raw); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[o++] = '-';
		out[o++] = hex[raw[i] >> 4];
		out[o++] = hex[raw[i] & 15];
	}
	out[o] = '\0';
}

__attribute__((constructor)) static void hash_seed(void)
{
	dn_random(hash_secret, sizeof(hash_secret));
}

static uint64_t load64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load_tail(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t dn_hash(const void *p, size_t n, uint64_t seed)
{
	/* Odd constants without structure: digits of pi. */
	const uint64_t k0 = 0x243f6a8885a308d3, k1 = 0x13198a2e03707345;
	const unsigned char *at = p;
	uint64_t h = seed ^ hash_secret[0], a = 0, b = 0;
	size_t left = n;

	while (left > 16) {
		h = fold(load64(at) ^ hash_secret[1], load64(at + 8) ^ h);
		at += 16;
		left -= 16;
	}
	if (left > 8) {
		a = load64(at);
		b = load_tail(at + 8, left - 8);
	} else if (left > 0) {
		a = load_tail(at, left);
	}
	h = fold(a ^ hash_secret[1], b ^ h);
	return fold(h ^ k0 ^ hash_secret[0], (uint64_t)n ^ k1);
}

bool dn_same_secret(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differs = 0;
	size_t i;

	for (i = 0; i < n; i++)
		differs = (unsigned char)(differs | (x[i] ^ y[i]));
	return differs == 0;
}
