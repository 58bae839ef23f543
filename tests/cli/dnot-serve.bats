#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# dnot-serve as an operator runs it: start, refusals, supervisors, reload.

load ../lib/dnot

key_sha()
{
	printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

# conf.json with one tenant, whose key is given, and more members.
config()
{
	cat >conf.json <<-END
	{"listen": ["127.0.0.1:0"], ${2:+$2,} "tenants": {"t": {
	  "api_keys": [{"sha256": "$(key_sha "$1")"}],
	  "namespaces": {"": {"history_size": 10, "history_ttl": "1m"}}}}}
	END
}

@test "without a configuration: 64; a wrong flag: 64 and the right one" {
	run -64 dnot-serve
	has "$output" --dev
	run -64 dnot-serve --threds 2
	has "$output" --threads
	run -64 dnot-serve --dev --threads 0
}

@test "a port in use: 75, named" {
	start_server
	run -75 dnot-serve --dev --log none --listen "$SERVER_ADDR"
	has "$output" "$SERVER_ADDR"
	stop_server
}

@test "a second server on one log: 75" {
	start_server
	run -75 dnot-serve --dev --listen 127.0.0.1:0 --log "$LOG"
	has "$output" log.db
	stop_server
}

@test "a log that is none, of another schema, or not to be written: 78" {
	echo 'no database at all, but a text' >text.db
	run -78 dnot-serve --dev --listen 127.0.0.1:0 --log sqlite:text.db
	has "$output" text.db
	sqlite3 other.db 'CREATE TABLE t (x)'
	run -78 dnot-serve --dev --listen 127.0.0.1:0 --log sqlite:other.db
	has "$output" other.db
	run -78 dnot-serve --dev --listen 127.0.0.1:0 --log sqlite:/proc/no/x
	run -78 dnot-serve --dev --listen 127.0.0.1:0 --log kafka://k:9092/p
	has "$output" kafka
}

@test "--dev listens on this machine only: 78" {
	run -78 dnot-serve --dev --log none --listen 0.0.0.0:0
	has "$output" 0.0.0.0
}

@test "everything wrong with a configuration is said at once" {
	cat >conf.json <<-'END'
	{"listen": ["127.0.0.1:0"], "drian": "5s", "tenants": {"t": {
	  "limits": {"connections": -1},
	  "namespaces": {"a": {"history_size": "many"},
	    "b": {"channel_regex": "^(x$"}}}}}
	END
	run -78 dnot-serve --config conf.json --check-config
	has "$output" drian
	has "$output" tenants.t.limits.connections
	has "$output" tenants.t.namespaces.a.history_size
	has "$output" 'tenants.t.namespaces.b.channel_regex: missing closing'
	printf '{"listen": [}' >conf.json
	run -78 dnot-serve --config conf.json --check-config
	has "$output" 'line 1'
}

@test "--check-config is content, --print-config reads back" {
	config k
	run -0 dnot-serve --config conf.json --check-config
	dnot-serve --config conf.json --print-config >printed.json
	run -0 dnot-serve --config printed.json --print-config
	equal "$output" "$(<printed.json)"
	run -0 dnot-serve --dev --print-config
	equal "$(json '.tenants.dev.events | length')" 6
	equal "$(json '.tenants.dev.namespaces | map(select(.log)) | length')" 4
	equal "$(json .websocket.compression_level)" 1
}

@test "a Unix socket: ready, served, and gone afterwards" {
	start_serve server --dev --log none --listen "unix:$PWD/s"
	equal "$SERVER_ADDR" "unix:$PWD/s"
	run -0 api publish '{"channel":"c","data":1}'
	equal "$(json .result.offset)" 1
	run -0 dnot-pub c -m x
	end server 0
	[[ ! -e s ]]
}

@test "a socket that a dead server left is taken over, a living one is not" {
	start_serve server --dev --log none --listen "unix:$PWD/s"
	run -75 dnot-serve --dev --log none --listen "unix:$PWD/s"
	kill_server
	[[ -e s ]]
	start_serve server --dev --log none --listen "unix:$PWD/s"
	stop_server
}

@test "a listener serves no more than it says" {
	config k '"log": "none"'
	jq '.listen = ["127.0.0.1:0", {"address": "unix:m", "serve":
	    ["metrics"]}] | .listen[0] = {"address": "127.0.0.1:0",
	    "serve": ["api"]}' conf.json >parts.json
	start_serve server --config parts.json
	export DNOT_KEY=k
	run -0 api publish '{"channel":"c","data":1}'
	equal "$(json .result.offset)" 1
	run -0 curl -s -o /dev/null -w '%{http_code}' "$DNOT_URL/metrics"
	equal "$output" 404
	run -0 curl -s --unix-socket m http://localhost/metrics
	has "$output" dnot_connections
	run -0 curl -s -o /dev/null -w '%{http_code}' --unix-socket m \
	    -d '{}' http://localhost/api/info
	equal "$output" 404
	run -76 dnot-sub c
	stop_server
}

