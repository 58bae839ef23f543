#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The server ends, well or badly, in the middle of everything.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

# N records of about 200 bytes on channel t, with an identity.
records()
{
	seq 1 "$1" | awk '{ printf "{\"channel\":\"t\",\"request_id\":\"r\"," \
		"\"seq\":%d,\"data\":{\"n\":%d,\"pad\":\"%0100d\"}}\n", $1, $1, 0 }'
}

# The same without one.
anonymous()
{
	records "$1" | sed 's/"request_id":"r","seq":[0-9]*,//'
}

has_rows()
{
	(($(sqlite3 "${LOG#sqlite:}" 'SELECT count(*) FROM records') >= $1))
}

# What was printed is data.n = 1..N, in order and once.
complete()
{
	jq .data.n sub.out | awk -v n="$1" '$1 != NR { exit 1 }
		END { exit NR != n }' || fail "not 1..$1 in sub.out"
}

crashes()
{
	local n=$1 i

	start_sub sub t --state state -c "$n"
	"$2" "$n" >in
	start_bg pub sh -c 'exec dnot-pub --report --wait logged <in'
	for i in 1 2 3; do
		wait_until -t 30 has_rows $((n * i / 5))
		kill_server
		_start_server "$SERVER_ADDR"
	done
	wait_until -t 60 _gone "$(_pid pub)"
	reap pub
	reap sub
	complete "$n"
	equal "$(grep -c '"logged":true' pub.out)" "$n" logged
	stop_server
	equal "$(sqlite3 log.db "SELECT count(DISTINCT
	    json_extract(value, '\$.data.n')) FROM records")" "$n" 'in the log'
	equal "$(sqlite3 log.db 'SELECT count(*) FROM (SELECT 1 FROM records
	    GROUP BY channel, epoch, offset HAVING count(*) > 1)')" 0 \
	    'offsets that were used twice'
}

@test "kill -9, three times under load: all is logged, printed once, in order" {
	start_server --threads 1
	crashes 30000 records
}

# bats test_tags=threads
@test "the same for records without an identity, on four loops" {
	start_server --threads 4
	crashes 30000 anonymous
}

# bats test_tags=threads
@test "SIGTERM under load: 500 SDK clients are told 3001 and miss nothing" {
	local i

	start_server --threads 2
	start_bg crowd node "$DNOT_ROOT/tests/net/sdk/crowd.js" t 500 400
	wait_until -t 30 _has_lines crowd 1
	mkfifo feed
	start_bg pub sh -c 'exec dnot-pub --report <feed'
	exec 5>feed
	for i in $(seq 400); do
		echo '{"channel":"t","data":{"n":'"$i"'}}' >&5
		if ((i == 200)); then
			wait_until _has_lines pub 150
			restart_server 5>&-
		fi
	done
	exec 5>&-
	reap pub
	reap crowd
	run -0 tail -n 1 crowd.out
	equal "$(json .complete)" 500
	equal "$(json '.closes."3001"')" 500 'closes with 3001'
	stop_server
}

past()
{
	((SECONDS >= $1))
}

@test "a publisher that waits for the log is not closed for want of pongs" {
	local sum

	export DNOT_KEY=secret
	sum=$(printf %s "$DNOT_KEY" | sha256sum)
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "log_queue_bytes": 1048576,
	 "ping_interval": "1s", "pong_timeout": "900ms",
	 "tenants": {"t": {"api_keys": [{"sha256": "${sum%% *}"}],
	  "namespaces": {"": {"log": true}}}}}
	END
	start_serve server --config conf.json --threads 1
	{
		echo 'BEGIN IMMEDIATE; SELECT 1;'
		wait_until -t 20 test -e enough
		echo 'COMMIT;'
	} | sqlite3 -cmd '.timeout 10000' log.db >locked &
	wait_until test -s locked
	records 1500 >in
	start_bg pub sh -c 'exec dnot-pub --report --wait logged <in'
	wait_until past $((SECONDS + 3)) # three intervals
	touch enough
	wait_until -t 30 _gone "$(_pid pub)"
	reap pub
	equal "$(grep -c '"logged":true' pub.out)" 1500
	equal "$(grep -c 'no pong' pub.err)" 0
	stop_server
}

@test "durable before: an epoch outlives the window, and a crash" {
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "rehydrate": "1s",
	 "tenants": {"t": {"api_keys": [{"sha256":
	  "$(printf k | sha256sum | cut -d ' ' -f 1)"}], "namespaces": {"":
	  {"log": true, "durable": "before", "history_ttl": "1s",
	   "history_size": 5}}}}}
	END
	export DNOT_KEY=k
	start_serve server --config conf.json
	run -0 dnot-pub c -m a --report
	epoch=$(json .epoch)
	wait_until sh -c "sqlite3 log.db 'SELECT count(*) FROM positions' |
	    grep -q 1"
	wait_until past $((SECONDS + 2)) # the window, and more
	kill_server
	start_serve server --config conf.json
	run -0 dnot-pub c -m b --report
	equal "$(json '[.epoch, .offset] | @csv')" "\"$epoch\",2"
	stop_server
}
