# Cadre. One Makefile, not recursive; `make help` says what it does.
#
# It is read twice. The first time it only looks for missing packages (tools/setup.sh),
# because nothing may be asked of a machine that has no compiler yet. Then it calls itself
# for the work, and adds up what the tests and checks reported (tools/tally.sh).
#
#   build/FLAVOUR/    objects, libraries, programs
#   build/results/    one file for each test program or check: passed, failed, skipped
#   build/log/        what it printed

GOALS := $(or $(MAKECMDGOALS),all)

ifndef CADRE_READY

# Those that end with a line `N passed, N failed`, and go on after a failure.
COUNTED := $(filter check check-long test unit api sim stress fault mc asan tsan debug \
    clang aarch64 cover static layers headers symbols public ifdefs style format-check \
    analyze analyzer tidy cppcheck tools-test compare-test install-test docs-test \
    instructions fuzz injected \
    examples,$(GOALS))

.PHONY: $(GOALS) session
$(GOALS): session ; @:
# One job more than CPUs: tests also wait.
WORK = $(MAKE) --no-print-directory CADRE_READY=1 $(GOALS) \
    $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell expr $$(nproc) + 1))
session:
	@tools/setup.sh $(GOALS) $(if $(filter 1,$(INSTALL)),peers)
ifeq ($(COUNTED),)
	@+$(WORK)
else
	@mkdir -p build
	@+exec 9>build/lock; \
	flock -n 9 || { echo "waiting for the other make in this folder"; flock 9; }; \
	rm -rf build/results; $(WORK) -k; tools/tally.sh $$?
endif

else

# ---- what there is -------------------------------------------------------------------

# What is generated in a loop needs one between.
define newline


endef

# What needs a library from outside is a library of its own; without it, it is left out,
# with all that includes one of its headers. Of each part: its sources, what it is linked
# with, which other parts it needs, and who uses it. Whoever needs another one stands
# before it.
ALL_PARTS := redis postgres sqlite json http tls io
users = $(shell grep -lE '$(1)' tests/*/*.c tests/*/*/*.c bench/*.c examples/*.c examples/*/*.c)
# Without state, so that each part has its own copy.
COPIED := runtime/base/panic.c runtime/base/thread.c
COPIED_sql := actors/sql/table.c actors/body.c actors/rows.c actors/nudge.c