@test "a supervisor is told: READY, RELOADING, STOPPING" {
	config k '"log": "none"'
	python3 - >told <<-'END' 3>&- &
	import socket
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind("notify")
	while True:
	    text = s.recv(500).decode()
	    print(text, end="", flush=True)
	    if "STOPPING" in text:
	        break
	END
	wait_until test -e notify
	NOTIFY_SOCKET=$PWD/notify start_serve server --config conf.json
	wait_until grep -q READY=1 told
	kill -HUP "$SERVER_PID"
	wait_until grep -q RELOADING=1 told
	wait_until grep -q MONOTONIC_USEC= told
	stop_server
	wait_until grep -q STOPPING=1 told
}

@test "a socket that a supervisor opened is used" {
	python3 - >address 3>&- <<-'END' &
	import os, socket
	s = socket.socket()
	s.bind(("127.0.0.1", 0))
	s.listen()
	os.dup2(s.fileno(), 3)
	os.set_inheritable(3, True)
	print("http://127.0.0.1:%d" % s.getsockname()[1], flush=True)
	os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
	os.execvp("dnot-serve", ["dnot-serve", "--dev", "--log", "none",
	    "--threads", "2"])
	END
	echo $! >adopted.pid
	wait_until test -s address
	DNOT_URL=$(<address)
	export DNOT_URL
	run -0 dnot-pub c -m x --report
	equal "$(json .offset)" 1
	kill -TERM "$(<adopted.pid)"
	wait_until _gone "$(<adopted.pid)"
}

@test "SIGHUP: a good file is taken, a bad one refused whole" {
	config k '"log": "none"'
	start_serve server --config conf.json --threads 2
	export DNOT_KEY=k
	run -65 dnot-pub new:c -m x
	has "$output" 102
	jq '.tenants.t.namespaces.new = {}' conf.json >next && mv next conf.json
	kill -HUP "$SERVER_PID"
	wait_until grep -q 'configuration reloaded' server.err
	run -0 dnot-pub new:c -m x
	echo nonsense >conf.json
	kill -HUP "$SERVER_PID"
	wait_until grep -q 'reload refused' server.err
	run -0 dnot-pub new:c -m x
	stop_server
}

@test "SIGHUP: who came by a key that is gone is closed" {
	config k '"log": "none"'
	start_serve server --config conf.json
	export DNOT_KEY=k
	start_sub sub c
	config other '"log": "none"'
	kill -HUP "$SERVER_PID"
	reap sub 77
	run -77 dnot-pub c -m x
	DNOT_KEY=other run -0 dnot-pub c -m x
	stop_server
}

@test "--issue-token names its tenant and is taken" {
	config k '"log": "none"'
	printf 'a secret that is long enough for HMAC' >hmac
	jq '.tenants.t.token_hmac_secret_file = "hmac" | .tenants.u = .tenants.t
	    | .tenants.u.api_keys = [] | .tenants.t.namespaces."".allow_subscribe_for_client = true' \
	    conf.json >next && mv next conf.json
	run -64 dnot-serve --config conf.json --tenant t \
	    --issue-token '{"sub":"ann","tenant":"u"}'
	run -64 dnot-serve --config conf.json --tenant t --issue-token '[]'
	dnot-serve --config conf.json --tenant t \
	    --issue-token '{"sub":"ann"}' >token
	start_serve server --config conf.json
	start_sub sub c --token-file token -c 1
	DNOT_KEY=k run -0 dnot-pub c -m x
	reap sub 0
	stop_server
}

@test "two signals at once end it in order" {
	start_server --threads 3
	kill -TERM "$SERVER_PID"
	kill -TERM "$SERVER_PID"
	reap server 0
}

@test "connections are counted for each tenant, over all loops and reloads" {
	config k '"log": "none"'
	jq --arg sha "$(key_sha other)" '.tenants.t.limits.connections = 2
	    | .tenants.u = .tenants.t
	    | .tenants.u.api_keys[0].sha256 = $sha' conf.json >next
	mv next conf.json
	start_serve server --config conf.json --threads 2
	DNOT_KEY=other start_sub theirs c
	export DNOT_KEY=k
	start_sub one c
	start_sub two c
	run -69 dnot-sub c
	has "$output" 503
	kill -HUP "$SERVER_PID"
	wait_until grep -q 'configuration reloaded' server.err
	run -69 dnot-sub c
	end one
	start_sub three c
	DNOT_KEY=other run -0 dnot-pub c -m x
	stop_server
}

@test "a client with a token counts, too: 3504" {
	config k '"log": "none"'
	printf 'a secret that is long enough for HMAC' >hmac
	jq '.tenants.t.token_hmac_secret_file = "hmac"
	    | .tenants.t.limits.connections = 1
	    | .tenants.t.namespaces."".allow_subscribe_for_client = true' \
	    conf.json >next && mv next conf.json
	dnot-serve --config conf.json --tenant t \
	    --issue-token '{"sub":"ann"}' >token
	start_serve server --config conf.json
	start_sub one c --token-file token
	run ! dnot-sub c --token-file token -W 2
	has "$output" 3504
	end one
	start_sub two c --token-file token
	stop_server
}

@test "keys without effect are named at the start" {
	config k '"log": "none"'
	jq '.tenants.t.namespaces."".group_lease = "9s"' conf.json >next
	mv next conf.json
	start_serve server --config conf.json
	wait_until grep -q 'without effect.*group_lease' server.err
	stop_server
	start_serve dev --dev --log none --listen 127.0.0.1:0
	end dev
	run ! grep -q 'without effect' dev.err
}
