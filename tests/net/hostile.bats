#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Clients that break the rules. Each test ends with an honest one that is
# served, a server that stops cleanly and no sanitizer report.

load ../lib/dnot

raw()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/raw.js" "$@"
}

# hostile SCENARIO...: against one server.
hostile()
{
	local scenario

	start_server --threads 2
	for scenario in "$@"; do
		raw "$scenario" || fail "scenario $scenario"
	done
	run -0 api publish '{"channel":"after","data":1}'
	equal "$(json .result.offset)" 1
	stop_server
}

# hurried SCENARIO [PING]: the same against a server with short patience.
hurried()
{
	local sum

	export DNOT_KEY=secret
	sum=$(printf %s "$DNOT_KEY" | sha256sum)
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "http_timeout": "300ms",
	 "stale_close_delay": "300ms", "ping_interval": "${2:-25s}",
	 "pong_timeout": "300ms",
	 "tenants": {"t": {"api_keys": [{"sha256": "${sum%% *}"}],
	  "namespaces": {"": {"queue_age": "300ms",
	   "queue_bytes": 1000000000, "history_size": 10,
	   "history_ttl": "1m"}}}}}
	END
	start_serve server --config conf.json --threads 2
	raw "$1" || fail "scenario $1"
	run -0 api publish '{"channel":"after","data":1}'
	equal "$(json .result.offset)" 1
	stop_server
}

@test "garbage instead of HTTP is refused" {
	hostile garbage
}

@test "half a handshake ends without an answer" {
	hostile half-handshake
}

@test "bytes that come one by one, or all at once, are served" {
	hostile byte-by-byte all-at-once
}

@test "headers too big, malformed or doubled are refused" {
	hostile headers
}

@test "an upgrade that is none is refused" {
	hostile upgrades
}

@test "a foreign Origin or Host does not reach a --dev server" {
	hostile origins
}

@test "bodies that lie about their length are refused" {
	hostile bodies
}

@test "frames that break RFC 6455 close with the code it names" {
	hostile frames
}

@test "oversize frames are refused before memory is taken" {
	hostile oversize
}

@test "fragments without end are cut, whatever their size" {
	hostile fragments
}

@test "a flood of pings costs no memory" {
	hostile pings
}

@test "who stops reading is closed as slow and delays nobody" {
	hostile stopped-reader
}

@test "hundreds of idle sockets do not keep out one who works" {
	hostile idlers
}

@test "resets in the middle of everything" {
	hostile resets
}

@test "a handshake that never ends is ended" {
	hurried endless-handshake
}

@test "a body that never ends is ended" {
	hurried endless-body
}

@test "who does not send connect is closed as stale" {
	hurried no-connect
}

@test "who does not answer pings is closed" {
	hurried no-pong 1s
}

@test "what waits for too long in a queue closes its connection as slow" {
	hurried old-queue
}

@test "a reload between the handshake and connect" {
	start_server --threads 1
	raw reload-between
	stop_server
}

@test "an expired token does not make an anonymous client" {
	printf secret >secret
	cat >conf.json <<-'END'
	{"listen": ["127.0.0.1:0"], "tenants": {"t": {
	 "token_hmac_secret_file": "secret", "namespaces": {"": {}}}}}
	END
	start_serve server --config conf.json
	raw expired-token "$(dnot-serve --config conf.json --tenant t \
	    --issue-token '{"sub":"u","exp":1000000000}')"
	stop_server
}

@test "requests from one who never reads are not piled up" {
	hostile piled-requests
}

@test "large answers to one small message are made as they are read" {
	hostile heavy-message
	rm log.db*
	start_server --threads 1
	raw heavy-message
	stop_server
}

@test "commands that end their own connection" {
	hostile closing-commands
}

@test "numbers at their ends" {
	hostile numbers
}

# beginning HOW [STATUS]: the log is locked until the server has ended.
beginning()
{
	printf secret >secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "tenants": {"t": {
	  "token_hmac_secret_file": "secret", "api_keys": [{"sha256":
	   "$(printf key | sha256sum | cut -d ' ' -f 1)"}],
	  "namespaces": {"logged": {"log": true, "history_size": 1,
	   "history_ttl": "1m", "force_recovery": true,
	   "allow_subscribe_for_client": true}}}}}
	END
	start_serve server --config conf.json --threads 2
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 60 test -e enough
		echo 'COMMIT;'
	} | sqlite3 log.db >locked 3>&- &
	wait_until test -s locked
	raw gone-beginning "$1"
}

@test "gone while their subscriptions begin" {
	beginning go
	touch enough
	stop_server
}

@test "stopped while subscriptions begin" {
	beginning stop
	touch enough
	reap server
}

@test "stopped at once with open outcomes" {
	start_server --threads 1
	raw stop-twice
	reap server
}