LIBS_io := $(shell pkg-config --libs libuv 2>/dev/null)
UV_CFLAGS := $(shell pkg-config --cflags-only-I libuv 2>/dev/null)
SOURCES_io := $(if $(LIBS_io),$(wildcard runtime/io/*.c actors/io/*.c actors/resp/*.c) actors/rows.c actors/text.c $(COPIED))
USERS_io := $(call users,cadre/actors/(changes|resp)\.h|(^|")resp/[a-z]*\.h|cadre/(tcp|udp|unix|stream|process|signal|ready|tls|descriptor|terminal)\.h|support/(sockets|serving|packets|starting|using)\.h|io/.*\.h)
WITHOUT_io := no libuv: without sockets

LIBS_tls := $(shell pkg-config --libs 'openssl >= 3' 2>/dev/null)
OPENSSL_CFLAGS := $(shell pkg-config --cflags-only-I openssl 2>/dev/null)
SOURCES_tls := $(if $(LIBS_io),$(if $(LIBS_tls),$(wildcard runtime/tls/*.c) runtime/base/panic.c))
NEEDS_tls := io
USERS_tls := $(call users,cadre/tls\.h|support/tls\.h)
WITHOUT_tls := no OpenSSL 3, or no libuv: without TLS

# llhttp: its C sources, or a library that is strict as it is (older ones are if they were
# built so, which nobody can see).
LLHTTP_SOURCES := $(wildcard /usr/share/llhttp/llhttp.c /usr/share/llhttp/api.c /usr/share/llhttp/http.c)
LLHTTP := $(shell pkg-config --libs 'libllhttp >= 9' 2>/dev/null)
FOREIGN_http := $(if $(LLHTTP),,$(LLHTTP_SOURCES:/usr/share/%.c=%))
LLHTTP_CFLAGS := $(if $(FOREIGN_http),-isystem /usr/share/include/llhttp,$(shell \
    pkg-config --cflags-only-I libllhttp 2>/dev/null))
# And for WebSockets wslay, which has no .pc file.
WSLAY := $(if $(wildcard /usr/include/wslay/wslay.h /usr/local/include/wslay/wslay.h),-lwslay)
# For HTTP/2 nghttp2: from 1.46 on it judges all fields of a request.
NGHTTP2 := $(shell pkg-config --libs 'libnghttp2 >= 1.46' 2>/dev/null)
NGHTTP2_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libnghttp2 2>/dev/null))
LIBS_http := $(LLHTTP) $(WSLAY) $(NGHTTP2)
SOURCES_http := $(if $(LIBS_io),$(if $(LLHTTP)$(FOREIGN_http),$(filter-out \
    $(if $(WSLAY),%/websocket_none.c,%/websocket.c %/frames.c) \
    $(if $(NGHTTP2),%/h2_none.c,$(filter-out %/h2_none.c %/h2_head.c,$(wildcard actors/http/h2*.c))), \
    $(wildcard actors/http/*.c))))
NEEDS_http := io
USERS_http := $(call users,cadre/(actors/)?http[a-z_]*\.h|support/(web|fetching|others)\.h|http/.*\.h)
WITHOUT_http := no llhttp, or no libuv: without HTTP

LIBS_json := $(shell pkg-config --libs 'jansson >= 2.11' 2>/dev/null)
SOURCES_json := $(if $(SOURCES_http),$(if $(LIBS_json),$(wildcard actors/json/*.c)))
NEEDS_json := http
USERS_json := $(call users,jansson\.h|cadre/actors/http_json\.h)
WITHOUT_json := no jansson, or no HTTP: without JSON

LIBS_sqlite := $(shell pkg-config --libs sqlite3 2>/dev/null)
SOURCES_sqlite := $(if $(LIBS_sqlite),$(wildcard actors/sqlite/*.c) $(COPIED_sql))
USERS_sqlite := $(call users,cadre/actors/sqlite\.h|support/querying\.h)
WITHOUT_sqlite := no SQLite: without its databases

LIBS_postgres := $(shell pkg-config --libs libpq 2>/dev/null)
PQ_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libpq 2>/dev/null))
SOURCES_postgres := $(if $(LIBS_io),$(if $(LIBS_postgres),$(wildcard actors/postgres/*.c) $(COPIED_sql)))
NEEDS_postgres := io
USERS_postgres := $(call users,cadre/actors/postgres\.h|support/(postgres|database)\.h|postgres/convert\.h)
WITHOUT_postgres := no libpq, or no libuv: without PostgreSQL

LIBS_redis := $(shell pkg-config --libs-only-l hiredis 2>/dev/null)
HIREDIS_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I hiredis 2>/dev/null))
COPIED_redis := actors/body.c actors/rows.c actors/nudge.c actors/http/bytes.c
SOURCES_redis := $(if $(LIBS_io),$(if $(LIBS_redis),$(wildcard actors/redis/*.c) $(COPIED_redis)))
NEEDS_redis := io
USERS_redis := $(call users,cadre/actors/redis\.h|support/redis[a-z]*\.h)
WITHOUT_redis := no hiredis, or no libuv: without Redis

PARTS := $(foreach p,$(ALL_PARTS),$(if $(SOURCES_$(p)),$(p)))
LEFT_OUT := $(foreach p,$(filter-out $(PARTS),$(ALL_PARTS)),$(USERS_$(p)))
OUTSIDE := $(foreach p,$(PARTS),$(LIBS_$(p)))
not_left_out = $(filter-out $(basename $(LEFT_OUT)),$(1))
RUNTIME := $(filter-out runtime/io/% runtime/tls/%,$(wildcard runtime/*/*.c))
ACTORS := $(wildcard actors/*.c)
BENCHES := $(patsubst bench/%,%,$(call not_left_out,$(basename $(wildcard bench/*.c))))
BENCHED := $(if $(K),$(foreach b,$(BENCHES),$(if $(findstring $(K),$(b)),$(b))),$(BENCHES))
HARNESS := $(wildcard bench/harness/*.c)
# An example is one file, or a folder with all its files.
EXAMPLES := $(patsubst examples/%,%,$(call not_left_out,$(basename $(wildcard examples/*.c))) \
    $(patsubst %/,%,$(filter-out $(dir $(LEFT_OUT)), \
    $(sort $(dir $(wildcard examples/*/*.c))))))
