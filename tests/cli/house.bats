#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The house itself: installing, and that the checks can fail.
# bats file_tags=house

load ../lib/dnot

@test "install and uninstall leave nothing behind" {
	local dest="$BATS_TEST_TMPDIR/a root" program

	cd "$DNOT_ROOT"
	make -s install "DESTDIR=$dest" PREFIX=/usr
	for program in serve pub sub sweep latency; do
		[[ -x $dest/usr/bin/dnot-$program ]]
		[[ -s $dest/usr/share/man/man1/dnot-$program.1 ]]
		[[ -s $dest/usr/share/bash-completion/completions/dnot-$program ]]
		[[ -s $dest/usr/share/zsh/site-functions/_dnot-$program ]]
		[[ -s $dest/usr/share/fish/vendor_completions.d/dnot-$program.fish ]]
	done
	run -0 "$dest/usr/bin/dnot-pub" --version
	has "$output" dnot-pub
	make -s uninstall "DESTDIR=$dest" PREFIX=/usr
	run -0 find "$dest" -type f
	equal "$output" ""
}

@test "an unknown variant is named" {
	run ! make -C "$DNOT_ROOT" -n V=fast
	has "$output" "V=fast is no variant"
}

@test "make help names each target that people need" {
	local target

	run -0 make -s -C "$DNOT_ROOT" help
	for target in all deps demo check fuzz bench install clean; do
		has "$output" "$target"
	done
}

# judged STATUS PASSED FAILED: counts TAP on stdin.
judged()
{
	run awk -v status="$1" -v counts=counts \
	    -f "$DNOT_ROOT/tests/lib/judge.awk"
	equal "$(<counts)" "$2 $3" "$output"
}

@test "the count: passes, failures, and what is neither" {
	judged 0 2 0 <<<$'1..2\nok 1 - a\nok 2 - b'
	judged 1 1 1 <<<$'1..2\nok 1 - a\nnot ok 2 - b'
	judged 0 1 1 <<<$'1..2\nok 1 - a\nok 2 - b # skip no network'
	judged 0 0 1 <<<$'1..1\nnot ok 1 - a # todo'
	judged 0 1 1 <<<$'1..2\nok 1 - a'
	judged 0 1 1 <<<$'ok 1 - a'
	judged 139 1 1 <<<$'1..1\nok 1 - a'
	judged 0 0 1 <<<''
}

# A tree with one offender for each rule, which must be found.
@test "the style rules find what they look for" {
	local tree=$BATS_TEST_TMPDIR/tree i

	mkdir -p "$tree"/{lib/base,cmd,tests,.ci}
	cd "$tree"
	printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\n' >.ci/run
	printf 'all:\n' >Makefile
	printf '/* SPDX-License-Identifier: MIT */\n/*\n * a: b\n */\n' >lib/base/a.h
	run -0 "$DNOT_ROOT/tests/check-style.sh" "$tree"
	run ! grep '^not ok' <<<"$output"

	{
		printf '/* SPDX-License-Identifier: MIT */\n/*\n * How.\n */\n'
		printf '#include <uv.h>\n#include "hub/hub.h"\n/* TO''DO */ \nint f(void)\n{\n'
		for i in {1..71}; do echo; done
		printf '}\n/* %s */\n' {1..40}{1..40} | tr '\n' ' '
		for i in {1..801}; do echo; done
	} >lib/base/b.c
	printf '}' >>lib/base/b.c
	sed -i 's/^} /}\n/' lib/base/b.c
	echo 'int x;' >lib/base/c.h
	printf '#!/bin/sh\nsleep 1\n' >tests/x.sh
	yes '#' | head -n 150 >>Makefile
	run -0 "$DNOT_ROOT/tests/check-style.sh" "$tree"
	run ! grep '^ok' <<<"$output"
}

# What deps.sh would do, with an apt that only tells.
fake_apt()
{
	mkdir -p fake
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\n' "$PWD" >fake/apt-get
	printf '#!/bin/sh\nexec "$@"\n' >fake/sudo
	cp fake/apt-get fake/wget
	chmod +x fake/*
}

@test "deps: where all is there, apt is not asked" {
	fake_apt
	PATH=$PWD/fake:$PATH run -0 "$DNOT_ROOT/tests/lib/deps.sh" build demo test
	equal "$output" ""
	[[ ! -e asked ]]
}

@test "deps: installs what is missing, and only that, and says so" {
	fake_apt
	cat >fake/dpkg-query <<-'END'
	#!/bin/sh
	[ "$4" = libuv1-dev ] || echo installed
	END
	chmod +x fake/dpkg-query
	PATH=$PWD/fake:$PATH run -0 "$DNOT_ROOT/tests/lib/deps.sh" build demo
	has "$output" "installing: libuv1-dev"
	run -0 cat asked
	has "$output" "update"
	has "$output" "libuv1-dev"
	[[ $output != *sqlite* ]]
}

@test "deps: an apt that fails is told, with its last words" {
	fake_apt
	printf '#!/bin/sh\n' >fake/dpkg-query
	printf '#!/bin/sh\necho "no such mirror"\nexit 100\n' >fake/apt-get
	chmod +x fake/*
	PATH=$PWD/fake:$PATH run -69 "$DNOT_ROOT/tests/lib/deps.sh" build
	has "$output" "no such mirror"
	has "$output" "could not install"
}
