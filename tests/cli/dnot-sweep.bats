#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# dnot-sweep: what becomes of records that nobody took, and that neither a
# kill nor a server that is away loses or doubles one.
# bats file_tags=sweep

load ../lib/dnot

sql()
{
	sqlite3 "${LOG#sqlite:}" "$1"
}

# rows TABLE N: that many are there.
rows()
{
	(($(sql "select count(*) from $1") == $2))
}

_undelivered()
{
	rows undelivered "$1"
}

# publish CHANNEL JSON-MEMBERS: one record through the server.
publish()
{
	api publish '{"channel":"'"$1"'",'"$2"'}' >/dev/null
}

# Rows of undelivered: COUNT of them in CHANNEL.
strand()
{
	local channel=$1 count=$2 i

	for ((i = 0; i < count; i++)); do
		printf '{"channel":"%s","request_id":"%s","seq":%d,"data":%d}\n' \
		    "$channel" "r-$channel" "$i" "$i"
	done | dnot-pub
}

sweep()
{
	dnot-sweep --log "$LOG" --min-age 0 "$@"
}

# Somebody sweeps. Seen from outside: taking the lock to try could be what the
# sweep under test trips over.
_locked()
{
	grep -q ":$(stat -c %i "${LOG#sqlite:}.sweep-dev.lock") " /proc/locks
}

# Somebody writes.
_held()
{
	! sql "begin immediate; rollback" 2>/dev/null
}

# summary: the numbers of $output, but for the time.
summary()
{
	json '[.scanned, .delivered, .superseded, .already, .retried, .dead,
	    .left] | join(" ")'
}

@test "nothing to do: quiet, and no server is needed" {
	start_server
	stop_server
	run -0 --separate-stderr sweep
	equal "$output" ""
	equal "$stderr" ""
}

@test "a subscriber that came later gets what it missed, once" {
	start_server
	strand session:a 3
	wait_until _undelivered 3
	start_sub sub session:a -c 3
	run -0 --separate-stderr sweep
	equal "$(summary)" "3 3 0 0 0 0 0"
	equal "$stderr" ""
	reap sub
	equal "$(jq -c .seq sub.out | xargs)" "0 1 2"
	equal "$(jq -c 'has("offset")' sub.out | sort -u)" false
	_undelivered 0
	run -0 sweep
	equal "$output" ""
	# Not into the history and not into the records again.
	equal "$(sql 'select count(*) from records')" 3
	stop_server
}

@test "nobody there: an attempt each, later again" {
	start_server
	strand session:a 2
	wait_until _undelivered 2
	run -0 sweep
	equal "$(summary)" "2 0 0 0 2 0 0"
	run -0 sweep
	equal "$(summary)" "2 0 0 0 0 0 2"
	equal "$(sql "select distinct json_extract(value,
	    '$.undelivered.attempts') from undelivered")" 1
	equal "$(sql "select distinct json_extract(value,
	    '$.undelivered.reason') from undelivered")" no_subscriber
}

@test "--backoff 0s is due at once" {
	start_server
	strand session:a 1
	wait_until _undelivered 1
	run -0 sweep --backoff 0s
	run -0 sweep --backoff 0s
	equal "$(summary)" "1 0 0 0 1 0 0"
	equal "$(sql "select json_extract(value, '$.undelivered.attempts')
	    from undelivered")" 2
}

@test "young records are left alone" {
	start_server
	strand session:a 1
	wait_until _undelivered 1
	run -0 dnot-sweep --log "$LOG" --min-age 1h
	equal "$(summary)" "1 0 0 0 0 0 1"
}

