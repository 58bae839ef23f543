#!/usr/bin/env bats
# SPDX-License-Identifier: MIT

# Quoted programs are for other shells, and `done` is a status.
# shellcheck disable=SC1010,SC2016

load ../lib/dnot

# publish CHANNEL FROM TO: numbers, one a record.
publish()
{
	seq "$2" "$3" | dnot-pub --raw "$1" --wait logged
}

# The payloads in a file of records, on one line.
numbers()
{
	jq .data "$1" | tr '\n' ' '
}

# numbers_are FILE FROM TO
numbers_are()
{
	[[ $(numbers "$1") == "$(seq "$2" "$3" | tr '\n' ' ')" ]]
}

# What `dnot-sub ARG...` prints, as payloads on one line.
read_all()
{
	dnot-sub "$@" --raw | tr '\n' ' '
}

undelivered_are()
{
	[[ $(sqlite3 log.db 'select count(*) from undelivered') == "$1" ]]
}

# A server without a log: what a channel had goes with the process.
start_forgetful()
{
	start_serve server --dev --listen "${1:-127.0.0.1:0}" --log none
}

@test "prints each record on a line as it comes" {
	start_server
	start_sub one a b
	dnot-pub a -m 1 --request-id r --status done --tag k=v
	lines one 1
	dnot-pub b -m x
	lines one 2
	end one
	run -0 head -n 1 one.out
	json -e '.channel == "a" and .data == 1 and .request_id == "r" and
	    .status == "done" and .tags == {k: "v"} and .offset == 1 and
	    (.epoch|length > 0) and .ts.enqueued <= .ts.accepted and
	    .ts.accepted <= .ts.received'
	equal "$(jq -r .channel one.out | tail -n 1)" b
}

@test "--since: all, an offset (inclusive), the last N" {
	start_server
	publish c 1 20
	equal "$(read_all c --since all -e)" "$(seq 1 20 | tr '\n' ' ')"
	equal "$(read_all c --since 18 -e)" '18 19 20 '
	equal "$(read_all c --since 20 -e)" '20 '
	equal "$(read_all c --since 21 -e)" ''
	equal "$(read_all c --since -3 -e)" '18 19 20 '
	equal "$(read_all c --since -1000 -e | wc -w)" 20
	equal "$(read_all c -e)" ''
	equal "$(read_all nothing --since all -e)" ''
}

@test "--since: a time" {
	start_server
	publish c 1 300
	at=$(dnot-sub c --since 251 -c 1 | jq .ts.accepted)
	s=$((at / 1000000)).$(printf %06d $((at % 1000000)))
	rfc=$(date -u -d "@$s" +%Y-%m-%dT%H:%M:%S.%6NZ)
	first=$(dnot-sub c --since all -e |
		jq "select(.ts.accepted>=$at).data" | head -n 1)
	equal "$(read_all c --since "@$s" -c 1)" "$first "
	equal "$(read_all c --since "$rfc" -c 1)" "$first "
	equal "$(read_all c --since 1h -e | wc -w)" 300
	equal "$(read_all c --since 0s -e | wc -w)" 0
	equal "$(read_all c --since 2999-01-01T00:00:00Z -e)" ''
}

@test "history that is longer than the ring and a page comes whole" {
	start_server
	publish c 1 20000
	equal "$(read_all c --since all -e | sha256sum)" \
	    "$(seq 1 20000 | tr '\n' ' ' | sha256sum)"
	equal "$(read_all c --since 101 -e | wc -w)" 19900
	start_sub one c --since all --raw
	publish c 20001 20100
	lines one 20100
	end one
	equal "$(<one.out)" "$(seq 1 20100)"
}

@test "-c ends after N lines, -W after a time" {
	start_server
	publish c 1 9
	run -0 dnot-sub c --since all -c 3 --raw
	equal "$output" $'1\n2\n3'
	run -1 dnot-sub c --since all -c 10 -W 0.3
	run -0 dnot-sub c --since all -W 0.3 --raw
	equal "$(wc -l <<<"$output")" 9
	run -1 dnot-sub c -W 0.3
	run -0 dnot-sub c -e
}

