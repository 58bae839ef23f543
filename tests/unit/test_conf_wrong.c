/* SPDX-License-Identifier: MIT */
/* What configurations are refused with: each mistake at its place, in words
 * that say what would be right, and all of them at once. */
#include "conf_help.h"

#include <sys/stat.h>

#define T(text) "{'tenants': {'t': {" text "}}}"
#define NS(text) T("'namespaces': {'n': {" text "}}")
#define TOP(text) "{'tenants': {'t': {}}, " text "}"
#define AT_NS "tenants.t.namespaces.n"
#define EVENTS \
	"must be \"connected\", \"disconnected\", \"subscribed\", " \
	"\"unsubscribed\", \"occupied\" or \"vacated\"\n"
#define CACHE \
	"auto_cache_recover needs force_recovery and force_recovery_mode " \
	"\"cache\"\n"
#define HEX62 "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a2"

struct wrong {
	const char *text, *want;
};

static const struct wrong values[] = {
    {TOP("'drain': true"),
	"drain: must be a duration (\"5m\", or seconds), not a boolean\n"},
    {TOP("'drain': '5 minutes'"),
	"drain: duration \"5 minutes\": unknown unit, these are ms, s, m, h "
	"and d\n"},
    {TOP("'drain': -1"), "drain: must be from 0 to 100 years\n"},
    {TOP("'drain': 1e300"), "drain: must be from 0 to 100 years\n"},
    {TOP("'drain': '2h'"), "drain: must be from 0s to 1h\n"},
    {TOP("'message_size_limit': 255"),
	"message_size_limit: must be from 256 to 16777216\n"},
    {TOP("'message_size_limit': 16777217"),
	"message_size_limit: must be from 256 to 16777216\n"},
    {TOP("'message_size_limit': 1000.5"),
	"message_size_limit: must be a whole number\n"},
    {TOP("'message_size_limit': 1e30"),
	"message_size_limit: must be a whole number\n"},
    {TOP("'message_size_limit': '64K'"),
	"message_size_limit: must be a number, not a string\n"},
    {TOP("'spool_bytes': 5"), "spool_bytes: must be at least 1048576\n"},
    {TOP("'spool': ''"), "spool: must not be empty\n"},
    {TOP("'spool': null"), "spool: must be a string, not null\n"},
    {TOP("'log': 5"), "log: must be a string\n"},
    {TOP("'ping_interval': 1.5, 'pong_timeout': 1"),
	"ping_interval: must be whole seconds: clients are told so\n"},
    {TOP("'ping_interval': '8s'"),
	"pong_timeout: must be less than ping_interval\n"},
    {TOP("'tls': {'certificate': 'c', 'key': 'k'}"),
	"tls: not supported by this version; terminate TLS in front\n"},
    {NS("'log': 1"), AT_NS ".log: must be true or false, not a number\n"
			   ""},
    {NS("'slow': 'drop'"), AT_NS ".slow: must be \"close\" or \"latest\"\n"},
    {NS("'slow': 1"), AT_NS ".slow: must be \"close\" or \"latest\"\n"},
    {NS("'allowed_delta_types': 'fossil'"),
	AT_NS ".allowed_delta_types: must be an array\n"},
    {NS("'allowed_delta_types': ['gzip']"),
	AT_NS ".allowed_delta_types: the only type is \"fossil\"\n"},
    {T("'limits': {'publish_per_second': -1}"),
	"tenants.t.limits.publish_per_second: must not be negative\n"},
    {T("'limits': {'publish_per_second': 'all'}"),
	"tenants.t.limits.publish_per_second: must be a number, not a "
	"string\n"},
    {T("'limits': {'connections': -1}"),
	"tenants.t.limits.connections: must be at least 0\n"},
    {NS("'force_recovery_mode': 'all'"),
	AT_NS ".force_recovery_mode: must be \"stream\" or \"cache\"\n"},
    {NS("'channel_regex': 5"),
	AT_NS ".channel_regex: must be a string, not a number\n"},
    {NS("'channel_regex': '^(a$'"),
	AT_NS ".channel_regex: missing closing parenthesis, at offset 4\n"},
    {T("'events': 'connected'"),
	"tenants.t.events: must be an array of words\n"},
    {T("'events': ['connected', 'moved', 5]"),
	"tenants.t.events[1]: " EVENTS "tenants.t.events[2]: " EVENTS},
    {T("'subscribe_to_user_personal_channel': true"),
	"tenants.t.subscribe_to_user_personal_channel: must be an object\n"},
    {T("'limits': {'user_connection_limit': -1}"),
	"tenants.t.limits.user_connection_limit: must be from 0 to "
	"100000000\n"},
    {TOP("'connection_limit': 1.5"),
	"connection_limit: must be a whole number\n"},
    {TOP("'connection_rate_limit': 100000001"),
	"connection_rate_limit: must be from 0 to 100000000\n"},
    {TOP("'expired_close_delay': '2h'"),
	"expired_close_delay: must be from 0s to 1h\n"},
    {TOP("'expired_sub_close_delay': '2h'"),
	"expired_sub_close_delay: must be from 0s to 1h\n"},
    {TOP("'websocket': {'compression': 1, 'compression_level': 0}"),
	"websocket.compression: must be true or false, not a number\n"
	"websocket.compression_level: must be from 1 to 9\n"},
    {TOP("'websocket': {'compression_level': 10}"),
	"websocket.compression_level: must be from 1 to 9\n"},
    {TOP("'websocket': {'compression_min_size': 16777217}"),
	"websocket.compression_min_size: must be from 0 to 16777216\n"},
    {T("'limits': []"), "tenants.t.limits: must be an object\n"},
};

