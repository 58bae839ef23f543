#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The server API over HTTP, and what only shows across the programs.

load ../lib/dnot

status_of()
{
	curl -s -o /dev/null -w '%{http_code}' "$@"
}

@test "publish, history, its bounds and its removal" {
	start_server
	for i in 1 2 3; do
		api publish "{\"channel\":\"c\",\"data\":$i,\"tags\":{\"k\":\"v\"}}"
	done
	run -0 api history '{"channel":"c","limit":-1}'
	equal "$(json '[.result.publications[].data] | join(",")')" 1,2,3
	equal "$(json '.result.publications[0].tags.k')" v
	epoch=$(json .result.epoch)
	run -0 api history '{"channel":"c","limit":0}'
	equal "$(json '.result | [.offset, (.publications | length)] | @csv')" 3,0
	run -0 api history "{\"channel\":\"c\",\"limit\":1,\"since\":
	    {\"offset\":1,\"epoch\":\"$epoch\"}}"
	equal "$(json '.result.publications[].data')" 2
	run -0 api history '{"channel":"c","limit":2,"reverse":true}'
	equal "$(json '[.result.publications[].data] | join(",")')" 3,2
	run -0 api history '{"channel":"c","since":{"offset":1,"epoch":"no"}}'
	equal "$(json .error.code)" 112
	run -0 api history_remove '{"channel":"c"}'
	run -0 api history '{"channel":"c","limit":-1}'
	equal "$(json '.result | [.offset, (.publications | length)] | @csv')" 3,0
	restart_server
	run -0 api history '{"channel":"c","limit":-1}'
	equal "$(json '.result | [.offset, (.publications | length)] | @csv')" 3,0
	equal "$(json .result.epoch)" "$epoch"
	stop_server
}

@test "a repeat under a key delivers nothing and tells the first position" {
	start_server --threads 2
	body='{"channel":"c","data":1,"idempotency_key":"k"}'
	run -0 api publish "$body"
	equal "$(json .result.duplicate)" null
	run -0 api publish "$body"
	equal "$(json '.result | [.offset, .duplicate] | @csv')" 1,true
	restart_server
	run -0 api publish "$body"
	equal "$(json '.result | [.offset, .duplicate] | @csv')" 1,true
	run -0 api history '{"channel":"c"}'
	equal "$(json .result.offset)" 1
	stop_server
}

@test "broadcast and batch answer each part" {
	start_server --threads 4
	run -0 api broadcast '{"channels":["a","b","no such"],"data":1}'
	equal "$(json '[.result.responses[] |
	    .result.offset // .error.code] | join(",")')" 1,1,107
	run -0 api batch '{"commands":[{"publish":{"channel":"a","data":2}},
	    {"history":{"channel":"a","limit":-1}}, {"nothing":{}},
	    {"publish":{"channel":"a","data":3},"history":{"channel":"a"}}]}'
	equal "$(json '.replies[0].publish.offset')" 2
	equal "$(json '.replies[1].history.offset')" 2
	equal "$(json '[.replies[2].error.code, .replies[3].error.code] |
	    join(",")')" 104,107
	stop_server
}

@test "a batch runs one command after the other, or all at once" {
	start_server --threads 4
	start_sub sub none
	client=$(api connections '{}' | jq -r '.result.connections | keys[0]')
	# Each would find another state but behind the one before.
	# shellcheck disable=SC2016 # these are jq's
	batch='[range(1; 21) | "c\(.)" | (
	    {subscribe: {client: $client, channel: .}},
	    {presence_stats: {channel: .}}, {publish: {channel: ., data: 1}},
	    {unsubscribe: {client: $client, channel: .}},
	    {publish: {channel: ., data: 2}}, {history: {channel: .}})] |
	    {commands: .}'
	run -0 api batch "$(jq -nc --arg client "$client" "$batch")"
	equal "$(json '[.replies[].presence_stats.num_clients // empty] |
	    unique | @csv')" 1
	equal "$(json '[.replies[].publish.matched // empty] | @csv')" \
	    "$(yes 1,0 | head -n 20 | paste -sd ,)"
	equal "$(json '[.replies[].history.offset // empty] | unique | @csv')" 2
	run -0 api batch "$(jq -nc '{parallel: true, commands: [range(200) |
	    {publish: {channel: "c\(. % 7)", data: .}}]}')"
	equal "$(json '[.replies[].publish.offset | select(. > 0)] | length')" 200
	run -0 api batch '{"parallel":1,"commands":[]}'
	equal "$(json .error.code)" 107
	end sub
	stop_server
}

