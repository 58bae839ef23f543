# dnot: one library, five programs. `make help` lists the targets.
PROGRAMS := dnot-serve dnot-pub dnot-sub dnot-sweep dnot-latency

PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= release

# Variants: release (in build/bin), debug, asan, tsan.
CFLAGS_release := -O2 -g
CFLAGS_debug   := -O0 -g3
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined \
                  -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
ifeq ($(CFLAGS_$(V)),)
$(error V=$(V) is no variant: release, debug, asan, tsan)
endif

PKGS     := libuv sqlite3 jansson libcrypto
PC       := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS     := -Wl,--as-needed $(shell pkg-config --libs $(PKGS) 2>/dev/null) \
            -lwslay -lhttp_parser -ljq -lpthread -lm
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wvla \
            $(if $(CI)$(WERROR),-Werror)
CFLAGS   ?=
ALL_CFLAGS := -std=gnu11 $(CFLAGS_$(V)) $(WARN) -MMD -MP -Ilib $(PC) $(CFLAGS)

OUT  := build/$(V)
BIN  := $(if $(filter release,$(V)),build/bin,$(OUT)/bin)
LIB  := $(OUT)/libdnot.a

LIB_SRC   := $(wildcard lib/*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(OUT)/%.o)
CMD_SRC   := $(wildcard cmd/*/*.c)
BINARIES  := $(PROGRAMS:%=$(BIN)/%)
UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(OUT)/unit/%)

all: $(BINARIES)

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

$(OUT)/unit/%: tests/unit/%.c tests/unit/tap.h $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/unit -o $@ $< $(LIB) $(LIBS)

unit: $(UNIT_BIN)

.PHONY: all unit
-include $(LIB_OBJ:.o=.d) $(CMD_SRC:%.c=$(OUT)/%.d) $(UNIT_BIN:=.d)
