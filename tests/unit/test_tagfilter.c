/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "record/tagfilter.h"

#include "corpus.h"
#include "tap.h"
#include "../fuzz/fuzz_tagfilter.c"

/* The JSON text with ' for ". */
static struct dn_json json(struct dn_buf *b, const char *text)
{
	struct dn_json v;
	struct dn_err err;
	size_t i;

	b->n = 0;
	for (i = 0; text[i] != '\0'; i++)
		dn_buf_byte(b, text[i] == '\'' ? '"' : text[i]);
	if (dn_json_parse(dn_buf_view(b), &v, &err) != 0)
		printf("Bail out! %s: %s\n", text, err.text);
	return v;
}

/* 1 and 0: whether it matches; -1: the filter is wrong. */
static int match(const char *filter, const char *tags)
{
	static struct dn_tagfilter_view view;
	struct dn_buf a = {0}, b = {0};
	struct dn_tagfilter *f;
	struct dn_err err;
	int result;

	if (dn_tagfilter_parse(&f, json(&a, filter), &err) != 0) {
		printf("# %s: %s\n", filter, err.text);
		dn_buf_release(&a);
		return -1;
	}
	/* What was read is kept. */
	memset(a.p, '#', a.n);
	dn_tagfilter_view_read(&view, json(&b, tags));
	result = dn_tagfilter_matches(f, &view);
	dn_tagfilter_free(&f);
	dn_buf_release(&a);
	dn_buf_release(&b);
	dn_tagfilter_view_release(&view);
	return result;
}

struct match_case {
	const char *filter, *tags;
	int want;
};

static void check(const struct match_case *cases, size_t n)
{
	char name[256];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s on %s", cases[i].filter,
		    cases[i].tags);
		IS_NUM(
		    match(cases[i].filter, cases[i].tags), cases[i].want, name);
	}
}

static void test_texts(void)
{
	static const struct match_case cases[] = {
	    {"{'key':'e','cmp':'eq','val':'prod'}", "{'e':'prod'}", 1},
	    {"{'key':'e','cmp':'eq','val':'prod'}", "{'e':'pro'}", 0},
	    {"{'key':'e','cmp':'eq','val':'prod'}", "{'e':'prodd'}", 0},
	    {"{'key':'e','cmp':'eq','val':'prod'}", "{'f':'prod'}", 0},
	    {"{'key':'e','cmp':'eq','val':'1'}", "{'e':'1.0'}", 0},
	    {"{'key':'e','cmp':'neq','val':'a'}", "{'e':'b'}", 1},
	    {"{'key':'e','cmp':'neq','val':'a'}", "{'e':'a'}", 0},
	    {"{'key':'e','cmp':'neq','val':'a'}", "{}", 1},
	    {"{'key':'e','cmp':'sw','val':'ab'}", "{'e':'abc'}", 1},
	    {"{'key':'e','cmp':'sw','val':'ab'}", "{'e':'ab'}", 1},
	    {"{'key':'e','cmp':'sw','val':'ab'}", "{'e':'xab'}", 0},
	    {"{'key':'e','cmp':'sw','val':'ab'}", "{'e':'a'}", 0},
	    {"{'key':'e','cmp':'sw','val':'ab'}", "{}", 0},
	    {"{'key':'e','cmp':'ew','val':'bc'}", "{'e':'abc'}", 1},
	    {"{'key':'e','cmp':'ew','val':'bc'}", "{'e':'bcd'}", 0},
	    {"{'key':'e','cmp':'ew','val':'bc'}", "{'e':''}", 0},
	    {"{'key':'e','cmp':'ew','val':'bc'}", "{}", 0},
	    {"{'key':'e','cmp':'ct','val':'bc'}", "{'e':'abcd'}", 1},
	    {"{'key':'e','cmp':'ct','val':'bc'}", "{'e':'acbd'}", 0},
	    {"{'key':'e','cmp':'ct','val':'bc'}", "{}", 0},
	    {"{'key':'e','cmp':'sw','val':'a\\''}", "{'e':'a'}", 0},
	    {"{'key':'e','cmp':'ew','val':'\\'a'}", "{'e':'a'}", 0},
	    {"{'key':'e','cmp':'ex'}", "{'e':'1'}", 1},
	    {"{'key':'e','cmp':'ex'}", "{'e':''}", 1},
	    {"{'key':'e','cmp':'ex'}", "{'f':'1'}", 0},
	    {"{'key':'e','cmp':'nex'}", "{'e':'1'}", 0},
	    {"{'key':'e','cmp':'nex'}", "{}", 1},
	    {"{'cmp':'ex'}", "{'':'1'}", 1},
	    {"{'key':'','cmp':'nex'}", "{'e':'1'}", 1},
	};

	check(cases, DN_ARRAY_LEN(cases));
}