@test "too often: into dead, with the whole story, and back" {
	start_server
	strand session:a 2
	wait_until _undelivered 2
	run -0 sweep --backoff 0 --max-attempts 2
	equal "$(summary)" "2 0 0 0 2 0 0"
	run -0 sweep --backoff 0 --max-attempts 2
	equal "$(summary)" "2 0 0 0 0 2 0"
	_undelivered 0
	run -0 dnot-sweep --log "$LOG" --dead
	equal "${#lines[@]}" 2
	output=${lines[0]}
	equal "$(json .channel)" session:a
	equal "$(json .undelivered.reason)" too_often
	equal "$(json .undelivered.attempts)" 2
	equal "$(json '[.undelivered.history[].reason] | join(" ")')" \
	    "no_subscriber no_subscriber no_subscriber too_often"
	run -0 dnot-sweep --log "$LOG" --requeue "$(json .id)"
	equal "$output" '{"requeued":1}'
	_undelivered 1
	run -0 dnot-sweep --log "$LOG" --requeue all
	equal "$output" '{"requeued":1}'
	run -0 dnot-sweep --log "$LOG" --dead
	equal "$output" ""
	start_sub sub session:a -c 2
	run -0 sweep
	equal "$(summary)" "2 2 0 0 0 0 0"
	reap sub
}

@test "a record is put back by the id that its readers know, too" {
	local id

	start_server
	strand session:a 1
	wait_until _undelivered 1
	id=$(sql "select json_extract(value, '$.undelivered.id')
	    from undelivered")
	run -0 sweep --max-age 0
	equal "$(summary)" "1 0 0 0 0 1 0"
	run -1 dnot-sweep --log "$LOG" --requeue no-such-id
	run -1 dnot-sweep --log "$LOG" --requeue 999
	run -0 dnot-sweep --log "$LOG" --requeue "$id"
	_undelivered 1
}

@test "what a finished request left behind is superseded" {
	start_server
	strand session:a 3
	publish session:a '"request_id":"r-session:a","seq":3,
	    "status":"done","data":"end"'
	# Another request and another channel are not meant.
	publish session:a '"request_id":"other","seq":0,"data":"x"'
	publish session:b '"request_id":"r-session:a","seq":0,"data":"y"'
	wait_until _undelivered 6
	start_sub a session:a -c 2
	start_sub b session:b -c 1
	run -0 sweep
	equal "$(summary)" "6 3 3 0 0 0 0"
	reap a
	reap b
	equal "$(jq -c .data a.out | xargs)" "end x"
	equal "$(jq -r .data b.out)" y
}

@test "one that was taken meanwhile is removed, not delivered again" {
	start_server
	start_sub sub session:a --state cursor -c 1
	publish session:a '"data":"first"'
	reap sub
	strand session:a 2
	wait_until _undelivered 2
	# Recovery hands them out from the history.
	start_sub sub session:a --state cursor -c 2
	reap sub
	equal "$(jq -c .data sub.out | xargs)" "first 0 1"
	wait_until rows taken 2
	run -0 sweep
	equal "$(summary)" "2 0 0 2 0 0 0"
	_undelivered 0
}

@test "records that dnot-pub could not send are published once" {
	local url

	start_server
	url=$DNOT_URL
	stop_server
	for i in 1 2 3; do
		echo '{"channel":"session:p","data":'$i'}'
	done | DNOT_URL=$url dnot-pub --tenant dev --fallback "$LOG"
	_undelivered 3
	_start_server "$SERVER_ADDR"
	start_sub sub session:p -c 3
	run -0 sweep
	equal "$(summary)" "3 3 0 0 0 0 0"
	reap sub
	equal "$(jq -c .data sub.out | xargs)" "1 2 3"
	# They are publications like any other now.
	equal "$(jq -c .offset sub.out | xargs)" "1 2 3"
	wait_until rows records 3
	_undelivered 0
}

@test "a repeat under the first key is known to the server" {
	start_server
	stop_server
	echo '{"channel":"session:p","data":1}' |
		dnot-pub --tenant dev --fallback "$LOG"
	_start_server "$SERVER_ADDR"
	# As after a kill between the answer and its commit.
	sql "create table kept as select * from undelivered"
	start_sub sub session:p
	run -0 sweep
	equal "$(summary)" "1 1 0 0 0 0 0"
	sql "insert into undelivered select * from kept"
	run -0 sweep
	equal "$(summary)" "1 0 0 1 0 0 0"
	rows records 1
	end sub
	equal "$(wc -l <sub.out)" 1
}

@test "what fails during a pass is left to the next one" {
	start_server
	stop_server
	echo '{"channel":"session:p","data":1}' |
		dnot-pub --tenant dev --fallback "$LOG"
	_start_server "$SERVER_ADDR"
	# Published, and nobody took it: a row of its own, while the pass runs.
	# It may see that row or be through before, but makes no attempt.
	run -0 sweep
	equal "$(json '[.delivered, .retried] | join(" ")')" "1 0"
	wait_until _undelivered 1
	equal "$(sql "select json_extract(value, '$.undelivered.attempts')
	    from undelivered")" 0
	run -0 sweep
	equal "$(summary)" "1 0 0 0 1 0 0"
}

@test "a repeated redelivery reaches nobody twice" {
	start_server
	strand session:a 2
	wait_until _undelivered 2
	sql "create table kept as select * from undelivered"
	start_sub sub session:a -c 3
	run -0 sweep
	equal "$(summary)" "2 2 0 0 0 0 0"
	_undelivered 0
	sql "insert into undelivered select * from kept"
	run -0 sweep
	equal "$(summary)" "2 0 0 2 0 0 0"
	publish session:a '"data":"last"'
	reap sub
	equal "$(jq -c .data sub.out | xargs)" "0 1 last"
}

@test "killed at any point, nothing is lost and nothing comes twice" {
	local i after kills=0 status

	start_server
	for i in a b c d; do
		strand session:$i 100
	done
	wait_until -t 30 _undelivered 400
	start_sub sub session:a session:b session:c session:d -c 401
	for ((i = 0; i < 60; i++)); do
		printf -v after 0.%03d $(((RANDOM % 30 + 5) * DNOT_PATIENCE))
		status=0
		timeout -s KILL "$after" dnot-sweep --log "$LOG" \
		    --min-age 0 >>sweeps.out 2>&1 || status=$?
		((status != 137)) || kills=$((kills + 1))
	done
	((kills > 0)) || fail "no sweep was killed"
	run -0 sweep
	_undelivered 0
	publish session:a '"data":"last"'
	reap sub
	equal "$(jq -r 'select(.request_id) | "\(.channel) \(.seq)"' sub.out |
		sort -u | wc -l)" 400
	equal "$(jq -r 'select(.request_id) | .channel' sub.out | wc -l)" 400
	# Each channel in its order.
	for i in a b c d; do
		equal "$(jq -r "select(.channel == \"session:$i\" and
		    .request_id) | .seq" sub.out | xargs)" "$(seq -s ' ' 0 99)"
	done
}

