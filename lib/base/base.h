/* SPDX-License-Identifier: MIT */
/*
 * base: what every module needs: byte slices, checked allocation, magic
 * numbers.
 *
 * Ownership: a dn_str borrows its bytes; who owns them is said where one is
 *   handed over.
 * Errors: out of memory aborts; every size that a peer controls is therefore
 *   checked against a limit first. Wrong program state is a DN_ASSERT, which
 *   stays on in release builds.
 * Thread: any.
 */
#ifndef DN_BASE_H
#define DN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DN_VERSION "0.1.0"

#define DN_MUST_CHECK __attribute__((warn_unused_result))
#define DN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DN_NORETURN __attribute__((noreturn))
#define DN_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define DN_CONTAINER(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A slice: n bytes at p, not NUL-terminated. {NULL, 0} is "unset". */
struct dn_str {
	const char *p;
	size_t n;
};

#define DN_STR(literal) ((struct dn_str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define DN_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct dn_str dn_str_of(const char *text)
{
	return (struct dn_str){text, text ? strlen(text) : 0};
}

static inline bool dn_str_eq(struct dn_str a, struct dn_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool dn_str_is(struct dn_str a, const char *text)
{
	return dn_str_eq(a, dn_str_of(text));
}

DN_NORETURN void dn_panic(const char *file, int line, const char *what);

#define DN_ASSERT(cond) ((cond) ? (void)0 : dn_panic(__FILE__, __LINE__, #cond))

/* Each long-lived struct starts with `uint32_t magic`. */
#define DN_CHECK(obj, magic_value) \
	DN_ASSERT((obj) != NULL && (obj)->magic == (magic_value))

/* All three abort when memory is out and return zeroed (xcalloc) or
 * uninitialised memory that free() takes. */
DN_MUST_CHECK void *dn_xmalloc(size_t n);
DN_MUST_CHECK void *dn_xcalloc(size_t count, size_t size);
DN_MUST_CHECK void *dn_xrealloc(void *p, size_t n);
/* A NUL-terminated copy; the caller frees. */
DN_MUST_CHECK char *dn_xstrndup(const char *p, size_t n);
DN_MUST_CHECK char *dn_xstrdup(const char *text);

/* Microseconds since 1970 (wall) and of a clock that never jumps. */
int64_t dn_wall_us(void);
int64_t dn_mono_us(void);

/* Fills from the kernel's generator; aborts if there is none. */
void dn_random(void *p, size_t n);
/* Uniform in [0, bound); bound > 0. */
uint64_t dn_random_below(uint64_t bound);
/* Writes a UUID version 4 and a NUL: 37 bytes. */
void dn_uuid(char out[37]);

/* 64-bit hash for tables and owner choice; keyed once a process, so that a
 * peer cannot aim at one bucket. */
uint64_t dn_hash(const void *p, size_t n, uint64_t seed);

/* Equal lengths and bytes, in time that depends on n only. */
bool dn_same_secret(const void *a, const void *b, size_t n);

#endif