static void test_sets(void)
{
	static const struct match_case cases[] = {
	    {"{'key':'r','cmp':'in','vals':['us','eu']}", "{'r':'eu'}", 1},
	    {"{'key':'r','cmp':'in','vals':['us','eu']}", "{'r':'as'}", 0},
	    {"{'key':'r','cmp':'in','vals':['us','eu']}", "{'r':'e'}", 0},
	    {"{'key':'r','cmp':'in','vals':['us','eu']}", "{}", 0},
	    {"{'key':'r','cmp':'in','vals':['us','']}", "{}", 1},
	    {"{'key':'r','cmp':'nin','vals':['us','eu']}", "{'r':'us'}", 0},
	    {"{'key':'r','cmp':'nin','vals':['us','eu']}", "{'r':'as'}", 1},
	    {"{'key':'r','cmp':'nin','vals':['us','eu']}", "{}", 1},
	    {"{'key':'r','cmp':'nin','vals':['']}", "{}", 0},
	    {"{'op':'and','nodes':[{'key':'a','cmp':'in','vals':['1','2']},"
	     "{'key':'b','cmp':'in','vals':['3']}]}",
		"{'a':'2','b':'3'}", 1},
	    {"{'op':'and','nodes':[{'key':'a','cmp':'in','vals':['1','2']},"
	     "{'key':'b','cmp':'in','vals':['3']}]}",
		"{'a':'3','b':'3'}", 0},
	    {"{'op':'and','nodes':[{'key':'a','cmp':'in','vals':['1','2']},"
	     "{'key':'b','cmp':'in','vals':['3']}]}",
		"{'a':'2','b':'1'}", 0},
	};

	check(cases, DN_ARRAY_LEN(cases));
}

/* Each line: two numbers and how the first stands to the second; '?' where
 * one of them is none. */
