#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh: what dnot is for, on one screen, with the real programs: an
# application asks, a worker streams its answers to the sessions that wait for
# them, one session is away, the worker is stopped and comes back, and the tail
# latency is measured. Each line with a mark was checked by this script; it
# exits 0 only when all were.
set -u
cd "$(dirname "$0")/../.." || exit 70
PATH=${DNOT_BIN:-$PWD/build/bin}:$PATH
unset DNOT_URL DNOT_KEY DNOT_TOKEN DNOT_LOG DNOT_TENANT
work=$(mktemp -d) || exit 73
cd "$work" || exit 73
log=sqlite:$work/log.db
started=$SECONDS
patience=${DEMO_PATIENCE:-20}

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	bold=$'\e[1m' dim=$'\e[2m' good=$'\e[32m' bad=$'\e[31m'
	accent=$'\e[36m' off=$'\e[0m'
else
	bold='' dim='' good='' bad='' accent='' off=''
fi
case $(locale charmap 2>/dev/null) in
UTF-8) tick=✓ cross=✗ arrow=› ;;
*) tick=ok cross=FAILED arrow='>' ;;
esac

finish()
{
	# Only the server and tools of this run are this shell's jobs.
	mapfile -t running < <(jobs -p)
	[[ ${#running[@]} -eq 0 ]] || kill "${running[@]}" 2>/dev/null
	wait
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

step()
{
	printf '\n%s%s%s %s%s\n' "$accent" "$1" "$off$bold" "$2" "$off"
	[[ -z ${3:-} ]] || printf '    %s$ %s%s\n' "$dim" "$3" "$off"
}

line()
{
	printf '    %s\n' "$*"
}

# checked TEXT CMD...: awaits the condition, $patience seconds at most.
checked()
{
	local text=$1 deadline=$((SECONDS + patience))

	shift
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > deadline)); then
			printf '    %s%s %s%s\n' "$bad" "$cross" "$text" "$off"
			line "waited $patience s for: $*"
			tail -n 5 ./*.err
			exit 1
		fi
		sleep 0.02 # a poll
	done
	printf '    %s%s%s %s\n' "$good" "$tick" "$off" "$text"
}

# ready NAME PROGRAM ARG...: starts it with its output in $out (NAME.out) and
# NAME.err; sets pid, and address to what it says when it is ready.
ready()
{
	local name=$1 program=$2

	shift 2
	rm -f "$name.ready"
	mkfifo "$name.ready"
	"$program" --ready-fd 3 "$@" 3>"$name.ready" >>"${out:-$name.out}" \
	    2>>"$name.err" &
	pid=$!
	read -r -t 20 address <"$name.ready" || {
		line "$bad$cross $program did not start$off"
		cat "$name.err"
		exit 1
	}
}

# ask REQUEST SESSION PROMPT: what the application does.
ask()
{
	jq -nc --arg r "$1" --arg s "$2" --arg p "$3" '{channel: "requests",
		request_id: $r, data: {session: $s, prompt: $p}}'
}

# The worker: one word of its answer at a time, then the whole.
# shellcheck disable=SC2016 # these are jq's variables
model='
	.request_id as $id | ("session:" + .data.session) as $to
	| (.data.prompt | ascii_upcase | split(" ")) as $words
	| ($words | to_entries[] | {channel: $to, request_id: $id, seq: .key,
	    status: "delta", data: .value}),
	  {channel: $to, request_id: $id, seq: ($words | length),
	    status: "done", data: ($words | join(" "))}'

start_worker()
{
	rm -f requests.fifo
	mkfifo requests.fifo
	jq -c --unbuffered "$model" <requests.fifo 2>>worker.err |
		dnot-pub 2>>worker.err &
	publisher=$!
	out=requests.fifo ready requests dnot-sub requests --state cursor
	worker=$pid
}

# The records of a session that belong to a request.
of_request()
{
	jq -c --arg r "$2" 'select(.request_id == $r)' "$1.out"
}

# Its words came once, in order, and its last record is the answer.
answered()
{
	of_request "$1" "$2" | jq -se --arg answer "${3^^}" '
		map(.seq) == [range(length)] and .[-1].status == "done" and
		.[-1].data == $answer and
		(map(select(.status == "delta").data) | join(" ")) == $answer'
}

stream()
{
	of_request "$1" "$2" | jq -rs --arg a " $arrow " '
		map(select(.status == "delta").data) | join($a)'
}

printf '%sdnot%s  one server, three sessions, one worker, one log\n' \
    "$bold" "$off"

step 1 "A server, for development" "dnot-serve --dev --log sqlite:log.db"
ready serve dnot-serve --dev --listen 127.0.0.1:0 --log "$log"
server=$pid
export DNOT_URL=http://$address
checked "ready on $address" kill -0 "$server"

step 2 "Alice and Bob wait; a worker streams its answers to them" \
    "dnot-sub requests --state cursor | worker | dnot-pub"
ready alice dnot-sub session:alice
ready bob dnot-sub session:bob
# The worker reads what comes from now on; its cursor is made by the first
# record.
start_worker
{
	ask r1 alice "order keeps from the first word to the last"
	ask r2 bob "and each session has a channel of its own"
} | dnot-pub --wait logged || exit 1
checked "Alice's answer is whole" answered alice r1 \
    "order keeps from the first word to the last"
line "  $dim$(stream alice r1)$off"
checked "Bob's answer is whole" answered bob r2 \
    "and each session has a channel of its own"
line "  $dim$(stream bob r2)$off"

step 3 "Carol is away: her answer is kept, and swept to her when she comes" \
    "dnot-sweep --log sqlite:log.db"
answer="nothing that was promised is forgotten"
ask r3 carol "$answer" | dnot-pub --wait logged || exit 1
waiting()
{
	[[ $(dnot-sweep --log "$log" --min-age 0s --dry-run |
		grep -c '"r3"') -ge $1 ]]
}
checked "6 words and the answer wait in undelivered" waiting 7
ready carol dnot-sub session:carol
dnot-sweep --log "$log" --min-age 0s --backoff 0s >sweep.json ||
	{ cat sweep.json; exit 1; }
line "  $dim$(jq -c 'del(.ms)' sweep.json)$off"
swept()
{
	jq -e '.delivered == 1 and .superseded == 6 and .left == 0' sweep.json
}
checked "superseded words are dropped, the answer is delivered" swept
has_final()
{
	of_request carol r3 | jq -se --arg a "${answer^^}" 'length == 1 and
		.[0].status == "done" and .[0].data == $a'
}
checked "Carol has it, once" has_final

step 4 "The worker is stopped, five requests come, it is started again" \
    "kill -TERM \$worker; dnot-pub <requests; dnot-sub ... | worker | ..."
kill -TERM "$worker"
stopped()
{
	! kill -0 "$worker" && ! kill -0 "$publisher"
}
checked "the pipeline has ended" stopped
for i in 1 2 3 4 5; do
	ask "away-$i" alice "request number $i"
done | dnot-pub --wait logged || exit 1
start_worker
all_answered()
{
	local i

	for i in 1 2 3 4 5; do
		answered alice "away-$i" "request number $i" || return
	done
}
checked "all five are answered, each once" all_answered
in_order()
{
	jq -se 'map(.offset) == [range(1; length + 1)]' alice.out
}
checked "Alice's offsets have no gap and no repeat" in_order

step 5 "What a client really sees: 200 records/s to 20 subscribers" \
    "dnot-latency --subscribers 20 --rate 200 --objective p99=100ms"
verdict=0
dnot-latency --subscribers 20 --rate 200 --duration 3s \
    --objective p99=100ms --json >latency.json 2>latency.err || verdict=$?
complete()
{
	((verdict <= 1)) && jq -e '.lost == 0 and .duplicate == 0 and
		.reordered == 0 and .received == .expected' latency.json
}
checked "$(jq -r '"\(.received) of \(.expected) received: none lost, " +
	"doubled or out of order"' latency.json)" complete
line "$(jq -r '.latency_us | "  p50 \(.p50) us   p99 \(.p99) us   " +
	"p99.9 \(."p99.9") us   max \(.max) us"' latency.json)"
met=$(jq -r 'if all(.objectives[]; .met) then "met" else "missed" end' \
    latency.json)
if [[ $met == met && $verdict == 0 ]]; then
	line "  objective p99=100ms: $good$met$off"
else
	line "  objective p99=100ms: ${bad}missed$off (a busy machine?)"
fi

step 6 "Everything stops in order"
kill -TERM "$server"
wait "$server"
status=$?
stopped_clean()
{
	[[ $status == 0 ]]
}
checked "the server ended with 0, its log closed" stopped_clean
printf '\n%sAll verified%s in %d s.\n' "$bold" "$off" $((SECONDS - started))
