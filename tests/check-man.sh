#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-man.sh: flags, manual pages and completions tell the same, as TAP. The
# programs' hidden --options is the truth: it is made from the table that
# parses the command line.
set -u
cd "$(dirname "$0")/.." || exit 70
bin=${DNOT_BIN:-build/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

ok()
{
	local status=$1

	shift
	n=$((n + 1))
	if ((status == 0)); then
		echo "ok $n - $*"
	else
		echo "not ok $n - $*"
		sed 's/^/# /' "$work/why"
	fi
}

# The flags that a page describes, from ".It Fl c , Fl -count Ar N".
man_flags()
{
	awk '/^\.It Fl / {
		for (i = 2; i < NF; i++)
			if ($i == "Fl") {
				flag = $(i + 1)
				sub(/^\\-/, "-", flag)
				print "-" flag
			}
	}' "$1"
}

echo "TAP version 13"
for program in dnot-serve dnot-pub dnot-sub dnot-sweep dnot-latency; do
	page=man/$program.1
	"$bin/$program" --options 2>"$work/why" | LC_ALL=C sort -u \
	    >"$work/options"
	[[ -s $work/options ]]
	ok $? "$program --options lists its flags"

	man_flags "$page" | LC_ALL=C sort -u >"$work/man"
	diff "$work/options" "$work/man" >"$work/why" &&
		[[ -s $work/man ]]
	ok $? "$page describes exactly the flags (< program, > page)"

	"$bin/$program" --help >"$work/help" 2>&1
	while read -r flag; do
		grep -qE -- "(^|[ ,])$flag([ ,=]|\$)" "$work/help" ||
			echo "$flag"
	done <"$work/options" >"$work/why"
	[[ ! -s $work/why ]]
	ok $? "$program --help names each flag"

	mandoc -T lint -W warning "$page" >"$work/why" 2>&1
	ok $? "$page has no warning from mandoc"

	"$bin/$program" --version >"$work/why" 2>&1 &&
		grep -qE "^$program [0-9]+\.[0-9]+\.[0-9]+" "$work/why"
	ok $? "$program --version names itself and a version"

	for shell in bash:completions/bash/$program \
	    zsh:completions/zsh/_$program \
	    fish:completions/fish/$program.fish; do
		"$bin/$program" --completion "${shell%%:*}" 2>&1 |
			diff - "${shell#*:}" >"$work/why" 2>&1
		ok $? "${shell#*:} is up to date (make completions)"
	done
done
echo "1..$n"
