/* SPDX-License-Identifier: MIT */
/*
 * broadcast and batch: calls made of calls. Each part writes its answer into
 * the parent's list, in the order of the request; the last one answers the
 * parent. The list ends with an empty buffer.
 *
 * All parts of a broadcast, and of a batch that says `parallel`, begin at once.
 * Else each command of a batch begins when the one before is answered, so that
 * what one does the next one finds; those that wait are the parent's rest.
 */
#include <stdlib.h>

#include "api/api_impl.h"

/* The commands of a batch that were not begun yet. */
struct dn_call_rest {
	struct dn_buf text; /* of the whole list */
	struct dn_json_iter it;
	size_t ix;
};

static void begin_next(struct dn_call *parent);

static void end_parent(struct dn_call *parent)
{
	struct dn_buf *b;

	for (b = parent->parts; b->n > 0; b++) {
		if (b != parent->parts)
			dn_buf_byte(&parent->result, ',');
		dn_buf_str(&parent->result, dn_buf_view(b));
		dn_buf_release(b);
	}
	dn_buf_byte(&parent->result, ']');
	free(parent->parts);
	parent->parts = NULL;
	dn_call_answer(parent);
}

static void end_part(struct dn_call *parent)
{
	if (--parent->parts_open > 0)
		return;
	if (parent->rest != NULL)
		begin_next(parent);
	else
		end_parent(parent);
}

static void on_part(struct dn_call *part)
{
	struct dn_call *parent = part->parent;
	struct dn_buf *b = &parent->parts[part->part];

	if (part->code != 0) {
		dn_buf_lit(b, "{\"error\":");
		dn_call_write_error(
		    b, part->code, part->message, part->temporary);
		dn_buf_byte(b, '}');
	} else {
		dn_buf_printf(b, "{\"%s\":{", part->method);
		dn_buf_str(b, dn_buf_view(&part->result));
		dn_buf_lit(b, "}}");
	}
	end_part(parent);
}

static struct dn_call *new_part(
    struct dn_call *parent, size_t ix, const char *method)
{
	struct dn_call *part =
	    dn_call_new(parent->loop, 0, parent->tenant, on_part);

	/* What the tenant points into, whatever was reloaded since. */
	dn_conf_unref(&part->conf);
	part->conf = dn_conf_ref(parent->conf);
	part->server = parent->server;
	part->method = method;
	part->parent = parent;
	part->part = ix;
	return part;
}

/* How many items the array has; false with the call answered. One more part
 * is open until all are begun. */
static bool begin_parts(
    struct dn_call *call, struct dn_json list, const char *what)
{
	struct dn_json_iter it;
	struct dn_str key;
	struct dn_json value;
	size_t n = 0;

	if (list.type == DN_JSON_ARRAY) {
		dn_json_iter_init(&it, list);
		while (dn_json_next(&it, &key, &value))
			n++;
	}
	if (list.type != DN_JSON_ARRAY || n > DN_API_PARTS_MAX) {
		struct dn_buf why = {0};

		dn_buf_printf(&why, "%s: an array of at most %d is needed",
		    what, DN_API_PARTS_MAX);
		dn_buf_byte(&why, '\0');
		dn_api_bad(call, why.p);
		dn_buf_release(&why);
		return false;
	}
	call->parts = dn_xcalloc(n + 1, sizeof(*call->parts));
	call->parts_open = n + 1;
	return true;
}

void dn_api_broadcast(struct dn_call *call, struct dn_json params)
{
	struct dn_json channels = dn_json_member(params, "channels");
	struct dn_json_iter it;
	struct dn_str key, channel;
	struct dn_json value;
	struct dn_buf text = {0};
	size_t ix = 0;

	if (!begin_parts(call, channels, "channels"))
		return;
	dn_buf_lit(&call->result, "\"responses\":[");
	dn_json_iter_init(&it, channels);
	while (dn_json_next(&it, &key, &value)) {
		struct dn_call *part = new_part(call, ix++, "result");

		text.n = 0;
		if (dn_json_string(value, &channel, &text))
			dn_api_publish_to(part, params, channel);
		else
			dn_api_bad(part, "channels: strings are needed");
	}
	dn_buf_release(&text);
	end_part(call);
}

/* One {METHOD: PARAMS}. */
static void begin_command(
    struct dn_call *call, size_t ix, struct dn_json command)
{
	struct dn_json_iter it;
	struct dn_str key, more;
	struct dn_json params, ignored;
	const char *method;
	dn_api_fn *fn = NULL;
	struct dn_call *part;

	if (command.type == DN_JSON_OBJECT)
		dn_json_iter_init(&it, command);
	if (command.type != DN_JSON_OBJECT ||
	    !dn_json_next(&it, &key, &params) ||
	    params.type != DN_JSON_OBJECT ||
	    dn_json_next(&it, &more, &ignored)) {
		dn_api_bad(new_part(call, ix, ""),
		    "commands: objects of one method are needed");
		return;
	}
	method = dn_api_find(key, &fn);
	part = new_part(call, ix, method != NULL ? method : "");
	if (method == NULL) {
		dn_call_fail(part, 104, "method not found");
		dn_call_answer(part);
	} else if (fn == dn_api_batch) {
		dn_api_bad(part, "commands: a batch has no batches");
	} else {
		fn(part, params);
	}
}

/* One after the other, until one takes its time: its end comes back here. */
static void begin_next(struct dn_call *parent)
{
	struct dn_call_rest *rest = parent->rest;
	struct dn_str key;
	struct dn_json command;

	do {
		if (!dn_json_next(&rest->it, &key, &command)) {
			dn_buf_release(&rest->text);
			free(rest);
			parent->rest = NULL;
			end_parent(parent);
			return;
		}
		parent->parts_open = 2; /* it, and this loop */
		begin_command(parent, rest->ix++, command);
	} while (--parent->parts_open == 0);
}

/* The request may be gone before the last one begins. */
static void begin_one_by_one(struct dn_call *call, struct dn_json commands)
{
	struct dn_call_rest *rest = dn_xcalloc(1, sizeof(*rest));

	dn_buf_str(&rest->text, commands.raw);
	commands.raw = dn_buf_view(&rest->text);
	dn_json_iter_init(&rest->it, commands);
	call->rest = rest;
	begin_next(call);
}

static void begin_all(struct dn_call *call, struct dn_json commands)
{
	struct dn_json_iter it;
	struct dn_str key;
	struct dn_json value;
	size_t ix = 0;

	dn_json_iter_init(&it, commands);
	while (dn_json_next(&it, &key, &value))
		begin_command(call, ix++, value);
	end_part(call);
}

void dn_api_batch(struct dn_call *call, struct dn_json params)
{
	struct dn_json commands = dn_json_member(params, "commands");
	struct dn_json value = dn_json_member(params, "parallel");
	bool parallel = false;

	if (value.type != DN_JSON_NONE && value.type != DN_JSON_NULL &&
	    !dn_json_bool(value, &parallel)) {
		dn_api_bad(call, "parallel: true or false");
		return;
	}
	if (!begin_parts(call, commands, "commands"))
		return;
	dn_buf_lit(&call->result, "\"replies\":[");
	if (parallel)
		begin_all(call, commands);
	else
		begin_one_by_one(call, commands);
}
