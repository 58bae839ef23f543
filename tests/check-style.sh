#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-style.sh [FOLDER]: the rules about source text that a tool can check,
# as TAP, for the tree in FOLDER (this one). Offenders are named as file:line.
set -u
shopt -s lastpipe # rule counts in this shell
cd "${1:-$(dirname "$0")/..}" || exit 70
export LC_ALL=C.UTF-8
n=0

# Reads offenders from stdin; none is a pass.
rule()
{
	local found

	n=$((n + 1))
	found=$(cat)
	if [[ -z $found ]]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# ${found//$'\n'/$'\n'# }"
	fi
}

files()
{
	find lib cmd tests -name node_modules -prune -o -type f \
	    \( "$@" \) -print | LC_ALL=C sort
}

mapfile -t c < <(files -name '*.[ch]')
mapfile -t scripts < <(files -name '*.sh' -o -name '*.bash' -o -name '*.bats')
scripts+=(.ci/run)

echo "TAP version 13"
[[ ${#c[@]} -gt 0 ]] || echo "no C file found" | rule "there is something"

# A function is what stands between "{" and "}" in the first column.
awk '/^{$/ { start = FNR }
	/^}$/ && start {
		if (FNR - start - 1 > 70)
			print FILENAME ":" start ": " FNR - start - 1
		start = 0
	}' "${c[@]}" | rule "functions have at most 70 lines"

awk 'FNR == 801 { print FILENAME }' "${c[@]}" |
	rule "files have at most 800 lines"

for file in "${c[@]}"; do
	expand "$file" | grep -nE '^.{81}' | sed "s|^|$file:|" | cut -c1-120
done | rule "lines have at most 80 columns"

awk 'FNR == 1 && $0 != "/* SPDX-License-Identifier: MIT */" {
		print FILENAME
	}' "${c[@]}" | rule "C files begin with their licence"

for file in "${scripts[@]}"; do
	head -n 2 "$file" | grep -qx '# SPDX-License-Identifier: MIT' ||
		echo "$file"
done | rule "scripts begin with their licence"

# "/*" and " * name: what for" below the licence; a short .c needs no story.
for file in "${c[@]}"; do
	case $file in
	*.h) name=$(basename "$file" .h) ;;
	lib/*.c | cmd/*.c)
		(($(wc -l <"$file") > 100)) || continue
		name=
		;;
	*) continue ;;
	esac
	sed -n 2,3p "$file" | tr '\n' '|' | grep -q "^/\*| \* $name" ||
		echo "$file"
done | rule "files open with what they are for"

# The pure core: time, randomness and I/O are passed in.
for file in lib/*/*.[ch]; do
	case $file in
	lib/serve/* | lib/log/* | lib/tool/*) continue ;;
	esac
	grep -nE '#include <(uv|sqlite3|librdkafka/.*|jq|jv|curl/.*)\.h>' \
	    "$file" | sed "s|^|$file:|"
done | rule "the pure modules include no I/O library"

# Dependencies point one way (docs/ARCHITECTURE.md).
rank()
{
	case $1 in
	base) echo 0 ;;
	record | auth) echo 1 ;;
	wire | log) echo 2 ;;
	conf) echo 3 ;;
	hub) echo 4 ;;
	serve | session | api | web) echo 5 ;;
	tool) echo 2.5 ;;
	esac
}
grep -nE '^#include "[a-z]+/' lib/*/*.[ch] /dev/null |
	sed -E 's|^(lib/([a-z]+)/[^:]*:[0-9]+):#include "([a-z]+)/.*|\2 \3 \1|' |
	while read -r from to where; do
		[[ $from == "$to" || $(rank "$from")$(rank "$to") == 55 ]] ||
			awk "BEGIN { exit !($(rank "$to") < $(rank "$from")) }" ||
			echo "$where: $from includes $to"
	done | rule "each folder of lib includes those below it only"

grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${c[@]}" "${scripts[@]}" |
	grep -v '^tests/check-style.sh:' | rule "nothing is left for later"

grep -nE '^[^#]*\bsleep [0-9.]+' "${scripts[@]}" |
	grep -v '# a poll' |
	rule "scripts await conditions instead of sleeping"

grep -nE '[[:blank:]]+$' "${c[@]}" "${scripts[@]}" Makefile |
	rule "no blank at the end of a line"

lines=$(wc -l <Makefile)
if ((lines >= 150)); then echo "$lines"; fi |
	rule "the Makefile has less than 150 lines"

echo "1..$n"
