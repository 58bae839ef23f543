#!/usr/bin/env bats
# SPDX-License-Identifier: MIT

load ../lib/dnot

# Lines for a dnot-pub in the background: start_pub ARG..., then write to
# descriptor 5, and close it for the end. Nobody else must hold it open.
start_pub()
{
	mkfifo in
	exec 5<>in
	start_bg pub sh -c 'exec dnot-pub "$@" <in' sh "$@" 5>&-
}

payloads_are()
{
	[[ $(payloads "$1") == "$2" ]]
}

# The payloads of a channel, on one line.
payloads()
{
	dnot-sub "$1" --since all -e --raw | tr '\n' ' '
}

# Rows of a table of the log.
rows()
{
	sqlite3 "${LOG#sqlite:}" "select $2 from $1 order by id"
}

_rows_are()
{
	[[ $(sqlite3 "${LOG#sqlite:}" "select count(*) from $1") == "$2" ]]
}

@test "publishes records in order, each with its own channel" {
	start_server
	run -0 dnot-pub <<-'END'
		{"channel":"a:1","data":1}
		{"channel":"a:2","data":"x"}

		{"channel":"a:1","data":{"n":2},"request_id":"r","seq":0}
	END
	equal "$output" ""
	equal "$(payloads a:1)" '1 {"n":2} '
	equal "$(payloads a:2)" '"x" '
}

@test "CHANNEL replaces each record's channel, fields of a delivery are dropped" {
	start_server
	dnot-pub -m one --request-id r --tag a=b c:1
	dnot-sub c:1 --since all -e >records
	dnot-pub c:2 <records
	run -0 dnot-sub c:2 --since all -e
	json -e '.data == "one" and .request_id == "r" and .tags == {a: "b"}'
	json -e '.offset == 1 and .channel == "c:2"'
	equal "$(json .ts.enqueued)" "$(jq .ts.enqueued records)" "stamp"
	[[ $(json .ts.accepted) != "$(jq .ts.accepted records)" ]]
}

@test "--raw takes JSON, --text takes text and bytes" {
	start_server
	printf '{"a": 1}\n"s"\r\nnull' | dnot-pub --raw c:raw
	equal "$(payloads c:raw)" '{"a": 1} "s" null '
	printf '{"a":1}\n \nä"\\\n\377\n' | dnot-pub --text c:text
	run -0 dnot-sub c:text --since all -e --format '.data // .data_b64'
	equal "$output" $'{"a":1}\n \nä"\\\n/w=='
	run -65 --separate-stderr dnot-pub --raw c:raw <<<'nojson'
	has "$stderr" '"line":1'
}

@test "-m and -f publish one payload" {
	start_server
	dnot-pub c -m 'hello world'
	dnot-pub c -m '{"a":[1]}'
	dnot-pub c --text -m '{"a":[1]}'
	printf 'two\nlines\n' >file
	dnot-pub c -f file
	run -0 dnot-sub c --since all -e --raw
	equal "${lines[0]}" '"hello world"'
	equal "${lines[1]}" '{"a":[1]}'
	equal "${lines[2]}" '"{\"a\":[1]}"'
	equal "${lines[3]}" '"two\nlines\n"'
	run -65 dnot-pub c -f nosuchfile
	run -65 dnot-pub c --raw -m nojson
	head -c 70000 /dev/zero >big
	run -65 dnot-pub c -f big
	has "$output" 'ref'
}

@test "field flags set the fields of every record" {
	start_server
	printf 'x\ny\n' | dnot-pub c --text --request-id r1 --status 'done' \
	    --schema s/2 --key-of-record k --tag a=1 --tag b==
	run -0 dnot-sub c --since all -e --format \
	    '[.request_id,.seq,.status,.schema,.key,.tags.a,.tags.b]|tojson'
	equal "${lines[0]}" '["r1",0,"done","s/2","k","1","="]'
	equal "${lines[1]}" '["r1",1,"done","s/2","k","1","="]'
	dnot-pub d --tag b=flag <<<'{"data":1,"tags":{"a":"own","b":"own"}}'
	run -0 dnot-sub d --since all -e --format '.tags|tojson'
	equal "$output" '{"a":"own","b":"flag"}'
	run -64 dnot-pub c -m x --tag seq=1
	has "$output" reserved
	run -64 dnot-pub c -m x --tag nothing
	run -64 dnot-pub c -m x --schema nothing
}

