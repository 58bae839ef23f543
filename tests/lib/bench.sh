#!/bin/bash
# SPDX-License-Identifier: MIT
#
# bench.sh: runs the benchmarks in tests/bench and measures a server of its own
# with dnot-latency. Figures, no verdict: compare ratios, not rates.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PWD/build/bin:$PATH
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT

for program in build/release/bench/bench_*; do
	[[ -x $program && ! -d $program ]] || continue
	echo "== $(basename "$program")"
	"$program"
done

mkfifo "$work/ready"
dnot-serve --dev --listen 127.0.0.1:0 --log "sqlite:$work/log.db" \
    --ready-fd 3 3>"$work/ready" 2>"$work/serve.err" &
server=$!
read -r address <"$work/ready"
export DNOT_URL=http://$address

# load SUBSCRIBERS CHANNELS RATE
load()
{
	echo "== dnot-latency: $1 subscribers on $2 channels, $3 records/s"
	# An objective missed is a figure as well.
	dnot-latency --subscribers "$1" --channels "$2" --rate "$3" \
	    --duration 5s || [[ $? -eq 1 ]]
}
load 1 1 1000
load 100 1 100
load 1000 1 20
load 1000 1000 1000
