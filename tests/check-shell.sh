#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-shell.sh: shellcheck over every script, as TAP.
set -u
cd "$(dirname "$0")/.." || exit 70
mapfile -t scripts < <(find tests docs -name node_modules -prune -o \
    -type f \( -name '*.sh' -o -name '*.bash' -o -name '*.bats' \) -print |
	LC_ALL=C sort)
scripts+=(.ci/run)
n=0

echo "TAP version 13"
for script in "${scripts[@]}"; do
	n=$((n + 1))
	# bats runs each test in a subshell of its own making, and sets and
	# reads variables across files: what it does is not an error.
	if out=$(shellcheck -x -e SC1091,SC2030,SC2031,SC2034,SC2154,SC2314 \
	    "$script" 2>&1); then
		echo "ok $n - $script"
	else
		echo "not ok $n - $script"
		echo "# ${out//$'\n'/$'\n'# }"
	fi
done
echo "1..$n"
