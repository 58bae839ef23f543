#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Every code of the client protocol that the server sends, each with what
# provokes it, by raw clients on a WebSocket (codes.js).
#
# Errors in replies:
#
#	100  publish while the log is locked and its queue is full
#	101  never: who is not let in is closed with 3500, 3501 or 3507
#	102  a channel of a namespace that is not there, each method
#	103  no permission, each method; a forged subscription token;
#	     sub_refresh of what is not subscribed
#	104  rpc, with a server key, of an unknown method
#	105  subscribe twice, also while the first waits, and to a channel that
#	     the server subscribed the client to
#	106  one channel more than client_channel_limit
#	107  a channel's name, a tags filter, a publish or history that is wrong
#	108  history, presence, rpc, map subscriptions that are not there
#	109  an expired token: connect, subscribe
#	110  a good token whose expire_at is over: connect, subscribe, refresh,
#	     sub_refresh
#	111  the mail between two loops is full (65536 waiting): no client can
#	     hold a loop back for long enough to be sure of it; test_hub and
#	     hostile.bats fill the other queues
#	112  flag 2 with a position that is gone; history since another epoch
#	113  never yet: there are no groups of workers
#
# Unsubscribe pushes:
#
#	2000 unsubscribe of the API
#	2500 the channel's namespace is gone with a reload; a fan-out that found
#	     the mail between two loops full (as 111)
#	2501 the subscription's token is over
#	2502 never: nothing invalidates what a client knows
#
# Closes:
#
#	1000 answers a close of the client
#	1002 a frame that breaks RFC 6455 (hostile.bats: each way)
#	1003 never: a binary message is 3501, a bad request
#	1007 text that is no UTF-8
#	1009 a message over message_size_limit
#	3000 never: who is not told a reason is not there any more
#	3001 SIGTERM
#	3004 connect waits for subscriptions for longer than stale_close_delay;
#	     an error that a one-way client is not told otherwise
#	3005 the connection's token is over; refresh with an expired one, and by
#	     the API; 109 and 110 of a one-way client
#	3006 sub_refresh with an expired token; a server-side subscription is
#	     over
#	3008 the client reads too slowly (hostile.bats: by age, too)
#	3009 never: nobody can be told when writing fails
#	3010 refresh with a token of other channels; the namespace of a
#	     server-side subscription is gone with a reload
#	3011 disconnect of the API, with this code or any other
#	3012 a ping without a pong
#	3013 error 111 of a one-way client: as that
#	3014 never: nothing invalidates what a client knows
#	3500 a connection token that is bad (tokens.bats: each way) or was
#	     revoked (revoke.bats)
#	3501 each command that breaks the protocol; no token where one is needed
#	3502 no connect in time, or none that was not refused
#	3503 disconnect of the API; the server key is gone with a reload
#	3504 one connection more than limits.connections or
#	     user_connection_limit; single_connection
#	3505 a token that lists more channels than client_channel_limit, or one
#	     more by the API
#	3506 never: another protocol is refused at the upgrade (400)
#	3507 a token without a user id where that is not allowed; 103 of a
#	     one-way client
#	3508 send
#	3509 never: errors are not counted

load ../lib/dnot

# serve FILTER [ARG...]: a server with the configuration below, changed by jq.
serve()
{
	local filter=$1

	shift
	printf secret >secret
	jq "$filter" >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "expired_close_delay": 0,
	 "expired_sub_close_delay": 0, "tenants": {"t": {
	  "token_hmac_secret_file": "secret",
	  "api_keys": [{"sha256": "$(printf key | sha256sum |
	      cut -d ' ' -f 1)"}],
	  "limits": {"client_channel_limit": 3},
	  "namespaces": {
	   "": {"history_size": 10, "history_ttl": "1m", "presence": true,
	    "force_recovery": true, "allow_tags_filter": true,
	    "allowed_delta_types": ["fossil"],
	    "allow_user_limited_channels": true,
	    "allow_subscribe_for_client": true,
	    "allow_publish_for_client": true,
	    "allow_history_for_client": true,
	    "allow_presence_for_client": true},
	   "bare": {"allow_subscribe_for_client": true,
	    "allow_history_for_client": true,
	    "allow_presence_for_client": true},
	   "closed": {"history_size": 10, "history_ttl": "1m",
	    "presence": true},
	   "digits": {"channel_regex": "^[0-9]+\$",
	    "allow_subscribe_for_client": true},
	   "logged": {"log": true, "history_size": 1, "history_ttl": "1m",
	    "force_recovery": true, "allow_subscribe_for_client": true,
	    "allow_publish_for_client": true}}}}}
	END
	start_serve server --config conf.json "$@"
}