static const struct wrong shapes[] = {
    {"[]", "must be an object\ntenants: there is none, so nobody could use "
	   "this\n"},
    {"{}", "tenants: there is none, so nobody could use this\n"},
    {"{'tenants': []}", "tenants: must be an object\n"
			"tenants: there is none, so nobody could use this\n"},
    {"{'tenants': {'t': 5}}", "tenants.t: must be an object\n"},
    {"{'tenants': {'a/b': {}}}",
	"tenants[\"a/b\"]: a name is 1 to 64 letters, digits, \"_\", \".\" "
	"and \"-\"\n"},
    {T("'namespaces': []"), "tenants.t.namespaces: must be an object\n"},
    {T("'namespaces': {'a:b': {}}"),
	"tenants.t.namespaces[\"a:b\"]: a name is 1 to 64 letters, digits, "
	"\"_\", \".\" and \"-\"\n"},
    {T("'namespaces': {'$other': {}}"),
	"tenants.t.namespaces[\"$other\"]: a name is 1 to 64 letters, digits, "
	"\"_\", \".\" and \"-\"\n"},
    {TOP("'lisen': []"), "lisen: unknown key; did you mean listen?\n"},
    {TOP("'zzzzzzzz': []"), "zzzzzzzz: unknown key\n"},
    {NS("'histroy_size': 5"),
	AT_NS ".histroy_size: unknown key; did you mean history_size?\n"},
    {T("'limits': {'conections': 5}"),
	"tenants.t.limits.conections: unknown key; did you mean "
	"connections?\n"},
    {T("'api_keys': {}"), "tenants.t.api_keys: must be an array of objects\n"},
    {T("'api_keys': ['x', {}]"), "tenants.t.api_keys[0]: must be an object\n"
				 "tenants.t.api_keys[1]: sha256 is missing\n"},
    {T("'api_keys': [{'sha256': 'x', 'label': '', 'key': 'y'}]"),
	"tenants.t.api_keys[0].sha256: must be the key's SHA-256 as 64 "
	"hexadecimal digits\n"
	"tenants.t.api_keys[0].label: must not be empty\n"
	"tenants.t.api_keys[0].key: unknown key\n"},
    {T("'api_keys': [{'sha256': '" HEX62 "5g'}]"),
	"tenants.t.api_keys[0].sha256: must be the key's SHA-256 as 64 "
	"hexadecimal digits\n"},
    {T("'api_keys': [{'sha256': '" HEX62 "5bff'}]"),
	"tenants.t.api_keys[0].sha256: must be the key's SHA-256 as 64 "
	"hexadecimal digits\n"},
    {"{'tenants': {'a': {'api_keys': [{'sha256': '" HEX62 "5b'}]},"
     "'b': {'api_keys': [{'sha256': '" HEX62 "5B'}]}}}",
	"tenants.b.api_keys[0]: this key is there twice\n"},
};

static const struct wrong listeners[] = {
    {TOP("'listen': '127.0.0.1:8000'"),
	"listen: must be an array of at least one address\n"},
    {TOP("'listen': []"), "listen: must be an array of at least one address\n"},
    {TOP("'listen': [8000]"), "listen[0]: must be a string\n"},
    {TOP("'listen': ['a:1', 'a:1']"), "listen[1]: a:1 is there twice\n"},
    {TOP("'listen': [':8000']"),
	"listen[0]: address \":8000\" has no host; 0.0.0.0 or [::] is all\n"},
    {TOP("'listen': [{'serve': ['api']}]"), "listen[0]: address is missing\n"},
    {TOP("'listen': [{'address': 5}]"),
	"listen[0].address: must be a string\n"},
    {TOP("'listen': [{'address': 'a:1', 'serve': []}]"),
	"listen[0].serve: must be an array of \"client\", \"api\", "
	"\"metrics\"\n"},
    {TOP("'listen': [{'address': 'a:1', 'serve': ['api', 'x', 5]}]"),
	"listen[0].serve[1]: must be \"client\", \"api\" or \"metrics\"\n"
	"listen[0].serve[2]: must be \"client\", \"api\" or \"metrics\"\n"},
    {TOP("'allowed_origins': 'x'"),
	"allowed_origins: must be an array of strings\n"},
    {TOP("'allowed_origins': [5, 'app.example', 'https://a.example/',"
	 " 'https://']"),
	"allowed_origins[0]: must be a string like https://app.example\n"
	"allowed_origins[1]: \"app.example\" needs a scheme, as in "
	"https://app.example\n"
	"allowed_origins[2]: \"https://a.example/\" has a path, and an Origin "
	"has none\n"
	"allowed_origins[3]: \"https://\" has no host\n"},
};

