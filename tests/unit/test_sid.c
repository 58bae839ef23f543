/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "session/sid.h"

static bool reads(const char *text, size_t n)
{
	unsigned loop;
	uint64_t conn;

	return dn_sid_read((struct dn_str){text, n}, &loop, &conn);
}

int main(void)
{
	char a[DN_SID_LEN + 1], b[DN_SID_LEN + 1];
	unsigned loop = 0;
	uint64_t conn = 0;

	dn_sid_write(a, 0xffff, UINT64_MAX - 1);
	dn_sid_write(b, 0xffff, UINT64_MAX - 1);
	IS_NUM(strlen(a), DN_SID_LEN, "it has one length");
	OK(dn_sid_read(dn_str_of(a), &loop, &conn) && loop == 0xffff &&
		conn == UINT64_MAX - 1,
	    "loop and connection are read again");
	OK(memcmp(a, b, 20) == 0 && strcmp(a + 20, b + 20) != 0,
	    "the secret is another each time");
	dn_sid_write(a, 0, 7);
	OK(dn_sid_read(dn_str_of(a), &loop, &conn) && loop == 0 && conn == 7,
	    "small ones, too");
	OK(!reads(a, DN_SID_LEN - 1), "too short");
	OK(!reads(a, DN_SID_LEN + 1), "too long");
	OK(!reads("", 0), "empty");
	OK(!reads(NULL, 0), "unset");
	a[3] = 'g';
	OK(!reads(a, DN_SID_LEN), "no digit in the loop");
	a[3] = '0';
	a[10] = '-';
	OK(!reads(a, DN_SID_LEN), "no digit in the connection");
	return tap_done();
}
