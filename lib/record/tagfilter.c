/* SPDX-License-Identifier: MIT */
/*
 * How it works: the tree becomes an array in reading order, in which each node
 * knows where the one behind its subtree is. Strings are decoded into one
 * buffer with room for all of them.
 *
 * How it fails: reading stops at the first fault; on the way out the text gets
 * the path to the node.
 */
#include "record/tagfilter_impl.h"

#include <errno.h>
#include <stdlib.h>

/* In the order of enum dn_tagfilter_op. */
static const char *const words[DN_OPS] = {"eq", "neq", "in", "nin", "ex", "nex",
    "sw", "ew", "ct", "lt", "lte", "gt", "gte", "and", "or", "not"};

enum part {
	PART_OP,
	PART_KEY,
	PART_CMP,
	PART_VAL,
	PART_VALS,
	PART_NODES,
	PARTS
};

static const struct {
	const char *name;
	enum dn_json_type type;
} known[PARTS] = {
    [PART_OP] = {"op", DN_JSON_STRING},
    [PART_KEY] = {"key", DN_JSON_STRING},
    [PART_CMP] = {"cmp", DN_JSON_STRING},
    [PART_VAL] = {"val", DN_JSON_STRING},
    [PART_VALS] = {"vals", DN_JSON_ARRAY},
    [PART_NODES] = {"nodes", DN_JSON_ARRAY},
};

/* The members of a node; type DN_JSON_NONE where one is not there, or says
 * nothing. */
struct parts {
	struct dn_json of[PARTS];
};

struct reader {
	struct dn_tagfilter *filter; /* with room for all nodes */
	struct dn_err *err;
};

static int bad(struct reader *r, const char *why)
{
	return dn_err_set(r->err, -EINVAL, "%s", why);
}

static bool says_nothing(struct dn_json v)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;

	if (v.type == DN_JSON_STRING)
		return v.raw.n == 2;
	if (v.type != DN_JSON_ARRAY)
		return false;
	dn_json_iter_init(&it, v);
	return !dn_json_next(&it, &key, &item);
}

static bool has(const struct parts *parts, enum part part)
{
	return parts->of[part].type != DN_JSON_NONE;
}

static int read_part(struct reader *r, struct parts *parts, struct dn_str key,
    struct dn_json value)
{
	unsigned i;

	for (i = 0; i < PARTS; i++)
		if (dn_json_key_is(key, known[i].name))
			break;
	if (i == PARTS)
		return bad(r, "has a member that is none of op, key, cmp, "
			      "val, vals, nodes");
	if (has(parts, i))
		return dn_err_set(
		    r->err, -EINVAL, "%s: is there twice", known[i].name);
	if (value.type == DN_JSON_NULL)
		return 0;
	if (value.type != known[i].type)
		return dn_err_set(r->err, -EINVAL, "%s: is no %s",
		    known[i].name,
		    known[i].type == DN_JSON_ARRAY ? "array" : "string");
	parts->of[i] = value;
	return 0;
}

static int read_parts(
    struct reader *r, struct dn_json json, struct parts *parts)
{
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	int code = 0;
	unsigned i;

	*parts = (struct parts){0};
	if (json.type != DN_JSON_OBJECT)
		return bad(r, "is no object");
	dn_json_iter_init(&it, json);
	while (code == 0 && dn_json_next(&it, &key, &value))
		code = read_part(r, parts, key, value);
	for (i = 0; i < PARTS; i++)
		if (says_nothing(parts->of[i]))
			parts->of[i].type = DN_JSON_NONE;
	return code;
}

/* The word's place in words from `from` up to `to`, or `to`. */
static enum dn_tagfilter_op read_word(
    struct dn_json value, enum dn_tagfilter_op from, enum dn_tagfilter_op to)
{
	struct dn_str raw = {value.raw.p + 1, value.raw.n - 2};
	unsigned i;

	for (i = from; i < to; i++)
		if (dn_json_key_is(raw, words[i]))
			break;
	return (enum dn_tagfilter_op)i;
}

/* A copy of a string, which stays where it is: there is room for all. */
static struct dn_str keep(struct dn_tagfilter *f, struct dn_json value)
{
	size_t from = f->text.n;
	struct dn_str s;

	if (value.type == DN_JSON_NONE || says_nothing(value))
		return (struct dn_str){"", 0};
	DN_ASSERT(dn_json_string(value, &s, &f->text));
	if (f->text.n == from)
		dn_buf_str(&f->text, s);
	return (struct dn_str){f->text.p + from, f->text.n - from};
}

static int keep_vals(
    struct reader *r, struct dn_tagfilter_node *node, struct dn_json vals)
{
	struct dn_tagfilter *f = r->filter;
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;

	node->vals_from = f->vals_n;
	dn_json_iter_init(&it, vals);
	while (dn_json_next(&it, &key, &item)) {
		if (item.type != DN_JSON_STRING)
			return bad(r, "vals: an item is no string");
		if (f->vals_n == f->vals_cap) {
			f->vals_cap = f->vals_cap * 2 + 4;
			f->vals = dn_xrealloc(
			    f->vals, f->vals_cap * sizeof(*f->vals));
		}
		f->vals[f->vals_n++] = keep(f, item);
	}
	node->vals_n = f->vals_n - node->vals_from;
	return 0;
}