@test "--filter, --format and --raw" {
	start_server
	publish c 1 5
	dnot-pub c -m '{"t":"x y"}'
	dnot-pub c --text -m $'a\tb'
	run -0 dnot-sub c --since all -e --filter '.data == (2,4)' --raw
	equal "$output" $'2\n4'
	run -0 dnot-sub c --since all -e --filter 'select(.offset > 5)' \
	    --format '.data | objects | .t, {u: .t}'
	equal "$output" $'x y\n{"u":"x y"}'
	run -0 dnot-sub c --since -2 -e --raw
	equal "$output" $'{"t":"x y"}\n"a\\tb"'
	run -0 dnot-sub c --since all -c 1 --filter '.data == 5'
	json -e '.data == 5'
	# A program that fails on a record does not match it.
	run -0 --separate-stderr dnot-sub c --since all -e --raw \
	    --filter '.data.t'
	equal "$output" '{"t":"x y"}'
	equal "$(wc -l <<<"$stderr")" 1
	SECRET=s run -0 dnot-sub c --since 1 -c 1 --format 'env,$ENV|tojson'
	equal "$output" $'{}\n{}'
	run -64 dnot-sub c --filter '.data |'
	has "$output" '.data |'
	run -64 dnot-sub c --raw --format .
}

@test "--presence prints who joins and leaves" {
	start_server
	start_sub one c --presence
	start_sub two c
	lines one 2
	end two
	lines one 3
	end one
	run -0 jq -r .event one.out
	equal "$output" $'join\njoin\nleave'
	run -0 tail -n 1 one.out
	json -e '.channel == "c" and .info.client and (.ts > 1e15)'
}

@test "bytes and references are printed as records have them" {
	start_server
	printf '\0\377' >file
	dnot-pub c -f file
	dnot-pub <<-'END'
		{"channel":"c","ref":{"url":"s3://b/k","size":5,"type":"a/b"}}
	END
	run -0 dnot-sub c --since all -e
	equal "$(json -c '[.data_b64, .ref.url, has("data")]')" \
	    '["AP8=",null,false]
[null,"s3://b/k",false]'
	dnot-sub c --since 1 -c 1 --raw >raw
	printf '\0\377\n' | cmp - raw
}

@test "what dnot-sub prints dnot-pub reads" {
	start_server
	publish a 1 50
	dnot-sub a --since all -e | dnot-pub b
	equal "$(read_all b --since all -e)" "$(seq 1 50 | tr '\n' ' ')"
}

@test "a record of the same request and seq is printed once" {
	start_server
	start_sub one c
	for key in a b c; do
		echo '{"channel":"c","data":1,"request_id":"r","seq":1,' \
		    "\"idempotency_key\":\"$key\"}" | dnot-pub
	done
	dnot-pub c -m last
	wait_until grep -q last one.out
	end one
	equal "$(jq -c .data one.out | tr '\n' ' ')" '1 "last" '
	equal "$(jq .offset one.out | tail -n 1)" 4
}

@test "a clean restart of the server: no gap, no repeat" {
	start_server
	start_sub one c
	publish c 1 10
	lines one 10
	restart_server
	publish c 11 20
	lines one 20
	end one 0
	numbers_are one.out 1 20
	equal "$(jq -r .epoch one.out | sort -u | wc -l)" 1
}

@test "more is missed than the server recovers at once: history has it" {
	start_server
	start_sub one c
	publish c 1 10
	lines one 10
	kill -STOP "$(_pid one)"
	stop_server
	_start_server "$SERVER_ADDR"
	publish c 11 3000
	kill -CONT "$(_pid one)"
	lines one 3000
	end one 0
	numbers_are one.out 1 3000
}

@test "a crash of the server: no gap, no repeat, under the new epoch" {
	start_server
	start_sub one c
	publish c 1 10
	lines one 10
	kill_server
	restart_server
	publish c 11 20
	lines one 20
	end one 0
	numbers_are one.out 1 20
	equal "$(jq -r .epoch one.out | uniq | wc -l)" 2
	equal "$(jq .offset one.out | tr '\n' ' ')" "$(seq 1 20 | tr '\n' ' ')"
}

@test "a crash that loses records which dnot-pub sends again: each once" {
	start_server
	mkfifo in
	exec 5<>in
	start_bg pub sh -c 'exec dnot-pub --raw --wait logged c <in' 5>&-
	start_sub one c 5>&-
	seq 1 5 >&5
	lines one 5
	# The log is held by somebody else, so what comes now is printed, but
	# never gets there.
	mkfifo sql
	start_bg holder sh -c \
	    'exec sqlite3 -cmd ".timeout 10000" log.db <sql' 5>&-
	exec 6>sql
	echo 'begin immediate; select "held";' >&6
	lines holder 1
	seq 6 10 >&5
	lines one 10
	kill_server
	exec 6>&-
	reap holder 0
	restart_server 5>&-
	seq 11 15 >&5
	lines one 15
	exec 5>&-
	reap pub 0
	end one 0
	numbers_are one.out 1 15
	equal "$(read_all c --since all -e)" "$(seq 1 15 | tr '\n' ' ')"
	equal "$(sqlite3 log.db 'select count(distinct epoch) from records')" 2
}

