#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fuzz.sh: runs each fuzzer for FUZZ_SECONDS (60) with clang's libFuzzer, ASan
# and UBSan, starting from tests/fuzz/corpus/NAME, and says what it covered.
# New inputs stay in build/fuzz/corpus; a crash is left there as well.
set -u
cd "$(dirname "$0")/../.." || exit 70
seconds=${FUZZ_SECONDS:-60}
status=0

make -s -j"$(nproc)" V=fuzz fuzz-programs || exit 70
for program in build/fuzz/fuzz/fuzz_*; do
	[[ -x $program && ! -d $program ]] || continue
	name=$(basename "$program")
	name=${name#fuzz_}
	found=build/fuzz/corpus/$name
	mkdir -p "$found"
	seeds=tests/fuzz/corpus/$name
	[[ -d $seeds ]] || seeds=
	# shellcheck disable=SC2086 # may be none
	if ! "$program" -max_total_time="$seconds" -print_final_stats=1 \
	    -artifact_prefix="build/fuzz/$name-" -timeout=10 \
	    -rss_limit_mb=1024 "$found" $seeds >"build/fuzz/$name.log" 2>&1
	then
		status=1
		printf '%-10s FAILED\n' "$name"
		tail -n 30 "build/fuzz/$name.log"
		continue
	fi
	awk -v name="$name" '
		/ cov: / { cov = $4; ft = $6 }
		/number_of_executed_units/ { n = $2 }
		END { printf "%-10s %9d inputs, %5d edges, %6d features\n",
			name, n, cov, ft }' "build/fuzz/$name.log"
done
exit $status
