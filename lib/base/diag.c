/* SPDX-License-Identifier: MIT */
/*
 * How it works: the line is built in memory and handed to one write(2), so
 * that lines of several threads and processes on one pipe do not mix (up to
 * PIPE_BUF, above that as far as the kernel keeps one write together).
 *
 * How it fails: what is too long is cut, first the message, then the fields,
 * and the line says so. A write that fails or comes back short is ignored:
 * there is nobody left to tell. errno is left as it was.
 */
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

enum {
	LINE_MAX_BYTES = 8192,
	MESSAGE_MAX = 4096, /* before escapes */
	ESCAPE_MAX = 6,     /* bytes that one byte may become */
	HEAD_MAX = 256,     /* time, level, program, braces, marks */
};

static const char *program_name = "dnot";
static enum dn_level threshold = DN_INFO;

static const char *const level_name[] = {"error", "warn", "info", "debug"};

void dn_diag_init(const char *program, enum dn_level level)
{
	program_name = program;
	threshold = level;
}

static void add_time(struct dn_buf *b)
{
	int64_t now = dn_wall_us();
	time_t seconds = (time_t)(now / 1000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	dn_buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (int)(now / 1000 % 1000));
}

/* The longest head of s of at most n bytes that ends with a character. */
static struct dn_str cut(struct dn_str s, size_t n)
{
	if (s.n <= n)
		return s;
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct dn_str){s.p, n};
}

/* Tells whether it had to cut. */
static bool add_message(struct dn_buf *b, struct dn_str text)
{
	size_t from = b->n, room = LINE_MAX_BYTES - HEAD_MAX - b->n;

	dn_buf_json_str(b, text);
	if (b->n - from <= room)
		return false;
	b->n = from;
	dn_buf_json_str(b, cut(text, room / ESCAPE_MAX - 1));
	return true;
}

static void add_line(struct dn_buf *b, enum dn_level level, const char *fields,
    struct dn_str text)
{
	struct dn_str message = cut(text, MESSAGE_MAX);

	dn_buf_lit(b, "{\"time\":\"");
	add_time(b);
	dn_buf_printf(b, "\",\"level\":\"%s\",\"program\":", level_name[level]);
	dn_buf_json_str(b, cut(dn_str_of(program_name), 32));
	dn_buf_lit(b, ",\"message\":");
	if (add_message(b, message) || message.n < text.n)
		dn_buf_lit(b, ",\"message_cut\":true");
	if (fields != NULL && fields[0] != '\0') {
		if (b->n + strlen(fields) + 3 <= LINE_MAX_BYTES) {
			dn_buf_byte(b, ',');
			dn_buf_json_raw(b, dn_str_of(fields));
		} else {
			dn_buf_lit(b, ",\"fields_cut\":true");
		}
	}
	dn_buf_lit(b, "}\n");
}

void dn_diag(enum dn_level level, const char *fields, const char *fmt, ...)
{
	char text[MESSAGE_MAX + 8];
	struct dn_buf line = {0};
	int saved = errno, n;
	ssize_t wrote;
	va_list args;

	if (level > threshold)
		return;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		text[0] = '\0';
	add_line(&line, level, fields, dn_str_of(text));
	do
		wrote = write(STDERR_FILENO, line.p, line.n);
	while (wrote < 0 && errno == EINTR);
	dn_buf_release(&line);
	errno = saved;
}
