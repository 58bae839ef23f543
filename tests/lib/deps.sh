#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh SET...: installs the Debian packages of the sets that are missing,
# and says which. Where all is there it asks nothing of the network.
set -eu

packages()
{
	case $1 in
	build)
		echo gcc libc6-dev pkg-config libuv1-dev libsqlite3-dev \
		    libjansson-dev libssl-dev libwslay-dev \
		    libhttp-parser-dev libjq-dev libpcre2-dev zlib1g-dev
		;;
	demo) echo bash jq ;;
	test)
		echo bats parallel curl sqlite3 nodejs npm chromium \
		    procps mandoc shellcheck clang-format ca-certificates \
		    python3 python3-jsonschema
		;;
	fmt) echo clang-format ;;
	fuzz) echo clang ;;
	tidy) echo clang-tidy ;;
	*)
		echo "deps.sh: no such set: $1" >&2
		exit 64
		;;
	esac
}

# By dpkg, or by the program that it brings (npm also comes inside a newer
# nodejs package).
have()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
	    installed ] && return
	case $1 in
	lib* | zlib*) return 1 ;;
	nodejs) command -v node ;;
	*) command -v "$1" ;;
	esac >/dev/null
}

missing=
for set in "$@"; do
	for package in $(packages "$set"); do
		have "$package" || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
	if ! root=$(command -v sudo); then
		echo "deps.sh: neither root nor sudo; please install:$missing" >&2
		exit 77
	fi
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# $missing is a list of words, and $root may be none.
# shellcheck disable=SC2086
if ! { $root apt-get update -q &&
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
	    --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "deps.sh: could not install:$missing" >&2
	exit 69
fi
