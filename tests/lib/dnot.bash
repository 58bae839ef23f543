# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # SERVER_PID for the tests; bats' output
#
# dnot.bash: what the bats files share. A file begins with
#
#	load ../lib/dnot
#
# and so gets setup and teardown; one that has its own calls dnot_setup and
# dnot_teardown there. Programs come from $DNOT_BIN (default build/bin), so
# that one suite runs against every build variant.
#
# Each thing started in the background has a NAME. Its files are
# $BATS_TEST_TMPDIR/NAME.{out,err,pid}, where a second start under the same
# NAME appends; the teardown ends what still runs.
# Nothing here waits a fixed time: wait_until polls a condition against a
# deadline. Start things in the test's own shell, never inside $(...) or
# `run`: bats would wait for them and their status could not be read.
#
#	start_server [ARG...]    a --dev server on a free port; sets DNOT_URL,
#	                         SERVER_ADDR, SERVER_PID, LOG; its name: server
#	start_serve NAME ARG...  any other dnot-serve; sets DNOT_URL as well
#	stop_server              TERM; fails unless it ends with 0
#	kill_server              KILL; then restart_server comes back
#	restart_server           again with the same arguments and address
#	start_sub NAME ARG...    dnot-sub; returns once it has subscribed
#	start_ready NAME CMD...  any program that knows --ready-fd
#	start_bg NAME CMD...     any program; stdin is /dev/null or as given
#	end NAME [STATUS]        TERM; fails unless it ends with STATUS (0)
#	reap NAME [STATUS]       waits until it ends by itself
#	lines NAME N             waits until NAME.out has N lines
#	wait_until [-t S] CMD... polls; fails after S seconds (10)
#	api METHOD JSON          POST to the server API, prints the answer
#	json FILTER              jq -r over $output; as test: json -e FILTER
#	equal GOT WANT [WHAT]    has TEXT PART   fail MESSAGE

bats_require_minimum_version 1.8.0

