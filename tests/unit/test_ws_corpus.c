/* SPDX-License-Identifier: MIT */
/* What the fuzzer of ws found stays found. */
#include "../fuzz/fuzz_ws.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/ws");
	return tap_done();
}