@test "--report prints one line a record, in input order" {
	start_server
	run -65 --separate-stderr dnot-pub --report --wait logged <<-'END'
		{"channel":"c","data":1,"request_id":"r","seq":5}
		nothing
		{"channel":"c","data":1,"request_id":"r","seq":5}
		{"channel":"c","data":2}
	END
	equal "$(json -s length)" 4
	equal "$(json -c '[.line,.offset,.logged,.duplicate]')" \
	    "[1,1,true,null]
[2,null,null,null]
[3,1,true,true]
[4,2,true,null]"
	equal "$(json -c 'select(.line==1)|[.channel,.request_id,.seq,.matched]')" \
	    '["c","r",5,0]'
	equal "$(json -c 'select(.line==2)|[.error.code,.record]')" '[107,null]'
	equal "$(jq -r .line <<<"$stderr")" 2
}

@test "--wait written tells how many took it" {
	start_server
	start_sub one c
	run -0 dnot-pub c -m x --wait written --report --timeout 5s
	json -e '.written == 1 and .matched == 1'
	end one
}

@test "a bad line is reported with its number, the others are published" {
	start_server
	run -65 dnot-pub <<-'END'
		{"channel":"c","data":1}
		{"channel":"c"}
		{"channel":"c","data":1,"colour":"red"}
		{"channel":"no space","data":1}
		{"channel":"c","data":2}
	END
	equal "$(json .line | tr '\n' ' ')" '2 3 4 '
	has "$output" colour
	equal "$(payloads c)" '1 2 '
}