@test "presence, channels, info, ready, health and metrics" {
	start_server --threads 2
	start_sub one room:1
	start_sub two room:1
	run -0 api presence_stats '{"channel":"room:1"}'
	equal "$(json .result.num_clients)" 2
	run -0 api presence '{"channel":"room:1"}'
	equal "$(json '.result.presence | length')" 2
	run -0 api channels '{"pattern":"room:*"}'
	equal "$(json '.result.channels."room:1".num_clients')" 2
	run -0 api info
	equal "$(json '.result.nodes[0].num_clients')" 2
	run -0 api ready
	equal "$(json .result.ready)" true
	end two
	run -0 api presence_stats '{"channel":"room:1"}'
	equal "$(json .result.num_clients)" 1
	equal "$(status_of "$DNOT_URL/health")" 200
	run -0 curl -s "$DNOT_URL/metrics"
	has "$output" 'dnot_connections 1'
	end one
	stop_server
}

@test "bad calls: what, where and why" {
	start_server
	run -0 api publish '{"data":1}'
	equal "$(json .error.code)" 107
	run -0 api publish '{"channel":"a b","data":1}'
	equal "$(json .error.code)" 107
	run -0 api publish '{"channel":"a*","data":1}'
	has "$(json .error.message)" pattern
	run -0 api publish '{"channel":"a"}'
	equal "$(json .error.code)" 107
	run -0 api publish "{\"channel\":\"a\",\"data\":\"$(head -c 70000 \
	    /dev/zero | tr '\0' x)\"}"
	equal "$(json .error.code)" 107
	equal "$(status_of -d '{' "$DNOT_URL/api/publish")" 400
	equal "$(status_of -d '{}' "$DNOT_URL/api/nothing")" 404
	equal "$(status_of "$DNOT_URL/api/publish")" 405
	equal "$(status_of -H 'X-Centrifugo-Error-Mode: transport' \
	    -d '{"channel":"a b","data":1}' "$DNOT_URL/api/publish")" 400
	run -0 api publish '{"channel":"a","data":1,"wait":"acked"}'
	equal "$(json .error.code)" 108
	run -0 api history '{"channel":"a"}'
	equal "$(json .result.offset)" 0
	stop_server
}

@test "nobody there: undelivered, told only once it is committed" {
	start_server
	run -0 api publish '{"channel":"session:x","data":1,"request_id":"r",
	    "seq":3,"status":"done"}'
	equal "$(json '.result | [.fallback, .reason] | join(",")')" \
	    undelivered,no_subscriber
	equal "$(sqlite3 log.db "SELECT channel, offset, request_id, seq,
	    json_extract(value, '\$.undelivered.reason') FROM undelivered")" \
	    'session:x|1|r|3|no_subscriber'
	equal "$(sqlite3 log.db 'SELECT status FROM final')" 'done'
	stop_server
}

@test "an outcome that was open at a crash is undelivered after it" {
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "tenants": {"t": {"api_keys":
	  [{"sha256": "$(printf k | sha256sum | cut -d ' ' -f 1)"}],
	  "namespaces": {"": {"log": true, "fallback": true,
	    "queue_bytes": 67108864, "queue_age": "1h",
	    "deliver_timeout": "1h"}}}}}
	END
	export DNOT_KEY=k
	start_serve server --config conf.json
	start_sub sub c
	kill -STOP "$(_pid sub)"
	# More than its socket takes, so that the last ones stay open.
	payload=$(head -c 60000 /dev/zero | tr '\0' y)
	for _ in $(seq 200); do
		echo "\"$payload\""
	done >in
	run -0 sh -c 'dnot-pub --raw --wait logged c <in'
	left=$(sqlite3 log.db 'SELECT count(*) FROM open')
	((left > 0))
	kill_server
	kill -KILL "$(_pid sub)"
	start_serve server --config conf.json
	equal "$(sqlite3 log.db "SELECT count(*) FROM undelivered WHERE
	    json_extract(value, '\$.undelivered.reason') = 'restart'")" "$left"
	equal "$(sqlite3 log.db 'SELECT count(*) FROM open')" 0
	stop_server
}

