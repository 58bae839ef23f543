#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check.sh [PART...]: runs tests and counts them; without a PART all of them.
#
#	style  rules about sources, manual pages, completions, scripts
#	unit   each tests/unit program
#	cli    tests/cli: each program as its users run it
#	net    tests/net: hostile clients, the SDK, a browser
#	asan   unit, cli and net again, built with ASan and UBSan
#	tsan   the units, and what runs on several loops, built with TSan
#
# Everything speaks TAP; each piece leaves build/check/PIECE.{tap,err}. A test
# that is skipped, a plan that was not kept and a program that ended badly are
# failures. The last line of stdout is "N passed, M failed"; exit is 1 when
# anything failed or nothing ran.
set -u
cd "$(dirname "$0")/../.." || exit 70
jobs=$(nproc)
out=build/check
rm -rf "$out"
mkdir -p "$out"

# Prints what went wrong in a piece and writes its two counts.
judge()
{
	local piece=$1 status=$2 seconds=$3 passed failed

	awk -v status="$status" -v counts="$out/$piece.count" \
	    -f tests/lib/judge.awk "$out/$piece.tap" >"$out/$piece.bad"
	read -r passed failed <"$out/$piece.count"
	printf '%-28s %5d passed %3d failed %5d s\n' "$piece" "$passed" \
	    "$failed" "$seconds"
	if ((failed > 0)); then
		head -n 200 "$out/$piece.bad"
		tail -n 20 "$out/$piece.err" | sed 's/^/    | /'
	fi
}

# piece NAME CMD...: one thing that speaks TAP.
piece()
{
	local name=$1 start=$SECONDS status=0

	shift
	"$@" >"$out/$name.tap" 2>"$out/$name.err" </dev/null || status=$?
	judge "$name" $status $((SECONDS - start))
}

# build VARIANT TARGET...: counts as one test.
build()
{
	local variant=$1 start=$SECONDS

	shift
	if make -s -k -j"$jobs" V="$variant" "$@" >"$out/build-$variant.err" 2>&1
	then
		echo "ok 1 - builds" >"$out/build-$variant.tap"
	else
		echo "not ok 1 - builds" >"$out/build-$variant.tap"
	fi
	echo "1..1" >>"$out/build-$variant.tap"
	judge "build-$variant" 0 $((SECONDS - start))
}

unit()
{
	local variant=$1 source name

	for source in tests/unit/test_*.c; do
		name=$(basename "$source" .c)
		while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
		piece "$variant-$name" timeout 240 \
		    "build/$variant/unit/$name" &
	done
	wait
}

# suite VARIANT FOLDER [BATS-ARG...]: bats, several files at a time.
suite()
{
	local variant=$1 folder=$2 bin=build/$1/bin files=$jobs

	shift 2
	[[ $variant != release ]] || bin=build/bin
	[[ -n $(ls "tests/$folder"/*.bats 2>/dev/null) ]] || return
	# Those of net wait more than they work.
	[[ $folder != net ]] || files=$((jobs + 1))
	DNOT_BIN=$PWD/$bin BATS_TEST_TIMEOUT=180 \
	    piece "$variant-$folder" bats --tap --timing --jobs "$files" \
	    --no-parallelize-within-files "$@" "tests/$folder"
}

format()
{
	local file n=0

	for file in lib/*/*.[ch] cmd/*/*.[ch] tests/*/*.[ch]; do
		n=$((n + 1))
		clang-format "$file" | diff -q - "$file" >/dev/null ||
			printf 'not '
		echo "ok $n - $file"
	done
	echo "1..$n"
}

part()
{
	case $1 in
	style)
		build release all
		piece style tests/check-style.sh
		piece format format
		piece scripts tests/check-shell.sh
		piece manual tests/check-man.sh
		;;
	unit)
		build release all unit
		unit release
		;;
	cli | net)
		build release all
		suite release "$1"
		;;
	asan)
		build asan all unit
		unit asan
		suite asan cli --filter-tags '!house'
		suite asan net
		;;
	tsan)
		build tsan all unit
		unit tsan
		suite tsan net --filter-tags threads
		;;
	*)
		echo "check.sh: no such part: $1" >&2
		exit 64
		;;
	esac
}

[[ $# -gt 0 ]] || set -- style unit cli net asan tsan
for name in "$@"; do
	part "$name"
done
cat "$out"/*.count | awk -v seconds=$SECONDS '
	{ passed += $1; failed += $2 }
	END {
		printf "%d s\n%d passed, %d failed\n", seconds, passed, failed
		exit failed > 0 || passed == 0
	}'
