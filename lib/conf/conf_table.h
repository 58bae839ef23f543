/* SPDX-License-Identifier: MIT */
/*
 * conf_table: the keys of the configuration as data, for the conf_*.c files
 * and their tests only.
 *
 * One table an object. A field tells name, type, place in the struct, range,
 * default (as JSON text) and one line of help; reading, unknown keys,
 * defaults, printing, freeing and the tables of docs/CONFIG.md all follow
 * from it.
 *
 * Ownership: tables are constant. A reader borrows everything.
 * Errors: dn_conf_wrong notes one with the reader's place; reading goes on.
 * Thread: one at a time.
 */
#ifndef DN_CONF_TABLE_H
#define DN_CONF_TABLE_H

#include <jansson.h>

#include "conf/conf.h"

/* A configuration file's size, and that of a file of a secret. */
enum { DN_CONF_TEXT_MAX = 8 << 20, DN_CONF_SECRET_MAX = 64 << 10 };

enum dn_conf_type {
	DN_CONF_BOOL,     /* bool */
	DN_CONF_U32,      /* uint32_t */
	DN_CONF_U64,      /* uint64_t */
	DN_CONF_RATE,     /* double, not negative */
	DN_CONF_DURATION, /* int64_t, us; min and max too */
	DN_CONF_TEXT,     /* char *; empty only if the default is */
	DN_CONF_FILE,     /* char *, made absolute */
	DN_CONF_WORD,     /* an enum; words[] in its order */
	DN_CONF_OBJECT,   /* a struct with a table of its own */
	DN_CONF_CUSTOM,   /* read and show do it */
};

/* What is being read, and where in the text. */
struct dn_conf_reader {
	struct dn_conf *conf;
	const char *folder; /* may be NULL */
	struct dn_conf_errors *errors;
	struct dn_buf path; /* "tenants.acme.limits" */
	struct dn_map keys; /* server keys seen by dn_conf_check */
};

struct dn_conf_table;

struct dn_conf_field {
	const char *name;
	enum dn_conf_type type;
	size_t offset;
	int64_t min, max;
	const char *initial; /* JSON text; NULL: unset */
	const char *help;
	const char *const *words;          /* WORD, NULL at the end */
	const struct dn_conf_table *table; /* OBJECT */
	/* CUSTOM. The value is any JSON; show gives NULL for "leave out". */
	void (*read)(struct dn_conf_reader *r, json_t *value, void *base);
	json_t *(*show)(const void *base);
	/* This version reads the key and does nothing with it yet: any value,
	 * or only this word. */
	bool later;
	const char *later_word;
};

struct dn_conf_table {
	const char *title; /* as docs/CONFIG.md calls it */
	const struct dn_conf_field *fields;
	size_t n;
};

extern const struct dn_conf_table dn_conf_top_table;
extern const struct dn_conf_table dn_conf_listen_table;
extern const struct dn_conf_table dn_conf_websocket_table;
extern const struct dn_conf_table dn_conf_tenant_table;
extern const struct dn_conf_table dn_conf_personal_table;
extern const struct dn_conf_table dn_conf_key_table;
extern const struct dn_conf_table dn_conf_limits_table;
extern const struct dn_conf_table dn_conf_ns_table;

/* Places: enter returns what leave takes. */
size_t dn_conf_enter(struct dn_conf_reader *r, const char *key);
size_t dn_conf_enter_index(struct dn_conf_reader *r, size_t index);
void dn_conf_leave(struct dn_conf_reader *r, size_t mark);
void dn_conf_wrong(struct dn_conf_reader *r, const char *fmt, ...)
    DN_PRINTF(2, 3);

/* The key at this place is set and changes nothing; why may be NULL. */
void dn_conf_no_effect(struct dn_conf_reader *r, const char *why);

/* Defaults into zeroed memory; the table's own strings out of it again. */
void dn_conf_defaults(const struct dn_conf_table *table, void *base);
void dn_conf_release(const struct dn_conf_table *table, void *base);
/* Over the defaults; unknown keys and wrong values are noted. */
void dn_conf_read_object(struct dn_conf_reader *r,
    const struct dn_conf_table *table, json_t *object, void *base);
/* One value by its field. */
void dn_conf_set(struct dn_conf_reader *r, const struct dn_conf_field *field,
    json_t *value, void *base);
/* The other way; the caller owns the result. */
json_t *dn_conf_show(const struct dn_conf_table *table, const void *base);

/* A folder's file; "" and absolute names stay. The caller frees. */
char *dn_conf_resolve(const char *folder, const char *name);

/* Custom readers and their printers, by file. */
void dn_conf_read_listen(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_listen(const void *base);
void dn_conf_read_address(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_address(const void *base);
void dn_conf_read_serve(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_serve(const void *base);
void dn_conf_read_log(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_log(const void *base);
void dn_conf_read_origins(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_origins(const void *base);
void dn_conf_read_tls(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_tls(const void *base);
void dn_conf_read_tenants(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_tenants(const void *base);
void dn_conf_read_keys(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_keys(const void *base);
void dn_conf_read_sha256(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_sha256(const void *base);
void dn_conf_read_namespaces(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_namespaces(const void *base);
void dn_conf_read_delta(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_delta(const void *base);
void dn_conf_read_events(struct dn_conf_reader *r, json_t *v, void *base);
json_t *dn_conf_show_events(const void *base);

/* conf.c: an empty one with its defaults; folder may be NULL. */
struct dn_conf *dn_conf_new(const char *folder);
/* conf_listen.c: the addresses of the command line instead. */
void dn_conf_listen_flags(
    struct dn_conf_reader *r, const char *const *listen, size_t n);
/* conf_log.c: the log's URL, a relative path made absolute. */
void dn_conf_log_set(struct dn_conf_reader *r, const char *url);
/* conf_tenant.c: room for n tenants; they do not move from then on. */
void dn_conf_tenants_reserve(struct dn_conf *conf, size_t n);
/* The next of them, with its defaults. */
struct dn_conf_tenant *dn_conf_tenant_add(
    struct dn_conf *conf, const char *name);
/* conf_secret.c: adds a file's bytes to out. -errno, -EFBIG: over max. */
DN_MUST_CHECK int dn_conf_slurp(
    const char *path, size_t max, struct dn_buf *out);
/* Reads the tenant's files of secrets. */
void dn_conf_read_secrets(
    struct dn_conf_reader *r, struct dn_conf_tenant *tenant);
/* conf_dev.c: adds the open tenant of --dev. */
void dn_conf_dev_tenant(struct dn_conf_reader *r);
/* conf_check.c: what no single key can tell. May settle values: --dev
 * without a log, a rehydrate shorter than a history. */
void dn_conf_check(struct dn_conf_reader *r);

#endif
