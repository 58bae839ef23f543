/* SPDX-License-Identifier: MIT */
/*
 * bench_fossil: what a delta costs and saves: bytes in a JSON string as a
 * whole and as a delta, and the time to make it, for payloads as applications
 * send them and for the worst that a publisher can.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "wire/fossil.h"

enum { ROWS_MAX = 16000, FEW = 20, RUN_US = 300000 };

static struct dn_buf base, target, patch;
static unsigned price[ROWS_MAX];
static uint64_t seed = 88172645463325252u;

static size_t below(size_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % bound);
}

static void run(const char *name)
{
	struct dn_str a = dn_buf_view(&base), b = dn_buf_view(&target);
	int64_t start_us = dn_mono_us(), us;
	unsigned runs = 0;

	do {
		patch.n = 0;
		if (!dn_fossil_delta(a, b, SIZE_MAX, &patch))
			abort();
		runs++;
		us = dn_mono_us() - start_us;
	} while (us < RUN_US);
	printf("%-28s %8zu -> %8zu bytes %10.2f us %6.2f ns/byte\n", name,
	    dn_fossil_json_size(b), dn_fossil_json_size(dn_buf_view(&patch)),
	    (double)us / runs, (double)us * 1e3 / runs / (double)b.n);
	base.n = target.n = 0;
}

/* n rows of a table, the first ones left out. */
static void rows(struct dn_buf *b, size_t skip, size_t n)
{
	size_t i;

	dn_buf_lit(b, "{\"rows\":[");
	for (i = skip; i < skip + n; i++)
		dn_buf_printf(b,
		    "%s{\"id\":%zu,\"symbol\":\"S%03zu\",\"bid\":%u.%02u,"
		    "\"side\":\"%s\"}",
		    i > skip ? "," : "", i, i % 997, price[i] / 100,
		    price[i] % 100, i % 2 ? "buy" : "sell");
	dn_buf_lit(b, "]}");
}

static void changed_rows(size_t n, size_t changed)
{
	rows(&base, 0, n);
	while (changed-- > 0)
		price[below(n)] += 101;
	rows(&target, 0, n);
}

static void words(struct dn_buf *b, size_t bytes)
{
	static const char *const word[] = {"the ", "stream ", "of ", "tokens ",
	    "model ", "answers ", "because ", "memory ", "is ", "queue ",
	    "with ", "offset ", "and ", "history ", "client ", "Größe "};

	while (b->n < bytes) {
		dn_buf_lit(b, word[below(DN_ARRAY_LEN(word))]);
		if (below(9) == 0)
			dn_buf_printf(b, "%04zu ", below(10000));
	}
}

static void inserted_words(size_t bytes, unsigned times)
{
	struct dn_buf tail = {0};

	words(&base, bytes);
	dn_buf_str(&target, dn_buf_view(&base));
	while (times-- > 0) {
		size_t at = below(target.n);

		while (!dn_utf8_valid((struct dn_str){target.p, at}))
			at++;
		tail.n = 0;
		dn_buf_add(&tail, target.p + at, target.n - at);
		target.n = at;
		dn_buf_lit(&target, "INSERTED ");
		dn_buf_str(&target, dn_buf_view(&tail));
	}
	dn_buf_release(&tail);
}

static void hex(struct dn_buf *b, size_t bytes)
{
	while (b->n < bytes)
		dn_buf_byte(b, "0123456789abcdef"[below(16)]);
}

/* Alike for `n` bytes again and again, and never for one more. */
static void alike(struct dn_buf *b, size_t bytes, size_t n, const char *other)
{
	while (b->n < bytes)
		dn_buf_byte(b, b->n % (n + 1) == n ? other[below(13)] : 'a');
}

static void applications(void)
{
	changed_rows(3, 1);
	run("3 rows, 1 changed");
	changed_rows(FEW, 3);
	run("20 rows, 3 changed");
	changed_rows(1000, FEW);
	run("1000 rows, 20 changed");
	changed_rows(ROWS_MAX, FEW);
	run("16000 rows, 20 changed");
	rows(&base, 0, 1000);
	rows(&target, 1, 1000);
	run("1000 rows, one moved on");
	rows(&base, 0, 1000);
	rows(&target, 500, 1000);
	run("1000 rows, half of them new");
	words(&base, 4000);
	dn_buf_str(&target, dn_buf_view(&base));
	dn_buf_lit(&target, "token ");
	run("4 kB of text, a word more");
	inserted_words(65536, 10);
	run("64 KiB of text, 10 inserts");
	words(&base, 65536);
	words(&target, 65536);
	run("64 KiB of other text");
}

static void worst(void)
{
	static const char upper[] = "ABCDEFGHIJKLM", lower[] = "nopqrstuvwxyz";

	hex(&base, 500);
	hex(&target, 500);
	run("500 bytes, nothing alike");
	hex(&base, 65536);
	hex(&target, 65536);
	run("64 KiB, nothing alike");
	hex(&base, DN_FOSSIL_MAX);
	hex(&target, DN_FOSSIL_MAX);
	run("1 MiB, nothing alike");
	alike(&base, DN_FOSSIL_MAX, 7, upper);
	alike(&target, DN_FOSSIL_MAX, 7, lower);
	run("1 MiB, 7 bytes alike");
	alike(&base, DN_FOSSIL_MAX, 15, upper);
	alike(&target, DN_FOSSIL_MAX, 15, lower);
	run("1 MiB, 15 bytes alike");
	alike(&base, DN_FOSSIL_MAX, 16, upper);
	alike(&target, DN_FOSSIL_MAX, 16, lower);
	run("1 MiB, 16 bytes alike");
	alike(&base, DN_FOSSIL_MAX, 40, upper);
	alike(&target, DN_FOSSIL_MAX, 40, lower);
	run("1 MiB, 40 bytes alike");
}

int main(void)
{
	size_t i;

	for (i = 0; i < ROWS_MAX; i++)
		price[i] = 1000 + (unsigned)below(90000);
	applications();
	worst();
	dn_buf_release(&base);
	dn_buf_release(&target);
	dn_buf_release(&patch);
	return 0;
}
