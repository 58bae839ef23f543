#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# dnot-latency: what it measures, and what it says when it cannot.
# bats file_tags=latency

load ../lib/dnot

# For tests about numbers that a loaded machine may spoil.
quick=(--duration 500ms --rate 100 --subscribers 6)

# _logged N: more than N records have come to the log.
_logged()
{
	(($(sqlite3 "${LOG#sqlite:}" 'select count(*) from records') > $1))
}

@test "a run counts each record once for each subscriber" {
	start_server
	run -0 --separate-stderr dnot-latency "${quick[@]}" --channels 4 --json
	equal "$(json .path)" realtime
	equal "$(json .planned)" 50
	equal "$(json .sent)" 50
	# Subscribers 0 and 4 share channel 0, 1 and 5 channel 1.
	equal "$(json .expected)" 76
	equal "$(json .received)" 76
	equal "$(json '[.lost, .duplicate, .reordered] | join(" ")')" "0 0 0"
	equal "$stderr" ""
	stop_server
}

@test "json has every documented member" {
	local percentiles='["max","p50","p90","p99","p99.9","p99.99"]'

	start_server
	run -0 dnot-latency "${quick[@]}" --json --objective max=1h
	equal "$(json -c 'keys_unsorted')" "$(jq -c . <<<'["path", "planned",
	    "sent", "expected", "received", "lost", "duplicate", "reordered",
	    "late_us", "latency_us", "from_actual_us", "hops_us", "rate",
	    "clock_error_us", "objectives"]')"
	equal "$(json -c '.latency_us | keys')" "$percentiles"
	equal "$(json -c '.from_actual_us | keys')" "$percentiles"
	equal "$(json -c '.hops_us.enqueued | keys')" "$percentiles"
	equal "$(json -c '.hops_us.delivery | keys')" "$percentiles"
	equal "$(json .hops_us.processing)" null
	equal "$(json -c '.objectives[0] | keys')" '["expr","met","value_us"]'
	json -e '.rate > 50 and .clock_error_us >= 0'
	# Each quantile is at most the next, planned is never below actual.
	json -e '.latency_us | [.p50, .p90, .p99, ."p99.9", ."p99.99", .max]
	    | . == sort and .[0] > 0'
	json -e '.latency_us.max >= .from_actual_us.max'
	json -e '.hops_us | .enqueued.p50 > 0 and .delivery.p50 > 0'
}

@test "the table names the same numbers" {
	start_server
	run -0 dnot-latency "${quick[@]}" --objective p99=1h
	has "$output" "realtime: 6 subscribers on 1 channel, 100/s of 128 B"
	has "$output" "planned 50  sent 50  expected 300  received 300"
	has "$output" "from planned"
	has "$output" "schedule: "
	has "$output" "objective p99=1h: met"
}

@test "an objective that is missed is exit 1" {
	start_server
	run -1 dnot-latency "${quick[@]}" --json \
	    --objective p50=1h --objective max=0.001ms --objective p99.9=2h
	equal "$(json -c '[.objectives[].met]')" "[true,false,true]"
	equal "$(json -r '.objectives[1].expr')" max=0.001ms
	equal "$(json '.objectives[1].value_us == .latency_us.max')" true
	run -1 dnot-latency "${quick[@]}" --objective max=0.001ms
	has "$output" "objective max=0.001ms: MISSED"
}

@test "a wrong objective is a usage error before anything runs" {
	local expr

	for expr in p99 p99= p101=1s fast=1s p99=1parsec; do
		run -64 dnot-latency --objective "$expr"
		has "$output" "objective"
	done
}

@test "the payload has the size that was asked for" {
	start_server
	start_bg watcher dnot-latency --duration 500ms --rate 20 \
	    --subscribers 1 --size 1000 --channel session --json
	reap watcher
	run -0 sqlite3 "${LOG#sqlite:}" "select distinct
	    length(json_extract(value, '$.data')) from records"
	equal "$output" 1000
}