# Each of these is a program with its own main; K=text keeps those with it in their name.
programs = $(foreach t,$(call not_left_out,$(basename $(wildcard $(1)))),$(if $(findstring $(or $(K),/),$(t)),$(t)))
TESTS_unit := $(call programs,tests/unit/*/test_*.c)
TESTS_api := $(call programs,tests/api/test_*.c tests/api/test_*.cc)
TESTS_sim := $(call programs,tests/sim/*.c)
TESTS_stress := $(call programs,tests/stress/*.c)
TESTS_fault := $(call programs,tests/fault/*.c)
FUZZERS := $(filter-out $(if $(WSLAY),,tests/fuzz/websocket) $(if $(LIBS_sqlite),,tests/fuzz/reads), \
    $(call programs,tests/fuzz/*.c))
# What several of them share.
SUPPORT := $(filter-out $(LEFT_OUT),$(wildcard tests/support/*.c))

VERSION := $(shell awk '/define CADRE_VERSION_(MAJOR|MINOR|PATCH)/ \
    { v = v (v == "" ? "" : ".") $$3 } END { print v }' include/cadre/base.h)
SONAME := libcadre.so.$(firstword $(subst ., ,$(VERSION)))
soname = libcadre-$(1).so.$(firstword $(subst ., ,$(VERSION)))

# ---- how it is compiled --------------------------------------------------------------

GCC ?= gcc
GXX ?= g++
CLANG ?= clang
SYSROOT := build/sysroot-arm64

# Warnings are errors with the compilers of Debian 12 only: a newer compiler must give its
# user a library with a warning, not none.
WERROR_gcc := $(if $(filter 12 12.%,$(shell $(GCC) -dumpversion 2>/dev/null)),-Werror)
WERROR_clang := $(if $(filter 14.%,$(shell $(CLANG) -dumpversion 2>/dev/null)),-Werror)
WARN := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wundef
WARN_C := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
# Concurrency Kit: its headers, nothing is linked. Its other flags name the machine, which
# the compiler knows better when it builds for another one.
CK := $(shell pkg-config --cflags-only-I ck 2>/dev/null)
CMOCKA := $(shell pkg-config --libs cmocka 2>/dev/null)

# What the files of each folder see. Ready-made actors and examples see what a user sees;
# unit tests look inside.
SEES_runtime := $(CK) $(UV_CFLAGS) $(OPENSSL_CFLAGS) -Iruntime -Iinclude -fvisibility=hidden -Wconversion
SEES_actors := $(LLHTTP_CFLAGS) $(NGHTTP2_CFLAGS) $(PQ_CFLAGS) $(HIREDIS_CFLAGS) -Iinclude -fvisibility=hidden -Wconversion
SEES_examples := -Iinclude
SEES_bench := $(UV_CFLAGS) -Iinclude -Ibench
SEES_tests = -Iinclude -Itests $(OPENSSL_CFLAGS) $(if $(filter tests/unit/% tests/fuzz/%,$<), \
    $(CK) $(LLHTTP_CFLAGS) $(PQ_CFLAGS) -Iruntime -Iactors) \
    $(if $(filter tests/sanitizers/%,$<),-fno-sanitize=all)

# Tests that do not look inside judge the library: they themselves are compiled quickly.
is_outside = $(filter tests/api/% tests/sim/% tests/fault/% tests/support/%,$<)

LONGER := $(if $(LONG)$(filter check-long,$(GOALS)),-long)
ANALYZER := analyzer$(LONGER)
FLAVOURS := release shared clang debug tsan asan fuzz cover $(ANALYZER) aarch64
CC_release := $(GCC)
FLAGS_release := -O2 -g $(WERROR_gcc)
QUICK_release := -O1 -g1
# The same as a shared library: the API tests run against both, the same objects.
CC_shared := $(GCC)
FLAGS_shared := -O2 -g -fPIC $(WERROR_gcc)
TESTS_OF_shared := release
CC_clang := $(CLANG)
FLAGS_clang := -O2 $(WERROR_clang)
QUICK_clang := -O0
# By clang, so that make check has it without one more.
CC_debug := $(CLANG)
FLAGS_debug := -O2 -g1 -DRT_DEBUG $(WERROR_clang)
QUICK_debug := -O0 -g1
# ThreadSanitizer does not see Concurrency Kit's assembly, hence the forced header. By clang,
# where its library is there as a shared one, which tests need that stand before a function
# of the C library: it takes two thirds of the time of what gcc has before 13. And gcc warns
# that it ignores fences, which order nothing here that an operation does not.
TSAN_LIBRARY := $(wildcard $(shell $(CLANG) -print-file-name=libclang_rt.tsan-$(shell uname -m).so 2>/dev/null))
CC_tsan := $(if $(TSAN_LIBRARY),$(CLANG),$(GCC))
FLAGS_tsan := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer $(if $(TSAN_LIBRARY),,-Wno-maybe-uninitialized)
QUICK_tsan := -O0
INSIDE_tsan := $(if $(TSAN_LIBRARY),,-Wno-tsan) -include tests/tsan/ck_tsan.h
RUNTIME_tsan := -Wl,--no-as-needed $(TSAN_LIBRARY) -Wl,-rpath,$(dir $(TSAN_LIBRARY)) -u sanitizer_first -u sanitizer_unmap
SUPPORT_tsan := $(if $(TSAN_LIBRARY),tests/sanitizers/first.c tests/sanitizers/unmap.c)
CC_asan := $(GCC)
FLAGS_asan := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -Wno-maybe-uninitialized
QUICK_asan := -O0
SUPPORT_asan := tests/sanitizers/first.c tests/sanitizers/unpoison.c
# Only what a target fuzzes is compiled so; what that needs comes from the debug build.
CC_fuzz := $(CLANG)
FLAGS_fuzz := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer $(WERROR_clang)
CC_cover := $(GCC)
FLAGS_cover := -O0 -g --coverage
# gcc's analyzer loses its way in optimised code. Only with LONG=1 it has all the patience
# that it has by itself.
CC_$(ANALYZER) := $(GCC)
FLAGS_$(ANALYZER) := -O0 -fanalyzer $(WERROR_gcc) \
    $(if $(LONGER),,--param analyzer-bb-explosion-factor=2)
CROSS_aarch64 := aarch64-linux-gnu-
CC_aarch64 := $(CROSS_aarch64)gcc
FLAGS_aarch64 := -O2 -g -isystem $(SYSROOT)/usr/include
NEEDS_aarch64 := $(SYSROOT)/complete
LIBS_aarch64 := -L$(SYSROOT)/usr/lib/aarch64-linux-gnu -lcmocka \
    -Wl,-rpath,$(CURDIR)/$(SYSROOT)/usr/lib/aarch64-linux-gnu
# Emulation is slow: never the long versions. And a program cannot start itself again.
RUN_aarch64 := env -u CADRE_LONG CADRE_EMULATED=1 qemu-aarch64 -L /usr/aarch64-linux-gnu

# A program finds the shared libraries in the build tree, also those that one of them
# needs: so by the old tag, which counts for these, too.
LIBRARY_shared := $(PARTS:%=build/shared/libcadre-%.so) build/shared/libcadre.so
LINK_shared := -Lbuild/shared -Wl,--as-needed $(PARTS:%=-lcadre-%) -lcadre -Wl,--disable-new-dtags \
    -Wl,-rpath,$(CURDIR)/build/shared $(if $(SOURCES_tls),$(LIBS_tls)) \
    $(if $(SOURCES_json),$(LIBS_json)) # which tests use, too

# There are hundreds of tests to be linked: by a quick linker, but for what users link.
QUICK_LINKER := $(if $(wildcard /usr/bin/ld.gold),-fuse-ld=gold)
LINKER_release := $(QUICK_LINKER)
# Of the library debug information was half of such a link: it goes first, unless K= says
# that somebody works on these tests.
LIBRARY_release := $(addprefix build/release/$(if $(K),,stripped/),$(PARTS:%=libcadre-%.a) libcadre.a)
LINK_release = $(LIBRARY_release) -Wl,--as-needed $(OUTSIDE)
# ASan's notes on constants are full of addresses, which need not be relocated so.
LINKER_asan := $(QUICK_LINKER) -no-pie -u sanitizer_first -u sanitizer_unpoison
# What clang has compiled gcc links, too: clang takes as long to start as that takes.
LINKED_clang := $(GCC) -pthread $(QUICK_LINKER)
LINKED_debug := $(LINKED_clang)
LINKED_tsan := $(if $(TSAN_LIBRARY),$(LINKED_clang) $(RUNTIME_tsan))
LINKER_tsan := $(QUICK_LINKER)

# What compiles, links and analyses does so in huge pages where there are any: of a link a
# third went into new pages. Tests have memory as the C library gives it.
TUNABLES := $(GLIBC_TUNABLES)
build/%: private export GLIBC_TUNABLES := $(TUNABLES:%=%:)glibc.malloc.hugetlb=1
$(FLAVOURS:%=build/results/%/%) $(addprefix build/results/,fuzz/% static/injected \
    static/tools-test static/compare-test static/instructions): \
    private export GLIBC_TUNABLES := $(TUNABLES)

Q := $(if $(V),,@)
# The first line of a recipe: the folder of what it makes, by one process for all of them.
folder = $(if $(MADE_$(@D)),,$(shell mkdir -p $(@D))$(eval MADE_$(@D) := 1))
.SECONDARY:
.DELETE_ON_ERROR:

OUTSIDE_aarch64 := # nothing of it is there
LEFT_OUT_aarch64 := $(foreach p,$(ALL_PARTS),$(USERS_$(p)))
outside_libraries = $(if $(filter aarch64,$(1)),,$(PARTS:%=build/$(1)/libcadre-%.a))

# One relocatable object with its hidden symbols made local: a program can link to cadre_*
# and to nothing else.
define library_rule # flavour, name, objects
build/$(1)/lib$(2).a: $(3)
	@echo "  $$@"
	$$(Q)$(CROSS_$(1))ld -r -o build/$(1)/$(2).o $$^
	$$(Q)$(CROSS_$(1))objcopy --localize-hidden build/$(1)/$(2).o
	@rm -f $$@
	$$(Q)$(CROSS_$(1))ar rcs $$@ build/$(1)/$(2).o
endef

define flavour_rules
OUTSIDE_$(1) ?= $(OUTSIDE)
LEFT_OUT_$(1) ?= $(LEFT_OUT)
$(foreach p,$(PARTS),$(eval OBJECTS_$(p)_$(1) := \
    $(SOURCES_$(p):%.c=build/$(1)/%.o) $(FOREIGN_$(p):%=build/$(1)/%.o)))
OBJECTS_$(1) := $(patsubst %.c,build/$(1)/%.o,$(RUNTIME) $(ACTORS))
CXX_$(1) := $(if $(filter $(CLANG),$(CC_$(1))),$(CLANG)++,$(CROSS_$(1))$(GXX))
COMMON_$(1) := -MMD -MP -pthread -D_GNU_SOURCE $(FLAGS_$(1))
LINKED_$(1) := $(or $(LINKED_$(1)),$(CC_$(1)) -pthread $(FLAGS_$(1)) $(LINKER_$(1)))
LIBRARY_$(1) ?= $(call outside_libraries,$(1)) build/$(1)/libcadre.a
LINK_$(1) ?= $(call outside_libraries,$(1)) build/$(1)/libcadre.a -Wl,--as-needed $$(OUTSIDE_$(1))
LIBS_$(1) ?= $(CMOCKA)
TESTS_OF_$(1) ?= $(1)

build/$(1)/%.o: %.c Makefile | $(NEEDS_$(1))
	$$(folder)
	$$(Q)$(CC_$(1)) $$(COMMON_$(1)) $$(if $$(is_outside),$(QUICK_$(1))) -std=gnu11 $(WARN_C) \
	    $$(if $$(filter runtime/% tests/%,$$<),$(INSIDE_$(1))) \
	    $$(SEES_$$(firstword $$(subst /, ,$$<))) -c $$< -o $$@
build/$(1)/%.o: %.cc Makefile | $(NEEDS_$(1))
	$$(folder)
	$$(Q)$$(CXX_$(1)) $$(COMMON_$(1)) -std=c++17 $(WARN) -Wpedantic $$(SEES_tests) \
	    -c $$< -o $$@

$(call library_rule,$(1),cadre,$$(OBJECTS_$(1)))
$(foreach p,$(PARTS),$(call library_rule,$(1),cadre-$(p),$$(OBJECTS_$(p)_$(1)))$(newline))
# Not ours: without our warnings. Strict: line breaks are CR LF.
build/$(1)/llhttp/%.o: /usr/share/llhttp/%.c Makefile
	$$(folder)
	$$(Q)$(CC_$(1)) $$(COMMON_$(1)) -w -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS) \
	    -fvisibility=hidden -c $$< -o $$@
build/$(1)/stripped/%.a: build/$(1)/%.a
	$$(folder)
	$$(Q)$(CROSS_$(1))objcopy --strip-debug $$< $$@
# The objects as they are, for unit tests.
build/$(1)/libplain.a: $$(OBJECTS_$(1)) $(if $(filter aarch64,$(1)),,$$(OBJECTS_http_$(1)) \
    $(if $(SOURCES_io),$(patsubst %.c,build/$(1)/%.o,runtime/io/lend.c $(wildcard actors/resp/*.c))))
	@rm -f $$@
	$$(Q)$(CROSS_$(1))ar rcsT $$@ $$^
build/$(1)/libsupport.a: $(patsubst %.c,build/$(1)/%.o,$(SUPPORT) $(SUPPORT_$(1)))
	$$(folder)
	@rm -f $$@
	$$(Q)$(CROSS_$(1))ar rcs $$@ $$^

build/$(1)/tests/unit/%: build/$(1)/tests/unit/%.o build/$(1)/libsupport.a \
    build/$(1)/libplain.a
	$$(Q)$$(LINKED_$(1)) $$^ $$(LIBS_$(1)) -Wl,--as-needed \
	    $(if $(filter aarch64,$(1)),,$(LIBS_http)) -o $$@
build/$(1)/tests/%: build/$$(TESTS_OF_$(1))/tests/%.o \
    build/$$(TESTS_OF_$(1))/libsupport.a $$(LIBRARY_$(1))
	$$(folder)
	$$(Q)$$(LINKED_$(1)) $$(wordlist 1,2,$$^) $$(LINK_$(1)) $$(LIBS_$(1)) \
	    $$(if $$(wildcard tests/$$*.cc),-lstdc++) -o $$@
build/$(1)/bench/%: build/$(1)/bench/%.o $(patsubst %.c,build/$(1)/%.o,$(HARNESS)) \
    $(call outside_libraries,$(1)) build/$(1)/libcadre.a
	$$(Q)$(CC_$(1)) $$(COMMON_$(1)) $$^ -Wl,--as-needed $$(OUTSIDE_$(1)) -o $$@
$(foreach e,$(EXAMPLES),$(eval build/$(1)/bin/$(e): $(patsubst %.c,build/$(1)/%.o,$(wildcard \
    examples/$(e).c examples/$(e)/*.c)) $(call outside_libraries,$(1)) build/$(1)/libcadre.a))
$(EXAMPLES:%=build/$(1)/bin/%):
	$$(folder)
	$$(Q)$(CC_$(1)) $$(COMMON_$(1)) $$^ -Wl,--as-needed $$(OUTSIDE_$(1)) -o $$@

# The soak is long in one flavour only.
build/results/$(1)/%: build/$(1)/tests/%
	@$(if $(filter release,$(1)),,$$(if $$(filter stress/soak,$$*),env -u CADRE_LONG)) \
	    tools/check.sh $$@ $(RUN_$(1)) $$< $$(SIM_ARGS) $(ARGS)
build/results/$(1)/examples/%: build/$(1)/bin/%
	@tools/check.sh $$@ \
	    $$(or $$(wildcard examples/$$*/test.sh),tools/example.sh examples/$$*.out) $$<