static void test_numbers(void)
{
	static const struct {
		const char *a, *b;
		char want;
	} cases[] = {
	    {"42", "42", '='},
	    {"100", "42", '>'},
	    {"9", "10", '<'},
	    {"42.00000001", "42", '>'},
	    {"41.99999999", "42", '<'},
	    {"-1", "1", '<'},
	    {"-2", "-1", '<'},
	    {"-10", "-9", '<'},
	    {"-0.5", "-0.25", '<'},
	    {"0", "-0", '='},
	    {"-0.000", "+0", '='},
	    {"0.1", "-0.1", '>'},
	    {"007", "7", '='},
	    {"1.50", "1.5", '='},
	    {"+5", "5", '='},
	    {"1.09", "1.1", '<'},
	    {"9007199254740993", "9007199254740992", '>'},
	    {"0.1234567890123456789", "0.1234567890123456788", '>'},
	    {"340282366920938463463374607431768211457",
		"340282366920938463463374607431768211456", '>'},
	    {"0.12345678901234567890", "0", '?'},
	    {"", "0", '?'},
	    {"+", "0", '?'},
	    {".5", "0", '?'},
	    {"-.5", "0", '?'},
	    {"5.", "0", '?'},
	    {"1e3", "0", '?'},
	    {"1.2.3", "0", '?'},
	    {"--1", "0", '?'},
	    {" 1", "0", '?'},
	    {"1 ", "0", '?'},
	    {"0x1", "0", '?'},
	    {"NaN", "0", '?'},
	    {"Infinity", "0", '?'},
	    {"1", "no-number", '?'},
	};
	static const struct {
		const char *word, *holds;
	} cmps[] = {{"lt", "<"}, {"lte", "<="}, {"gt", ">"}, {"gte", ">="}};
	char filter[128], tags[128], name[128];
	size_t i, k;

	for (i = 0; i < DN_ARRAY_LEN(cases); i++)
		for (k = 0; k < DN_ARRAY_LEN(cmps); k++) {
			snprintf(filter, sizeof(filter),
			    "{'key':'n','cmp':'%s','val':'%s'}", cmps[k].word,
			    cases[i].b);
			snprintf(tags, sizeof(tags), "{'n':'%s'}", cases[i].a);
			snprintf(name, sizeof(name), "%s %s %s", cases[i].a,
			    cmps[k].word, cases[i].b);
			IS_NUM(match(filter, tags),
			    strchr(cmps[k].holds, cases[i].want) != NULL, name);
		}
	for (k = 0; k < DN_ARRAY_LEN(cmps); k++) {
		snprintf(filter, sizeof(filter),
		    "{'key':'n','cmp':'%s','val':'0'}", cmps[k].word);
		IS_NUM(match(filter, "{}"), 0, "no tag, no comparison");
	}
}

static void test_number_length(void)
{
	char filter[256], tags[256], digits[202];
	int n;

	memset(digits, '1', sizeof(digits));
	for (n = 200; n <= 201; n++) {
		snprintf(tags, sizeof(tags), "{'n':'%.*s'}", n, digits);
		snprintf(
		    filter, sizeof(filter), "{'key':'n','cmp':'gt','val':'1'}");
		IS_NUM(match(filter, tags), n == 200, "200 bytes of a tag");
		snprintf(filter, sizeof(filter),
		    "{'key':'n','cmp':'lt','val':'%.*s'}", n, digits);
		IS_NUM(match(filter, "{'n':'1'}"), n == 200, "and of val");
	}
}

#define YES "{'key':'y','cmp':'ex'}"
#define NO "{'key':'n','cmp':'ex'}"

static void test_combinations(void)
{
	static const struct match_case cases[] = {
	    {"{'op':'and','nodes':[" YES "," YES "]}", "{'y':''}", 1},
	    {"{'op':'and','nodes':[" YES "," NO "]}", "{'y':''}", 0},
	    {"{'op':'and','nodes':[" NO "," YES "]}", "{'y':''}", 0},
	    {"{'op':'or','nodes':[" NO "," YES "]}", "{'y':''}", 1},
	    {"{'op':'or','nodes':[" YES "," NO "]}", "{'y':''}", 1},
	    {"{'op':'or','nodes':[" NO "," NO "]}", "{'y':''}", 0},
	    {"{'op':'or','nodes':[" YES "]}", "{'y':''}", 1},
	    {"{'op':'not','nodes':[" YES "]}", "{'y':''}", 0},
	    {"{'op':'not','nodes':[" NO "]}", "{'y':''}", 1},
	    {"{'op':'not','nodes':[{'op':'and','nodes':[" NO "," YES "]}]}",
		"{'y':''}", 1},
	    {"{'op':'or','nodes':[{'op':'and','nodes':[" YES "," NO "]},"
	     "{'op':'and','nodes':[" YES ",{'op':'not','nodes':[" NO "]}]}]}",
		"{'y':''}", 1},
	    {"{'op':'and','nodes':[{'op':'or','nodes':[" NO "," YES "]},"
	     "{'op':'or','nodes':[" NO "," NO "," NO "]}," YES "]}",
		"{'y':''}", 0},
	    {"{'op':'or','nodes':[{'op':'and','nodes':[" YES "," NO "]}," NO
	     "]}",
		"{'y':''}", 0},
	    {"{'op':'and','nodes':[{'op':'or','nodes':[" YES "," NO "]}," YES
	     "]}",
		"{'y':''}", 1},
	    {"{'op':'','key':'y','cmp':'ex','val':'','vals':[ ],'nodes':[]}",
		"{'y':''}", 1},
	    {"{'op':'and','key':'','cmp':'','val':'','vals':[],"
	     "'nodes':[" YES "]}",
		"{'y':''}", 1},
	    {"{'op':null,'key':'y','cmp':'ex','val':null,'vals':null,"
	     "'nodes':null}",
		"{'y':''}", 1},
	};

	check(cases, DN_ARRAY_LEN(cases));
}