@test "hgrm: the text that the plotter reads" {
	start_server
	run -0 dnot-latency "${quick[@]}" --hgrm "out file.hgrm" --json
	run -0 head -n 1 "out file.hgrm"
	equal "$(xargs <<<"$output")" \
	    "Value Percentile TotalCount 1/(1-Percentile)"
	# Ascending values and counts; the last line is the maximum.
	# shellcheck disable=SC2016
	run -0 awk '/^ *[0-9]/ {
		if ($1 < value || $3 < count || NF != 4) exit 1
		value = $1; count = $3; share = $2; n++
	} END { print count, share; exit n < 3 }' "out file.hgrm"
	equal "$output" "300 1.000000000000"
	grep -q '^#\[Mean ' "out file.hgrm"
	grep -q 'Total count    =          300\]$' "out file.hgrm"
	run -78 dnot-latency --hgrm /nonexistent/file
	has "$output" "/nonexistent/file"
}

@test "SIGINT ends the schedule early and reports what was measured" {
	start_server
	start_ready long dnot-latency --duration 1h --rate 50 \
	    --subscribers 2 --json
	wait_until _logged 10
	kill -INT "$(<long.pid)"
	reap long 0
	output=$(<long.out)
	json -e '.sent > 10 and .planned == .sent and .lost == 0 and
	    .received == 2 * .sent'
}

@test "two runs at once do not disturb each other" {
	start_server
	start_bg one dnot-latency "${quick[@]}" --json
	start_bg two dnot-latency "${quick[@]}" --json
	reap one
	reap two
	for output in "$(<one.out)" "$(<two.out)"; do
		json -e '.received == 300 and .duplicate == 0'
	done
}

@test "a stall is charged to every record that was due meanwhile" {
	start_server
	start_ready run dnot-latency --duration 3s --rate 100 \
	    --subscribers 1 --json
	wait_until _logged 20
	kill -STOP "$SERVER_PID"
	timeout 1 tail -f /dev/null || : # the stall itself
	kill -CONT "$SERVER_PID"
	reap run 1
	output=$(<run.out)
	json -e '.received == 300 and .lost == 0 and .late_us > 100000'
	# A third of the schedule fell into it. What was held back meanwhile is
	# fast from its actual sending, and slow from its planned one.
	json -e '.latency_us.max > 900000 and .latency_us.p90 > 200000'
	json -e '.from_actual_us.p90 < .latency_us.p90 / 2'
}

@test "a server that goes and comes back is seen as latency, not as loss" {
	start_server
	start_ready run dnot-latency --duration 4s --rate 50 \
	    --subscribers 2 --json
	wait_until _logged 20
	restart_server
	reap run 1
	output=$(<run.out)
	json -e '.sent == .planned and .late_us > 100000'
	has "$(<run.err)" "subscriber"
}

@test "no server: 69; no dnot: 76; wrong flags: 64" {
	run -69 dnot-latency --url http://127.0.0.1:1
	has "$output" "127.0.0.1:1"
	run -64 dnot-latency --rate 0
	run -64 dnot-latency --subscribers 0
	run -64 dnot-latency --size 65536
	run -64 dnot-latency --path log
	run -64 dnot-latency operand
	run -64 dnot-latency --channel 'a b'
	run -78 dnot-latency --url https://127.0.0.1:1
}

@test "a namespace that the server does not know: 77 and what to do" {
	cat >conf.json <<-'END'
	{"listen": ["127.0.0.1:0"], "tenants": {"acme": {"api_keys": [{"sha256":
	"2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"}],
	"namespaces": {"chat": {"history_size": 10, "history_ttl": "1m"}}}}}
	END
	export DNOT_KEY=key
	start_serve server --config conf.json
	run -77 dnot-latency "${quick[@]}"
	has "$output" "--channel"
	run -0 dnot-latency "${quick[@]}" --channel chat --json
	json -e '.received == 300'
	run -0 dnot-latency "${quick[@]}" --channel chat:bench --json
	DNOT_KEY=wrong run -77 dnot-latency "${quick[@]}"
}

