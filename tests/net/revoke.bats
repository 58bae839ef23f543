#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Tokens that are revoked: who is closed, who is refused, and for how long.

load ../lib/dnot

tenant()
{
	printf '"%s": {"api_keys": [{"sha256": "%s"}], "token_hmac_secret_file":
	    "%s", "limits": {"revoked_tokens": 5}, "namespaces": {"": {},
	    "n": {}}}' "$1" "$(printf %s "$1-key" | sha256sum | cut -d ' ' -f 1)" \
	    "$1-secret"
}

# start [LOG [THREADS]]
start()
{
	printf a-secret >a-secret
	printf b-secret >b-secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "${1:-$LOG}",
	 "tenants": {$(tenant a), $(tenant b)}}
	END
	start_serve server --config conf.json --threads "${2:-4}"
}

revoke()
{
	DNOT_PATIENCE=$DNOT_PATIENCE node "$DNOT_ROOT/tests/net/revoke.js" "$@"
}

# scenario NAME: on one loop and on four.
scenario()
{
	local threads

	for threads in 1 4; do
		start "$LOG" $threads
		revoke "$1" || fail "$1, $threads loops"
		stop_server
		rm log.db*
	done
}

@test "a token: its connections are closed, it is refused, others are not" {
	scenario token
}

@test "a user's tokens, by when they were issued" {
	scenario user
}

@test "a revoked token is refused wherever one is given" {
	scenario later
}

@test "what a token was replaced by counts" {
	scenario refreshed
}

@test "a subscription's token ends the connection that has it" {
	scenario subscription
}

@test "a revocation ends when it is said to" {
	scenario ends
}

@test "what is asked wrongly is refused, and what is over the limit" {
	scenario wrong
}

@test "by rpc and in a batch as well" {
	scenario ways
}

@test "readers of streams as well" {
	scenario streams
}

@test "nobody slips through while it is revoked" {
	local method

	for method in revoke_token invalidate_user_tokens{,,}; do
		start "$LOG" 4
		revoke race "$method"
		stop_server
		rm log.db*
	done
}

@test "a restart forgets nothing, however the server ended" {
	start
	revoke before
	kill_server
	start
	revoke after
	stop_server
	start
	revoke after
	stop_server
	equal "$(sqlite3 log.db 'SELECT tenant, kind, subject FROM revoked
	    ORDER BY id' | xargs)" 'a|token|gone a|user|w'
}

@test "a log of the version before is brought up to date" {
	start
	stop_server
	sqlite3 log.db 'DROP TABLE revoked; PRAGMA user_version = 1'
	start
	grep -q 'its schema was version 1 and is 2 now' server.err
	revoke before
	stop_server
	start
	revoke after
	stop_server
}

@test "without a log it lasts until the server ends, and says so" {
	start none
	revoke not-durable
	stop_server
}

@test "while the log is away it counts all the same" {
	start
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 60 test -e enough
		echo 'COMMIT;'
	} | sqlite3 -cmd '.timeout 10000' log.db >locked 3>&- &
	wait_until test -s locked
	revoke away
	touch enough
	stop_server
	start
	revoke back
	stop_server
}
