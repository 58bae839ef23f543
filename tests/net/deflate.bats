#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# permessage-deflate: with the unmodified SDK, and with clients that compress
# by hand what they should not.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

# scenario NAME [KEYS]: against a server that compresses; KEYS are more of the
# object `websocket`.
scenario()
{
	printf '{"websocket": {"compression": true%s}}\n' "${2:-}" >conf.json
	start_server --config conf.json --threads 2
	play "$1"
	stop_server
}

play()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/deflate.js" "$1"
}

@test "offers are answered, declined or refused" {
	scenario negotiation
}

@test "a reload takes effect at once" {
	printf '{"websocket": {"compression": true}}\n' >conf.json
	start_server --config conf.json --threads 1
	mv conf.json old.json
	printf '{"websocket": {"compression": false}}\n' >conf.json
	play reload
	stop_server
}

@test "replies and publications take less than a third of the bytes" {
	scenario smaller
}

@test "whole payloads and deltas, compressed or not, on one channel" {
	scenario mixed
}

@test "a higher level serves as well" {
	scenario mixed ', "compression_level": 9'
}

@test "what is smaller than compression_min_size goes as it is" {
	scenario min-size ', "compression_min_size": 600'
}

@test "one-way clients get it as well" {
	scenario one-way
}

@test "a compressed message may come in fragments" {
	scenario fragments
}

@test "reserved bits are refused where nothing was negotiated for them" {
	scenario reserved
}

@test "what cannot be inflated closes with 1007" {
	scenario garbage
}

@test "a bomb closes with 1009 and costs no more than the limit" {
	scenario bomb
}

@test "an idle connection owns no state of zlib" {
	scenario idle
}