endef
$(foreach f,$(FLAVOURS),$(eval $(call flavour_rules,$(f))))

# No -Bsymbolic: a message type is the address of a constant, and program and library must
# mean the same one.
build/shared/libcadre.so: $(OBJECTS_shared)
	@echo "  $@"
	$(Q)$(CC_shared) -shared -Wl,-soname,$(SONAME) -Wl,-z,defs -pthread $^ -o $@
	$(Q)ln -sf libcadre.so build/shared/$(SONAME)

# They find each other, wherever they are installed.
define shared_rule
build/shared/libcadre-$(1).so: $(OBJECTS_$(1)_shared) \
    $(NEEDS_$(1):%=build/shared/libcadre-%.so) build/shared/libcadre.so
	@echo "  $$@"
	$$(Q)$(CC_shared) -shared -Wl,-soname,$(call soname,$(1)) -Wl,-z,defs -pthread \
	    $(OBJECTS_$(1)_shared) -Lbuild/shared $(NEEDS_$(1):%=-lcadre-%) -lcadre $(LIBS_$(1)) \
	    -Wl,-rpath,'$$$$ORIGIN' -o $$@
	$$(Q)ln -sf libcadre-$(1).so build/shared/$(call soname,$(1))
endef
$(foreach p,$(PARTS),$(eval $(call shared_rule,$(p))))