@test "neither a subscriber nor the log took it: an error, not silence" {
	start_server
	run -0 api publish '{"channel":"session:x","data":0}'
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 30 test -e enough
		echo 'COMMIT;'
	} | sqlite3 -cmd '.timeout 10000' log.db >locked 3>&- &
	wait_until test -s locked
	run -0 api publish '{"channel":"session:x","data":1,"wait":"written",
	    "timeout_ms":500}'
	equal "$(json '[.error.code, .error.temporary] | @csv')" 100,true
	touch enough
	stop_server
	equal "$(sqlite3 log.db 'SELECT count(*) FROM undelivered')" 2
}

@test "durable before: nothing is shown that the log does not have" {
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "tenants": {"t": {"api_keys":
	  [{"sha256": "$(printf k | sha256sum | cut -d ' ' -f 1)"}],
	  "namespaces": {"": {"history_size": 100, "history_ttl": "1m",
	    "log": true, "durable": "before", "force_recovery": true}}}}}
	END
	export DNOT_KEY=k
	start_serve server --config conf.json --threads 2
	start_sub sub c --state st -c 300
	seq 300 >in
	start_bg pub sh -c 'exec dnot-pub --raw --report c <in'
	wait_until -t 20 _has_lines sub 100
	kill_server
	start_serve server --config conf.json --threads 2 --listen "$SERVER_ADDR"
	reap pub
	reap sub
	equal "$(jq .data sub.out | xargs)" "$(seq 300 | xargs)"
	equal "$(sqlite3 log.db 'SELECT count(DISTINCT epoch) FROM records')" 1 \
	    'the epoch stays'
	stop_server
}

@test "a batch and a broadcast have at most 1024 parts" {
	start_server
	run -0 api broadcast "{\"data\":1,\"channels\":$(seq 1024 | jq -R . |
	    jq -sc .)}"
	equal "$(json '.result.responses | length')" 1024
	run -0 api broadcast "{\"data\":1,\"channels\":$(seq 1025 | jq -R . |
	    jq -sc .)}"
	equal "$(json .error.code)" 107
	run -0 api history '{"channel":"1","limit":0}'
	equal "$(json .result.offset)" 1 'nothing of the refused one went out'
	stop_server
}

# The main job at a tenth of its size: everything arrives, in order, once.
bulk()
{
	start_server --threads "$1"
	seq 10000 | awk '{ printf "{\"channel\":\"t\",\"data\":{\"n\":%d," \
		"\"s\":\"\\u00e4\\\"\"},\"request_id\":\"r%d\",\"seq\":%d," \
		"\"status\":\"delta\",\"schema\":\"s/1\",\"key\":\"k\"," \
		"\"tags\":{\"a\":\"b\"}}\n", $1, $1, $1 }' >in
	start_sub first t -c 10000
	start_sub second u -c 10000
	dnot-pub --report <in >report
	equal "$(wc -l <report)" 10000
	reap first
	dnot-pub u <first.out
	reap second
	jq -e -s 'map(.offset) == [range(1; 10001)]' first.out >/dev/null
	for file in in first.out second.out; do
		jq -c '[.data, .request_id, .seq, .status, .schema, .key, .tags]' \
		    "$file" >"$file.fields"
	done
	cmp in.fields first.out.fields
	cmp in.fields second.out.fields
	equal "$(sqlite3 log.db 'SELECT count(*) FROM records')" 20000
	stop_server
}

@test "what dnot-sub prints, dnot-pub reads: ten thousand, on one loop" {
	bulk 1
}

# bats test_tags=threads
@test "the same on four" {
	bulk 4
}
