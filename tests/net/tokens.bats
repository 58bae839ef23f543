#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Tokens of connections and of subscriptions: which ones are believed, what
# they bring, when they end, and what the server's log says of the others.

load ../lib/dnot
load ../lib/sdk

setup_file()
{
	local name

	install_sdk
	# Keys are dear: each is made once.
	export KEYS=$BATS_FILE_TMPDIR
	for name in rsa previous-rsa foreign-rsa; do
		openssl genrsa -out "$KEYS/$name.pem" 2048
	done
	for name in p256:P-256 foreign-p256:P-256 p384:P-384 p521:P-521; do
		openssl genpkey -algorithm EC -pkeyopt \
		    "ec_paramgen_curve:${name#*:}" -out "$KEYS/${name%:*}.pem"
	done
	for name in "$KEYS"/*.pem; do
		openssl pkey -in "$name" -pubout -out "${name%.pem}.pub"
	done
}

export SERVER=server

# serve FILTER [ARG...]: a server with the configuration below, changed by jq;
# its name is $SERVER.
serve()
{
	local filter=$1 name

	shift
	cp "$KEYS"/* .
	for name in secret previous; do
		printf %s "$name" >"$name"
	done
	jq ".tenants[\"ec\", \"ec384\", \"ec521\", \"strict\"].namespaces =
	    .tenants.t.namespaces | $filter" >conf.json <<-END
	{"listen": ["127.0.0.1:0"], "expired_close_delay": 0,
	 "expired_sub_close_delay": 0, "tenants": {
	  "t": {"token_hmac_secret_file": "secret",
	   "token_hmac_previous_secret_file": "previous",
	   "token_public_key_file": "rsa.pub",
	   "token_public_previous_key_file": "previous-rsa.pub",
	   "api_keys": [{"sha256": "$(printf key | sha256sum |
	       cut -d ' ' -f 1)"}],
	   "namespaces": {
	    "": {"presence": true, "join_leave": true,
	     "force_push_join_leave": true,
	     "allow_user_limited_channels": true,
	     "allow_subscribe_for_client": true,
	     "allow_publish_for_subscriber": true,
	     "allow_presence_for_subscriber": true},
	    "plain": {"history_size": 10, "history_ttl": "1m",
	     "allow_publish_for_subscriber": true},
	    "forced": {"history_size": 10, "history_ttl": "1m",
	     "force_recovery": true, "force_positioning": true}}},
	  "twin": {"token_hmac_secret_file": "secret"},
	  "strict": {"token_hmac_secret_file": "secret",
	   "token_audience": "app", "token_issuer": "us"},
	  "ec": {"token_public_key_file": "p256.pub"},
	  "ec384": {"token_public_key_file": "p384.pub"},
	  "ec521": {"token_public_key_file": "p521.pub"}}}
	END
	start_serve "$SERVER" --config conf.json "$@"
}

tokens()
{
	DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
	    node "$DNOT_ROOT/tests/net/tokens.js" "$@"
}

# scenario NAME [FILTER]: on one loop and on four.
scenario()
{
	local threads

	for threads in 1 4; do
		serve "${2:-.}" --threads $threads
		tokens "$1" || fail "$1 with $threads loops"
		stop_server
	done
}

# begin NAME...: scenarios that spend their time waiting, side by side on the
# server that has begun last.
begin()
{
	local name

	for name in "$@"; do
		DNOT_PID=$SERVER_PID DNOT_PATIENCE=$DNOT_PATIENCE \
		    start_bg "$SERVER-$name" \
		    node "$DNOT_ROOT/tests/net/tokens.js" "$name"
	done
}

@test "each algorithm with its key" {
	serve . --threads 4
	tokens good
	stop_server
}

@test "bad connection tokens: 3500, and the log says why" {
	# Of a tenant alone: no token has to tell whose it is.
	serve '.tenants |= {t}'
	tokens bad-connection
	stop_server
}

@test "connection tokens of others, of other times and for others" {
	serve .
	tokens wrong-connection
	stop_server
}

@test "tokens that are too long" {
	serve .
	tokens long
	stop_server
}

@test "bad subscription tokens: 103, and the log says why" {
	serve .
	tokens bad-subscription
	stop_server
}

@test "subscription tokens for others: 3500" {
	serve .
	tokens wrong-subscription
	stop_server
}

@test "previous keys verify until they are configured no more" {
	serve .
	jq 'del(.tenants.t.token_hmac_previous_secret_file,
	    .tenants.t.token_public_previous_key_file)' conf.json >next
	mv next conf.json
	tokens rotation
	stop_server
}

@test "--issue-token makes a token that connects" {
	local claims='{"sub": "7", "tenant": "t", "info": {"name": "Ann"},
	    "channels": ["made"]}'

	serve .
	run -0 --separate-stderr dnot-serve --config conf.json --tenant t \
	    --issue-token "$claims"
	tokens issued "$output"
	stop_server
}

@test "channels of a token" {
	scenario channels
}

@test "subs of a token: info, data, options" {
	scenario subs
}

@test "info in presence, join, leave and publications" {
	scenario info
}

@test "data and options of a subscription token" {
	serve . --threads 4
	tokens data
	stop_server
}

@test "a bad token refreshes nothing" {
	serve .
	tokens bad-refresh
	stop_server
}

@test "a refresh that brings other channels ends the connection" {
	scenario refresh-channels
}

@test "ends of tokens, refreshes in time, by the SDK, too; a flood" {
	local name

	SERVER=slow serve '.expired_close_delay = "1h" |
	    .expired_sub_close_delay = "1h"' --threads 4
	SERVER=slow begin grace sdk flood
	SERVER=one serve . --threads 1
	SERVER=one begin expire-at refresh sub-refresh
	SERVER=four serve . --threads 4
	SERVER=four begin expire-at refresh sub-refresh
	for name in {one,four}-{expire-at,refresh,sub-refresh} \
	    slow-{grace,sdk,flood}; do
		reap "$name"
	done
	for name in one four slow; do
		end "$name"
	done
}

@test "user-limited, private and personal channels" {
	scenario limited \
	    '.tenants.t.subscribe_to_user_personal_channel.enabled = true'
}
