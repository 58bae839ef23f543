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
# settings: of the top level, then behind a | of the tenant.
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
	   "newest": {"history_size": 10, "history_ttl": "5m",
	    "force_recovery": true, "force_recovery_mode": "cache"},
	   "joins": {"history_size": 10, "history_ttl": "5m",
	    "force_recovery": true, "join_leave": true,
	    "force_push_join_leave": true}}}}}
	END
	shift 2
	for name in "$@"; do
		start_serve server --config conf.json \
		    --threads "${THREADS:-2}"
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

# bats test_tags=threads
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

# bats test_tags=threads
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
	scenarios ids ids-many ids-api uni-recovers
	configured '|' '' ids-others
}

@test "ids of what was held back behind a connect" {
	THREADS=4 configured "|$ANYBODY" ', "queue_bytes": 100000000' ids-held
}

@test "what stands behind a request is passed over" {
	scenarios pipelined
}

@test "half requests, resets, floods, guesses" {
	scenarios hostile
}

# --- the SDK, EventSource and curl, as they are ------------------------------

# sdk TRANSPORT SCENARIO [CHANNEL]
sdk()
{
	DNOT_TRANSPORT=$1 DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/sdk/sdk.js" "$2" "${3:-sdk:$2}"
}

by_sdk()
{
	local threads name

	for threads in 1 4; do
		start_server --threads $threads
		for name in publish echo history presence rpc delta \
		    many-loops; do
			sdk "$1" $name || fail "$name, $threads loops"
		done
		stop_server
		rm log.db*
	done
}

# bats test_tags=threads
@test "the SDK over HTTP streaming" {
	by_sdk http_stream
}

# bats test_tags=threads
@test "the SDK over SSE" {
	by_sdk sse
}

# recovers TRANSPORT: over a clean restart, with one of the SDK's clients.
recovers()
{
	start_server --threads 2
	export DNOT_TRANSPORT=$1
	start_bg tail node "$DNOT_ROOT/tests/net/sdk/sdk.js" tail sdk:restart
	lines tail 2
	api publish '{"channel":"sdk:restart","data":1}'
	lines tail 3
	restart_server
	api publish '{"channel":"sdk:restart","data":2}'
	wait_until jq -se 'map(select(.data)) | length == 2' tail.out
	run -0 jq -sc 'map(.data // empty)' tail.out
	equal "$output" '[1,2]'
	run -0 jq -sc 'map(select(.subscribed)) | last |
		[.wasRecovering, .recovered]' tail.out
	equal "$output" '[true,true]'
	stop_server
}

@test "the SDK over HTTP streaming recovers over a restart" {
	recovers http_stream
}

@test "the SDK over SSE recovers over a restart" {
	recovers sse
}

# Lines for dnot-pub: n = FROM..TO, in two channels by turns.
records()
{
	seq "$1" "$2" | awk '{ printf "{\"channel\":\"%s\",\"request_id\":" \
		"\"r\",\"seq\":%d,\"data\":%d}\n",
		$1 % 2 ? "session:a" : "session:b", $1, $1 }'
}

seen()
{
	(($(grep -c '"offset"' source.out) >= $1))
}

connects()
{
	(($(grep -c '"connected"' source.out) >= $1))
}

# resumes STOP START: three EventSources read 400 records, while the server is
# ended and started again in their middle.
resumes()
{
	mkfifo feed
	start_bg source node "$DNOT_ROOT/tests/net/sdk/eventsource.js" 3 \
	    session:a session:b
	wait_until connects 3
	start_bg pub sh -c 'exec dnot-pub --wait logged <feed'
	exec 5>feed
	records 1 200 >&5
	wait_until seen 450
	"$1" 5>&-
	records 201 300 >&5
	"$2" 5>&-
	records 301 400 >&5
	exec 5>&-
	wait_until -t 30 _gone "$(_pid pub)"
	reap pub
	wait_until -t 30 seen 1200
	wait_until -t 30 connects 6
	run -0 jq -sc 'map(select(.connected) | select(.resumed != null)) |
	    length == 3 and all(.resumed and .recovered)' source.out
	equal "$output" true 'all were resumed'
	run -0 jq -sc 'map(select(.offset)) | group_by([.source, .channel]) |
	    length == 6 and all([.[].offset] == [range(1; 201)])' source.out
	equal "$output" true 'each record once, in order'
}

again()
{
	_start_server "$SERVER_ADDR"
}

@test "EventSource goes on over a clean restart" {
	local threads

	for threads in 1 4; do
		unset SERVER_ADDR
		start_server --threads $threads
		resumes stop_server again
		run -0 jq -sc 'map(.disconnect // empty)' source.out
		equal "$output" '[3001,3001,3001]'
		kill "$(_pid source)"
		reap source 143
		stop_server
		rm -f log.db* source.out feed
	done
}

serve_app()
{
	start_serve server --config conf.json --threads "$THREADS" \
	    --listen "${SERVER_ADDR:-127.0.0.1:0}"
}

@test "EventSource goes on over kill -9 where durable is before" {
	export DNOT_KEY=key
	cat >conf.json <<-END
	{"log": "$LOG", "tenants": {"t": {
	  "api_keys": [{"sha256":
	   "$(printf key | sha256sum | cut -d ' ' -f 1)"}],
	  "allow_anonymous_connect_without_token": true,
	  "namespaces": {"session": {
	   "log": true, "durable": "before", "force_recovery": true,
	   "history_size": 50, "history_ttl": "5m",
	   "allow_subscribe_for_client": true,
	   "allow_subscribe_for_anonymous": true}}}}}
	END
	for THREADS in 1 4; do
		unset SERVER_ADDR
		serve_app
		resumes kill_server serve_app
		kill "$(_pid source)"
		reap source 143
		stop_server
		rm -f log.db* source.out feed
	done
}

@test "curl reads a stream, one message a line" {
	start_server
	start_bg curl curl -sSN "$DNOT_URL/connection/uni_http_stream" \
	    -d '{"subs":{"c":{}}}'
	lines curl 1
	api publish '{"channel":"c","data":{"n":1}}'
	lines curl 2
	stop_server
	reap curl # with 0: the answer was complete
	run -0 jq -c '[keys[0], .pub.data?, .disconnect.code?]' curl.out
	equal "$output" '["connect",null,null]
["channel",{"n":1},null]
["disconnect",null,3001]'
}

@test "curl over HTTP/1.0 reads events to their end" {
	start_server
	start_bg curl curl -0 -sSN "$DNOT_URL/connection/uni_sse"
	lines curl 3
	stop_server
	reap curl
	run -0 grep -c '^data: {' curl.out
	equal "$output" 2
}
