/* SPDX-License-Identifier: MIT */
/* What the fuzzer of conf found stays found. */
#include "../fuzz/fuzz_conf.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/conf");
	return tap_done();
}
