/* SPDX-License-Identifier: MIT */
/*
 * err: an error that a person will read.
 *
 * A function that fails sets a code and a text ("what, where, why") and
 * returns the code; callers on the way up put context in front. Whoever
 * handles the error prints it, once.
 *
 * Ownership: the caller provides the struct; it holds no other memory.
 * Limits: the text is cut at DN_ERR_TEXT_MAX - 1 bytes.
 * Thread: any.
 */
#ifndef DN_ERR_H
#define DN_ERR_H

#include "base/base.h"

enum { DN_ERR_TEXT_MAX = 512 };

struct dn_err {
	int code; /* 0, -errno, or a positive code the function documents */
	char text[DN_ERR_TEXT_MAX];
};

/* Sets code and text; returns code. A NULL err is a caller who wants the code
 * alone. */
int dn_err_set(struct dn_err *err, int code, const char *fmt, ...)
    DN_PRINTF(3, 4);
/* Puts "CONTEXT: " in front of the text; returns the code that is there (0
 * for a NULL err). */
int dn_err_wrap(struct dn_err *err, const char *fmt, ...) DN_PRINTF(2, 3);

#endif
