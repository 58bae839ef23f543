/* SPDX-License-Identifier: MIT */
/*
 * duration: "250ms", "5s", "10m", "1h", "7d"; a bare number is seconds.
 * Fractions are fine ("0.5s").
 *
 * Errors: -EINVAL with the reason (unit, sign, overflow).
 * Thread: any.
 */
#ifndef DN_DURATION_H
#define DN_DURATION_H

#include "base/err.h"

/* At most 100 years. */
DN_MUST_CHECK int dn_duration_us(
    struct dn_str text, int64_t *us, struct dn_err *err);
/* The shortest exact spelling, NUL-terminated, for --print-config. */
void dn_duration_text(int64_t us, char out[32]);

#endif
