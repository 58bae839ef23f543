/* SPDX-License-Identifier: MIT */
/*
 * How it works: data only. To add a key, add it to its struct in conf.h, to
 * its table here and to docs/CONFIG.md, which test_conf.c compares with these
 * tables row by row.
 */
#include "conf/conf_table.h"

#define AT(s, member) offsetof(struct s, member)
#define US ((int64_t)1)
#define MS (1000 * US)
#define SEC (1000 * MS)
#define HOUR (3600 * SEC)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define CUSTOM(key, fn, init, text) \
	{ \
		.name = (key), .type = DN_CONF_CUSTOM, .initial = (init), \
		.help = (text), .read = dn_conf_read_##fn, \
		.show = dn_conf_show_##fn \
	}
#define FIELD(key, kind, at, lo, hi, init, text) \
	{ \
		.name = (key), .type = DN_CONF_##kind, .offset = (at), \
		.min = (lo), .max = (hi), .initial = (init), .help = (text) \
	}
#define LATER(key, kind, at, lo, hi, init, text) \
	{ \
		.name = (key), .type = DN_CONF_##kind, .offset = (at), \
		.min = (lo), .max = (hi), .initial = (init), .help = (text), \
		.later = true \
	}
#define WORD(key, at, list, init, not_yet, text) \
	{ \
		.name = (key), .type = DN_CONF_WORD, .offset = (at), \
		.initial = (init), .help = (text), .words = (list), \
		.later_word = (not_yet) \
	}
#define TABLE(var, name, rows) \
	const struct dn_conf_table var = {name, rows, DN_ARRAY_LEN(rows)}

static const struct dn_conf_field top[] = {
    CUSTOM("listen", listen, "[\"127.0.0.1:8000\"]",
	"where to listen: addresses, or objects of the table below"),
    CUSTOM("log", log, "\"none\"",
	"the durable record: `sqlite:PATH` (`sqlite:` alone is "
	"`$XDG_STATE_HOME/dnot/log.db`) or `none`"),
    LATER("spool", FILE, AT(dn_conf, spool), 0, 0, NULL,
	"SQLite file that keeps records while the log is away"),
    LATER("spool_bytes", U64, AT(dn_conf, spool_bytes), MIB, INT64_MAX,
	"1073741824", "largest size of the spool"),
    CUSTOM("allowed_origins", origins, "[]",
	"web pages that may connect, as `scheme://host[:port]`; `*` is "
	"any run of characters"),
    CUSTOM("tls", tls, "null",
	"not supported by this version; terminate TLS in front"),
    FIELD("message_size_limit", U32, AT(dn_conf, message_size_limit), 256,
	16 * MIB, "65536", "bytes of one message from a client"),
    FIELD("api_body_limit", U32, AT(dn_conf, api_body_limit), KIB, 256 * MIB,
	"1048576", "bytes of one HTTP API request's body"),
    FIELD("history_max_publication_limit", U32,
	AT(dn_conf, history_max_publication_limit), 1, 1000000, "300",
	"publications a client gets in one history reply"),
    FIELD("recovery_max_publication_limit", U32,
	AT(dn_conf, recovery_max_publication_limit), 1, 1000000, "300",
	"publications a client can miss and still recover"),
    FIELD("ping_interval", DURATION, AT(dn_conf, ping_interval_us), SEC, HOUR,
	"\"25s\"", "between two pings to a client; whole seconds"),
    FIELD("pong_timeout", DURATION, AT(dn_conf, pong_timeout_us), 10 * MS, HOUR,
	"\"8s\"",
	"how long a client may take to answer one; under `ping_interval`"),
    FIELD("expired_close_delay", DURATION, AT(dn_conf, expired_close_us), 0,
	HOUR, "\"25s\"",
	"a connection whose token has expired is closed that much later"),
    FIELD("expired_sub_close_delay", DURATION,
	AT(dn_conf, expired_sub_close_us), 0, HOUR, "\"25s\"",
	"a subscription whose token has expired ends that much later"),
    FIELD("stale_close_delay", DURATION, AT(dn_conf, stale_close_us), 10 * MS,
	HOUR, "\"10s\"",
	"a connection without a `connect` command by then is closed"),
    FIELD("http_timeout", DURATION, AT(dn_conf, http_timeout_us), 10 * MS, HOUR,
	"\"10s\"", "how long one HTTP request may take to arrive"),
    FIELD("connection_limit", U32, AT(dn_conf, connection_limit), 0, 100000000,
	"0", "open connections of clients, all tenants together; 0: no limit"),
    FIELD("connection_rate_limit", U32, AT(dn_conf, connection_rate_limit), 0,
	100000000, "0", "new ones a second; 0: no limit"),
    FIELD("connect_include_server_time", BOOL,
	AT(dn_conf, connect_include_server_time), 0, 0, "false",
	"the reply to `connect` tells the server's time"),
    {.name = "websocket",
	.type = DN_CONF_OBJECT,
	.offset = AT(dn_conf, websocket),
	.initial = "{}",
	.help = "how WebSockets are spoken",
	.table = &dn_conf_websocket_table},
    FIELD("drain", DURATION, AT(dn_conf, drain_us), 0, HOUR, "\"5s\"",
	"over which clients are sent away at SIGTERM"),
    FIELD("rehydrate", DURATION, AT(dn_conf, rehydrate_us), 0, YEAR, "\"1h\"",
	"how far back a start reads the log; at least the longest "
	"`history_ttl` of a logged namespace"),
    FIELD("log_queue_bytes", U64, AT(dn_conf, log_queue_bytes), KIB, INT64_MAX,
	"67108864", "bytes that may wait for the log"),
    FIELD("records_retention", DURATION, AT(dn_conf, records_retention_us), SEC,
	100 * YEAR, "\"7d\"", "age at which records leave an SQLite log"),
    FIELD("records_bytes", U64, AT(dn_conf, records_bytes), 0, INT64_MAX, "0",
	"size at which the oldest leave it; 0: no bound"),
    CUSTOM("tenants", tenants, "{}", "the tenants by name"),
};
TABLE(dn_conf_top_table, "Top level", top);

