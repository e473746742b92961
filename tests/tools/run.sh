#!/bin/bash
# run.sh: the checks themselves: each must find what is planted for it, and nothing else.
#
# usage: tests/tools/run.sh      in the top folder
set -u
top=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL TIMEOUT
passed=0
failed=0

pass() { passed=$((passed + 1)); }
fail() {
    echo "FAILED: $1"
    failed=$((failed + 1))
}

# A small runtime that breaks no rule.
fresh() {
    rm -rf "${scratch:?}"/*
    mkdir -p "$scratch"/{runtime/{base,mem},tests,tools,build}
    cd "$scratch" || exit 1
    cp "$top"/tools/* tools
    printf 'base/low   below\nmem/high   above\n' >runtime/LAYERS
    printf '/* low.h: below. */\n#ifndef BASE_LOW_H\n#define BASE_LOW_H\n#endif\n' >runtime/base/low.h
    printf '/* high.c: above. */\n#include "base/low.h"\n\n#include <stdio.h>\n' >runtime/mem/high.c
    printf '/* test_high.c: a test. */\n' >tests/test_high.c
}
layers() { awk -f tools/layers.awk runtime/LAYERS runtime/*/*.[ch]; }
ifdefs() { awk -f tools/ifdefs.awk runtime/*/*.[ch]; }
style() { awk -f tools/style.awk runtime/*/*.[ch] tests/*.c; }

# plant CHECK FILE LINE: with this line at its end the file breaks the rule
plant() {
    fresh
    printf '%b\n' "$3" >>"$2"
    if $1 >found 2>&1; then fail "$1 does not see in $2: $3"; else pass; fi
}
# allow CHECK FILE LINE: with this line it does not
allow() {
    fresh
    printf '%b\n' "$3" >>"$2"
    if $1 >found 2>&1; then pass; else fail "$1 complains about $2: $3: $(cat found)"; fi
}

allow layers runtime/mem/high.c '#include <cadre.h>'
plant layers runtime/base/low.h '#include "mem/high.h"'
plant layers runtime/base/low.h '#include <mem/high.h>'
plant layers runtime/base/low.h '#  include "../mem/high.h"'
plant layers runtime/base/low.h '#include "base/unknown.h"'
plant layers runtime/base/stranger.c '/* stranger.c: not in LAYERS. */'
plant layers runtime/LAYERS 'system/missing   has no file'

allow ifdefs runtime/base/low.h '#ifdef X\n#endif'
plant ifdefs runtime/mem/high.c '#ifdef X\n#endif'
plant ifdefs runtime/mem/high.c '#  if X\n#endif'

allow style runtime/mem/high.c 'int f(void) { return g("free(x) // no"); } /* see malloc() */'
allow style runtime/mem/high.c '/* one\n * free(x) */\nint pool_free(void *p);'
allow style runtime/mem/alloc.c '/* alloc.c: the heap. */\nvoid f(void) { free(0); }'
plant style runtime/mem/high.c 'void f(void) { free(0); }'
plant style runtime/mem/high.c 'void *p = malloc (3);'
plant style runtime/mem/high.c 'int x; // no'
plant style runtime/mem/high.c '/* TODO: no */'
plant style runtime/mem/high.c 'int x = memory_order_relaxed;'
plant style runtime/mem/high.c 'void f(void) { ck_pr_fence_load(); }'
plant style runtime/mem/high.c 'volatile int x;'
plant style runtime/mem/high.c 'char *f(void) { return getenv("X"); }'
plant style runtime/mem/high.c 'int x; '
plant style runtime/mem/high.c "/* $(printf '%090d' 0) */"
plant style runtime/mem/high.c "$(yes | head -n 600)"
plant style runtime/mem/high.c "int f(void)\n{\n$(yes 'f();' | head -n 71)\n}"
allow style runtime/mem/high.c "int f(void)\n{\n$(yes 'f();' | head -n 70)\n}"
plant style runtime/mem/other.c 'int x;'
plant style tests/test_high.c 'void f(void) { usleep(1); }'
plant style tests/test_high.c 'void f(void) { sleep (1); }'

# library EXPECTED CODE: what symbols.sh says of a library made of this code
library() {
    fresh
    mkdir -p build/release build/shared tests/api
    echo cadre_one >tests/api/symbols.txt
    echo 'counter # allowed' >tests/api/writable.txt
    echo "$2" | gcc -w -std=gnu89 -fPIC -x c -c -o build/release/cadre.o - &&
        gcc -shared build/release/cadre.o -o build/shared/libcadre.so
    tools/symbols.sh >found 2>&1
    local got=$?
    if [ $got -eq "$1" ]; then pass; else fail "symbols.sh says $got of: $2: $(cat found)"; fi
}
good='static int counter; int cadre_one(void) { return ++counter; }'
library 0 "$good"
library 0 "$good static const char *const names[] = {\"a\"}; static const char *const *f(void) { return names; }"
library 1 "$good int cadre_two(void) { return 2; }"
library 1 "$good int two(void) { return 2; }"
library 1 'int cadre_other(void) { return 1; }'
library 1 "$good static int more; int *cadre_p; static int f(void) { return ++more; }"
library 1 "$good static __thread int mine; __attribute__((used)) static int *f(void) { return &mine; }"
library 1 "$good __attribute__((used)) static long f(void) { return time(0); }"

# user EXPECTED CODE: what public.sh says of an example with this code
user() {
    fresh
    echo "$2" | gcc -w -std=gnu89 -x c -c -o example.o -
    tools/public.sh gcc example.o >found 2>&1
    local got=$?
    if [ $got -eq "$1" ]; then pass; else fail "public.sh says $got of: $2: $(cat found)"; fi
}
user 0 'int main(void) { cadre_run(0); printf("%d", helper()); } int helper(void) { return 1; }'
user 1 'int main(void) { return mailbox_push(0); }'

# header EXPECTED FILE LINE: what headers.sh says when the file ends with this line
header() {
    fresh
    mkdir -p include/cadre
    printf '%s\n' "$3" >>"$2"
    tools/headers.sh "$2" >found 2>&1
    local got=$?
    if [ $got -eq "$1" ]; then pass; else fail "headers.sh says $got of $2: $3: $(cat found)"; fi
}
header 0 include/cadre/x.h '#include <stdint.h>'
header 1 include/cadre/x.h 'uint64_t x(void);'
header 1 include/cadre/x.h 'int class(int new);'
header 1 include/cadre/x.h 'struct empty {};'
header 0 runtime/base/low.h 'int low(void);'
header 1 runtime/base/low.h 'bool low(void);'

# counts EXPECTED SCRIPT: what check.sh makes of a program with this behaviour
counts() {
    fresh
    TIMEOUT=1 tools/check.sh build/results/x bash -c "$2" >output
    local got
    got=$(cat build/results/x)
    if [ "$got" = "$1" ]; then pass; else fail "check.sh counts $got instead of $1: $2"; fi
}
counts "1 0 0" 'true'
counts "0 1 0" 'false'
counts "0 0 1" 'exit 77'
counts "0 1 0" 'kill -SEGV $$'
counts "0 1 0" 'exec sleep 3'
counts "3 0 0" 'echo "mc: 3 passed, 0 failed"'
counts "3 2 1" 'echo "3 passed, 2 failed, 1 skipped"; exit 1'
counts "3 1 0" 'echo "3 passed, 0 failed"; exit 1'
counts "2 0 0" 'echo "[ RUN      ] a"; echo "[       OK ] a"; echo "[ RUN      ] b"; echo "[       OK ] b"'
counts "1 1 0" 'echo "[ RUN      ] a"; echo "[       OK ] a"; echo "[ RUN      ] b"; kill -ABRT $$'
counts "1 1 1" 'for t in a:OK b:FAILED c:SKIPPED; do echo "[ RUN      ] ${t%:*}"
    case $t in *OK) echo "[       OK ] a";; *D) printf "[%10s] %s\n" "${t#*:} " "${t%:*}";; esac; done; exit 1'
