/* SPDX-License-Identifier: MIT */
/*
 * How it works: the text is formatted on the stack first, so that an argument
 * may be the very text that is being replaced.
 *
 * How it fails: a text that is too long is cut at a character, never inside a
 * UTF-8 sequence. A NULL err is a caller who wants the code alone.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

/* A cut may have left the head of a sequence at the end: drop it. */
static void trim_partial(char *text, size_t n)
{
	size_t i = n;

	while (
	    i > 0 && n - i < 3 && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)text[i - 1] >= 0xc0)
		text[i - 1] = '\0';
}

static void format(char text[DN_ERR_TEXT_MAX], const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void format(char text[DN_ERR_TEXT_MAX], const char *fmt, va_list args)
{
	int n = vsnprintf(text, DN_ERR_TEXT_MAX, fmt, args);

	if (n < 0)
		text[0] = '\0';
	else if (n >= DN_ERR_TEXT_MAX)
		trim_partial(text, DN_ERR_TEXT_MAX - 1);
}

int dn_err_set(struct dn_err *err, int code, const char *fmt, ...)
{
	char text[DN_ERR_TEXT_MAX];
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	err->code = code;
	memcpy(err->text, text, strlen(text) + 1);
	return code;
}

int dn_err_wrap(struct dn_err *err, const char *fmt, ...)
{
	char context[DN_ERR_TEXT_MAX], text[DN_ERR_TEXT_MAX];
	size_t n, room;
	va_list args;

	if (err == NULL)
		return 0;
	va_start(args, fmt);
	format(context, fmt, args);
	va_end(args);
	n = strlen(context);
	memcpy(text, context, n);
	room = DN_ERR_TEXT_MAX - 1 - n;
	if (room > 2) {
		size_t rest = strlen(err->text);

		if (rest > room - 2)
			rest = room - 2;
		memcpy(text + n, ": ", 2);
		memcpy(text + n + 2, err->text, rest);
		n += 2 + rest;
	}
	text[n] = '\0';
	if (n == DN_ERR_TEXT_MAX - 1)
		trim_partial(text, n);
	memcpy(err->text, text, strlen(text) + 1);
	return err->code;
}