@test "a server killed meanwhile: 69, no attempt counted, the rest later" {
	start_server
	strand session:a 300
	wait_until -t 30 _undelivered 300
	kill -STOP "$SERVER_PID"
	start_bg sweep dnot-sweep --log "$LOG" --min-age 0
	wait_until _locked
	kill_server
	reap sweep 69
	run -69 sweep
	equal "$(sql "select distinct json_extract(value,
	    '$.undelivered.attempts') from undelivered")" 0
	restart_server
	start_sub sub session:a -c 300
	run -0 sweep
	equal "$(json .delivered)" 300
	reap sub
}

@test "--limit handles that many and leaves the rest for the next" {
	start_server
	strand session:a 5
	wait_until _undelivered 5
	start_sub sub session:a -c 5
	run -0 sweep --limit 2
	equal "$(summary)" "2 2 0 0 0 0 0"
	run -0 sweep
	equal "$(summary)" "3 3 0 0 0 0 0"
	reap sub
	equal "$(jq -c .seq sub.out | xargs)" "0 1 2 3 4"
}

@test "records that are left do not use up the limit" {
	start_server
	strand session:a 3
	wait_until _undelivered 3
	run -0 sweep # now none of them is due
	strand session:b 1
	wait_until _undelivered 4
	start_sub sub session:b -c 1
	run -0 sweep --limit 1
	equal "$(summary)" "4 1 0 0 0 0 3"
	reap sub
}