static const struct wrong together[] = {
    {NS("'history_size': 5"), AT_NS ": history_size needs history_ttl\n"},
    {NS("'history_ttl': '5m'"), AT_NS ": history_ttl needs history_size\n"},
    {NS("'history_size': 5, 'history_ttl': '48h'"),
	AT_NS ": history_meta_ttl must not be less than history_ttl\n"},
    {NS("'force_recovery': true"),
	AT_NS ": force_recovery needs history_size and history_ttl\n"},
    {NS("'allow_recovery': true"),
	AT_NS ": allow_recovery needs history_size and history_ttl\n"},
    {NS("'force_push_join_leave': true"),
	AT_NS ": force_push_join_leave needs join_leave\n"},
    {NS("'auto_cache_recover': true"), AT_NS ": " CACHE},
    {NS("'history_size': 5, 'history_ttl': '5m', 'force_recovery': true,"
	" 'auto_cache_recover': true"),
	AT_NS ": " CACHE},
    {NS("'force_recovery_mode': 'cache', 'auto_cache_recover': true"),
	AT_NS ": " CACHE},
    {T("'subscribe_to_user_personal_channel': {'single_connection': true}"),
	"tenants.t.subscribe_to_user_personal_channel: single_connection "
	"needs enabled\n"},
    {T("'subscribe_to_user_personal_channel': {'enabled': true}"),
	"tenants.t.subscribe_to_user_personal_channel: there is no namespace "
	"\"\"\n"},
    {T("'subscribe_to_user_personal_channel': {'enabled': true,"
       " 'personal_channel_namespace': 'user'}, 'namespaces': {'': {}}"),
	"tenants.t.subscribe_to_user_personal_channel: there is no namespace "
	"\"user\"\n"},
    {NS("'durable': 'before'"), AT_NS ": durable \"before\" needs log\n"},
    {NS("'log': true, 'fallback': true"),
	AT_NS ": log needs a log, and \"log\" is \"none\"\n" AT_NS
	      ": fallback needs a log, and \"log\" is \"none\"\n"},
};

static void each(const struct wrong *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		refuses(list[i].text, list[i].want, list[i].text);
}

static void syntax(void)
{
	struct dn_conf_errors errors = {0};
	struct dn_buf big = {0};

	refuses("{\n  'a': 5,\n  x }",
	    "line 3, column 3: string or '}' expected near 'x'\n",
	    "no JSON: line and column");
	refuses("{'a': 1,\n 'a': 2}",
	    "line 2, column 4: duplicate object key near '\"a\"'\n",
	    "a key that is there twice");
	refuses("", "line 1, column 0: '[' or '{' expected near end of file\n",
	    "nothing");
	refuses("{'log': 'a\\u0000b'}",
	    "line 1, column 18: \\u0000 is not allowed without "
	    "JSON_ALLOW_NUL near '\"a\\u0000b\"'\n",
	    "NUL in a string");
	refuses("{'log': '\xff'}",
	    "line 1, column 9: unable to decode byte 0xff near '\"'\n",
	    "no UTF-8");
	memset(dn_buf_reserve(&big, (8 << 20) + 1), ' ', (8 << 20) + 1);
	big.n = (8 << 20) + 1;
	OK(dn_conf_parse(dn_buf_view(&big), NULL, &errors) == NULL,
	    "more than 8 MiB");
	IS_SLICE(
	    dn_buf_view(&errors.text), "more than 8388608 bytes\n", "is said");
	dn_conf_errors_release(&errors);
	dn_buf_release(&big);
}

