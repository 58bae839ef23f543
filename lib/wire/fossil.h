/* SPDX-License-Identifier: MIT */
/*
 * fossil: the delta between two payloads in the format of the Fossil SCM,
 * which the client protocol calls delta "fossil" (docs/PROTOCOL.md).
 *
 * A delta is text: a length, copies from the base, literals, a checksum. It
 * travels inside a JSON string, so where base and target are UTF-8, which
 * every JSON text is, each literal is whole characters and the delta is UTF-8
 * itself. Whether it pays is counted in bytes of that JSON string.
 *
 * Ownership: borrows base and target, which must not lie in out; the working
 *   memory is gone on return.
 * Limits: DN_FOSSIL_MAX bytes a side; above it there is no delta. Working
 *   memory: 36 bytes a byte of the base, but never more than 164 KB up to
 *   64 KiB of it, and 2.3 MB at DN_FOSSIL_MAX. Time is linear in base and
 *   target whatever is in them: some 15 ns a byte at worst, less than one
 *   where most is alike (tests/bench/bench_fossil.c).
 * Errors: none; no delta is an answer.
 * Thread: any.
 */
#ifndef DN_FOSSIL_H
#define DN_FOSSIL_H

#include "base/buf.h"

enum { DN_FOSSIL_MAX = 1 << 20 };

/* Appends the delta that makes target from base where it takes less than
 * `less_than` bytes in a JSON string; else false, and out is as it was. */
DN_MUST_CHECK bool dn_fossil_delta(struct dn_str base, struct dn_str target,
    size_t less_than, struct dn_buf *out);

/* How many bytes dn_buf_json_str writes for s, without the quotes. */
DN_MUST_CHECK size_t dn_fossil_json_size(struct dn_str s);

#endif