counts "0 0 1" 'echo "FATAL: ThreadSanitizer: unexpected memory mapping"; exit 66'
counts "1 0 0" '[[ $(setarch --help) && $(cat /proc/self/personality) == *4* ]] && exit 0
    echo "FATAL: ThreadSanitizer: unexpected memory mapping"; exit 66'

# A program that ignores the polite signal is killed, with its children.
fresh
TIMEOUT=1 tools/check.sh build/results/x bash -c 'trap "" TERM; sleep 77.7 & wait; sleep 77.7' >output
if grep -qsa 'sleep.77[.]7' /proc/[0-9]*/cmdline; then
    fail "check.sh leaves a child behind"
else
    pass
fi

# tallies STATUS LINE MAKE-STATUS RESULT...: the last line and the exit status of tally.sh
tallies() {
    fresh
    mkdir -p build/results
    local status=$1 line=$2 make=$3 result
    shift 3
    for result in "$@"; do echo "$result" >"build/results/$((++n))"; done
    tools/tally.sh "$make" >output
    local got=$?
    if [ $got -eq "$status" ] && [ "$(tail -n 1 output)" = "$line" ] &&
        [ "$(grep -cE '^[0-9]+ passed' output)" -eq 1 ]; then
        pass
    else
        fail "tally.sh says $(tail -n 1 output) and exits with $got instead of $line, $status"
    fi
}
n=0
tallies 0 "5 passed, 0 failed" 0 "3 0 0" "2 0 0"
tallies 0 "2 passed, 0 failed, 1 skipped" 0 "2 0 1"
tallies 1 "2 passed, 1 failed" 0 "2 1 0"
tallies 1 "2 passed, 1 failed" 2 "2 0 0"
tallies 1 "0 passed, 1 failed" 2

# Programs in documents.
fresh
printf 'text\n```c\nint main(void)\n{\n}\n```\n```c\nint x;\n```\n```sh\nint main(\n```\n' >README.md
mkdir -p build/docs
programs=$(awk -v folder=build/docs -f tools/doc-programs.awk README.md)
if [ "$programs" = build/docs/README.2.c ] && [ "$(head -n 1 "$programs")" = 'int main(void)' ]; then
    pass
else
    fail "doc-programs.awk finds: $programs"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