/* Escapes, on both sides; two tags of one name; what is no string. */
static void test_json_forms(void)
{
	static const struct match_case cases[] = {
	    {"{'k\\u0065y':'\\u006b','cmp':'\\u0065q','val':'\\\\\\u00e9'}",
		"{'k':'\\\\\xc3\xa9'}", 1},
	    {"{'key':'k','cmp':'eq','val':'\\\\\xc3\xa9'}",
		"{'\\u006b':'\\u005c\\u00e9'}", 1},
	    {"{'key':'\\n','cmp':'in','vals':['\\t','\\r']}",
		"{'\\u000a':'\\u000d'}", 1},
	    {"{'o\\u0070':'n\\u006ft','nodes':[" NO "]}", "{}", 1},
	    {"{'key':'k','cmp':'eq','val':'2'}", "{'k':'1','k':'2'}", 1},
	    {"{'key':'k','cmp':'eq','val':'1'}", "{'k':'1','k':'2'}", 0},
	    {"{'key':'k','cmp':'eq','val':'1'}", "{'k':'1','k':2}", 1},
	    {"{'key':'k','cmp':'ex'}", "{'k':1}", 0},
	    {"{'key':'k','cmp':'nex'}", "null", 1},
	    {"{'key':'k','cmp':'nex'}", "['k']", 1},
	};

	check(cases, DN_ARRAY_LEN(cases));
}

static void wrong(const char *filter, const char *want)
{
	struct dn_buf b = {0};
	struct dn_tagfilter *f;
	struct dn_err err;

	IS_NUM(dn_tagfilter_parse(&f, json(&b, filter), &err), -EINVAL, filter);
	OK(f == NULL, "no filter");
	IS_STR(err.text, want, "the reason");
	IS_NUM(dn_tagfilter_parse(&f, json(&b, filter), NULL), -EINVAL,
	    "nobody reads it");
	dn_buf_release(&b);
}

#define CMPS "eq, neq, in, nin, ex, nex, sw, ew, ct, lt, lte, gt, gte"

