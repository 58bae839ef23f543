#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=threads
#
# The methods of the server API that act on connections, on one loop and on
# four, and the limits of a user's connections.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	install_sdk
}

sha256()
{
	printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

config()
{
	local ns='"allow_subscribe_for_client": true,
	    "allow_subscribe_for_anonymous": true, "presence": true,
	    "allow_publish_for_client": true, "history_size": 10,
	    "history_ttl": "5m", "force_recovery": true'

	printf secret >secret
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "expired_close_delay": 0,
	 "expired_sub_close_delay": 0,
	 "tenants": {
	  "one": {"api_keys": [{"sha256": "$(sha256 one)"}],
	   "token_hmac_secret_file": "secret",
	   "limits": {"client_channel_limit": 5}, "namespaces": {"": {$ns}}},
	  "two": {"api_keys": [{"sha256": "$(sha256 two-key)"}],
	   "token_hmac_secret_file": "secret",
	   "limits": {"user_connection_limit": 2}, "namespaces": {"": {$ns}}},
	  "three": {"api_keys": [{"sha256": "$(sha256 three-key)"}],
	   "token_hmac_secret_file": "secret",
	   "subscribe_to_user_personal_channel": {"enabled": true,
	    "single_connection": true},
	   "namespaces": {"": {$ns, "allow_user_limited_channels": true}}}}}
	END
}

clients()
{
	DNOT_PATIENCE=$DNOT_PATIENCE node "$DNOT_ROOT/tests/net/clients.js" "$@"
}

# scenarios NAME...: on one loop and on four.
scenarios()
{
	local threads scenario

	config
	for threads in 1 4; do
		start_serve server --config conf.json --threads $threads
		for scenario in "$@"; do
			clients "$scenario" || fail "$scenario, $threads loops"
		done
		stop_server
	done
}

@test "subscribe: all of a user's connections, with what belongs to it" {
	scenarios subscribe one recover-since options
}

@test "subscribe: over the channel limit" {
	scenarios channel-limit
}

@test "unsubscribe: one channel, or all" {
	scenarios unsubscribe
}

@test "disconnect: whom, and with what code and reason" {
	scenarios disconnect self anonymous
}

@test "one connection, by the secret of its session" {
	scenarios session
}

@test "one-way clients are told without wrappers" {
	scenarios uni
}

@test "refresh: prolonged, ended, and with another info" {
	scenarios refresh
}

@test "send: a message to sockets" {
	scenarios send slow-send
}

@test "the SDK: subscriptions, messages and ends that the server makes" {
	config
	start_serve server --config conf.json --threads 2
	DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/sdk/server_side.js"
	stop_server
}

@test "what is missing or wrong is told" {
	scenarios bad
}

@test "another tenant's key sees and touches nobody" {
	scenarios tenants
}

@test "connections: who, and what waits for them" {
	scenarios connections many-subscriptions
}

@test "connections: a reader that stopped" {
	scenarios slow rate
}

@test "connections: five thousand of them, by pages" {
	scenarios pages
}

@test "thousands are reached, turn by turn" {
	scenarios many
}

@test "the client and the server at once" {
	scenarios race vanish
}

@test "a user has no more connections than the limit" {
	scenarios user-limit
}

@test "a user's newest connection ends the others" {
	scenarios single
}

@test "info: clients and users" {
	scenarios info
}