codes()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/codes.js" "$@"
}

# provoke CODE [FILTER]: on one loop and on four.
provoke()
{
	local threads

	for threads in 1 4; do
		serve "${2:-.}" --threads $threads
		codes "$1" || fail "$1 with $threads loops"
		stop_server
	done
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

@test "100 internal server error: the log is behind" {
	serve '.log_queue_bytes = 10000'
	lock
	codes 100
	unlock
	stop_server
}

@test "102 unknown channel" {
	provoke 102
}

@test "103 permission denied" {
	provoke 103
}

@test "104 method not found" {
	provoke 104
}

@test "105 already subscribed" {
	provoke 105
}

@test "106 limit exceeded" {
	provoke 106
}

@test "107 bad request" {
	provoke 107
}

@test "108 not available" {
	provoke 108
}

@test "109 token expired" {
	provoke 109
}

@test "110 expired" {
	provoke 110
}

@test "112 unrecoverable position" {
	provoke 112
}

@test "2000 server unsubscribe" {
	provoke 2000
}

@test "2500 insufficient state" {
	serve . --threads 4
	jq 'del(.tenants.t.namespaces.bare)' conf.json >next && mv next conf.json
	codes 2500
	stop_server
}

@test "2501 subscription expired" {
	provoke 2501
}

@test "1000 1002 1007 1009: what RFC 6455 names" {
	serve .
	for code in 1000 1002 1007 1009; do
		codes $code
	done
	stop_server
}

@test "3001 shutdown" {
	serve . --threads 4
	codes 3001
	reap server
}

@test "3004 internal server error: connect waits for too long" {
	serve '.stale_close_delay = "100ms"'
	lock
	codes 3004
	unlock
	stop_server
}

@test "3005 connection expired" {
	provoke 3005
}

@test "3006 subscription expired" {
	provoke 3006
}

@test "3008 slow" {
	provoke 3008 '.tenants.t.namespaces."".queue_bytes = 65536'
}

@test "3010 insufficient state" {
	serve . --threads 4
	jq 'del(.tenants.t.namespaces.bare)' conf.json >next && mv next conf.json
	run -0 codes 3010
	stop_server
}

@test "3011 force reconnect, as the API says" {
	provoke 3011
}

@test "3012 no pong" {
	provoke 3012 '.ping_interval = "1s" | .pong_timeout = "300ms"'
}

@test "3500 invalid token" {
	provoke 3500
}

@test "3501 bad request" {
	serve . --threads 2
	codes 3501
	codes anonymous-3501
	codes behind-3501
	stop_server
}

@test "3502 stale" {
	serve '.stale_close_delay = "300ms"'
	codes 3502
	stop_server
}

@test "3503 force disconnect" {
	serve . --threads 4
	jq '.tenants.t.api_keys = []' conf.json >next && mv next conf.json
	codes 3503
	stop_server
}

@test "3504 connection limit" {
	provoke 3504 '.tenants.t.limits.connections = 2'
}

@test "3504 connection limit of a user" {
	provoke user-3504 '.tenants.t.limits.user_connection_limit = 1'
	provoke single-3504 '.tenants.t.subscribe_to_user_personal_channel =
	    {enabled: true, single_connection: true}'
}

@test "3505 channel limit" {
	provoke 3505
}

@test "3507 permission denied" {
	provoke 3507 '.tenants.t.disallow_anonymous_connection_tokens = true'
}

@test "errors of one-way clients are closes" {
	provoke one-way
}

@test "3508 not available" {
	serve .
	codes 3508
	stop_server
}
