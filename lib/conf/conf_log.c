/* SPDX-License-Identifier: MIT */
/*
 * How it works: the log's URL is kept as it is, but for a relative path,
 * which is made absolute here: a file's is relative to the file, a flag's to
 * the working directory, and whoever opens the log need not know which.
 *
 * How it fails: only a wrong type is noted here. Whether it is the URL of a
 * log is checked at the end (conf_check.c), so that the command line can
 * replace one that is not.
 */
#include "conf/conf_table.h"

#include <stdlib.h>

#define SQLITE "sqlite:"

void dn_conf_log_set(struct dn_conf_reader *r, const char *url)
{
	struct dn_buf text = {0};
	size_t scheme = strlen(SQLITE);
	char *path;

	free(r->conf->log);
	if (strncmp(url, SQLITE, scheme) != 0) {
		r->conf->log = dn_xstrdup(url);
		return;
	}
	path = dn_conf_resolve(r->folder, url + scheme);
	dn_buf_lit(&text, SQLITE);
	dn_buf_add(&text, path, strlen(path) + 1);
	free(path);
	r->conf->log = text.p;
}

void dn_conf_read_log(struct dn_conf_reader *r, json_t *v, void *base)
{
	(void)base;
	if (json_is_string(v))
		dn_conf_log_set(r, json_string_value(v));
	else
		dn_conf_wrong(r, "must be a string");
}

json_t *dn_conf_show_log(const void *base)
{
	const struct dn_conf *conf = base;

	return json_string(conf->log);
}
