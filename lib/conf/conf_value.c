/* SPDX-License-Identifier: MIT */
/*
 * How it works: a field's type says how its JSON value becomes a member of
 * the struct and back. Defaults are JSON text in the table and take the same
 * way in, so that what docs/CONFIG.md shows is what is set.
 *
 * How it fails: a value of the wrong type or out of range leaves the default
 * and is noted at its place, in the units of the file.
 */
#include "conf/conf_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"

static void *member(const struct dn_conf_field *f, void *base)
{
	return (char *)base + f->offset;
}

static const void *const_member(const struct dn_conf_field *f, const void *base)
{
	return (const char *)base + f->offset;
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static void wrong_type(struct dn_conf_reader *r, json_t *v, const char *want)
{
	dn_conf_wrong(r, "must be %s, not %s", want, type_name(v));
}

/* Whole numbers, also where they are written as 8e6. */
static bool whole(json_t *v, int64_t *out)
{
	double d;

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	if (!json_is_real(v))
		return false;
	d = json_real_value(v);
	if (d != trunc(d) || fabs(d) > 9007199254740992.0)
		return false;
	*out = (int64_t)d;
	return true;
}

static bool set_bool(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	(void)f;
	if (!json_is_boolean(v)) {
		wrong_type(r, v, "true or false");
		return false;
	}
	*(bool *)m = json_is_true(v);
	return true;
}

static bool get_whole(struct dn_conf_reader *r, const struct dn_conf_field *f,
    json_t *v, int64_t *n)
{
	if (!json_is_number(v)) {
		wrong_type(r, v, "a number");
		return false;
	}
	if (!whole(v, n)) {
		dn_conf_wrong(r, "must be a whole number");
		return false;
	}
	if (*n < f->min || *n > f->max) {
		if (f->max == INT64_MAX)
			dn_conf_wrong(r, "must be at least %" PRId64, f->min);
		else
			dn_conf_wrong(r, "must be from %" PRId64 " to %" PRId64,
			    f->min, f->max);
		return false;
	}
	return true;
}

static bool set_u32(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	int64_t n;

	if (!get_whole(r, f, v, &n))
		return false;
	*(uint32_t *)m = (uint32_t)n;
	return true;
}

static bool set_u64(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	int64_t n;

	if (!get_whole(r, f, v, &n))
		return false;
	*(uint64_t *)m = (uint64_t)n;
	return true;
}

static bool set_rate(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	(void)f;
	if (!json_is_number(v)) {
		wrong_type(r, v, "a number");
		return false;
	}
	if (json_number_value(v) < 0) {
		dn_conf_wrong(r, "must not be negative");
		return false;
	}
	*(double *)m = json_number_value(v);
	return true;
}

/* A string like "5m", or a number of seconds. */
static bool get_duration(struct dn_conf_reader *r, json_t *v, int64_t *us)
{
	struct dn_err err = {0};
	double seconds;

	if (json_is_string(v)) {
		if (dn_duration_us(dn_str_of(json_string_value(v)), us, &err)) {
			dn_conf_wrong(r, "%s", err.text);
			return false;
		}
		return true;
	}
	if (!json_is_number(v)) {
		wrong_type(r, v, "a duration (\"5m\", or seconds)");
		return false;
	}
	seconds = json_number_value(v);
	if (!(seconds >= 0 && seconds <= 100.0 * 366 * 86400)) {
		dn_conf_wrong(r, "must be from 0 to 100 years");
		return false;
	}
	*us = (int64_t)llround(seconds * 1e6);
	return true;
}

static bool set_duration(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	char low[32], high[32];
	int64_t us;

	if (!get_duration(r, v, &us))
		return false;
	if (us < f->min || us > f->max) {
		dn_duration_text(f->min, low);
		dn_duration_text(f->max, high);
		dn_conf_wrong(r, "must be from %s to %s", low, high);
		return false;
	}
	*(int64_t *)m = us;
	return true;
}

/* Text without NUL (the parser refuses that), and not empty unless that is
 * its default. */
static const char *get_text(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v)
{
	if (!json_is_string(v)) {
		wrong_type(r, v, "a string");
		return NULL;
	}
	if (json_string_length(v) == 0 && f->initial == NULL) {
		dn_conf_wrong(r, "must not be empty");
		return NULL;
	}
	return json_string_value(v);
}

static bool set_text(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	const char *text = get_text(r, f, v);

	if (text == NULL)
		return false;
	free(*(char **)m);
	*(char **)m = f->type == DN_CONF_FILE ? dn_conf_resolve(r->folder, text)
					      : dn_xstrdup(text);
	return true;
}

static bool set_word(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	const char *text = json_string_value(v);
	struct dn_buf list = {0};
	unsigned i;

	for (i = 0; text != NULL && f->words[i] != NULL; i++) {
		if (strcmp(text, f->words[i]) == 0) {
			memcpy(m, &i, sizeof(i));
			return true;
		}
	}
	for (i = 0; f->words[i] != NULL; i++)
		dn_buf_printf(
		    &list, "%s\"%s\"", i == 0 ? "" : " or ", f->words[i]);
	dn_conf_wrong(r, "must be %.*s", DN_FMT(dn_buf_view(&list)));
	dn_buf_release(&list);
	return false;
}

static bool set_object(
    struct dn_conf_reader *r, const struct dn_conf_field *f, json_t *v, void *m)
{
	dn_conf_read_object(r, f->table, v, m);
	return true;
}

static bool (*const setters[])(
    struct dn_conf_reader *, const struct dn_conf_field *, json_t *, void *) = {
    [DN_CONF_BOOL] = set_bool,
    [DN_CONF_U32] = set_u32,
    [DN_CONF_U64] = set_u64,
    [DN_CONF_RATE] = set_rate,
    [DN_CONF_DURATION] = set_duration,
    [DN_CONF_TEXT] = set_text,
    [DN_CONF_FILE] = set_text,
    [DN_CONF_WORD] = set_word,
    [DN_CONF_OBJECT] = set_object,
};

void dn_conf_no_effect(struct dn_conf_reader *r, const char *why)
{
	struct dn_conf *conf = r->conf;
	struct dn_buf place = {0};

	dn_buf_str(&place, dn_buf_view(&r->path));
	if (why != NULL)
		dn_buf_printf(&place, " (%s)", why);
	conf->not_effective = dn_xrealloc(conf->not_effective,
	    (conf->not_effective_n + 1) * sizeof(*conf->not_effective));
	conf->not_effective[conf->not_effective_n++] =
	    dn_xstrndup(place.p, place.n);
	dn_buf_release(&place);
}

void dn_conf_set(struct dn_conf_reader *r, const struct dn_conf_field *f,
    json_t *v, void *base)
{
	const char *text = json_string_value(v);

	if (f->type == DN_CONF_CUSTOM) {
		f->read(r, v, base);
		return;
	}
	if (!setters[f->type](r, f, v, member(f, base)))
		return;
	if (f->later)
		dn_conf_no_effect(r, NULL);
	else if (f->later_word != NULL && strcmp(text, f->later_word) == 0)
		dn_conf_no_effect(r, f->later_word);
}

void dn_conf_defaults(const struct dn_conf_table *table, void *base)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf_reader r = {.errors = &errors};
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct dn_conf_field *f = &table->fields[i];
		json_t *v;

		if (f->type == DN_CONF_CUSTOM || f->initial == NULL)
			continue;
		if (f->type == DN_CONF_OBJECT) {
			dn_conf_defaults(f->table, member(f, base));
			continue;
		}
		v = json_loads(f->initial, JSON_DECODE_ANY, NULL);
		DN_ASSERT(v != NULL);
		DN_ASSERT(setters[f->type](&r, f, v, member(f, base)));
		json_decref(v);
	}
	dn_buf_release(&r.path);
}