@test "an oversize line is refused without being stored, the next one is not" {
	start_server
	{
		head -c 65530 /dev/zero | tr '\0' '1'
		echo
		head -c 300000000 /dev/zero | tr '\0' '1'
		echo
		echo 2
	} >input
	(
		# Sanitizers map terabytes.
		case $DNOT_BIN in
		*/asan/* | */tsan/*) ;;
		*) ulimit -v 250000 ;;
		esac
		run -65 --separate-stderr dnot-pub --raw c --report <input
		equal "$(json -c '[.line,.error.code]')" '[1,107]
[2,107]
[3,null]'
	)
	equal "$(payloads c)" '2 '
}

@test "first connect fails without a fallback: 69, and what was read is back" {
	run -69 --separate-stderr dnot-pub --url http://127.0.0.1:1 <<-'END'
		{"channel":"c","data":1}
		{"channel":"c","data":2,"request_id":"r","seq":1}
	END
	equal "$(json -c '[.channel,.data,.seq]')" '["c",1,null]
["c",2,1]'
	json -e '.failed | contains("refused")'
	# It can be fed again as it is.
	start_server
	dnot-pub <<<"$output"
	dnot-pub <<<"$output"
	equal "$(payloads c)" '1 2 '
}

@test "first connect fails with a fallback: undelivered, exit 0" {
	run -0 --separate-stderr dnot-pub --url http://127.0.0.1:1 --report \
	    --fallback "$LOG" --tenant dev <<-'END'
		{"channel":"c","data":1,"status":"done"}
		{"channel":"c","data":2,"request_id":"r","seq":1}
	END
	equal "$(json -c '[.line,.fallback,.reason]')" \
	    '[1,"undelivered","unreachable"]
[2,"undelivered","unreachable"]'
	equal "$(rows undelivered "tenant,channel,offset,request_id,seq,status")" \
	    'dev|c||||done
dev|c||r|1|'
	# Each has the key that the server would have known it by.
	run -0 sqlite3 "${LOG#sqlite:}" "select count(*) from undelivered where
	    json_extract(value,'\$.undelivered.key') is not null
	    and json_extract(value,'\$.undelivered.id') is not null"
	equal "$output" 1
	json -e . >/dev/null
}

@test "the sweep publishes what fell back, once" {
	dnot-pub --url http://127.0.0.1:1 --log "$LOG" --tenant dev c -m away \
	    2>/dev/null
	_rows_are undelivered 1
	start_server
	run -0 dnot-sweep --log "$LOG" --min-age 0s
	_rows_are undelivered 0
	equal "$(payloads c)" '"away" '
}

@test "a log whose tenant is not known: 78, and the records are back" {
	run -78 --separate-stderr dnot-pub --url http://127.0.0.1:1 \
	    --fallback "$LOG" c -m x
	json -e '.data == "x" and .failed'
	has "$stderr" '--tenant'
}

@test "a fallback that cannot be opened is told at the start: 78" {
	start_server
	run -78 dnot-pub c -m x --fallback sqlite:/nosuchfolder/log.db
	run -78 dnot-pub c -m x --fallback mysql:x
	equal "$(payloads c)" ''
}

@test "resends over a server crash, in order, each once" {
	start_server
	start_pub --raw --report --wait logged c
	seq 1 30 >&5
	lines pub 30
	kill_server
	seq 31 60 >&5
	restart_server 5>&-
	lines pub 60
	seq 61 90 >&5
	exec 5>&-
	reap pub 0
	equal "$(payloads c)" "$(seq 1 90 | tr '\n' ' ')"
	equal "$(jq .line pub.out | tr '\n' ' ')" "$(seq 1 90 | tr '\n' ' ')"
}

@test "without an answer for --timeout: back on stdout, 75" {
	start_server
	start_pub --raw --timeout 1s c
	echo 1 >&5
	wait_until payloads_are c '1 '
	kill -STOP "$SERVER_PID"
	seq 2 3 >&5
	exec 5>&-
	reap pub 75
	kill -CONT "$SERVER_PID"
	equal "$(jq -c '[.data,.failed]' pub.out)" '[2,"no answer in time"]
[3,"no answer in time"]'
	# Fed again they come once, though the server had them already.
	dnot-pub <pub.out
	equal "$(payloads c)" '1 2 3 '
}

@test "without an answer and with a fallback: undelivered" {
	start_server
	start_pub --raw --timeout 1s --log "sqlite:$PWD/own.db" c
	echo 1 >&5
	wait_until payloads_are c '1 '
	kill_server
	echo 2 >&5
	exec 5>&-
	reap pub 0
	equal "$(sqlite3 own.db "select tenant,json_extract(value,'\$.data')
	    from undelivered")" 'dev|2'
}

@test "a refused key: 77; no dnot at the address: 76" {
	start_server
	printf 'a\nb' >key
	run -78 dnot-pub c -m x --key-file key
	has "$output" 'line break'
	run -78 dnot-pub c -m x --key-file nosuchfile
	: >key
	run -78 dnot-pub c -m x --key-file key
	echo token >token
	run -64 dnot-pub c -m x --key-file key --token-file token
	run -77 --separate-stderr dnot-pub c -m x --token-file token
	json -e '.failed'
	run -76 dnot-pub c -m x --url "$DNOT_URL/nosuchplace"
	run -78 dnot-pub c -m x --url https://127.0.0.1:1
	has "$output" 'terminate TLS in front'
}

@test "a client token publishes as its user" {
	sha=$(printf dev | sha256sum | cut -d ' ' -f 1)
	printf 'a secret that is long enough for HMAC' >hmac
	cat >conf.json <<-END
		{"listen":["127.0.0.1:0"],"log":"none","tenants":{"t":{
		    "api_keys":[{"sha256":"$sha","label":"x"}],
		    "token_hmac_secret_file":"hmac",
		    "namespaces":{"":{"history_size":9,"history_ttl":"5m",
			"allow_publish_for_client":true}}}}}
	END
	start_serve server --config conf.json
	dnot-serve --config conf.json --issue-token '{"sub":"ann"}' \
	    --tenant t >token
	dnot-pub c -m hi --token-file token
	run -0 dnot-sub c --since all -e
	json -e '.info.user == "ann" and .data == "hi"'
	dnot-serve --config conf.json --issue-token '{"sub":""}' \
	    --tenant t >token
	run -77 --separate-stderr dnot-pub c -m hi --token-file token
	json -e .failed
}

@test "works over a Unix socket" {
	start_serve server --dev --listen "unix:$PWD/s.sock" --log "$LOG"
	has "$DNOT_URL" unix:
	dnot-pub c -m x
	equal "$(payloads c)" '"x" '
}

@test "reads a pipe, a file, an empty input and a terminal" {
	start_server
	seq 1 3000 | dnot-pub --raw c:pipe
	seq 1 3000 >file
	dnot-pub --raw c:file <file
	dnot-pub --raw c:none </dev/null
	script -qec "dnot-pub --raw c:tty" /dev/null <<<$'1\n2\n\004' >/dev/null
	for c in pipe file; do
		equal "$(dnot-sub "c:$c" --since all -e --raw | sha256sum)" \
		    "$(sha256sum <file)" "$c"
	done
	equal "$(payloads c:none)" ''
	equal "$(payloads c:tty)" '1 2 '
}

@test "leaves the flags of a shared stdin alone" {
	start_server
	mkfifo in
	exec 5<>in
	echo 1 >&5
	before=$(grep flags /proc/self/fdinfo/5)
	start_bg pub sh -c 'exec dnot-pub --raw c <&5'
	wait_until payloads_are c '1 '
	equal "$(grep flags /proc/self/fdinfo/5)" "$before"
	end pub
	equal "$(grep flags /proc/self/fdinfo/5)" "$before"
}

@test "SIGTERM: what was read is published, exit 0" {
	start_server
	start_pub --raw c
	seq 1 5 >&5
	wait_until payloads_are c '1 2 3 4 5 '
	end pub 0
}

@test "a second signal ends it at once" {
	start_server
	start_pub --raw -v c
	echo 1 >&5
	wait_until payloads_are c '1 '
	kill -STOP "$SERVER_PID"
	wait_until grep -q '^State:.T' "/proc/$SERVER_PID/status"
	echo 2 >&5
	kill -TERM "$(_pid pub)"
	wait_until grep -q 'no more input' pub.err
	kill -TERM "$(_pid pub)"
	reap pub 143
	kill -CONT "$SERVER_PID"
}

@test "a reader of the report that leaves ends it quietly" {
	start_server
	# shellcheck disable=SC2016 # for the inner shell
	run -0 bash -c 'set -o pipefail; seq 1 100000 |
	    dnot-pub --raw --report c 2>err | head -n 1 >/dev/null
	    [[ ${PIPESTATUS[1]} == 141 ]]'
	equal "$(<err)" ''
}

@test "a publisher over its rate waits and loses nothing" {
	sha=$(printf secret | sha256sum | cut -d ' ' -f 1)
	cat >conf.json <<-END
		{"listen":["127.0.0.1:0"],"log":"none","tenants":{"t":{
		    "api_keys":[{"sha256":"$sha","label":"x"}],
		    "limits":{"publish_per_second":100},
		    "namespaces":{"":{"history_size":1000,"history_ttl":"5m"}}}}}
	END
	start_serve server --config conf.json
	export DNOT_KEY=secret
	seq 1 300 | dnot-pub --raw --report c >out
	equal "$(jq -s 'map(select(.offset))|length' out)" 300
	equal "$(dnot-sub c --since all -e --raw | sort -n | tr '\n' ' ')" \
	    "$(seq 1 300 | tr '\n' ' ')"
	DNOT_KEY=wrong run -77 dnot-pub c -m x
}

@test "flags: unknown ones and wrong ones are 64" {
	run -64 dnot-pub --tiemout 1s
	has "$output" 'did you mean --timeout?'
	run -64 dnot-pub a b
	run -64 dnot-pub --raw
	run -64 dnot-pub --raw --text c
	run -64 dnot-pub -m x
	run -64 dnot-pub 'a*' -m x
	has "$output" 'patterns are not supported'
	run -64 dnot-pub c -m x --wait soon
	run -64 dnot-pub c -m x --timeout soon
}

@test "secrets do not show" {
	start_server
	export DNOT_KEY=verysecret
	start_sub one c -v
	dnot-pub c -m x -vv 2>pub.err
	lines one 1
	run ! grep -r verysecret /proc/"$(_pid one)"/cmdline one.err pub.err \
	    server.err
	end one
}
