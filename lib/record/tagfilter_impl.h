/* SPDX-License-Identifier: MIT */
/*
 * tagfilter_impl: what the parts of tagfilter share: the filter as it is kept,
 * and its numbers.
 */
#ifndef DN_TAGFILTER_IMPL_H
#define DN_TAGFILTER_IMPL_H

#include "record/tagfilter.h"

enum { DN_TAGFILTER_MAGIC = 0x74616766 };

/* A comparison or a combination. */
enum dn_tagfilter_op {
	DN_OP_EQ,
	DN_OP_NEQ,
	DN_OP_IN,
	DN_OP_NIN,
	DN_OP_EX,
	DN_OP_NEX,
	DN_OP_SW,
	DN_OP_EW,
	DN_OP_CT,
	DN_OP_LT,
	DN_OP_LTE,
	DN_OP_GT,
	DN_OP_GTE,
	DN_OP_CMPS,
	DN_OP_AND = DN_OP_CMPS,
	DN_OP_OR,
	DN_OP_NOT,
	DN_OPS
};

struct dn_tagfilter_number {
	bool valid;
	bool negative;          /* never for zero */
	struct dn_str whole;    /* without leading zeros */
	struct dn_str fraction; /* without trailing zeros */
};

struct dn_tagfilter_node {
	enum dn_tagfilter_op op;
	unsigned behind; /* the first node that is not below this one */
	struct dn_str key;
	struct dn_str val;
	struct dn_tagfilter_number number; /* of val, for lt to gte */
	size_t vals_from;                  /* in the filter's vals */
	size_t vals_n;
};

struct dn_tagfilter {
	uint32_t magic;
	unsigned count;
	struct dn_str *vals;
	size_t vals_n;
	size_t vals_cap;
	struct dn_buf text; /* all strings, decoded */
	struct dn_tagfilter_node nodes[];
};

struct dn_tagfilter_tag {
	struct dn_str key;
	struct dn_str value;
	struct dn_tagfilter_number number;
};

/* {0} where the text is no number. */
DN_MUST_CHECK struct dn_tagfilter_number dn_tagfilter_number(struct dn_str s);
/* Of two valid ones: below, equal to or above 0. */
DN_MUST_CHECK int dn_tagfilter_compare(
    const struct dn_tagfilter_number *a, const struct dn_tagfilter_number *b);

#endif
