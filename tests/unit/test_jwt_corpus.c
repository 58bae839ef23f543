/* SPDX-License-Identifier: MIT */
/* What the fuzzer of jwt found stays found. */
#include "../fuzz/fuzz_jwt.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/jwt");
	return tap_done();
}