$(SYSROOT)/complete: tools/sysroot.sh tools/packages.txt
	$(Q)tools/sysroot.sh $(SYSROOT) >build/sysroot.log 2>&1 || { cat build/sysroot.log; exit 1; }
	@touch $@

# build/guard holds another tree, with dependencies of its own.
-include $(shell find build -path build/guard -prune -o -name '*.d' -print 2>/dev/null)

# ---- libraries, programs -------------------------------------------------------------

.PHONY: all install uninstall pingpong notes bench bench-guard compare soak format clean help
LIBRARIES := build/release/libcadre.a build/shared/libcadre.so \
    $(foreach p,$(PARTS),build/release/libcadre-$(p).a build/shared/libcadre-$(p).so)
all: $(LIBRARIES) ## the libraries, static and shared
	@$(foreach p,$(filter-out $(PARTS),$(ALL_PARTS)),echo "notice: $(WITHOUT_$(p)) (libcadre-$(p))";):
ifndef WSLAY
	@echo "notice: no wslay: without WebSockets"
endif
ifndef NGHTTP2
	@echo "notice: no nghttp2: without HTTP/2"
endif

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
export PREFIX LIBDIR DESTDIR VERSION SONAME
install uninstall: export LLHTTP := $(if $(LLHTTP),libllhttp)
install uninstall: export WSLAY := $(WSLAY)
install uninstall: export CMAKE_PARTS := $(foreach p,$(PARTS),_cadre_part($(p) \
    "$(NEEDS_$(p))" "$(strip $(LIBS_$(p)))"))