static const char *leaf_fault(enum dn_tagfilter_op op, const struct parts *p)
{
	bool set = op == DN_OP_IN || op == DN_OP_NIN;
	bool exists = op == DN_OP_EX || op == DN_OP_NEX;

	if (has(p, PART_NODES))
		return "nodes: needs an op";
	if (!has(p, PART_KEY) && !exists)
		return "key: is missing";
	if (set && !has(p, PART_VALS))
		return "vals: is missing";
	if (!set && has(p, PART_VALS))
		return "vals: goes with in and nin only";
	if (!set && !exists && !has(p, PART_VAL))
		return "val: is missing";
	if ((set || exists) && has(p, PART_VAL))
		return "val: does not go with in, nin, ex, nex";
	return NULL;
}

static int read_leaf(
    struct reader *r, struct dn_tagfilter_node *node, const struct parts *p)
{
	const char *fault;

	if (!has(p, PART_CMP))
		return bad(r, "cmp: is missing");
	node->op = read_word(p->of[PART_CMP], DN_OP_EQ, DN_OP_CMPS);
	if (node->op == DN_OP_CMPS)
		return bad(r, "cmp: is none of eq, neq, in, nin, ex, nex, sw, "
			      "ew, ct, lt, lte, gt, gte");
	fault = leaf_fault(node->op, p);
	if (fault != NULL)
		return bad(r, fault);
	node->key = keep(r->filter, p->of[PART_KEY]);
	node->val = keep(r->filter, p->of[PART_VAL]);
	node->number = dn_tagfilter_number(node->val);
	return has(p, PART_VALS) ? keep_vals(r, node, p->of[PART_VALS]) : 0;
}

static int read_node(struct reader *r, struct dn_json json, unsigned depth);

static int read_nodes(struct reader *r, enum dn_tagfilter_op op,
    struct dn_json nodes, unsigned depth)
{
	struct dn_json_iter it;
	struct dn_json item;
	struct dn_str key;
	size_t n = 0;

	dn_json_iter_init(&it, nodes);
	for (; dn_json_next(&it, &key, &item); n++) {
		int code = read_node(r, item, depth + 1);

		if (code != 0) {
			dn_err_wrap(r->err, "nodes[%zu]", n);
			return code;
		}
	}
	if (op == DN_OP_NOT && n != 1)
		return bad(r, "nodes: not takes exactly one");
	return 0;
}

static int read_combination(struct reader *r, struct dn_tagfilter_node *node,
    const struct parts *p, unsigned depth)
{
	node->op = read_word(p->of[PART_OP], DN_OP_AND, DN_OPS);
	if (node->op == DN_OPS)
		return bad(r, "op: is none of and, or, not");
	if (has(p, PART_KEY) || has(p, PART_CMP) || has(p, PART_VAL) ||
	    has(p, PART_VALS))
		return bad(r, "op: goes with nodes only");
	if (!has(p, PART_NODES))
		return bad(r, "nodes: is missing");
	return read_nodes(r, node->op, p->of[PART_NODES], depth);
}

static int read_node(struct reader *r, struct dn_json json, unsigned depth)
{
	struct dn_tagfilter *f = r->filter;
	struct dn_tagfilter_node *node = &f->nodes[f->count];
	struct parts parts;
	int code;

	if (depth > DN_TAGFILTER_DEPTH_MAX)
		return dn_err_set(r->err, -EINVAL, "nested deeper than %d",
		    DN_TAGFILTER_DEPTH_MAX);
	if (f->count == DN_TAGFILTER_NODES_MAX)
		return dn_err_set(r->err, -EINVAL, "more than %d nodes",
		    DN_TAGFILTER_NODES_MAX);
	code = read_parts(r, json, &parts);
	if (code != 0)
		return code;
	f->count++;
	code = has(&parts, PART_OP) ? read_combination(r, node, &parts, depth)
				    : read_leaf(r, node, &parts);
	node->behind = f->count;
	return code;
}

int dn_tagfilter_parse(
    struct dn_tagfilter **filter, struct dn_json json, struct dn_err *err)
{
	struct reader r = {.err = err};
	size_t node = sizeof(r.filter->nodes[0]);
	int code;

	*filter = NULL;
	if (json.raw.n > DN_TAGFILTER_BYTES_MAX)
		return dn_err_set(
		    err, -EINVAL, "more than %d bytes", DN_TAGFILTER_BYTES_MAX);
	r.filter =
	    dn_xcalloc(1, sizeof(*r.filter) + DN_TAGFILTER_NODES_MAX * node);
	r.filter->magic = DN_TAGFILTER_MAGIC;
	dn_buf_reserve(&r.filter->text, json.raw.n);
	code = read_node(&r, json, 1);
	if (code != 0)
		dn_tagfilter_free(&r.filter);
	else
		*filter = dn_xrealloc(
		    r.filter, sizeof(*r.filter) + r.filter->count * node);
	return code;
}

void dn_tagfilter_free(struct dn_tagfilter **filter)
{
	struct dn_tagfilter *f = *filter;

	if (f == NULL)
		return;
	DN_CHECK(f, DN_TAGFILTER_MAGIC);
	f->magic = 0;
	free(f->vals);
	dn_buf_release(&f->text);
	free(f);
	*filter = NULL;
}
