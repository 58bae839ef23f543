#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=threads
#
# What subscriptions bring: who is there, what was missed, filters, deltas.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

serve()
{
	local client='"allow_subscribe_for_client": true,
	    "allow_history_for_client": true,
	    "allow_presence_for_client": true' \
	    history='"history_size": 10, "history_ttl": "1m"'

	printf secret >secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG",
	 "history_max_publication_limit": 6,
	 "recovery_max_publication_limit": 6, "tenants": {"t": {
	  "token_hmac_secret_file": "secret",
	  "api_keys": [{"sha256": "$(printf key | sha256sum |
	      cut -d ' ' -f 1)"}],
	  "namespaces": {
	   "": {$client, "allow_publish_for_client": true, $history,
	    "presence": true, "join_leave": true,
	    "force_recovery": true, "allow_tags_filter": true,
	    "allowed_delta_types": ["fossil"], "delta_publish": true},
	   "ask": {$client, $history, "allow_recovery": true,
	    "allow_positioning": true, "allowed_delta_types": ["fossil"]},
	   "bare": {$client},
	   "big": {$client, $history, "force_recovery": true},
	   "cache": {$client, $history, "force_recovery": true,
	    "force_recovery_mode": "cache"},
	   "auto": {$client, $history, "force_recovery": true,
	    "force_recovery_mode": "cache", "auto_cache_recover": true},
	   "forced": {$client, $history, "force_recovery": true,
	    "join_leave": true, "force_push_join_leave": true},
	   "fall": {$client, $history, "force_recovery": true, "log": true,
	    "fallback": true, "allow_tags_filter": true},
	   "logged": {$client, "history_size": 1, "history_ttl": "1m",
	    "force_recovery": true, "log": true}}}}}
	END
	start_serve server --config conf.json "$@"
}

subs()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/subs.js" "$@"
}

_has_taken()
{
	[[ -n $(sqlite3 -readonly log.db \
	    'SELECT 1 FROM taken WHERE offset = 4') ]]
}

# scenario NAME: on one loop and on four.
scenario()
{
	local threads

	for threads in 1 4; do
		serve --threads $threads
		subs "$1" || fail "$1 with $threads loops"
		stop_server
	done
}

@test "presence is exact at once" {
	scenario presence
}

@test "who is not counted may be told, and the other way round" {
	scenario hidden
}

@test "join and leave, asked for and forced" {
	scenario join-leave
}

@test "history: limit, since, reverse" {
	scenario history
}

@test "recovery of all that was missed" {
	scenario recovery
}

@test "positions and recovery that are asked for" {
	scenario asked
}

@test "recovery of the newest one alone" {
	scenario cache
}

@test "subscriptions of the server recover by connect" {
	scenario server-side
}

@test "what a connect recovers has bounds" {
	scenario large-connect
}

@test "the order of replies and pushes around a connect" {
	scenario order
}

@test "a filter by tags, live and recovered" {
	scenario filter
}

@test "what a filter keeps away is not taken" {
	serve --threads 4
	subs filter-fallback
	wait_until _has_taken
	stop_server
	equal "$(sqlite3 log.db 'SELECT group_concat(offset) FROM taken')" 3,4
}

@test "fossil deltas on the wire" {
	scenario delta
}

@test "fossil deltas begin anew with each subscription" {
	scenario delta-again
}

@test "fossil deltas in the SDK, behind cuts" {
	scenario sdk-delta
}

@test "versions of a document" {
	scenario version
}

# The log's file is locked until unlock.
lock()
{
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 30 test -e enough
		echo 'COMMIT;'
	} | sqlite3 -cmd '.timeout 10000' log.db >locked 3>&- &
	wait_until test -s locked
}

unlock()
{
	touch enough
}

@test "a subscription that is ended while it begins" {
	serve --threads 4
	jq 'del(.tenants.t.namespaces.logged)' conf.json >next
	mv next conf.json
	lock
	subs ended-early
	unlock
	stop_server
}

@test "history and recovery while the log is away" {
	serve --threads 4
	lock
	subs log-away
	unlock
	stop_server
}