static const struct dn_conf_field listener[] = {
    CUSTOM("address", address, NULL,
	"`HOST:PORT`, `[V6]:PORT` or `unix:PATH`; port 0 is any free one"),
    CUSTOM("serve", serve, "[\"client\", \"api\", \"metrics\"]",
	"what is served there"),
};
TABLE(dn_conf_listen_table, "listen[]", listener);

static const struct dn_conf_field websocket[] = {
    FIELD("compression", BOOL, AT(dn_conf_websocket, compression), 0, 0,
	"false", "permessage-deflate for clients that offer it"),
    FIELD("compression_min_size", U32,
	AT(dn_conf_websocket, compression_min_size), 0, 16 * MIB, "0",
	"bytes; a smaller message is sent as it is"),
    FIELD("compression_level", U32, AT(dn_conf_websocket, compression_level), 1,
	9, "1", "1 is the fastest, 9 the smallest"),
};
TABLE(dn_conf_websocket_table, "websocket", websocket);

static const struct dn_conf_field tenant[] = {
    CUSTOM("api_keys", keys, "[]", "its server keys"),
    FIELD("token_hmac_secret_file", FILE,
	AT(dn_conf_tenant, token_hmac_secret_file), 0, 0, NULL,
	"secret of HS256, HS384 and HS512 tokens"),
    FIELD("token_hmac_previous_secret_file", FILE,
	AT(dn_conf_tenant, token_hmac_previous_secret_file), 0, 0, NULL,
	"the key before that one; still verifies"),
    FIELD("token_public_key_file", FILE,
	AT(dn_conf_tenant, token_public_key_file), 0, 0, NULL,
	"PEM public key: RSA for RS256, RS384 and RS512; P-256 for ES256, "
	"P-384 for ES384, P-521 for ES512"),
    FIELD("token_public_previous_key_file", FILE,
	AT(dn_conf_tenant, token_public_previous_key_file), 0, 0, NULL,
	"the key before that one; still verifies"),
    FIELD("token_audience", TEXT, AT(dn_conf_tenant, token_audience), 0, 0,
	NULL, "what a token's `aud` must name"),
    FIELD("token_issuer", TEXT, AT(dn_conf_tenant, token_issuer), 0, 0, NULL,
	"what a token's `iss` must be"),
    FIELD("allow_anonymous_connect_without_token", BOOL,
	AT(dn_conf_tenant, allow_anonymous), 0, 0, "false",
	"clients may connect without a token, as nobody, where this is "
	"the only tenant"),
    FIELD("disallow_anonymous_connection_tokens", BOOL,
	AT(dn_conf_tenant, disallow_anonymous_tokens), 0, 0, "false",
	"a token without a user id does not connect"),
    {.name = "subscribe_to_user_personal_channel",
	.type = DN_CONF_OBJECT,
	.offset = AT(dn_conf_tenant, personal),
	.initial = "{}",
	.help = "a channel of each user's own",
	.table = &dn_conf_personal_table},
    CUSTOM("events", events, "[]",
	"what is published into the channel `$events`: `connected`, "
	"`disconnected`, `subscribed`, `unsubscribed`, `occupied`, `vacated`"),
    {.name = "limits",
	.type = DN_CONF_OBJECT,
	.offset = AT(dn_conf_tenant, limits),
	.initial = "{}",
	.help = "what it may use",
	.table = &dn_conf_limits_table},
    CUSTOM("namespaces", namespaces, "{}",
	"its namespaces by name; `\"\"` is for channels without one"),
};
TABLE(dn_conf_tenant_table, "tenants.NAME", tenant);