install uninstall: export NGHTTP2 := $(if $(NGHTTP2),libnghttp2)
install: $(LIBRARIES) ## libraries, headers, pkg-config, CMake; PREFIX, LIBDIR, DESTDIR
	$(Q)tools/install.sh install
uninstall: ## removes what install put there
	$(Q)tools/install.sh uninstall

pingpong: build/release/bench/pingpong ## messages per second on this machine; ARGS=--help
	@$< $(ARGS)
notes: $(filter %/notes,$(EXAMPLES:%=build/release/bin/%)) ## a web page with notes, live, at http://127.0.0.1:8080
	@$(or $(addsuffix $(if $(ARGS), $(ARGS)),$<),{ echo "notes needs libuv, llhttp and SQLite" >&2; exit 1; })
bench: $(BENCHED:%=build/release/bench/%) ## benchmarks with K in their name; BENCH_REPEAT=5
	@K='$(K)' ARGS='$(ARGS)' tools/bench.sh $^
compare: $(BENCHES:%=build/release/bench/%) ## beside Erlang, Go, CAF (INSTALL=1 installs them)
	@tools/compare.sh
build/release/bench/guard/compare: build/release/bench/guard/ratio.o \
    build/release/bench/guard/samples.o
bench-guard: ## is this tree slower than the commit REF? K, REPEAT, FORCE=1
	@tools/bench-guard.sh
