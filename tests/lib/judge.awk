# SPDX-License-Identifier: MIT
#
# judge.awk: reads TAP and says what went wrong in it. -v status= is how the
# program ended, -v counts= a file for the two numbers: passed, failed. What is
# skipped or to do is a failure, and so are a plan that was not kept and a
# program that ended badly without naming a test.
function lost(why)
{
	failed++
	print "  " why
}

/^1\.\.[0-9]+/ {
	plan = substr($1, 4) + 0
	planned = 1
	next
}

/^(not )?ok / {
	ran++
	show = 0
}

/^(not )?ok .*# *([Ss][Kk][Ii][Pp]|[Tt][Oo][Dd][Oo])/ {
	lost("not run: " $0)
	next
}

/^ok / {
	passed++
	next
}

/^not ok / {
	lost($0)
	show = 1
	next
}

show && /^#/ {
	print "    " $0
}

END {
	if (!planned || plan != ran)
		lost("ran " ran + 0 " of " (planned ? plan : "?"))
	if (status != 0 && !failed)
		lost("ended with " status)
	print passed + 0, failed + 0 >counts
}