@test "a crash while dnot-sub is away, with more than the ring: the log has it" {
	start_server
	publish c 1 10
	equal "$(read_all c --state st --since all -e)" \
	    "$(seq 1 10 | tr '\n' ' ')"
	publish c 11 500
	kill_server
	restart_server
	publish c 501 600
	run -0 --separate-stderr dnot-sub c --state st -e --raw --log "$LOG"
	equal "$output" "$(seq 11 600)"
	equal "$stderr" ''
	equal "$(read_all c --state st -e --log "$LOG")" ''
}

@test "a server that forgot everything: what there is, and a gap is told" {
	start_forgetful
	seq 1 200 | dnot-pub --raw c
	start_sub one c --raw
	seq 201 210 | dnot-pub --raw c
	lines one 10
	kill_server
	start_forgetful "$SERVER_ADDR"
	seq 1 3 | dnot-pub --raw c
	lines one 13
	end one 1
	equal "$(tail -n 3 one.out | tr '\n' ' ')" '1 2 3 '
	run -0 jq -c 'select(.event == "gap")|[.channel,.from]' one.err
	equal "$output" '["c",211]'
}

@test "a gap in the history is told with its bounds: exit 1" {
	start_forgetful
	seq 1 5 | dnot-pub --raw c
	equal "$(read_all c --state st --since all -e)" '1 2 3 4 5 '
	seq 6 300 | dnot-pub --raw c
	run -1 --separate-stderr dnot-sub c --state st -e --raw
	equal "$output" "$(seq 201 300)"
	equal "$(jq -c '[.event,.channel,.from,.to]' <<<"$stderr")" \
	    '["gap","c",6,200]'
	# It was told; the position is behind it.
	run -0 dnot-sub c --state st -e --raw
	equal "$output" ''
}

@test "--state goes on where it was, and --since counts only without it" {
	start_server
	publish c 1 5
	equal "$(read_all c --state st --since 4 -e)" '4 5 '
	publish c 6 7
	equal "$(read_all c --state st --since all -e)" '6 7 '
	equal "$(read_all c --state st -e)" ''
	# Without --since it begins now, and remembers that.
	equal "$(read_all d --state st2 -e)" ''
	publish d 1 2
	equal "$(read_all d --state st2 -e)" '1 2 '
	equal "$(jq -r '.channels.d.offset' st2)" 2
	echo '{}' >foreign
	run -78 dnot-sub c --state foreign -e
	equal "$(<foreign)" '{}'
	run -78 dnot-sub c --state nosuchfolder/st -c 1 --since all
}

@test "--state keeps apart what stdout has not got" {
	start_server
	# More than a pipe holds: the next write finds that nobody reads.
	publish c 1 20000
	run -0 bash -c 'dnot-sub c --state st --since all --raw | head -n 3
	    [[ ${PIPESTATUS[0]} == 141 ]]'
	equal "$output" $'1\n2\n3'
	rm -f st
	equal "$(read_all c --state st --since all -c 40 | wc -w)" 40
	equal "$(read_all c --state st -e)" "$(seq 41 20000 | tr '\n' ' ')"
}

@test "killed and started again with --state: nothing is left out" {
	start_server
	start_sub one c --state st --since all
	for n in 1 2 3 4 5; do
		publish c $((n * 100 - 99)) $((n * 100))
		lines one $((n * 20))
		kill -KILL "$(_pid one)"
		reap one 137
		start_sub one c --state st
	done
	publish c 501 501
	wait_until grep -q '"data":501' one.out
	end one
	equal "$(jq .data one.out | sort -n -u | tr '\n' ' ')" \
	    "$(seq 1 501 | tr '\n' ' ')"
}

@test "stopped and started again with --state: nothing comes twice" {
	start_server
	for n in 1 2 3 4 5 6; do
		start_sub one c --state st --since all
		publish c $((n * 100 - 99)) $((n * 100))
		end one 0
	done
	start_sub one c --state st
	lines one 600
	end one 0
	numbers_are one.out 1 600
}

@test "what is swept comes, once" {
	start_server
	dnot-pub session:1 -m early
	wait_until undelivered_are 1
	start_sub one session:1
	run -0 dnot-sweep --log "$LOG" --min-age 0s
	lines one 1
	dnot-pub session:1 -m later
	lines one 2
	end one
	equal "$(jq -c '[.data,has("offset"),has("redelivery")]' one.out)" \
	    '["early",false,true]
["later",true,false]'
}