soak: build/release/tests/stress/soak ## 10^9 messages through random graphs
	@CADRE_LONG=1 $< $(ARGS)

format: ## formats every source file
	$(Q)tools/format.sh
clean: ## removes build/
	$(Q)rm -rf build
help: ## this
	@echo "make TARGET [V=1 prints commands]"
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

# ---- tests ---------------------------------------------------------------------------

# How long a test program may take, in seconds, and how it behaves.
TIMEOUT ?= 300
export TIMEOUT
export CMOCKA_TEST_ABORT := 1
ASAN_OPTIONS ?= detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
UBSAN_OPTIONS ?= print_stacktrace=1
# What ThreadSanitizer notes of memory that comes or goes is cleared, up to the size of large
# buffers, not mapped anew: a new page costs more. But not of stacks, which are hardly used.
TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1:clear_shadow_mmap_threshold=196608
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
# Fault tests make thousands of systems, whose threads each have stacks in which frames are
# watched after they are left: 128 KiB for each size of frame, not 1 MiB. In the long versions,
# and in all other tests, it is all of that.
build/results/asan/fault/%: private export ASAN_OPTIONS := \
    $(ASAN_OPTIONS)$(if $(LONGER),,:max_uar_stack_size_log=17)

# $(call run,flavour,kinds): the results of these tests in that flavour
run = $(foreach k,$(2),$(patsubst tests/%,build/results/$(1)/%,$(filter-out \
    $(basename $(LEFT_OUT_$(1))),$(TESTS_$(k)))))
KINDS := unit api sim stress fault
FLAVOUR ?= release

.PHONY: check check-long test $(KINDS) tsan asan debug clang aarch64 examples cover mc fuzz
tsan: $(call run,tsan,unit api stress) ## unit, API and stress tests under ThreadSanitizer
asan: $(call run,asan,$(KINDS)) ## every test under Address-, Leak- and UBSanitizer
debug: $(call run,debug,unit api) ## unit and API tests, built by clang, structures checking themselves
clang: $(call run,clang,unit api) ## the same without that
aarch64: $(call run,aarch64,unit api sim stress) ## cross-built for arm64, run under emulation
test: $(call run,$(FLAVOUR),$(KINDS)) ## tests with K in their name, in FLAVOUR
unit: $(call run,$(FLAVOUR),unit) ## one module each, from inside
api: $(call run,$(FLAVOUR),api) ## the public interface
sim: SIM_ARGS := $(if $(SEED),--seed $(SEED)) $(if $(N),--seeds $(N))
sim: $(call run,$(FLAVOUR),sim) ## stories in virtual time: SEED=first seed, N=how many
stress: $(foreach f,release tsan,$(call run,$(f),stress)) ## real threads, also under TSan
fault: $(call run,asan,fault) ## every allocation fails once, under ASan
mc: build/results/mc ## the model checker on the real files; LONG=1 goes deeper
build/results/mc:
	@TIMEOUT=$$(( $(TIMEOUT) * 4 )) tools/check.sh $@ tests/model/run.sh
cover: $(call run,cover,unit api sim fault) ## which lines the tests reach
	@tools/cover.sh

# The sources that a target names in its head, as objects.
FUZZED = $(shell sed -n 's,\*/,,; s/^ \* Fuzzed: //p' $(1).c)
fuzzed_objects = $(patsubst %.c,build/fuzz/%.o,$(filter-out llhttp,$(FUZZED))) \
    $(if $(filter llhttp,$(FUZZED)),$(FOREIGN_http:%=build/fuzz/%.o))
