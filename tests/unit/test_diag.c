/* SPDX-License-Identifier: MIT */
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "tap.h"

static int capture[2];
static int real_stderr;

/* stderr goes to a pipe that is read without waiting. */
static void capture_begin(void)
{
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	OK(pipe(capture) == 0 && dup2(capture[1], STDERR_FILENO) >= 0,
	    "stderr is captured");
	OK(fcntl(capture[0], F_SETFL, O_NONBLOCK) == 0, "without waiting");
}

static void capture_end(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(capture[0]);
	close(capture[1]);
}

static struct dn_str said(void)
{
	static char text[65536];
	ssize_t n = read(capture[0], text, sizeof(text));

	return (struct dn_str){text, n > 0 ? (size_t)n : 0};
}

/* The line as JSON: exactly one, ended by a newline. */
static struct dn_json line(const char *name)
{
	struct dn_json v = {DN_JSON_NULL, {"null", 4}};
	struct dn_str text = said();

	OK(text.n > 0 && memchr(text.p, '\n', text.n) == text.p + text.n - 1 &&
		dn_json_parse(text, &v, NULL) == 0,
	    name);
	OK(text.n <= 8192, "of at most 8 KiB");
	return v;
}

static void test_line(void)
{
	struct dn_str time;
	struct dn_json v;
	size_t i;

	dn_diag_init("dnot-test", DN_INFO);
	errno = EPIPE;
	dn_diag(DN_WARN, "\"port\":1,\n\"host\":\"h\"", "a \"%s\"\n", "b\\");
	IS_NUM(errno, EPIPE, "errno is left alone");
	v = line("one line of JSON");
	IS_SLICE(dn_json_member(v, "level").raw, "\"warn\"", "level");
	IS_SLICE(dn_json_member(v, "program").raw, "\"dnot-test\"", "program");
	IS_SLICE(dn_json_member(v, "message").raw, "\"a \\\"b\\\\\\\"\\n\"",
	    "message");
	IS_SLICE(dn_json_member(v, "port").raw, "1", "a field");
	IS_SLICE(dn_json_member(v, "host").raw, "\"h\"", "another");
	time = dn_json_member(v, "time").raw;
	IS_NUM(time.n, 26, "time has its length");
	for (i = 0; time.n == 26 && i < 26; i++) {
		static const char form[] = "\"0000-00-00T00:00:00.000Z\"";
		bool digit = time.p[i] >= '0' && time.p[i] <= '9';

		if (form[i] == '0' ? !digit : time.p[i] != form[i])
			break;
	}
	IS_NUM(i, 26, "and its form");
}

static void test_threshold(void)
{
	dn_diag_init("dnot-test", DN_WARN);
	dn_diag(DN_INFO, NULL, "not wanted");
	IS_NUM(said().n, 0, "below the threshold nothing is said");
	dn_diag(DN_ERROR, NULL, "wanted");
	(void)line("an error is said");
}

static void test_long(void)
{
	char *text = dn_xcalloc(20001, 1);
	struct dn_json v;

	memset(text, 'x', 20000);
	dn_diag(DN_ERROR, "\"a\":1", "%s", text);
	v = line("a long message");
	OK(dn_json_member(v, "message_cut").type == DN_JSON_TRUE, "is cut");
	IS_SLICE(dn_json_member(v, "a").raw, "1", "and the field is there");
	memset(text, '\x01', 20000);
	dn_diag(DN_ERROR, "\"a\":1", "%s", text);
	v = line("a long message of control bytes");
	OK(dn_json_member(v, "message_cut").type == DN_JSON_TRUE, "is cut");
	memcpy(text, "\"a\":\"", 5);
	memset(text + 5, 'x', 9000);
	memcpy(text + 9005, "\"", 2);
	dn_diag(DN_ERROR, text, "short");
	v = line("long fields");
	OK(dn_json_member(v, "fields_cut").type == DN_JSON_TRUE, "are cut");
	IS_SLICE(dn_json_member(v, "message").raw, "\"short\"", "message");
	memset(text, 0, 20001);
	memset(text, 'x', 4095);
	memcpy(text + 4095, "\xe2\x82\xac", 3);
	dn_diag(DN_ERROR, NULL, "%s", text);
	v = line("a cut inside a character");
	OK(memchr(dn_json_member(v, "message").raw.p, '\xef', 4100) == NULL,
	    "drops all of it");
	free(text);
}

static void test_bytes(void)
{
	struct dn_json v;

	dn_diag(DN_ERROR, NULL, "%s", "a\xff");
	v = line("bytes that are no text");
	IS_SLICE(dn_json_member(v, "message").raw, "\"a\xef\xbf\xbd\"",
	    "are replaced");
}

int main(void)
{
	capture_begin();
	test_line();
	test_threshold();
	test_long();
	test_bytes();
	capture_end();
	return tap_done();
}
