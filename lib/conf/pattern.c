/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

/* A text of 255 bytes needs a few hundred steps with a reasonable pattern. */
enum { STEPS_MAX = 20000, HEAP_KIB_MAX = 64 };

struct dn_pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
};

int dn_pattern_new(
    struct dn_pattern **out, const char *text, struct dn_err *err)
{
	struct dn_pattern *p;
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int code;
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text,
	    PCRE2_ZERO_TERMINATED,
	    PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);

	*out = NULL;
	if (compiled == NULL) {
		(void)pcre2_get_error_message(code, why, sizeof(why));
		return dn_err_set(err, -EINVAL, "%s, at offset %zu",
		    (const char *)why, (size_t)at);
	}
	p = dn_xcalloc(1, sizeof(*p));
	p->code = compiled;
	p->limits = pcre2_match_context_create(NULL);
	DN_ASSERT(p->limits != NULL);
	(void)pcre2_set_match_limit(p->limits, STEPS_MAX);
	(void)pcre2_set_heap_limit(p->limits, HEAP_KIB_MAX);
	*out = p;
	return 0;
}

void dn_pattern_free(struct dn_pattern **slot)
{
	struct dn_pattern *p = *slot;

	*slot = NULL;
	if (p == NULL)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

bool dn_pattern_matches(const struct dn_pattern *p, struct dn_str text)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	DN_ASSERT(data != NULL);
	rc = pcre2_match(
	    p->code, (PCRE2_SPTR)text.p, text.n, 0, 0, data, p->limits);
	pcre2_match_data_free(data);
	return rc >= 0;
}