HAS_FUZZER := $(wildcard $(shell $(CLANG) -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer*.a)
define fuzz_rule
build/fuzz/$(1): build/fuzz/$(1).o $(call fuzzed_objects,$(1)) build/debug/libplain.a \
    $(if $(SOURCES_io),build/debug/libcadre-io.a)
	$$(Q)$$(CC_fuzz) $$(FLAGS_fuzz) -fsanitize=fuzzer -pthread \
	    -Wl,--start-group $$^ -Wl,--end-group -Wl,--as-needed $$(OUTSIDE) -o $$@
$(1:tests/%=build/results/%): tools/fuzz.sh $(if $(HAS_FUZZER),build/fuzz/$(1))
	@tools/check.sh $$@ tools/fuzz.sh $(notdir $(1))
endef
$(foreach t,$(FUZZERS),$(eval $(call fuzz_rule,$(t))))
fuzz: $(FUZZERS:tests/%=build/results/%) ## parsers, by libFuzzer, some seconds each; LONG=1: minutes

examples: $(EXAMPLES:%=build/results/release/examples/%) ## builds the examples, runs their tests
build/results/release/bench/%: build/release/bench/%
	@tools/check.sh $@ tests/tools/bench.sh $<

# ---- checks on the source ------------------------------------------------------------

STATIC := layers headers symbols public ifdefs style format-check analyzer tidy cppcheck
OTHERS := tools-test compare-test install-test docs-test instructions injected
.PHONY: static analyze $(STATIC) $(OTHERS)
static: $(STATIC) ## layers headers symbols public ifdefs style format-check, and analyze
analyze: analyzer tidy cppcheck ## gcc's analyzer, clang-tidy, cppcheck
$(STATIC) $(OTHERS): %: build/results/static/%
build/results/static/%:
	@tools/check.sh $@ $(CHECK_$*)

CODE := $(shell find include runtime actors tests bench examples -name '*.[ch]' 2>/dev/null)
LINTED := $(sort $(RUNTIME) $(ACTORS) $(foreach p,$(PARTS),$(SOURCES_$(p))))
USERS := $(filter build/release/actors/%,$(OBJECTS_release) $(foreach p,$(PARTS), \
    $(OBJECTS_$(p)_release))) $(patsubst %.c, \
    build/release/%.o,$(wildcard examples/*.c examples/*/*.c))
LINT_FLAGS := -D_GNU_SOURCE $(CK) $(UV_CFLAGS) $(OPENSSL_CFLAGS) $(LLHTTP_CFLAGS) $(NGHTTP2_CFLAGS) \
    $(PQ_CFLAGS) $(HIREDIS_CFLAGS) -Iruntime -Iinclude

CHECK_layers := awk -f tools/layers.awk runtime/LAYERS $(wildcard runtime/*/*.[ch])
CHECK_headers := env WERROR_gcc=$(WERROR_gcc) WERROR_clang=$(WERROR_clang) tools/headers.sh
CHECK_symbols := tools/symbols.sh
CHECK_public := tools/public.sh $(GCC) $(USERS)
CHECK_ifdefs := awk -f tools/ifdefs.awk $(filter runtime/% actors/%,$(CODE))
CHECK_style := awk -f tools/style.awk $(CODE)
CHECK_format-check := tools/format.sh --check
CHECK_analyzer := true
CHECK_tidy = tools/tidy.sh --judge $(TIDY)
CHECK_cppcheck := tools/cppcheck.sh $(LINT_FLAGS) $(LINTED)
CHECK_tools-test := tests/tools/run.sh
CHECK_compare-test := tests/tools/compare.sh
CHECK_install-test := tests/install/run.sh
CHECK_docs-test := tools/docs.sh $(GCC)
CHECK_instructions := env CC=$(GCC) tools/instructions.sh
CHECK_injected := tests/outside/run.sh

build/results/static/symbols build/results/static/install-test: $(LIBRARIES)
build/results/static/docs-test: build/release/libcadre.a $(call outside_libraries,release)
build/results/static/compare-test: $(BENCHES:%=build/release/bench/%)
build/results/static/public: $(USERS)
build/results/static/instructions: \
    $(patsubst %.c,build/release/%,$(wildcard tests/instructions/*.c))
build/results/static/tools-test: build/release/bench/guard/compare
# What can be made of these without the libraries that are missing.
build/results/static/injected: build/release/tests/outside/files \
    $(addprefix build/release/,$(call not_left_out,tests/outside/starts \
        tests/outside/moves)) \
    $(filter %/echo %/kv %/notes %/proxy,$(EXAMPLES:%=build/release/bin/%))
# The two slow ones look at what has changed since.
build/results/static/analyzer: $(OBJECTS_$(ANALYZER)) $(foreach p,$(PARTS), \
    $(filter-out build/$(ANALYZER)/llhttp/%,$(OBJECTS_$(p)_$(ANALYZER))))
TIDY_DIR := build/tidy$(LONGER)
TIDY := $(LINTED:%.c=$(TIDY_DIR)/%.txt)
build/results/static/tidy: $(TIDY)
$(TIDY_DIR)/%.txt: %.c $(filter %.h,$(CODE)) .clang-tidy
	$(folder)
	$(Q)tools/tidy.sh $< -std=gnu11 $(LINT_FLAGS) >$@

# ---- everything ----------------------------------------------------------------------

# What differs in a shared library is how it is linked: one program for each subject.
check: mc $(STATIC) $(foreach f,tsan asan,$(call run,$(f),stress)) ## all of it, in minutes
check: $(call run,release,unit api sim stress) debug tsan asan examples
check: $(filter-out $(patsubst tests/%.c,build/results/shared/%, \
    $(wildcard tests/api/test_*_*.c)),$(call run,shared,api))
check: $(BENCHES:%=build/results/release/bench/%) $(OTHERS) fuzz

check-long: export CADRE_LONG := 1
check-long: export LONG := 1
check-long: export TIMEOUT := 14400
check-long: check $(call run,shared,api) $(call run,release,fault) clang aarch64 ## more seeds, deeper, longer; the soak; arm64 under emulation

endif
