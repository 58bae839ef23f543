# SPDX-License-Identifier: MIT
# dnot: one library, five programs. `make help` lists the targets.
PROGRAMS := dnot-serve dnot-pub dnot-sub dnot-sweep dnot-latency

PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= release

# Variants: release (in build/bin), debug, asan, tsan; fuzz is for clang.
CFLAGS_release := -O2 -g
CFLAGS_debug   := -O0 -g3
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined \
                  -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=undefined
ifeq ($(CFLAGS_$(V)),)
$(error V=$(V) is no variant: release, debug, asan, tsan, fuzz)
endif
CC := $(if $(filter fuzz,$(V)),clang,$(CC))

PKGS     := libuv sqlite3 jansson libcrypto libpcre2-8 zlib
PC       := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS     := -Wl,--as-needed $(shell pkg-config --libs $(PKGS) 2>/dev/null) \
            -lwslay -lhttp_parser -ljq -lpthread -lm
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wvla \
            $(if $(CI)$(WERROR),-Werror)
LANG_C   := -std=gnu11 -D_GNU_SOURCE -Ilib $(PC)
ALL_CFLAGS := $(LANG_C) $(CFLAGS_$(V)) $(WARN) -MMD -MP $(CFLAGS)

OUT  := build/$(V)
BIN  := $(if $(filter release,$(V)),build/bin,$(OUT)/bin)
LIB  := $(OUT)/libdnot.a
LIB_SRC   := $(wildcard lib/*/*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(OUT)/%.o)
CMD_SRC   := $(wildcard cmd/*/*.c)
BINARIES  := $(PROGRAMS:%=$(BIN)/%)
UNIT_BIN  := $(patsubst tests/%.c,$(OUT)/%,$(wildcard tests/unit/test_*.c))
BENCH_BIN := $(patsubst tests/%.c,$(OUT)/%,$(wildcard tests/bench/bench_*.c))
FUZZ_BIN  := $(patsubst tests/%.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
C_FILES   := $(wildcard lib/*/*.[ch] cmd/*/*.[ch] tests/*/*.[ch])

all: $(BINARIES) ## the programs, in build/bin (V=debug|asan|tsan: another)

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

define program_rule
$(BIN)/$(1): $(patsubst %.c,$(OUT)/%.o,$(wildcard cmd/$(1)/*.c)) $(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

# Each test, bench and fuzzer is one file.
$(OUT)/fuzz/%: LDFLAGS += -fsanitize=fuzzer
$(UNIT_BIN) $(BENCH_BIN) $(FUZZ_BIN): $(OUT)/%: tests/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/unit $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

unit: $(UNIT_BIN) ## the unit tests' programs
bench-programs: $(BENCH_BIN)
fuzz-programs: $(FUZZ_BIN)

deps: ## installs the Debian packages that the build needs, where missing
	@tests/lib/deps.sh build

demo: ## the whole story with real processes, verified; under two minutes
	@tests/lib/deps.sh build demo
	@$(MAKE) --no-print-directory -s -j$(shell nproc) all
	@tests/demo/demo.sh

check: ## every test, plain and with sanitizers; the last line counts them
	@tests/lib/deps.sh build demo test
	@tests/lib/check.sh

check-style check-unit check-cli check-net asan tsan: ## a part
	@tests/lib/deps.sh build demo test
	@tests/lib/check.sh $(@:check-%=%)

fuzz: ## FUZZ_SECONDS=60 for each fuzzer, with clang
	@tests/lib/deps.sh build fuzz
	@tests/lib/fuzz.sh

bench: ## the benchmarks; figures, no verdict
	@tests/lib/deps.sh build demo
	@$(MAKE) --no-print-directory -s -j$(shell nproc) all bench-programs
	@tests/lib/bench.sh

fmt: ## formats the C files (clang-format 14)
	@tests/lib/deps.sh fmt
	clang-format -i $(C_FILES)

fmt-check: ## fails where fmt would change something
	@tests/lib/deps.sh fmt
	clang-format --dry-run -Werror $(C_FILES)

tidy: ## clang-tidy over lib and cmd (.clang-tidy)
	@tests/lib/deps.sh build tidy
	clang-tidy --quiet $(LIB_SRC) $(CMD_SRC) -- $(LANG_C)

completions: all ## rewrites completions/ from the option tables
	for p in $(PROGRAMS); do \
	    $(BIN)/$$p --completion bash >completions/bash/$$p && \
	    $(BIN)/$$p --completion zsh >completions/zsh/_$$p && \
	    $(BIN)/$$p --completion fish >completions/fish/$$p.fish || exit; \
	done

DEST := $(DESTDIR)$(PREFIX)
MAN  := share/man/man1
BASH := share/bash-completion/completions
ZSH  := share/zsh/site-functions
FISH := share/fish/vendor_completions.d
install: all ## PREFIX= (/usr/local) DESTDIR=: programs, manual, completions
	install -d $(foreach d,bin $(MAN) $(BASH) $(ZSH) $(FISH),"$(DEST)/$d")
	install -m 755 $(BINARIES) "$(DEST)/bin"
	install -m 644 $(PROGRAMS:%=man/%.1) "$(DEST)/$(MAN)"
	install -m 644 $(PROGRAMS:%=completions/bash/%) "$(DEST)/$(BASH)"
	install -m 644 $(PROGRAMS:%=completions/zsh/_%) "$(DEST)/$(ZSH)"
	install -m 644 $(PROGRAMS:%=completions/fish/%.fish) "$(DEST)/$(FISH)"

uninstall: ## removes what install put there
	cd "$(DEST)" && rm -f $(PROGRAMS:%=bin/%) $(PROGRAMS:%=$(MAN)/%.1) \
	    $(PROGRAMS:%=$(BASH)/%) $(PROGRAMS:%=$(ZSH)/_%) \
	    $(PROGRAMS:%=$(FISH)/%.fish)

VERSION = $(shell sed -n 's/^.define DN_VERSION "\(.*\)"/\1/p' lib/base/base.h)
dist: ## build/dnot-VERSION.tar.gz of the last commit
	mkdir -p build
	git archive --prefix=dnot-$(VERSION)/ -o build/dnot-$(VERSION).tar.gz HEAD

clean: ## removes build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	    while IFS='|' read -r t d; do printf '%-12s %s\n' "$$t" "$$d"; done

.PHONY: all unit bench-programs fuzz-programs deps demo check check-style \
	check-unit check-cli check-net asan tsan fuzz bench fmt \
	fmt-check tidy completions install uninstall dist clean help
-include $(LIB_OBJ:.o=.d) $(CMD_SRC:%.c=$(OUT)/%.d) \
	$(patsubst %,%.d,$(UNIT_BIN) $(BENCH_BIN) $(FUZZ_BIN))
