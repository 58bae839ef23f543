/* SPDX-License-Identifier: MIT */
/*
 * input: lines from a descriptor, pulled by who uses them.
 *
 * A pipe, socket or terminal is read when it is readable, a regular file by
 * libuv's threads; the descriptor's flags are not touched, since others may
 * share it.
 *
 * Ownership: a line is valid until the next input_next.
 * Limits: a line of more than line_max bytes is skipped without being
 *   stored, and told as INPUT_TOO_LONG.
 * Errors: INPUT_ERROR once, then INPUT_END.
 * Thread: that of the loop.
 */
#ifndef INPUT_H
#define INPUT_H

#include <uv.h>

#include "base/base.h"
#include "base/err.h"

struct input;

enum input_kind {
	INPUT_LINE,     /* without its newline and carriage return */
	INPUT_TOO_LONG, /* line.n is 0 */
	INPUT_WAIT,     /* `ready` will be called when there is more */
	INPUT_END,
	INPUT_ERROR,
};

typedef void input_ready_fn(void *arg);

DN_MUST_CHECK struct input *input_open(
    uv_loop_t *loop, int fd, size_t line_max, input_ready_fn *ready, void *arg);
/* number: of the line, from 1. */
DN_MUST_CHECK enum input_kind input_next(struct input *in, struct dn_str *line,
    uint64_t *number, struct dn_err *err);
/* No more waiting. drain false: only whole lines that were read already are
 * still given. drain true: also what can be read without waiting. */
void input_stop(struct input *in, bool drain);
/* Bytes of an unfinished line that input_stop(drain false) left. */
size_t input_left(const struct input *in);
/* Frees it once libuv gave its handles back. */
void input_close(struct input **in);

#endif