static const struct dn_conf_field personal[] = {
    FIELD("enabled", BOOL, AT(dn_conf_personal, enabled), 0, 0, "false",
	"each user's connections are subscribed to it"),
    FIELD("personal_channel_namespace", TEXT, AT(dn_conf_personal, ns), 0, 0,
	"\"\"", "its namespace; with `\"\"` it is `#USER`"),
    FIELD("single_connection", BOOL, AT(dn_conf_personal, single_connection), 0,
	0, "false", "a new connection of a user ends the older ones"),
};
TABLE(dn_conf_personal_table, "tenants.NAME.subscribe_to_user_personal_channel",
    personal);

static const struct dn_conf_field key[] = {
    CUSTOM(
	"sha256", sha256, NULL, "the key's SHA-256 as 64 hexadecimal digits"),
    FIELD("label", TEXT, AT(dn_conf_key, label), 0, 0, NULL, "what to call it"),
};
TABLE(dn_conf_key_table, "tenants.NAME.api_keys[]", key);

static const struct dn_conf_field limits[] = {
    FIELD("connections", U64, AT(dn_conf_limits, connections), 0, INT64_MAX,
	"0", "open connections; 0: no limit"),
    FIELD("user_connection_limit", U32,
	AT(dn_conf_limits, user_connection_limit), 0, 100000000, "0",
	"open connections of one user; 0: no limit"),
    LATER("publish_per_second", RATE, AT(dn_conf_limits, publish_per_second), 0,
	0, "0", "publications a second; 0: no limit"),
    LATER("bytes_per_second", RATE, AT(dn_conf_limits, bytes_per_second), 0, 0,
	"0", "published bytes a second; 0: no limit"),
    LATER("history_bytes", U64, AT(dn_conf_limits, history_bytes), 0, INT64_MAX,
	"0", "memory of its histories; 0: no limit"),
    LATER("channels", U64, AT(dn_conf_limits, channels), 0, INT64_MAX, "0",
	"channels at a time; 0: no limit"),
    FIELD("client_channel_limit", U32, AT(dn_conf_limits, client_channel_limit),
	0, 1000000, "128", "channels of one connection; 0: no limit"),
    FIELD("idempotency_keys", U64, AT(dn_conf_limits, idempotency_keys), 1,
	100000000, "200000", "keys that are remembered at a time"),
    FIELD("revoked_tokens", U64, AT(dn_conf_limits, revoked_tokens), 1,
	100000000, "100000",
	"revoked tokens, and users whose tokens are, at a time"),
};
TABLE(dn_conf_limits_table, "tenants.NAME.limits", limits);

static const char *const durable_words[] = {"after", "before", NULL};
static const char *const require_words[] = {"written", "acked", NULL};
static const char *const recovery_words[] = {"stream", "cache", NULL};
static const char *const slow_words[] = {"close", "latest", NULL};

#define ALLOW(key, member, text) \
	FIELD("allow_" key, BOOL, AT(dn_conf_ns, member), 0, 0, "false", text)