static void test_wrong_leaves(void)
{
	static const char *const need_val[] = {
	    "eq", "neq", "sw", "ew", "ct", "lt", "lte", "gt", "gte"};
	static const char *const sets[] = {"in", "nin"};
	static const char *const exist[] = {"ex", "nex"};
	char text[128];
	size_t i;

	wrong("{'key':'a','val':'b'}", "cmp: is missing");
	wrong("{'key':'a','cmp':'is','val':'b'}", "cmp: is none of " CMPS);
	wrong("{'key':'a','cmp':'EQ','val':'b'}", "cmp: is none of " CMPS);
	wrong("{'key':'a','cmp':'and','val':'b'}", "cmp: is none of " CMPS);
	wrong("{'key':'a','cmp':'eq','val':'b','nodes':[" YES "]}",
	    "nodes: needs an op");
	for (i = 0; i < DN_ARRAY_LEN(need_val); i++) {
		snprintf(
		    text, sizeof(text), "{'key':'a','cmp':'%s'}", need_val[i]);
		wrong(text, "val: is missing");
		snprintf(text, sizeof(text),
		    "{'key':'a','cmp':'%s','val':'b','vals':['c']}",
		    need_val[i]);
		wrong(text, "vals: goes with in and nin only");
		snprintf(
		    text, sizeof(text), "{'cmp':'%s','val':'b'}", need_val[i]);
		wrong(text, "key: is missing");
	}
	for (i = 0; i < DN_ARRAY_LEN(sets); i++) {
		snprintf(text, sizeof(text), "{'key':'a','cmp':'%s'}", sets[i]);
		wrong(text, "vals: is missing");
		snprintf(text, sizeof(text),
		    "{'key':'a','cmp':'%s','vals':['b'],'val':'c'}", sets[i]);
		wrong(text, "val: does not go with in, nin, ex, nex");
		snprintf(
		    text, sizeof(text), "{'cmp':'%s','vals':['b']}", sets[i]);
		wrong(text, "key: is missing");
	}
	for (i = 0; i < DN_ARRAY_LEN(exist); i++) {
		snprintf(text, sizeof(text), "{'key':'a','cmp':'%s','val':'b'}",
		    exist[i]);
		wrong(text, "val: does not go with in, nin, ex, nex");
		snprintf(text, sizeof(text),
		    "{'key':'a','cmp':'%s','vals':['b']}", exist[i]);
		wrong(text, "vals: goes with in and nin only");
	}
}

static void test_wrong_nodes(void)
{
	wrong("null", "is no object");
	wrong("[]", "is no object");
	wrong("'eq'", "is no object");
	wrong("{}", "cmp: is missing");
	wrong("{'op':'xor','nodes':[" YES "]}", "op: is none of and, or, not");
	wrong("{'op':'eq','nodes':[" YES "]}", "op: is none of and, or, not");
	wrong("{'op':'and'}", "nodes: is missing");
	wrong("{'op':'or','nodes':[]}", "nodes: is missing");
	wrong("{'op':'not','nodes':[ ]}", "nodes: is missing");
	wrong("{'op':'not','nodes':[" YES "," NO "]}",
	    "nodes: not takes exactly one");
	wrong("{'op':'and','key':'a','nodes':[" YES "]}",
	    "op: goes with nodes only");
	wrong("{'op':'and','cmp':'ex','nodes':[" YES "]}",
	    "op: goes with nodes only");
	wrong("{'op':'and','val':'a','nodes':[" YES "]}",
	    "op: goes with nodes only");
	wrong("{'op':'and','vals':['a'],'nodes':[" YES "]}",
	    "op: goes with nodes only");
	wrong("{'key':'a','cmp':'eq','val':1}", "val: is no string");
	wrong("{'key':'a','cmp':'in','vals':'b'}", "vals: is no array");
	wrong("{'key':'a','cmp':'in','vals':{'b':1}}", "vals: is no array");
	wrong("{'key':'a','cmp':'in','vals':['b',null]}",
	    "vals: an item is no string");
	wrong("{'op':1}", "op: is no string");
	wrong("{'key':['a'],'cmp':'ex'}", "key: is no string");
	wrong("{'cmp':true}", "cmp: is no string");
	wrong("{'op':'and','nodes':" YES "}", "nodes: is no array");
	wrong("{'key':'a','cmp':'ex','key':'b'}", "key: is there twice");
	wrong("{'key':'a','cmp':'ex','Key':'b'}",
	    "has a member that is none of op, key, cmp, val, vals, nodes");
	wrong("{'op':'and','nodes':[" YES ",{'op':'or','nodes':[" YES "," NO
	      ",7]}]}",
	    "nodes[1]: nodes[2]: is no object");
}

/* `depth` nodes within each other, the innermost a comparison. */
static int parse_depth(int depth)
{
	struct dn_buf b = {0};
	int i, r;

	for (i = 1; i < depth; i++)
		dn_buf_lit(&b, "{'op':'not','nodes':[");
	dn_buf_lit(&b, YES);
	for (i = 1; i < depth; i++)
		dn_buf_lit(&b, "]}");
	dn_buf_byte(&b, '\0');
	r = match(b.p, "{}");
	dn_buf_release(&b);
	return r;
}

