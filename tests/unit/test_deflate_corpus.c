/* SPDX-License-Identifier: MIT */
/* What the fuzzer of deflate found stays found. */
#include "../fuzz/fuzz_deflate.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/deflate");
	return tap_done();
}
