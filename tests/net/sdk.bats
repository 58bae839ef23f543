#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The unmodified Centrifuge SDK for JavaScript against dnot-serve.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

sdk()
{
	DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/sdk/sdk.js" "$@"
}

scenario()
{
	start_server --threads 2
	sdk "$1" "sdk:$1"
	stop_server
}

tail_of()
{
	start_bg tail node "$DNOT_ROOT/tests/net/sdk/sdk.js" tail "$1"
	lines tail 2
}

publish()
{
	api publish "{\"channel\":\"$1\",\"data\":$2}" | jq -e .result.offset
}

@test "publications of every JSON type arrive as they were" {
	scenario publish
}

@test "a subscriber sees its own publication" {
	scenario echo
}

@test "two thousand pipelined publications keep their order" {
	scenario pipeline
}

@test "history: all, position only, since, reverse, a wrong epoch" {
	scenario history
}

@test "presence, its numbers, join and leave" {
	scenario presence
}

@test "rpc without a worker is not available" {
	scenario rpc
}

@test "recovers exactly what a cut missed" {
	scenario cut
}

@test "what the history no longer holds comes from the log" {
	start_server
	EXPECT_RECOVERED=1 sdk cut-too-long sdk:long
	stop_server
}

@test "a cut beyond the history is told when there is no log" {
	start_serve server --dev --listen 127.0.0.1:0 --log none
	EXPECT_RECOVERED=0 sdk cut-too-long sdk:long
	stop_server
}

@test "fossil deltas are put together again" {
	scenario delta
}

@test "a message over the limit closes for good" {
	scenario too-big
}

@test "connecting again and again leaves no subscription behind" {
	scenario many-loops
}

@test "a clean restart is recovered as if nothing had happened" {
	start_server
	tail_of sdk:restart
	publish sdk:restart 1
	lines tail 3
	restart_server
	publish sdk:restart 2
	wait_until jq -se 'map(select(.data)) | length == 2' tail.out
	stop_server
	run -0 jq -sc 'map(.data // empty)' tail.out
	equal "$output" '[1,2]'
	run -0 jq -sc 'map(select(.subscribed)) | last |
		[.wasRecovering, .recovered]' tail.out
	equal "$output" '[true,true]'
}

@test "after a crash a client is told that it may have missed something" {
	start_server
	tail_of sdk:crash
	publish sdk:crash 1
	lines tail 3
	kill_server
	restart_server
	wait_until -t 30 jq -se 'map(select(.subscribed)) | length == 2' \
	    tail.out
	publish sdk:crash 2
	wait_until jq -se 'map(select(.data == 2)) | length == 1' tail.out
	run -0 jq -sc 'map(select(.subscribed)) | last |
		[.wasRecovering, .recovered]' tail.out
	equal "$output" '[true,false]'
	stop_server
}