@test "what is swept, but was read in the history, is passed over" {
	start_server
	dnot-pub session:1 -m early
	wait_until undelivered_are 1
	start_sub one session:1 --since all
	lines one 1
	run -0 dnot-sweep --log "$LOG" --min-age 0s
	undelivered_are 0
	dnot-pub session:1 -m later
	wait_until grep -q later one.out
	end one
	equal "$(jq -r .data one.out)" $'early\nlater'
}

# dnot-sub with its stdout in the named pipe.
into_pipe()
{
	local name=$1

	shift
	printf '#!/bin/sh\nexec dnot-sub "$@" >pipe\n' >into-pipe
	chmod +x into-pipe
	start_ready "$name" ./into-pipe "$@"
}

@test "a slow reader does not keep it from the socket" {
	# The server may queue it all: what counts is who reads the socket.
	sha=$(printf dev | sha256sum | cut -d ' ' -f 1)
	cat >conf.json <<-END
		{"listen":["127.0.0.1:0"],"log":"none","tenants":{"t":{
		    "api_keys":[{"sha256":"$sha","label":"x"}],
		    "namespaces":{"":{"queue_bytes":67108864}}}}}
	END
	start_serve server --config conf.json
	mkfifo pipe
	exec 5<>pipe
	into_pipe one c --raw 5>&-
	# 20 MB, far more than the pipe and the sockets hold: that all of it
	# gets written shows that it is read.
	payload=$(head -c 20000 /dev/zero | tr '\0' x)
	for n in $(seq 1000); do
		printf '"%04d%s"\n' "$n" "$payload"
	done | dnot-pub --raw c --wait written
	# The pipe has a reader at all times: who writes into none is ended.
	exec 6<pipe 5>&-
	cat <&6 >all 3>&- &
	cat=$!
	exec 6<&-
	wait_until -t 30 test_lines all 1000
	end one 0
	wait $cat
	equal "$(cut -c 2-5 <all | sort -u | wc -l)" 1000
	stop_server
}

test_lines()
{
	(($(wc -l <"$1") == $2))
}

@test "a slow stdout ends with the second signal" {
	start_server
	mkfifo pipe
	exec 5<>pipe
	publish c 1 20000
	into_pipe one c --since all -v 5>&-
	# It writes now, and has more to write than the pipe holds.
	read -r -t 20 _ <&5
	kill -TERM "$(_pid one)"
	wait_until grep -q 'ending' one.err
	kill -0 "$(_pid one)"
	kill -TERM "$(_pid one)"
	reap one 143
}

@test "a subscription that is refused: 77; an unknown namespace: 65" {
	sha=$(printf dev | sha256sum | cut -d ' ' -f 1)
	printf 'a secret that is long enough for HMAC' >hmac
	cat >conf.json <<-END
		{"listen":["127.0.0.1:0"],"log":"none","tenants":{"t":{
		    "api_keys":[{"sha256":"$sha","label":"x"}],
		    "token_hmac_secret_file":"hmac",
		    "namespaces":{
			"open":{"allow_subscribe_for_client":true,
			    "history_size":9,"history_ttl":"5m",
			    "allow_recovery":true,
			    "allow_history_for_subscriber":true},
			"shut":{}}}}}
	END
	start_serve server --config conf.json
	dnot-serve --config conf.json --issue-token '{"sub":"ann"}' \
	    --tenant t >token
	run -77 dnot-sub shut:1 --token-file token
	has "$output" 103
	run -65 dnot-sub nosuch:1
	has "$output" 102
	start_sub one open:1 --token-file token --since all
	dnot-pub open:1 -m x
	lines one 1
	end one
	equal "$(read_all open:1 --token-file token --since all -e)" '"x" '
}

@test "first connect fails: 69; a pattern, no channel: 64" {
	run -69 dnot-sub c --url http://127.0.0.1:1
	run -69 dnot-sub c --url "unix:$PWD/nosuch.sock"
	run -64 dnot-sub
	run -64 dnot-sub 'a*'
	has "$output" 'patterns are not supported'
	run -64 dnot-sub c --since sometime
	run -64 dnot-sub c -c 0
}

@test "a cursor ahead of the stream is told and goes on" {
	start_server
	publish c 1 3
	read_all c --state st --since all -e
	jq '.channels.c.offset = 99' st >next && mv next st
	start_sub one c --state st -c 1
	publish c 4 4
	reap one 1
	equal "$(jq -c .data one.out)" 4
	has "$(<one.err)" '"gap"'
}

@test "--log is looked at before anything is read: 78" {
	run -78 dnot-sub c --log sqlite:nosuch.db
	has "$output" nosuch.db
	[[ ! -e nosuch.db ]]
}