@test "a unix socket is measured like an address" {
	start_serve server --dev --listen "unix:$BATS_TEST_TMPDIR/s" --log none
	run -0 dnot-latency "${quick[@]}" --json
	json -e '.received == 300'
}

@test "descriptors: the soft limit is raised, the hard one is named" {
	start_server
	(
		ulimit -Sn 40
		run -0 dnot-latency "${quick[@]}" --subscribers 50 --json
		json -e '.received == 2500'
	)
	(
		ulimit -n 40
		run -78 dnot-latency --subscribers 50
		has "$output" "50 subscribers need 114 descriptors"
		has "$output" "hard limit is 40"
	)
}

@test "many subscribers are connected without overrunning the server" {
	start_server
	run -0 dnot-latency --subscribers 400 --channels 40 --rate 50 \
	    --duration 1s --json
	equal "$(json .received)" 500
	equal "$(json .lost)" 0
}

record()
{
	printf '{"channel":"%s","data":1,"offset":%d,"epoch":"%s",' "$1" "$2" "$3"
	printf '"ts":{"enqueued":1000000,"accepted":%d,"received":%d}}\n' \
	    $((1000000 + $4)) $((1000000 + $5))
}

@test "stdin: hops, repeats, disorder and holes of piped records" {
	{
		record a 5 e 1000 3000
		record a 6 e 1000 3000
		record a 6 e 1000 3000
		record b 1 e 1000 3000
		record a 9 e 1000 5000
		record a 8 e 1000 5000
		record a 1 f 1000 9000
	} >in
	run -0 dnot-latency --stdin --json <in
	equal "$(json .path)" stdin
	equal "$(json .received)" 6
	equal "$(json .duplicate)" 1
	equal "$(json .reordered)" 1
	equal "$(json .lost)" 1
	equal "$(json .expected)" 7
	equal "$(json .latency_us.max)" 9000
	equal "$(json .from_actual_us.max)" 9000
	equal "$(json .hops_us.enqueued.max)" 1000
	equal "$(json .hops_us.delivery.max)" 8000
	run -1 dnot-latency --stdin --objective max=8ms <in
	# Holes may be a filter's: no objective is missed by them.
	run -0 dnot-latency --stdin --objective max=9ms <in
}

@test "stdin: a group's records are handed over when they are claimed" {
	echo '{"channel":"jobs","data":1,"offset":1,"epoch":"e","ts":{
	"enqueued":1000,"accepted":2000,"claimed":5000,"received":6000}}' |
		tr -d '\n' >in
	run -0 dnot-latency --stdin --json <in
	equal "$(json .hops_us.enqueued.max)" 4000
}

@test "stdin: bad lines are named and the others measured" {
	{
		record a 1 e 1000 3000
		echo "no record"
		echo
		record a 2 e 1000 3000
		head -c 17000000 /dev/zero | tr '\0' x
		echo
		record a 3 e 1000 3000
	} >in
	run -65 --separate-stderr dnot-latency --stdin --json <in
	equal "$(json .received)" 3
	has "$stderr" "line 2:"
	has "$stderr" "line 5: is too long"
	run -0 dnot-latency --stdin --json </dev/null
	equal "$(json .received)" 0
	equal "$(json .latency_us.p50)" null
}

@test "stdin: what dnot-sub prints can be measured" {
	local i

	start_server
	start_sub sub session:m -c 20
	for i in {1..20}; do
		echo '{"channel":"session:m","data":'"$i"'}'
	done | dnot-pub
	reap sub
	run -0 dnot-latency --stdin --json <sub.out
	json -e '.received == 20 and .lost == 0 and .latency_us.p50 > 0'
	json -e '.hops_us | .enqueued.p50 >= 0 and .delivery.p50 > 0'
}