@test "--dry-run says what would be done and changes nothing" {
	local before

	start_server
	strand session:a 2
	publish session:a '"request_id":"r-session:a","seq":2,
	    "status":"done","data":0'
	wait_until _undelivered 3
	before=$(sql .dump)
	run -0 sweep --dry-run
	equal "${#lines[@]}" 3
	equal "$(jq -r .action <<<"$output" | xargs)" \
	    "superseded superseded redeliver"
	equal "$(jq -r .channel <<<"$output" | sort -u)" session:a
	run -0 dnot-sweep --log "$LOG" --dry-run
	equal "$(jq -r '.action + " " + .why' <<<"$output" | sort -u)" \
	    $'left too_young\nsuperseded superseded'
	run -0 sweep --dry-run --max-age 0
	equal "$(jq -r .action <<<"$output" | xargs)" \
	    "superseded superseded dead"
	equal "$(sql .dump)" "$before"
}

@test "only one sweep at a time for a log and tenant" {
	start_server
	strand session:a 1
	wait_until _undelivered 1
	kill -STOP "$SERVER_PID"
	start_bg first dnot-sweep --log "$LOG" --min-age 0
	wait_until _locked
	run -75 sweep
	has "$output" "another sweep"
	kill -CONT "$SERVER_PID"
	reap first 0
	run -0 sweep
}

@test "a key of another tenant is refused before a row is touched" {
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "log": "$LOG", "tenants": {
	"acme": {"api_keys": [{"sha256":
	"2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"}],
	"namespaces": {"s": {"log": true, "fallback": true}}},
	"beta": {"api_keys": [{"sha256":
	"$(printf other | sha256sum | cut -d' ' -f1)"}],
	"namespaces": {"s": {"log": true, "fallback": true}}}}}
	END
	export DNOT_KEY=key
	start_serve server --config conf.json
	publish s:a '"data":1'
	DNOT_KEY=other publish s:b '"data":2'
	wait_until _undelivered 2
	run -77 sweep --tenant beta
	has "$output" "acme"
	DNOT_KEY=wrong run -77 sweep
	equal "$(sql "select distinct json_extract(value,
	    '$.undelivered.attempts') from undelivered")" 0
	# Without --tenant it is the key's own, and only its rows.
	run -0 sweep
	equal "$(summary)" "1 0 0 0 1 0 0"
	equal "$(sql "select tenant from undelivered where
	    json_extract(value, '$.undelivered.attempts') = 1")" acme
}

@test "wrong flags and logs" {
	start_server
	run -64 dnot-sweep
	has "$output" "--log"
	run -64 sweep --dead --dry-run
	run -64 sweep operand
	run -64 sweep --max-attempts 0
	run -64 sweep --min-age yesterday
	run -78 dnot-sweep --log sqlite:missing.db
	[[ ! -e missing.db ]]
	echo "not a database, but long enough to look at" >foreign.db
	run -78 dnot-sweep --log sqlite:foreign.db
	strand session:a 1
	wait_until _undelivered 1
	DNOT_TOKEN=token run -64 sweep
	has "$output" "server key"
}

@test "a log that somebody holds is away: 75" {
	local holder

	start_server
	strand session:a 1
	wait_until _undelivered 1
	mkfifo go
	{
		echo "begin immediate;"
		cat go
	} | sqlite3 "${LOG#sqlite:}" 3>&- &
	holder=$!
	wait_until _held
	run -75 sweep --max-age 0
	echo "rollback;" >go
	wait "$holder"
}

@test "a unix socket will do" {
	start_serve server --dev --listen "unix:$BATS_TEST_TMPDIR/s" \
	    --log "$LOG"
	api publish '{"channel":"session:a","data":1}'
	wait_until _undelivered 1
	run -0 sweep
	equal "$(summary)" "1 0 0 0 1 0 0"
}
