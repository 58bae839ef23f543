/* SPDX-License-Identifier: MIT */
/*
 * conf: the configuration of dnot-serve: read, checked whole, immutable.
 *
 * The file is one JSON object (docs/CONFIG.md). Everything wrong with it is
 * reported at once, each with its place ("tenants.acme.limits.connections:
 * ..."). One key table per object drives reading, checking, printing and the
 * list of known keys.
 *
 * Ownership: a conf is reference-counted and never changes; a reload makes a
 *   new one. Strings and structs inside live as long as it does.
 * Errors: as messages in a dn_conf_errors list; secrets are named by file,
 *   never shown.
 * Thread: a conf may be shared between threads; the count is atomic.
 */
#ifndef DN_CONF_H
#define DN_CONF_H

#include "auth/jwt.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "conf/pattern.h"
#include "conf/usage.h"

enum dn_durable { DN_DURABLE_AFTER, DN_DURABLE_BEFORE };
enum dn_require { DN_REQUIRE_WRITTEN, DN_REQUIRE_ACKED };
enum dn_slow { DN_SLOW_CLOSE, DN_SLOW_LATEST };
/* What a recovery brings: all that was missed, or the newest alone. */
enum dn_recovery { DN_RECOVERY_STREAM, DN_RECOVERY_CACHE };
/* What is told in the channel "$events", as bits. */
enum {
	DN_EVENT_CONNECTED = 1,
	DN_EVENT_DISCONNECTED = 2,
	DN_EVENT_SUBSCRIBED = 4,
	DN_EVENT_UNSUBSCRIBED = 8,
	DN_EVENT_OCCUPIED = 16,
	DN_EVENT_VACATED = 32
};

/* What a namespace grants an ordinary client, by who it is. */
struct dn_conf_grant {
	bool client;     /* allow_X_for_client: any with a user id */
	bool anonymous;  /* allow_X_for_anonymous */
	bool subscriber; /* allow_X_for_subscriber; not for subscribe */
};

struct dn_conf_ns {
	char *name; /* "" is the default one */
	/* what clients may write behind it; "": anything */
	char *channel_regex;
	struct dn_pattern *channel_pattern; /* the same, ready; NULL: none */
	/* stream */
	uint32_t history_size; /* 0: no history */
	int64_t history_ttl_us;
	int64_t history_meta_ttl_us; /* 24h; never below history_ttl */
	bool force_recovery, force_positioning;
	bool allow_recovery, allow_positioning;
	enum dn_recovery recovery_mode; /* force_recovery_mode */
	bool auto_cache_recover;
	bool delta_fossil; /* allowed_delta_types: ["fossil"] */
	bool delta_publish;
	bool allow_tags_filter;
	/* who is there */
	bool presence, join_leave, force_push_join_leave;
	/* permissions */
	bool allow_user_limited_channels;
	struct dn_conf_grant subscribe, publish, history, presence_of;
	/* the record */
	bool log;
	enum dn_durable durable;
	bool fallback;
	enum dn_require require;
	int64_t deliver_timeout_us; /* 5s */
	/* slow clients */
	enum dn_slow slow;
	uint32_t queue_bytes;          /* 1 MiB */
	int64_t queue_age_us;          /* 30s */
	int64_t idempotency_window_us; /* 5m */
	/* groups */
	int64_t request_deadline_us; /* 0: none */
	int64_t group_lease_us;      /* 30s */
	uint32_t group_max_attempts; /* 5 */
	uint32_t group_queue;        /* 10000 messages */
	int64_t rpc_timeout_us;      /* 4s */
};

struct dn_conf_key {
	unsigned char sha256[32];
	char *label;
};

struct dn_conf_limits { /* 0: no limit */
	uint64_t connections;
	uint32_t user_connection_limit; /* connections of one user */
	double publish_per_second;
	double bytes_per_second;
	uint64_t history_bytes;
	uint64_t channels;
	uint32_t client_channel_limit; /* channels a connection, 128 */
	uint64_t idempotency_keys;     /* 200000; never 0 */
	uint64_t revoked_tokens;       /* 100000; never 0 */
};