static int parse_nodes(int nodes)
{
	struct dn_buf b = {0};
	int i, r;

	dn_buf_lit(&b, "{'op':'or','nodes':[" YES);
	for (i = 2; i < nodes; i++)
		dn_buf_lit(&b, "," YES);
	dn_buf_lit(&b, "]}");
	dn_buf_byte(&b, '\0');
	r = match(b.p, "{'y':''}");
	dn_buf_release(&b);
	return r;
}

static int parse_bytes(int bytes)
{
	static const char head[] = "{'key':'k','cmp':'eq','val':'";
	struct dn_buf b = {0};
	int r;

	dn_buf_lit(&b, head);
	while (b.n + 2 < (size_t)bytes)
		dn_buf_byte(&b, 'v');
	dn_buf_lit(&b, "'}");
	dn_buf_byte(&b, '\0');
	r = match(b.p, "{}");
	dn_buf_release(&b);
	return r;
}

static void test_limits(void)
{
	IS_NUM(parse_depth(DN_TAGFILTER_DEPTH_MAX), 1, "the deepest");
	IS_NUM(parse_depth(DN_TAGFILTER_DEPTH_MAX + 1), -1, "too deep");
	IS_NUM(parse_nodes(DN_TAGFILTER_NODES_MAX), 1, "the most nodes");
	IS_NUM(parse_nodes(DN_TAGFILTER_NODES_MAX + 1), -1, "too many");
	IS_NUM(parse_bytes(DN_TAGFILTER_BYTES_MAX), 0, "the longest");
	IS_NUM(parse_bytes(DN_TAGFILTER_BYTES_MAX + 1), -1, "too long");
}

/* One view serves many publications, of more and of less tags. */
static void test_view(void)
{
	static const char filter[] = "{'key':'\\u006b9','cmp':'gte','val':'9'}";
	struct dn_tagfilter_view view = {0};
	struct dn_buf a = {0}, b = {0}, many = {0};
	struct dn_tagfilter *f;
	struct dn_err err;
	size_t used = 0;
	int i;

	dn_buf_byte(&many, '{');
	for (i = 0; i < 100; i++)
		dn_buf_printf(&many, "%s'\\u006b%d':'%d'", i ? "," : "", i, i);
	dn_buf_lit(&many, "}");
	dn_buf_byte(&many, '\0');
	IS_NUM(dn_tagfilter_parse(&f, json(&a, filter), &err), 0, filter);
	for (i = 0; i < 3; i++) {
		dn_tagfilter_view_read(&view, json(&b, many.p));
		IS_NUM(view.count, 100, "many tags");
		if (i == 0)
			used = view.scratch.n;
		IS_NUM(view.scratch.n, used, "no more memory than before");
		OK(dn_tagfilter_matches(f, &view), "one of them");
		dn_tagfilter_view_read(&view, json(&b, "{'k9':'8'}"));
		IS_NUM(view.count, 1, "one tag");
		OK(!dn_tagfilter_matches(f, &view), "nothing is left over");
	}
	dn_tagfilter_view_read(&view, (struct dn_json){0});
	IS_NUM(view.count, 0, "no tags");
	dn_tagfilter_view_release(&view);
	dn_tagfilter_free(&f);
	OK(f == NULL, "freed");
	dn_tagfilter_free(&f);
	dn_buf_release(&a);
	dn_buf_release(&b);
	dn_buf_release(&many);
}

int main(void)
{
	test_texts();
	test_sets();
	test_numbers();
	test_number_length();
	test_combinations();
	test_json_forms();
	test_wrong_leaves();
	test_wrong_nodes();
	test_limits();
	test_view();
	corpus_run("tests/fuzz/corpus/tagfilter");
	return tap_done();
}
