/* SPDX-License-Identifier: MIT */
/*
 * tagfilter: which publications a subscriber wants, by their tags: the `tf` of
 * a subscribe command (docs/PROTOCOL.md). A filter is read once at subscribe;
 * the tags of a publication are read once for all filters of a loop.
 *
 *   {"key": "env", "cmp": "eq", "val": "prod"}
 *   {"op": "and", "nodes": [{...}, {"op": "not", "nodes": [{...}]}]}
 *
 * cmp: eq neq, in nin (vals), ex nex (the key is there, or not), sw ew ct (the
 * value starts with, ends with, contains val), lt lte gt gte (numbers). A tag
 * that is not there is unequal to every val and is none of vals, but "" is it
 * for in and nin; it starts with, ends with and contains nothing, and no
 * number comparison holds for it. A number is decimal digits with an optional
 * sign and up to 19 digits behind a point, at most 200 bytes, and is compared
 * exactly; with text that is none, no number comparison holds.
 *
 * Ownership: the filter keeps copies of its own. A view borrows the tags and
 *   is used again for others without new memory; {0} is an empty one.
 * Limits: DN_TAGFILTER_* below. One match looks at each node once at most.
 * Errors: -EINVAL with the path to the node and the reason.
 * Thread: a filter and a view do not change while they are matched: any.
 */
#ifndef DN_TAGFILTER_H
#define DN_TAGFILTER_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum {
	DN_TAGFILTER_BYTES_MAX = 4096, /* as JSON text */
	DN_TAGFILTER_NODES_MAX = 64,
	DN_TAGFILTER_DEPTH_MAX = 8, /* the outermost node is the first */
};

struct dn_tagfilter;

/* Reads a validated JSON value. Unknown and repeated members are errors, and
 * members that say nothing in such a node, unless they are empty or null. */
DN_MUST_CHECK int dn_tagfilter_parse(
    struct dn_tagfilter **filter, struct dn_json json, struct dn_err *err);
void dn_tagfilter_free(struct dn_tagfilter **filter);

/* The tags of one publication. */
struct dn_tagfilter_view {
	struct dn_tagfilter_tag *tags;
	size_t count;
	size_t cap;
	struct dn_buf scratch; /* what was written with escapes */
};

/* Reads a validated object; any other type has no tags. Of two members of one
 * name the last one counts, those that are no strings do not. */
void dn_tagfilter_view_read(struct dn_tagfilter_view *v, struct dn_json tags);
void dn_tagfilter_view_release(struct dn_tagfilter_view *v);

DN_MUST_CHECK bool dn_tagfilter_matches(
    const struct dn_tagfilter *filter, const struct dn_tagfilter_view *v);

#endif
