#!/usr/bin/env bats
# SPDX-License-Identifier: MIT

load ../lib/dnot

@test "the demo tells its whole story, plain where nobody looks" {
	run -0 "$DNOT_ROOT/tests/demo/demo.sh"
	has "${lines[-1]}" "All verified"
	[[ $output != *$'\e'* ]]
}

@test "the demo fails when a step does" {
	mkdir broken
	printf '#!/bin/sh\nexit 1\n' >broken/dnot-sweep
	chmod +x broken/dnot-sweep
	ln -s "$DNOT_BIN"/dnot-{serve,pub,sub,latency} broken
	DNOT_BIN=$PWD/broken DEMO_PATIENCE=2 \
	    run ! "$DNOT_ROOT/tests/demo/demo.sh"
	[[ $output != *"All verified"* ]]
}
