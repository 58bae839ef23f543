/* SPDX-License-Identifier: MIT */
/*
 * How it works: the program is compiled once; each record is parsed into jq's
 * value and run. While jq works, `environ` points to an empty list, so that
 * `env` and $ENV show nothing (libjq crashes on a NULL environ), and the
 * library path is an empty list, which makes `import` a compile error
 * instead of an abort.
 *
 * How it fails: compile messages come through jq's error callback, one a
 * line; the first says what is wrong. A runtime error ends this record.
 * Every jv function takes its argument over; a copy is made where a value is
 * used again.
 */
#include "tool/jqfilter.h"

#include <errno.h>
#include <jq.h>
#include <jv.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct dn_jqfilter {
	jq_state *jq;
	char *program;
	struct dn_buf messages; /* of the compiler */
};

static char *no_environment[] = {NULL};

static char **hide_environment(void)
{
	char **was = environ;

	environ = no_environment;
	return was;
}

static void on_message(void *arg, jv message)
{
	struct dn_jqfilter *f = arg;
	jv text = jq_format_error(message);

	dn_buf_lit(&f->messages, jv_string_value(text));
	dn_buf_byte(&f->messages, ' ');
	jv_free(text);
}

/* The message without jq's own prefix, its place and its count of errors. */
static int compile_failed(struct dn_jqfilter *f, struct dn_err *err)
{
	static const char prefix[] = "jq: error: ";
	const char *text, *end;
	size_t i, n;

	for (i = 0; i < f->messages.n; i++)
		if (f->messages.p[i] == '\n')
			f->messages.p[i] = ' ';
	dn_buf_byte(&f->messages, '\0');
	text = f->messages.p;
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	end = strstr(text, " at <");
	if (end == NULL)
		end = strstr(text, "  jq: ");
	n = end != NULL ? (size_t)(end - text) : strlen(text);
	return dn_err_set(err, -EINVAL, "jq program \"%s\": %.*s", f->program,
	    (int)(n > 300 ? 300 : n), text);
}

int dn_jqfilter_new(
    struct dn_jqfilter **out, const char *program, struct dn_err *err)
{
	struct dn_jqfilter *f = dn_xcalloc(1, sizeof(*f));
	char **was = hide_environment();
	int ok, rc = 0;

	f->program = dn_xstrdup(program);
	f->jq = jq_init();
	DN_ASSERT(f->jq != NULL);
	jq_set_error_cb(f->jq, on_message, f);
	jq_set_attr(f->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	ok = jq_compile(f->jq, program);
	environ = was;
	if (!ok) {
		rc = compile_failed(f, err);
		dn_jqfilter_free(&f);
		return rc;
	}
	*out = f;
	return 0;
}

void dn_jqfilter_free(struct dn_jqfilter **slot)
{
	struct dn_jqfilter *f = *slot;

	*slot = NULL;
	if (f == NULL)
		return;
	jq_teardown(&f->jq);
	free(f->program);
	dn_buf_release(&f->messages);
	free(f);
}

static int start(
    struct dn_jqfilter *f, struct dn_str record, struct dn_err *err)
{
	jv input;

	DN_ASSERT(record.n <= INT_MAX);
	input = jv_parse_sized(record.p, (int)record.n);
	if (!jv_is_valid(input)) {
		jv_free(input);
		return dn_err_set(err, -EINVAL,
		    "jq cannot read this record (nested too deeply?)");
	}
	jq_start(f->jq, input, 0);
	return 0;
}

/* What the end of the results was: 0, or a runtime error. */
static int finish(struct dn_jqfilter *f, jv last, struct dn_err *err)
{
	jv message;
	int rc = 0;

	if (jv_invalid_has_msg(jv_copy(last))) {
		message = jv_invalid_get_msg(jv_copy(last));
		if (jv_get_kind(message) != JV_KIND_STRING)
			message = jv_dump_string(message, 0);
		rc = dn_err_set(err, -EINVAL, "jq program \"%s\": %.300s",
		    f->program, jv_string_value(message));
		jv_free(message);
	}
	jv_free(last);
	return rc;
}

static bool truthy(jv value)
{
	jv_kind kind = jv_get_kind(value);

	jv_free(value);
	return kind != JV_KIND_NULL && kind != JV_KIND_FALSE;
}

int dn_jqfilter_match(
    struct dn_jqfilter *f, struct dn_str record, struct dn_err *err)
{
	char **was = hide_environment();
	int rc = start(f, record, err);
	bool matched = false;
	jv value;

	while (rc == 0 && !matched) {
		value = jq_next(f->jq);
		if (!jv_is_valid(value)) {
			rc = finish(f, value, err);
			break;
		}
		matched = truthy(value);
	}
	environ = was;
	return rc < 0 ? rc : matched;
}

static void add_result(struct dn_buf *out, jv value)
{
	if (jv_get_kind(value) != JV_KIND_STRING)
		value = jv_dump_string(value, 0);
	dn_buf_add(out, jv_string_value(value),
	    (size_t)jv_string_length_bytes(jv_copy(value)));
	dn_buf_byte(out, '\n');
	jv_free(value);
}

int dn_jqfilter_format(struct dn_jqfilter *f, struct dn_str record,
    struct dn_buf *out, struct dn_err *err)
{
	char **was = hide_environment();
	int rc = start(f, record, err);
	int count = 0;
	jv value;

	while (rc == 0) {
		value = jq_next(f->jq);
		if (!jv_is_valid(value)) {
			rc = finish(f, value, err);
			break;
		}
		add_result(out, value);
		count++;
	}
	environ = was;
	return rc < 0 ? rc : count;
}
