#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# HTTP streaming and SSE with emulation, and the one-way transports: by hand,
# with curl, with the Centrifuge SDK and with EventSource.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

streams()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/streams.js" "$@"
}

# scenarios NAME...: against --dev, on one loop and on four.
scenarios()
{
	local threads name

	for threads in 1 4; do
		start_server --threads $threads
		for name in "$@"; do
			# shellcheck disable=SC2086 # a name and its arguments
			streams $name || fail "$name, $threads loops"
		done
		stop_server
		rm log.db*
	done
}

# configured TOP NAMESPACE NAME...: each against a server of its own, with those
# settings; clients without a token are let in unless TOP has a secret.
configured()
{
	local top=$1 ns=$2 name

	export DNOT_KEY=key
	printf secret >secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], ${top%%|*}
	 "tenants": {"t": {
	  "api_keys": [{"sha256":
	   "$(printf key | sha256sum | cut -d ' ' -f 1)"}],
	  ${top#*|} "namespaces": {
	   "": {"history_size": 20000, "history_ttl": "5m",
	    "force_recovery": true, "allow_subscribe_for_client": true,
	    "allow_subscribe_for_anonymous": true,
	    "allow_publish_for_client": true,
	    "allow_publish_for_anonymous": true,
	    "allow_history_for_client": true,
	    "allow_history_for_anonymous": true $ns},
	   "news": {}, "closed": {},
	   "joins": {"history_size": 10, "history_ttl": "5m",
	    "force_recovery": true, "join_leave": true,
	    "force_push_join_leave": true}}}}}
	END
	shift 2
	for name in "$@"; do
		start_serve server --config conf.json --threads 2
		streams "$name" || fail "$name"
		stop_server
	done
}

ANYBODY='"allow_anonymous_connect_without_token": true,'

@test "heads, first bytes, HTTP/1.0" {
	scenarios beginning first-message
}

@test "each endpoint's methods and statuses" {
	scenarios statuses head
}

@test "malformed commands end a stream with 3501" {
	scenarios malformed
}

@test "emulation: what is run, refused and answered" {
	scenarios emulation emulation-order
}

@test "emulation: what may not be run yet waits, bounded" {
	scenarios emulation-waits
}

@test "emulation: one who piles up commands is slow" {
	scenarios emulation-full
}

@test "a client that is gone leaves its channels at once" {
	scenarios gone
}

@test "slow readers of each transport are closed, the others get all" {
	local transport

	for transport in http_stream sse uni_sse; do
		start_server --threads 2
		streams slow $transport
		stop_server
		rm log.db*
	done
}

@test "the last id of a slow EventSource says what it got" {
	configured "|$ANYBODY" ', "queue_bytes": 65536' slow-ids
}

@test "what waits too long closes, and so does who takes nothing" {
	configured "|$ANYBODY" ', "queue_bytes": 1000000000,
	    "queue_age": "300ms"' old-queue
	configured "\"ping_interval\": \"1s\", \"pong_timeout\": \"300ms\",
	    |$ANYBODY" ', "queue_bytes": 1000000000, "queue_age": "1h"' no-reader
}

@test "pings and pongs of each transport" {
	configured "\"ping_interval\": \"1s\", \"pong_timeout\": \"800ms\",
	    |$ANYBODY" '' pings
}

@test "SIGTERM ends streams completely, with 3001" {
	local threads

	for threads in 1 4; do
		start_server --threads $threads
		streams drain
		reap server
	done
}

@test "one-way clients: messages, and what is an error" {
	scenarios uni uni-websocket
}

@test "one-way clients: tokens, keys, refusals" {
	configured '|"token_hmac_secret_file": "secret",' '' uni-who keys
}

@test "pages of allowed origins may read, others may not" {
	scenarios cors
}

@test "connections are limited in number and rate" {
	configured "\"connection_limit\": 3, |$ANYBODY" '' connection-limit
	configured "\"connection_rate_limit\": 5, |$ANYBODY" '' connection-rate
}

@test "a reload that takes the tenant away ends its streams" {
	configured '|' ''
	start_serve server --config conf.json
	sed -i 's/"t": {/"u": {/' conf.json
	streams reload
	stop_server
}

@test "ids: from each of them exactly the rest" {
	scenarios ids ids-many
	configured '|' '' ids-others
}

@test "ids of what was held back behind a connect" {
	start_server --threads 4
	streams ids-held
	stop_server
}

@test "what stands behind a request is passed over" {
	scenarios pipelined
}

@test "half requests, resets, floods, guesses" {
	scenarios hostile
}
