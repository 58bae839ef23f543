#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=threads
#
# What is told in the channel $events of clients and channels, and what not.

load ../lib/dnot

sha256()
{
	printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

# config [EVENTS]: two tenants, `all` with all events and `some` with two.
config()
{
	local all='["connected", "disconnected", "subscribed", "unsubscribed",
	    "occupied", "vacated"]'

	printf secret >secret
	printf some-key >some
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "expired_close_delay": 0,
	 "expired_sub_close_delay": 0, "log_queue_bytes": ${QUEUE:-1000000},
	 "tenants": {
	  "all": {"api_keys": [{"sha256": "$(sha256 secret-key)"}],
	   "token_hmac_secret_file": "secret", "events": ${1:-$all},
	   "namespaces": {"": {"allow_subscribe_for_client": true}, "n": {},
	    "\$events": {"history_size": 10000, "history_ttl": "5m",
	     "allow_tags_filter": true, "log": true}}},
	  "some": {"api_keys": [{"sha256": "$(sha256 some)"}],
	   "token_hmac_secret_file": "some",
	   "events": ["unsubscribed", "disconnected"],
	   "namespaces": {"": {"allow_subscribe_for_client": true},
	    "\$events": {"history_size": 100, "history_ttl": "5m"}}}}}
	END
}

events()
{
	DNOT_PATIENCE=$DNOT_PATIENCE node "$DNOT_ROOT/tests/net/events.js" "$@"
}

# scenarios NAME...: on one loop and on four.
scenarios()
{
	local threads scenario

	config
	for threads in 1 4; do
		start_serve server --config conf.json --threads $threads
		for scenario in "$@"; do
			events "$scenario" || fail "$scenario, $threads loops"
		done
		stop_server
		rm log.db*
	done
}

reloaded()
{
	(($(grep -c 'configuration reloaded' server.err) == $1))
}

lost()
{
	curl -sS "$DNOT_URL/metrics" |
		sed -n 's/^dnot_events_lost_total //p'
}

@test "a client's life is told in order, with who and why" {
	scenarios life
}

@test "a channel's first and last subscriber are told" {
	scenarios occupancy
}

@test "what the server subscribes a client to is told behind its connect" {
	scenarios connecting
}

@test "each end has its code and reason" {
	scenarios reasons api slow
}

@test "readers of streams are told of, too" {
	scenarios stream
}

@test "backends are told of, the channel of the events is not" {
	scenarios backends
}

@test "reading them is the namespace's business, writing them nobody's" {
	scenarios rights
}

@test "a filter picks events by their tag" {
	scenarios filter
}

@test "a tenant has the events that it asked for, and its own only" {
	scenarios some
}

@test "dnot-sub prints them, and a reload turns them on and off" {
	config '[]'
	start_serve server --config conf.json --threads 2
	DNOT_KEY=secret-key start_sub sub "\$events"
	DNOT_KEY=secret-key dnot-sub -W 0.1s quiet || :
	config '["connected"]'
	kill -HUP "$SERVER_PID"
	wait_until reloaded 1
	DNOT_KEY=secret-key dnot-sub -W 0.1s loud || :
	lines sub 1
	config '[]'
	kill -HUP "$SERVER_PID"
	wait_until reloaded 2
	DNOT_KEY=secret-key dnot-sub -W 0.1s quiet || :
	end sub
	equal "$(jq -r .data.event sub.out)" connected
	equal "$(jq -r .tags.event sub.out)" connected
	stop_server
}

@test "a stop tells the end of each client, and the log keeps it" {
	config
	start_serve server --config conf.json --threads 4
	start_bg client env DNOT_PATIENCE="$DNOT_PATIENCE" \
	    node "$DNOT_ROOT/tests/net/events.js" stays
	lines client 1
	stop_server
	reap client
	equal "$(sqlite3 log.db "SELECT json_extract(value, '\$.data.event'),
	    json_extract(value, '\$.data.code') FROM records WHERE
	    json_extract(value, '\$.data.client') = '$(<client.out)'
	    ORDER BY id")" 'connected|
subscribed|
unsubscribed|1
disconnected|3001'
}

@test "stopped at once with a crowd on its loops, it loses no memory" {
	config
	start_serve server --config conf.json --threads 4
	start_bg crowd env DNOT_PATIENCE="$DNOT_PATIENCE" \
	    node "$DNOT_ROOT/tests/net/events.js" crowd
	lines crowd 1
	kill -TERM "$SERVER_PID"
	kill -INT "$SERVER_PID"
	reap server
	reap crowd
}

@test "without room in the log events are lost and counted, clients served" {
	QUEUE=4096 config
	start_serve server --config conf.json --threads 2
	# Another process holds the file, so that nothing is written.
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 30 test -e enough
		echo 'COMMIT;'
	} | sqlite3 -cmd '.timeout 10000' log.db >locked 3>&- &
	wait_until test -s locked
	events storm
	(($(lost) > 0)) || fail "nothing was lost"
	touch enough
	stop_server
}