static const struct dn_conf_field ns[] = {
    FIELD("channel_regex", TEXT, AT(dn_conf_ns, channel_regex), 0, 0, "\"\"",
	"PCRE; what clients write behind the namespace must match"),
    FIELD("history_size", U32, AT(dn_conf_ns, history_size), 0, 10000000, "0",
	"publications that are kept; 0: no history"),
    FIELD("history_ttl", DURATION, AT(dn_conf_ns, history_ttl_us), 0, YEAR,
	"\"0s\"", "for how long they are kept; 0: no history"),
    FIELD("history_meta_ttl", DURATION, AT(dn_conf_ns, history_meta_ttl_us),
	SEC, 10 * YEAR, "\"24h\"",
	"for how long an idle channel's position is kept; not under "
	"`history_ttl`"),
    FIELD("force_recovery", BOOL, AT(dn_conf_ns, force_recovery), 0, 0, "false",
	"every subscription recovers what it missed"),
    FIELD("allow_recovery", BOOL, AT(dn_conf_ns, allow_recovery), 0, 0, "false",
	"a subscription may ask for recovery"),
    FIELD("force_positioning", BOOL, AT(dn_conf_ns, force_positioning), 0, 0,
	"false", "every subscription's position is checked"),
    FIELD("allow_positioning", BOOL, AT(dn_conf_ns, allow_positioning), 0, 0,
	"false", "a subscription may ask for such checks"),
    WORD("force_recovery_mode", AT(dn_conf_ns, recovery_mode), recovery_words,
	"\"stream\"", NULL,
	"recover what was missed, or only the newest (`cache`)"),
    FIELD("auto_cache_recover", BOOL, AT(dn_conf_ns, auto_cache_recover), 0, 0,
	"false",
	"every subscription starts with the newest; needs `force_recovery` "
	"and `cache`"),
    CUSTOM("allowed_delta_types", delta, "[]",
	"`fossil`: a subscription may ask for differences"),
    FIELD("delta_publish", BOOL, AT(dn_conf_ns, delta_publish), 0, 0, "false",
	"publications go out as differences, without being asked to each "
	"time"),
    FIELD("allow_tags_filter", BOOL, AT(dn_conf_ns, allow_tags_filter), 0, 0,
	"false", "a subscription may filter by tags"),
    FIELD("presence", BOOL, AT(dn_conf_ns, presence), 0, 0, "false",
	"who is subscribed can be asked"),
    FIELD("join_leave", BOOL, AT(dn_conf_ns, join_leave), 0, 0, "false",
	"joining and leaving can be followed"),
    FIELD("force_push_join_leave", BOOL, AT(dn_conf_ns, force_push_join_leave),
	0, 0, "false", "every subscription follows it; needs `join_leave`"),
    ALLOW("user_limited_channels", allow_user_limited_channels,
	"the users named behind a `#` may subscribe, nobody else"),
    ALLOW("subscribe_for_client", subscribe.client,
	"a client with a user id may subscribe"),
    ALLOW("subscribe_for_anonymous", subscribe.anonymous,
	"the same without a user id; needs the one above"),
    ALLOW("publish_for_client", publish.client,
	"a client with a user id may publish"),
    ALLOW("publish_for_subscriber", publish.subscriber,
	"a subscriber may publish"),
    ALLOW("publish_for_anonymous", publish.anonymous,
	"the same without a user id; needs one of the two above"),
    ALLOW("history_for_client", history.client,
	"a client with a user id may read the history"),
    ALLOW("history_for_subscriber", history.subscriber,
	"a subscriber may read the history"),
    ALLOW("history_for_anonymous", history.anonymous,
	"the same without a user id; needs one of the two above"),
    ALLOW("presence_for_client", presence_of.client,
	"a client with a user id may ask who is there"),
    ALLOW("presence_for_subscriber", presence_of.subscriber,
	"a subscriber may ask who is there"),
    ALLOW("presence_for_anonymous", presence_of.anonymous,
	"the same without a user id; needs one of the two above"),
    FIELD("log", BOOL, AT(dn_conf_ns, log), 0, 0, "false",
	"every publication goes to the log"),
    WORD("durable", AT(dn_conf_ns, durable), durable_words, "\"after\"", NULL,
	"fan out `after` asking the log, or log `before` fan-out"),
    FIELD("fallback", BOOL, AT(dn_conf_ns, fallback), 0, 0, "false",
	"what nobody took goes to `undelivered`"),
    WORD("require", AT(dn_conf_ns, require), require_words, "\"written\"",
	"acked",
	"what counts as taken: `written` to a live connection, "
	"or `acked`"),
    FIELD("deliver_timeout", DURATION, AT(dn_conf_ns, deliver_timeout_us),
	10 * MS, DAY, "\"5s\"", "how long a publication may go untaken"),
    FIELD("idempotency_window", DURATION, AT(dn_conf_ns, idempotency_window_us),
	SEC, 7 * DAY, "\"5m\"", "how long a repeated publication is known"),
    WORD("slow", AT(dn_conf_ns, slow), slow_words, "\"close\"", "latest",
	"a client that does not keep up: `close` it, or skip to the "
	"`latest` per key"),
    FIELD("queue_bytes", U32, AT(dn_conf_ns, queue_bytes), 4 * KIB, GIB,
	"1048576", "bytes that may wait for one client"),
    FIELD("queue_age", DURATION, AT(dn_conf_ns, queue_age_us), 10 * MS, HOUR,
	"\"30s\"", "how long the oldest of them may wait"),
    LATER("request_deadline", DURATION, AT(dn_conf_ns, request_deadline_us), 0,
	YEAR, "\"0s\"", "a request must have ended by then; 0: none"),
    LATER("group_lease", DURATION, AT(dn_conf_ns, group_lease_us), 100 * MS,
	DAY, "\"30s\"", "how long a worker may keep a delivery"),
    LATER("group_max_attempts", U32, AT(dn_conf_ns, group_max_attempts), 1,
	1000, "5", "deliveries before it is `undelivered`"),
    LATER("group_queue", U32, AT(dn_conf_ns, group_queue), 1, 10000000, "10000",
	"publications that may wait in a group"),
    LATER("rpc_timeout", DURATION, AT(dn_conf_ns, rpc_timeout_us), 100 * MS,
	HOUR, "\"4s\"", "when a call is answered `pending`"),
};
TABLE(dn_conf_ns_table, "tenants.NAME.namespaces.NAME", ns);
