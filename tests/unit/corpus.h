/* SPDX-License-Identifier: MIT */
/*
 * corpus: runs each file of tests/fuzz/corpus/NAME through a fuzz target, so
 * that what a fuzzer once found stays found. Unit tests run in the top folder.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bytes are in a block of exactly their size, so that a sanitizer sees
 * each read behind them. */
static inline bool corpus_file(const char *path)
{
	static uint8_t all[1 << 20];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t n;

	if (f == NULL)
		return false;
	n = fread(all, 1, sizeof(all), f);
	fclose(f);
	exact = malloc(n > 0 ? n : 1);
	if (exact == NULL)
		return false;
	memcpy(exact, all, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return true;
}

static inline void corpus_run(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	int ran = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		ran += corpus_file(path);
	}
	if (d != NULL)
		closedir(d);
	OK(ran > 0, folder);
}

#endif
