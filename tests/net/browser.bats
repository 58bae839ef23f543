#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A token stream in a real browser: what its pages show when servers end, well
# or badly, and networks go. The pages and what opens them: tests/net/browser.
# A picture of the page goes to the folder DNOT_SCREENSHOTS, if that is set.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

teardown()
{
	local status=0

	dnot_teardown || status=1
	if ! wait_until -t 5 no_chromium; then
		pgrep -af "$CHROMIUM"
		pgrep -f "$CHROMIUM" | xargs kill -KILL
		status=1
	fi
	return $status
}

setup()
{
	dnot_setup
	# What was started here, and its helpers, names a folder of this test.
	CHROMIUM="chrom.*$BATS_TEST_TMPDIR"
}

no_chromium()
{
	! pgrep -f "$CHROMIUM"
}

# records FROM TO: of a stream that ends with seq 399.
records()
{
	seq "$1" "$2" | awk '
	BEGIN {
		n = split("Tokens come one by one and in order. Who was cut " \
			"off reads on where it was, and sees each of them " \
			"once, whatever happens.", word, " ")
	}
	{
		printf "{\"channel\":\"session:42\",\"request_id\":\"r1\"," \
			"\"seq\":%d,\"status\":\"%s\",\"data\":\"%s\"}\n", \
			$1, $1 == 399 ? "done" : "delta", \
			word[$1 % n + 1] ($1 % n == n - 1 ? "\\n" : " ")
	}'
}

# open_tabs HOST N [OVER]: pages that http://HOST serves.
open_tabs()
{
	start_bg browser node "$DNOT_ROOT/tests/net/browser/driver.js" \
	    "${3:-websocket}" "$1" session:42 "$2"
}

# tabs FILTER: whether it holds for what the tabs have by now.
tabs()
{
	tail -n 1 browser.out | jq -se "any($1)"
}

# network OFFLINE: taken from some tabs, or given back; then so many have none.
network()
{
	kill -USR2 "$(_pid browser)"
	wait_until tabs ".offline == $1"
}

# stream STOP START: 400 records to five tabs, while the server is ended and
# started again in their middle. Two tabs come back at once, while the stream
# goes on, the others when all but the last record are logged. What was sent
# twice comes before that one.
stream()
{
	mkfifo feed
	start_bg pub sh -c 'exec dnot-pub --wait logged <feed'
	exec 5>feed
	wait_until tabs '.live == 5'
	records 0 199 >&5
	wait_until tabs '.records >= 150'
	records 200 299 >&5
	"$1" 5>&-
	network 3
	records 300 398 >&5
	"$2" 5>&-
	exec 5>&-
	wait_until -t 30 _gone "$(_pid pub)"
	reap pub
	network 0
	wait_until -t 30 tabs '.live == 5'
	records 399 399 | dnot-pub
	wait_until -t 30 tabs '.records == 400'
}

# each N CONDITION: closes the tabs; N had the whole text, and what it says.
each()
{
	end browser
	run -0 tail -n "$1" browser.out
	records 0 399 | jq -j .data >text
	json -se --rawfile text text "length == $1 and all(.text == \$text)" ||
		fail "not the whole text, once: $output"
	json -se "all($2)" || fail "not $2: $output"
}

# A server as in production: pages of app.example may connect, and nobody else.
serve_app()
{
	start_serve server --config conf.json \
	    --listen "${SERVER_ADDR:-127.0.0.1:0}"
}

# configure DURABLE
configure()
{
	export DNOT_KEY=secret
	cat >conf.json <<-END
	{"log": "$LOG", "allowed_origins": ["http://app.example:*"],
	 "tenants": {"t": {
	  "api_keys": [{"sha256":
	   "$(printf %s "$DNOT_KEY" | sha256sum | cut -d ' ' -f 1)"}],
	  "allow_anonymous_connect_without_token": true,
	  "namespaces": {"session": {
	   "log": true, "durable": "$1", "force_recovery": true,
	   "history_size": 100, "history_ttl": "5m",
	   "allow_subscribe_for_client": true,
	   "allow_subscribe_for_anonymous": true,
	   "allow_history_for_client": true,
	   "allow_history_for_anonymous": true}}}}}
	END
}

dev_again()
{
	_start_server "$SERVER_ADDR"
}

@test "five tabs read a token stream over a clean restart, once" {
	start_server
	open_tabs localhost 5
	stream stop_server dev_again
	each 5 '.recovered > 0 and .unrecovered + .repeats + .early == 0'
	[[ -z $DNOT_SCREENSHOTS ]] ||
		cp tab.png "$DNOT_SCREENSHOTS/browser-websocket.png"
	stop_server
}

@test "kill -9, durable before: five tabs recover, and read it once" {
	configure before
	serve_app
	open_tabs app.example 5
	stream kill_server serve_app
	each 5 '.recovered > 0 and .unrecovered + .repeats + .early == 0'
	stop_server
}

@test "kill -9, durable after: five tabs are told, and read the history" {
	configure after
	serve_app
	open_tabs app.example 5
	stream kill_server serve_app
	each 5 '.unrecovered == 1 and .history > 0'
	stop_server
}

@test "plain EventSource: five tabs read it over a clean restart, once" {
	start_server
	open_tabs localhost 5 eventsource
	stream stop_server dev_again
	each 5 '.recovered > 0 and .unrecovered + .repeats + .early == 0'
	stop_server
}

@test "plain EventSource, kill -9, durable before: once, too" {
	configure before
	serve_app
	open_tabs app.example 5 eventsource
	stream kill_server serve_app
	each 5 '.recovered > 0 and .unrecovered + .repeats + .early == 0'
	stop_server
}

@test "a tab without a network gets what it missed, once" {
	start_server
	open_tabs localhost 1
	wait_until tabs '.live == 1'
	records 0 199 | dnot-pub
	wait_until tabs '.records == 200'
	network 1
	wait_until tabs '.live == 0'
	records 200 398 | dnot-pub
	network 0
	wait_until tabs '.live == 1'
	records 399 399 | dnot-pub
	wait_until tabs '.records == 400'
	each 1 '.recovered == 1 and .unrecovered + .repeats + .early == 0'
	stop_server
}

# refused HOST OVER STATE WHY: what its page shows, when the answer was 403.
refused()
{
	open_tabs "$1" 1 "$2"
	wait_until tabs ".refused == 1 and .why == [\"$4\"]"
	end browser
	run -0 tail -n 1 browser.out
	json -e ".state == \"$3\" and (.refused | unique) == [403]" ||
		fail "$output"
	run ! grep '"live":1' browser.out
}

@test "a page whose origin is not allowed is refused with 403" {
	configure after
	serve_app
	refused evil.example websocket connecting 'transport closed'
	refused evil.example eventsource stopped refused
	stop_server
}

@test "a foreign page does not reach a --dev server" {
	start_server
	refused app.example websocket connecting 'transport closed'
	stop_server
}