/* The example of the manual as it stands, its three dots included. */
static void all_at_once(void)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf = parse_flags(
	    "{'log': 'kafka://k1:9092/dnot', 'tls': {'certificate': '…',"
	    " 'key': '…'}, 'tenants': {'acme': {'api_keys': [{'sha256': '…'}],"
	    " 'token_hmac_secret_file': '…', 'limits': {'connections': 'x'},"
	    " 'namespaces': {'session': {'slow': 5, 'history_size': 1}}}}}",
	    NULL, &errors);
	static const char *const want[] = {
	    "tls: not supported",
	    "log: ",
	    "tenants.acme.api_keys[0].sha256: ",
	    "tenants.acme.token_hmac_secret_file: ",
	    "tenants.acme.limits.connections: ",
	    "tenants.acme.namespaces.session.slow: ",
	    "tenants.acme.namespaces.session: history_size",
	};
	size_t i;

	OK(conf == NULL, "seven mistakes");
	IS_NUM(errors.count, DN_ARRAY_LEN(want), "are all counted");
	dn_buf_byte(&errors.text, '\0');
	for (i = 0; i < DN_ARRAY_LEN(want); i++)
		OK(strstr(errors.text.p, want[i]) != NULL, want[i]);
	dn_conf_errors_release(&errors);
}

/* One file of a secret, with that content (NULL: none), and what is said. */
static void secret(
    const char *key, const char *content, const char *want, const char *name)
{
	struct dn_buf text = {0}, message = {0};

	file_remove("s");
	if (content != NULL)
		file_text("s", content);
	dn_buf_printf(&text, T("'%s': 's'"), key);
	dn_buf_byte(&text, '\0');
	dn_buf_printf(&message, "tenants.t.%s: %s/s: %s\n", key, folder, want);
	dn_buf_byte(&message, '\0');
	refuses(text.p, message.p, name);
	file_remove("s");
	dn_buf_release(&text);
	dn_buf_release(&message);
}

static void secrets(void)
{
	struct dn_buf big = {0};

	secret("token_hmac_secret_file", NULL, "No such file or directory",
	    "a secret that is missing");
	secret("token_hmac_secret_file", "", "is empty", "an empty one");
	secret("token_hmac_secret_file", "\n", "is empty", "a mere newline");
	secret("token_hmac_previous_secret_file", "\r\n", "is empty",
	    "a mere CRLF");
	secret("token_public_key_file", "garbage\n",
	    "is no public key in PEM form (BEGIN PUBLIC KEY)", "no PEM");
	secret("token_public_previous_key_file",
	    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	    "is a private key; only its public key belongs here (openssl pkey "
	    "-pubout)",
	    "a private key");
	memset(dn_buf_reserve(&big, 70000), 'x', 70000);
	big.p[69999] = '\0';
	secret("token_hmac_secret_file", big.p, "File too large",
	    "one that is too large");
	dn_buf_release(&big);
}

static void unreadable(void)
{
	struct dn_buf want = {0};
	char *path = folder_path("s");

	refuses(T("'token_hmac_secret_file': '/'"),
	    "tenants.t.token_hmac_secret_file: /: Is a directory\n",
	    "a folder is no secret");
	file_text("s", "secret");
	chmod(path, 0);
	dn_buf_printf(&want,
	    "tenants.t.token_hmac_secret_file: %s: Permission denied\n", path);
	dn_buf_byte(&want, '\0');
	if (geteuid() != 0) /* root may read everything */
		refuses(T("'token_hmac_secret_file': 's'"), want.p,
		    "a secret that may not be read");
	file_remove("s");
	dn_buf_release(&want);
	free(path);
}

static void flags_are_checked(void)
{
	const char *const listen[] = {"nonsense", "1.2.3.4:70000"};
	struct dn_conf_flags flags = {.listen = listen, .listen_n = 2};

	refuses_flags("{'tenants': {'t': {}}, 'drain': 'x'}", &flags,
	    "drain: duration \"x\": does not start with a number\n"
	    "--listen: address \"nonsense\" is not HOST:PORT, [V6]:PORT or "
	    "unix:PATH\n"
	    "--listen: address \"1.2.3.4:70000\" has no port from 0 to "
	    "65535\n",
	    "flags and file at once");
	flags = (struct dn_conf_flags){.log = "none"};
	refuses_flags("{'log': 'sqlite:', 'tenants': {'t': {'namespaces': {'':"
		      "{'log': true}}}}}",
	    &flags,
	    "tenants.t.namespaces[\"\"]: log needs a log, and \"log\" is "
	    "\"none\"\n",
	    "--log none takes the log away");
}

int main(void)
{
	folder_make();
	each(values, DN_ARRAY_LEN(values));
	each(shapes, DN_ARRAY_LEN(shapes));
	each(listeners, DN_ARRAY_LEN(listeners));
	each(together, DN_ARRAY_LEN(together));
	syntax();
	all_at_once();
	secrets();
	unreadable();
	flags_are_checked();
	rmdir(folder);
	return tap_done();
}
