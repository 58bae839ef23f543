#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# docs/openapi.json describes the server API as it is.

load ../lib/dnot

@test "the description has each method, each request and each answer" {
	printf secret >secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "api_body_limit": 65536,
	 "tenants": {"t": {
	  "api_keys": [{"sha256": "$(printf k | sha256sum | cut -d ' ' -f 1)"}],
	  "token_hmac_secret_file": "secret", "limits": {"revoked_tokens": 2},
	  "namespaces": {
	   "": {"history_size": 10, "history_ttl": "1m", "log": true,
	    "presence": true, "allow_publish_for_subscriber": true},
	   "fall": {"history_size": 10, "history_ttl": "1m", "log": true,
	    "fallback": true},
	   "bare": {}}}}}
	END
	start_serve server --config conf.json --threads 2
	start_bg client env DNOT_PATIENCE="$DNOT_PATIENCE" \
	    node "$DNOT_ROOT/tests/net/openapi.js" stay
	lines client 1
	DNOT_KEY=k python3 "$DNOT_ROOT/tests/net/openapi.py" \
	    "$DNOT_ROOT/docs/openapi.json" "$(<client.out)"
	stop_server
	reap client
}
