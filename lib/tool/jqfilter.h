/* SPDX-License-Identifier: MIT */
/*
 * jqfilter: a jq program over records, for the tools.
 *
 * The program is the operator's own: it has no step limit. It sees neither
 * the environment nor library files.
 *
 * Ownership: the caller frees with dn_jqfilter_free; results borrow from the
 *   filter until its next use.
 * Errors: -EINVAL at compile time with jq's message; a program that fails on
 *   a record gives -EINVAL for that record and can be used on.
 * Thread: one at a time.
 */
#ifndef DN_JQFILTER_H
#define DN_JQFILTER_H

#include "base/buf.h"
#include "base/err.h"

struct dn_jqfilter;

DN_MUST_CHECK int dn_jqfilter_new(
    struct dn_jqfilter **out, const char *program, struct dn_err *err);
void dn_jqfilter_free(struct dn_jqfilter **filter);

/* 1 when any result is neither null nor false, else 0. */
DN_MUST_CHECK int dn_jqfilter_match(
    struct dn_jqfilter *filter, struct dn_str record, struct dn_err *err);
/* Appends each result and a newline: strings as they are, all else as JSON on
 * one line. Gives how many there were. */
DN_MUST_CHECK int dn_jqfilter_format(struct dn_jqfilter *filter,
    struct dn_str record, struct dn_buf *out, struct dn_err *err);

#endif
