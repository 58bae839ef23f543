/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "session/sid.h"

enum { LOOP_DIGITS = 4, CONN_DIGITS = 16 };

void dn_sid_write(char out[DN_SID_LEN + 1], unsigned loop, uint64_t conn)
{
	uint64_t secret[2];
	int n;

	DN_ASSERT(loop <= 0xffff);
	dn_random(secret, sizeof(secret));
	n = snprintf(out, DN_SID_LEN + 1,
	    "%04x%016" PRIx64 "%016" PRIx64 "%016" PRIx64, loop, conn,
	    secret[0], secret[1]);
	DN_ASSERT(n == DN_SID_LEN);
}

static bool read_hex(const char *p, size_t n, uint64_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < n; i++) {
		int digit = dn_hex_value(p[i]);

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint64_t)digit;
	}
	return true;
}

bool dn_sid_read(struct dn_str text, unsigned *loop, uint64_t *conn)
{
	uint64_t ix;

	if (text.n != DN_SID_LEN || !read_hex(text.p, LOOP_DIGITS, &ix) ||
	    !read_hex(text.p + LOOP_DIGITS, CONN_DIGITS, conn))
		return false;
	*loop = (unsigned)ix;
	return true;
}