void dn_conf_release(const struct dn_conf_table *table, void *base)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct dn_conf_field *f = &table->fields[i];

		if (f->type == DN_CONF_TEXT || f->type == DN_CONF_FILE)
			free(*(char **)member(f, base));
		else if (f->type == DN_CONF_OBJECT)
			dn_conf_release(f->table, member(f, base));
	}
}

static json_t *show_number(double d)
{
	if (d == trunc(d) && d < 9007199254740992.0)
		return json_integer((json_int_t)d);
	return json_real(d);
}

static json_t *show_duration(int64_t us)
{
	char text[32];

	dn_duration_text(us, text);
	return json_string(text);
}

static json_t *show_word(const struct dn_conf_field *f, const void *m)
{
	unsigned i;

	memcpy(&i, m, sizeof(i));
	return json_string(f->words[i]);
}

static json_t *show_field(const struct dn_conf_field *f, const void *base)
{
	const void *m = const_member(f, base);

	switch (f->type) {
	case DN_CONF_BOOL:
		return json_boolean(*(const bool *)m);
	case DN_CONF_U32:
		return json_integer(*(const uint32_t *)m);
	case DN_CONF_U64:
		return json_integer((json_int_t) * (const uint64_t *)m);
	case DN_CONF_RATE:
		return show_number(*(const double *)m);
	case DN_CONF_DURATION:
		return show_duration(*(const int64_t *)m);
	case DN_CONF_TEXT:
	case DN_CONF_FILE: /* json_string(NULL) is NULL: left out */
		return json_string(*(char *const *)m);
	case DN_CONF_WORD:
		return show_word(f, m);
	case DN_CONF_OBJECT:
		return dn_conf_show(f->table, m);
	case DN_CONF_CUSTOM:
		break;
	}
	return f->show(base);
}

/* What does nothing yet and says nothing new is left out: read again, it would
 * be warned of. */
static bool is_untouched(const struct dn_conf_field *f, json_t *v)
{
	json_t *initial;
	bool same;

	if (!f->later || f->initial == NULL)
		return false;
	initial = json_loads(f->initial, JSON_DECODE_ANY, NULL);
	same = json_equal(initial, v);
	json_decref(initial);
	return same;
}

json_t *dn_conf_show(const struct dn_conf_table *table, const void *base)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct dn_conf_field *f = &table->fields[i];
		json_t *v = show_field(f, base);

		if (v != NULL && !is_untouched(f, v))
			json_object_set(object, f->name, v);
		json_decref(v);
	}
	return object;
}