/* subscribe_to_user_personal_channel */
struct dn_conf_personal {
	bool enabled;
	char *ns; /* personal_channel_namespace; "": the default one */
	bool single_connection; /* a new one ends the user's others, 3504 */
};

struct dn_conf_tenant {
	char *name;
	bool dev; /* the open tenant of --dev: any key, no token */
	struct dn_conf_key *keys;
	size_t keys_n;
	/* files of secrets, absolute where the folder is; NULL when unset.
	 * The previous ones verify too, for rotation. */
	char *token_hmac_secret_file, *token_hmac_previous_secret_file;
	char *token_public_key_file, *token_public_previous_key_file;
	char *token_audience, *token_issuer;
	/* the keys that were in them, and how a token is held against them
	 * (dn_jwt_verify); token_hmac also issues */
	struct dn_jwt_key *token_hmac, *token_hmac_previous;
	struct dn_jwt_key *token_public, *token_public_previous;
	struct dn_jwt_policy token;
	bool allow_anonymous; /* allow_anonymous_connect_without_token */
	bool disallow_anonymous_tokens; /* ..._connection_tokens */
	struct dn_conf_personal personal;
	unsigned events; /* DN_EVENT_ bits */
	struct dn_conf_limits limits;
	struct dn_usage *usage; /* what it uses of them */
	struct dn_conf_ns *namespaces;
	size_t namespaces_n;
	struct dn_map ns_by_name;
	struct dn_conf_ns events_ns; /* of "$events", where it has no other:
					everything is off */
	bool any_namespace; /* --dev: an unknown namespace takes the default's
			       options */
};

struct dn_conf_websocket {
	bool compression; /* permessage-deflate, where the client offers it */
	uint32_t compression_min_size; /* bytes; smaller ones go as they are */
	uint32_t compression_level;    /* 1 to 9 */
};

enum { DN_SERVE_CLIENT = 1, DN_SERVE_API = 2, DN_SERVE_METRICS = 4 };

struct dn_conf_listen {
	char *address; /* "HOST:PORT", "[V6]:PORT" or "unix:PATH" */
	unsigned serve;
};

struct dn_conf {
	uint32_t magic;
	_Atomic uint32_t refs;
	bool dev;     /* it has the open tenant of --dev */
	char *folder; /* of the file, for relative paths; NULL without one */
	struct dn_conf_listen *listen;
	size_t listen_n;
	/* URL or "none"; a relative path was made absolute, so that it can be
	 * opened without a base */
	char *log;
	char *spool;            /* NULL when unset */
	char **allowed_origins; /* globs, lower case */
	size_t allowed_origins_n;
	int64_t rehydrate_us;         /* 1h; never below a logged history_ttl */
	int64_t drain_us;             /* 5s */
	int64_t records_retention_us; /* 7d */
	uint64_t records_bytes;       /* 0: no bound */
	uint64_t spool_bytes;         /* 1 GiB */
	uint64_t log_queue_bytes;     /* 64 MiB: what may wait for the log */
	uint32_t message_size_limit;  /* 64 KiB, from one client message */
	uint32_t api_body_limit;      /* 1 MiB, HTTP API body */
	uint32_t history_max_publication_limit;  /* 300 */
	uint32_t recovery_max_publication_limit; /* 300 */
	int64_t ping_interval_us;                /* 25s */
	int64_t pong_timeout_us;                 /* 8s */
	int64_t expired_close_us;                /* 25s: after a token's end */
	int64_t expired_sub_close_us;            /* 25s */
	int64_t stale_close_us;    /* 10s: no connect command by then */
	int64_t http_timeout_us;   /* 10s: a request head or body that never
				      ends; keep-alive idles 60s */
	uint32_t connection_limit; /* of all tenants; 0: none */
	uint32_t connection_rate_limit; /* new ones a second; 0: none */
	bool connect_include_server_time;
	struct dn_conf_websocket websocket;
	struct dn_conf_tenant *tenants;
	size_t tenants_n;
	struct dn_map tenant_by_name;
	/* Keys that are set and change nothing, by their place, for one
	 * warning at the start. */
	char **not_effective;
	size_t not_effective_n;
};