DNOT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DNOT_BIN=${DNOT_BIN:-$DNOT_ROOT/build/bin}
[[ $DNOT_BIN = /* ]] || DNOT_BIN=$DNOT_ROOT/$DNOT_BIN
PATH=$DNOT_BIN:$PATH
export DNOT_ROOT DNOT_BIN PATH

# Sanitizer builds are several times slower: deadlines stretch, results don't.
case $DNOT_BIN in
*/asan/* | */tsan/* | */debug/*) DNOT_PATIENCE=4 ;;
*) DNOT_PATIENCE=1 ;;
esac

setup()
{
	dnot_setup
}

teardown()
{
	dnot_teardown
}

dnot_setup()
{
	unset DNOT_URL DNOT_KEY DNOT_TOKEN DNOT_LOG DNOT_TENANT NO_COLOR
	unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID XDG_STATE_HOME
	unset SERVER_ADDR SERVER_PID SERVER_ARGS
	# A path with a space in it finds what was not quoted.
	export HOME="$BATS_TEST_TMPDIR/a home"
	mkdir -p "$HOME"
	cd "$BATS_TEST_TMPDIR" || return 1
	LOG=sqlite:$BATS_TEST_TMPDIR/log.db
	# Reports go to files: also one of a tool inside a pipe is seen.
	local report=log_path=$BATS_TEST_TMPDIR/sanitizer
	export ASAN_OPTIONS=$report:detect_leaks=1
	export UBSAN_OPTIONS=$report:print_stacktrace=1
	export TSAN_OPTIONS=$report
}

dnot_teardown()
{
	local file name status=0

	for file in "$BATS_TEST_TMPDIR"/*.pid; do
		[[ -e $file ]] || continue
		name=$(basename "$file" .pid)
		kill -KILL "$(<"$file")" 2>/dev/null || :
		wait "$(<"$file")" 2>/dev/null || :
		_show "$name"
	done
	_no_sanitizer_report || status=1
	return $status
}

# What a failed test needs to be understood; bats shows it only then.
_show()
{
	local file=$BATS_TEST_TMPDIR/$1.err

	[[ -s $file ]] || return 0
	echo "# stderr of $1:"
	tail -n 30 "$file"
}

_no_sanitizer_report()
{
	local file status=0

	for file in "$BATS_TEST_TMPDIR"/sanitizer.*; do
		[[ -e $file ]] || continue
		echo "# sanitizer report $file:"
		head -n 60 "$file"
		status=1
	done
	return $status
}

fail()
{
	echo "$*" >&2
	return 1
}

equal()
{
	[[ $1 == "$2" ]] || fail "${3:-value}: got '$1', want '$2'"
}

has()
{
	[[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}

json()
{
	jq -r "$@" <<<"$output"
}

wait_until()
{
	local seconds=10 deadline

	if [[ $1 == -t ]]; then
		seconds=$2
		shift 2
	fi
	deadline=$((SECONDS + seconds * DNOT_PATIENCE + 1))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= deadline)); then
			fail "gave up after $seconds s waiting for: $*"
			return 1
		fi
		sleep 0.02 # a poll
	done
}

_pid()
{
	cat "$BATS_TEST_TMPDIR/$1.pid"
}

_gone()
{
	! kill -0 "$1" 2>/dev/null
}

_has_lines()
{
	(($(wc -l <"$BATS_TEST_TMPDIR/$1.out") >= $2))
}

lines()
{
	wait_until _has_lines "$1" "$2" && return
	fail "$1 printed $(wc -l <"$BATS_TEST_TMPDIR/$1.out") of $2 lines"
}

# Not for functions that start processes of their own: only NAME's is ended.
start_bg()
{
	local base=$BATS_TEST_TMPDIR/$1

	shift
	"$@" >>"$base.out" 2>>"$base.err" 3>&- &
	echo $! >"$base.pid"
}

# The program gets --ready-fd 4 as its first argument; sets READY to the line
# it wrote there. Fails when it ended first.
start_ready()
{
	local name=$1 program=$2 base=$BATS_TEST_TMPDIR/$1

	shift 2
	rm -f "$base.ready"
	mkfifo "$base.ready"
	"$program" --ready-fd 4 "$@" >>"$base.out" 2>>"$base.err" 3>&- \
	    4>"$base.ready" &
	echo $! >"$base.pid"
	if ! read -r -t $((20 * DNOT_PATIENCE)) READY <"$base.ready"; then
		_show "$name"
		fail "$name did not get ready: $program $*"
	fi
}

start_sub()
{
	local name=$1

	shift
	start_ready "$name" dnot-sub "$@"
}

reap()
{
	local name=$1 want=${2:-0} pid status=0

	pid=$(_pid "$name") || return
	if ! wait_until -t 20 _gone "$pid"; then
		_show "$name"
		return 1
	fi
	wait "$pid" 2>/dev/null || status=$?
	rm -f "$BATS_TEST_TMPDIR/$name.pid"
	if [[ $status != "$want" ]]; then
		_show "$name"
		fail "$name ended with $status, want $want"
	fi
}

end()
{
	kill -TERM "$(_pid "$1")" || fail "$1 does not run"
	reap "$1" "${2:-0}"
}

start_serve()
{
	local name=$1

	shift
	start_ready "$name" dnot-serve "$@" || return
	SERVER_ADDR=$READY
	SERVER_PID=$(_pid "$name")
	case $SERVER_ADDR in
	unix:*) DNOT_URL=$SERVER_ADDR ;;
	*) DNOT_URL=http://$SERVER_ADDR ;;
	esac
	export DNOT_URL
}

start_server()
{
	SERVER_ARGS=("$@")
	_start_server 127.0.0.1:0
}

_start_server()
{
	start_serve server --dev --listen "$1" --log "$LOG" "${SERVER_ARGS[@]}"
}

stop_server()
{
	end server 0 && _no_sanitizer_report
}

kill_server()
{
	kill -KILL "$(_pid server)"
	reap server 137
}

restart_server()
{
	if [[ -e $BATS_TEST_TMPDIR/server.pid ]]; then
		stop_server || return
	fi
	_start_server "$SERVER_ADDR"
}

api()
{
	local url=$DNOT_URL socket=()

	if [[ $url == unix:* ]]; then
		socket=(--unix-socket "${url#unix:}")
		url=http://localhost
	fi
	curl -sS --max-time $((10 * DNOT_PATIENCE)) "${socket[@]}" \
	    -H "X-API-Key: ${DNOT_KEY:-dev}" \
	    -H 'Content-Type: application/json' \
	    -d "${2:-{\}}" "$url/api/$1"
}
