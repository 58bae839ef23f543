/* SPDX-License-Identifier: MIT */
/* What the fuzzer of ere found stays found. */
#include "../fuzz/fuzz_ere.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/ere");
	return tap_done();
}
