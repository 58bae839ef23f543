/* SPDX-License-Identifier: MIT */
/*
 * output: stdout without waiting for it.
 *
 * What is added is written as fast as the reader takes it; the rest waits in
 * memory, so that a slow reader does not keep the loop from the socket. The
 * descriptor's flags are not touched.
 *
 * Ownership: the caller closes it.
 * Limits: none of its own; output_pending tells what waits.
 * Errors: by `failed`, once; what is added afterwards is dropped.
 * Thread: that of the loop.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <uv.h>

#include "base/buf.h"

struct output;

struct output_events {
	/* Some of it was written: output_written moved on. */
	void (*written)(void *arg);
	void (*failed)(void *arg, int error);
};

DN_MUST_CHECK struct output *output_open(
    uv_loop_t *loop, int fd, const struct output_events *events, void *arg);
/* Append to it, then call output_flush in the same loop turn. */
struct dn_buf *output_buf(struct output *out);
void output_flush(struct output *out);
size_t output_pending(const struct output *out);
/* All bytes ever added, and ever written. */
uint64_t output_added(const struct output *out);
uint64_t output_written(const struct output *out);
void output_close(struct output **out);

#endif
