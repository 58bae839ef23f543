/* SPDX-License-Identifier: MIT */
/* What the fuzzer of event_id found stays found. */
#include "../fuzz/fuzz_event_id.c"

#include "corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/event_id");
	return tap_done();
}
