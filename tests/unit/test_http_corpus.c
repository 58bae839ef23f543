/* SPDX-License-Identifier: MIT */
/* What the fuzzer of http found stays found. */
#include "../fuzz/fuzz_http.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/http");
	return tap_done();
}
