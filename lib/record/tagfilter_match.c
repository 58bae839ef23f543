/* SPDX-License-Identifier: MIT */
/*
 * How it works: the tags are read once, with their numbers; then each filter
 * is walked from its first node on, past what cannot change the result.
 *
 * How it fails: matching cannot fail.
 */
#include "record/tagfilter_impl.h"

#include <stdlib.h>

void dn_tagfilter_view_read(struct dn_tagfilter_view *v, struct dn_json tags)
{
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;

	v->count = 0;
	v->scratch.n = 0;
	if (tags.type != DN_JSON_OBJECT)
		return;
	/* What is decoded is no longer than it was: it never moves. */
	dn_buf_reserve(&v->scratch, tags.raw.n);
	dn_json_iter_init(&it, tags);
	while (dn_json_next(&it, &key, &value)) {
		struct dn_json name = {DN_JSON_STRING, {key.p - 1, key.n + 2}};
		struct dn_tagfilter_tag *tag;

		if (v->count == v->cap) {
			v->cap = v->cap * 2 + 8;
			v->tags =
			    dn_xrealloc(v->tags, v->cap * sizeof(*v->tags));
		}
		tag = &v->tags[v->count];
		if (!dn_json_string(name, &tag->key, &v->scratch) ||
		    !dn_json_string(value, &tag->value, &v->scratch))
			continue;
		tag->number = dn_tagfilter_number(tag->value);
		v->count++;
	}
}

void dn_tagfilter_view_release(struct dn_tagfilter_view *v)
{
	free(v->tags);
	dn_buf_release(&v->scratch);
	*v = (struct dn_tagfilter_view){0};
}

static const struct dn_tagfilter_tag *find(
    const struct dn_tagfilter_view *v, struct dn_str key)
{
	size_t i;

	for (i = v->count; i-- > 0;)
		if (dn_str_eq(v->tags[i].key, key))
			return &v->tags[i];
	return NULL;
}

static bool is_among(const struct dn_tagfilter *f,
    const struct dn_tagfilter_node *node, const struct dn_tagfilter_tag *tag)
{
	struct dn_str value = tag != NULL ? tag->value : (struct dn_str){"", 0};
	size_t i;

	for (i = 0; i < node->vals_n; i++)
		if (dn_str_eq(f->vals[node->vals_from + i], value))
			return true;
	return false;
}

static bool matches_text(
    enum dn_tagfilter_op op, struct dn_str value, struct dn_str val)
{
	if (value.n < val.n)
		return false;
	if (op == DN_OP_CT)
		return memmem(value.p, value.n, val.p, val.n) != NULL;
	if (op == DN_OP_EW)
		value.p += value.n - val.n;
	return memcmp(value.p, val.p, val.n) == 0;
}

static bool matches_number(enum dn_tagfilter_op op,
    const struct dn_tagfilter_number *value,
    const struct dn_tagfilter_number *val)
{
	int r;

	if (!value->valid || !val->valid)
		return false;
	r = dn_tagfilter_compare(value, val);
	switch (op) {
	case DN_OP_LT:
		return r < 0;
	case DN_OP_LTE:
		return r <= 0;
	case DN_OP_GT:
		return r > 0;
	default:
		return r >= 0;
	}
}

static bool matches_leaf(const struct dn_tagfilter *f,
    const struct dn_tagfilter_node *node, const struct dn_tagfilter_view *v)
{
	const struct dn_tagfilter_tag *tag = find(v, node->key);

	switch (node->op) {
	case DN_OP_EQ:
		return tag != NULL && dn_str_eq(tag->value, node->val);
	case DN_OP_NEQ:
		return tag == NULL || !dn_str_eq(tag->value, node->val);
	case DN_OP_IN:
		return is_among(f, node, tag);
	case DN_OP_NIN:
		return !is_among(f, node, tag);
	case DN_OP_EX:
		return tag != NULL;
	case DN_OP_NEX:
		return tag == NULL;
	case DN_OP_SW:
	case DN_OP_EW:
	case DN_OP_CT:
		return tag != NULL &&
		       matches_text(node->op, tag->value, node->val);
	default:
		return tag != NULL &&
		       matches_number(node->op, &tag->number, &node->number);
	}
}

static bool matches_node(const struct dn_tagfilter *f, unsigned at,
    const struct dn_tagfilter_view *v)
{
	const struct dn_tagfilter_node *node = &f->nodes[at];
	unsigned child;

	if (node->op < DN_OP_CMPS)
		return matches_leaf(f, node, v);
	if (node->op == DN_OP_NOT)
		return !matches_node(f, at + 1, v);
	/* The first child that says what the others cannot change. */
	for (child = at + 1; child < node->behind;
	     child = f->nodes[child].behind)
		if (matches_node(f, child, v) == (node->op == DN_OP_OR))
			return node->op == DN_OP_OR;
	return node->op == DN_OP_AND;
}

bool dn_tagfilter_matches(
    const struct dn_tagfilter *filter, const struct dn_tagfilter_view *v)
{
	DN_CHECK(filter, DN_TAGFILTER_MAGIC);
	return matches_node(filter, 0, v);
}