/* What the command line says; it replaces what the file says. */
struct dn_conf_flags {
	bool dev; /* adds the open tenant `dev` to the file's tenants */
	const char *const *listen; /* with listen_n > 0 */
	size_t listen_n;
	const char *log; /* NULL: none given */
};

/* A list of messages, one a line. */
struct dn_conf_errors {
	struct dn_buf text;
	size_t count;
};

/* From the file's text; folder (may be NULL) is what relative file names are
 * relative to; flags may be NULL. NULL, with at least one message, when
 * anything is wrong. */
DN_MUST_CHECK struct dn_conf *dn_conf_parse_flags(struct dn_str text,
    const char *folder, const struct dn_conf_flags *flags,
    struct dn_conf_errors *errors);
/* The same without flags. */
DN_MUST_CHECK struct dn_conf *dn_conf_parse(
    struct dn_str text, const char *folder, struct dn_conf_errors *errors);
/* Reads the file; flags may be NULL. */
DN_MUST_CHECK struct dn_conf *dn_conf_load(const char *path,
    const struct dn_conf_flags *flags, struct dn_conf_errors *errors);
void dn_conf_errors_release(struct dn_conf_errors *errors);
/* What --dev runs with where there is no file (docs/CONFIG.md lists it). */
DN_MUST_CHECK struct dn_conf *dn_conf_dev(void);
/* Flags of the command line replace listen and log of a conf that is not
 * shared yet; listen_n 0 and log NULL leave them. -EINVAL: checked like the
 * file's, and a conf of --dev takes loopback addresses only. It warns once
 * (dn_diag) where --dev has no log for namespaces that want one. */
DN_MUST_CHECK int dn_conf_override(struct dn_conf *conf,
    const char *const *listen, size_t listen_n, const char *log,
    struct dn_err *err);
/* The whole effective configuration as pretty JSON that dn_conf_parse reads
 * again; keys as their sha256, files of secrets by name. */
void dn_conf_print(const struct dn_conf *conf, struct dn_buf *out);

/* A reload: tenants that were there before go on counting where they were.
 * The new conf is not shared yet. */
void dn_conf_adopt(struct dn_conf *conf, const struct dn_conf *before);

struct dn_conf *dn_conf_ref(struct dn_conf *conf);
void dn_conf_unref(struct dn_conf **conf);

/* NULL when there is none. */
const struct dn_conf_tenant *dn_conf_tenant(
    const struct dn_conf *conf, struct dn_str name);
/* The namespace of a channel's name, NULL when the tenant has none such. The
 * channel "$events" has the one of that name, or tenant->events_ns. */
const struct dn_conf_ns *dn_conf_ns(
    const struct dn_conf_tenant *tenant, struct dn_str channel);
/* Whether what is behind the namespace matches its channel_regex; without one
 * anything does. For channels that ordinary clients name: false is 107. */
bool dn_conf_ns_takes(const struct dn_conf_ns *ns, struct dn_str channel);
/* The tenant whose server key this is (in --dev an unknown one is dev's), or
 * NULL; compares SHA-256 digests in constant time. */
const struct dn_conf_tenant *dn_conf_by_key(
    const struct dn_conf *conf, struct dn_str key);
/* The tenant whose keys a token is to be verified with: the one of its claim
 * `tenant`, without that the only one that takes tokens (in --dev: dev). NULL:
 * answer like DN_JWT_BAD. Nothing is verified by this. */
const struct dn_conf_tenant *dn_conf_by_token(
    const struct dn_conf *conf, struct dn_str token);
/* Whether an Origin header's value matches allowed_origins. */
bool dn_conf_origin_allowed(const struct dn_conf *conf, struct dn_str origin);

#endif
