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

# A program that ignores the polite signal is killed, with its children. Who is left holds
# the descriptor 3, so that $left is complete only when they are gone or have spoken.
fresh
left=$(TIMEOUT=1 tools/check.sh build/results/x bash -c \
    'trap "" TERM; (sleep 20; echo child >&3) & wait; sleep 20; echo parent >&3' 3>&1 >output)
if [ "$left" ]; then fail "check.sh leaves behind: $left"; else pass; fi

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

# measured COLUMN FOREIGN VALUE...: what a benchmark writes; COLUMN is the heading of the values
measured() {
    local value
    echo "bench,name,parameters,unit,$1,foreign"
    for value in "${@:3}"; do
        echo "b,\"b\",\"n=1, m=\"\"2\"\"\",ns/x,$value,$2"
        echo "b,\"a limit of the machine\",\"\",ns/x,$RANDOM,0"
    done
}
# compares STATUS TEXT OLD NEW: what bench-guard finds in these; values in one word
compares() {
    measured median 0.0 $3 >old.csv
    measured "${5:-median}" "${6:-0.0}" $4 >new.csv
    "$top/build/release/bench/guard/compare" old.csv new.csv before now >output 2>&1
    local got=$?
    if [ $got -eq "$1" ] && grep -qE "$2" output; then
        pass
    else
        fail "compare exits with $got, not $1 and \"$2\", for $3 and $4: $(cat output)"
    fi
}
fresh
compares 0 '^b n=1, m="2" +ns/x +5 +10[.]00 +10[.]00 +1[.]000 +1[.]000 - 1[.]000$' '10 10 10 10 10' '10 10 10 10 10'
compares 1 ' 1[.]040 +1[.]040 - 1[.]040  slower$' '10 11 12 13 14' '10.4 11.44 12.48 13.52 14.56'
compares 0 ' 0[.]900 +0[.]900 - 0[.]900  faster$' '10 11 12 13 14' '9 9.9 10.8 11.7 12.6'
compares 0 ' 1[.]040 .* [0-9.]+$' '10 10 10 10 10' '9 10.2 10.4 10.5 12'
compares 0 '  busy$' '10 10 10 10 10' '10 10 10 10 10' median 0.2
compares 2 'rounds of the old' '10 10 10' '10 10'
compares 2 'not what a benchmark writes' '10 10' '10 x'
compares 2 'not what a benchmark writes' '10 10' '10 0'
compares 2 'not what a benchmark writes' '10 10' '10 10' mean
compares 2 'no row' '' ''

# guards WORD SETTING...: bench-guard.sh refuses these with 2 and this word, and runs nothing
guards() {
    fresh
    mkdir bench && touch bench/one.c && git init -q . && git add bench &&
        git -c user.name=x -c user.email=x commit -q -m one
    env -u REF -u K -u REPEAT "${@:2}" tools/bench-guard.sh >output 2>&1
    local got=$?
    if [ $got -eq 2 ] && grep -q "$1" output && [ ! -e build/guard ]; then
        pass
    else
        fail "bench-guard.sh exits with $got for ${*:2}: $(cat output)"
    fi
    rm -rf .git
}
guards REF
guards 'no commit "no"' REF=no
guards 'no commit "-x"' REF=-x
guards 'not "many"' REF=HEAD REPEAT=many
guards 'not "4"' REF=HEAD REPEAT=4
guards 'not "1001"' REF=HEAD REPEAT=1001
guards 'no benchmark with "two"' REF=HEAD K=two

# costs STATUS TEXT KEPT PINGPONG PAIRS LIMITED ACCOUNTED COUNTING SPAWN [--accept]: what
# instructions.sh says of programs that cost so much, with a compiler and a valgrind that are
# made up
costs() {
    fresh
    mkdir bin
    printf '%s\n' "$3" >kept
    cat >bin/cc <<'END'
#!/bin/sh
case $1 in -dump*) echo 1.2 ;; *) cat ;; esac
END
    cat >bin/valgrind <<'END'
#!/bin/sh
case $* in
*/counting*) cost=$COUNTING ;;
*/spawn*) cost=$SPAWN ;;
*--pairs*) cost=$PAIRS ;;
*--limit*) cost=$LIMITED ;;
*--accounted*) cost=$ACCOUNTED ;;
*) cost=$PINGPONG ;;
esac
echo "$*" | awk -v cost="$cost" '{ sub(/.*--count /, ""); printf "==1== I   refs:      %d\n", 1e6 + $1 * cost }'
END
    chmod +x bin/*
    env PATH="$PWD/bin:$PATH" CC=cc KEPT=kept PROGRAMS=programs PINGPONG="$4" PAIRS="$5" LIMITED="$6" \
        ACCOUNTED="$7" COUNTING="$8" SPAWN="$9" tools/instructions.sh "${@:10}" >output 2>&1
    local got=$?
    if [ $got -eq "$1" ] && grep -q -- "$2" output kept; then
        pass
    else
        fail "instructions.sh exits with $got for ${*:4}: $(cat output)"
    fi
}
machine=gcc-1.2-$(uname -m)
known="$machine pingpong 100.0
$machine pairs 200.0
$machine limited 250.0
$machine accounted 260.0
$machine counting 300.0
$machine spawn 1000.0"
costs 0 '^6 passed, 0 failed$' "$known" 103 206 257 260 309 1030
costs 1 '^5 passed, 1 failed$' "$known" 104 200 250 260 300 1000
costs 1 '^limited .* more than 3 %' "$known" 100 200 258 260 300 1000
costs 1 '^spawn .* more than 3 %' "$known" 100 200 250 260 300 1031
costs 0 '^notice: fewer' "$known" 100 200 250 260 200 1000
costs 1 '^5 passed, 1 failed$' "${known%spawn*}" 100 200 250 260 300 1000
costs 0 '^0 passed, 0 failed, 6 skipped$' 'gcc-1.1 pingpong 1' 100 200 250 260 300 1000
costs 2 'unknown argument' "$known" 100 200 250 260 300 1000 --what
costs 0 'spawn 1100.0' "# why
$known
gcc-1.1 pingpong 1.0" 110 220 275 286 330 1100 --accept
if [ "$(tail -n +2 kept)" = "gcc-1.1 pingpong 1.0
$machine pingpong 110.0
$machine pairs 220.0
$machine limited 275.0
$machine accounted 286.0
$machine counting 330.0
$machine spawn 1100.0" ] && [ "$(head -n 1 kept)" = '# why' ]; then
    pass
else
    fail "instructions.sh --accept writes: $(cat kept)"
fi
PATH=$scratch/empty tools/instructions.sh >output 2>&1
if [ $? -eq 77 ] && grep -q '^notice: ' output; then pass; else fail "no skip without valgrind: $(cat output)"; fi

counts "1 0 0" 'echo "notice: look"'
if grep -q '| look' output; then pass; else fail "check.sh keeps a notice to itself"; fi

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

# says EXPECTED NAME TEXT: what a program says of a file with this text: an exit code; when
# it is not 0, one line on stderr and nothing on stdout
says() {
    printf '%b' "$3" >in.csv
    awk -f tools/csv.awk -f "tools/$2.awk" in.csv >page 2>complaint
    local got=$?
    if [ $got -ne "$1" ] || { [ $got -ne 0 ] && { [ -s page ] || [ "$(wc -l <complaint)" -ne 1 ]; }; }; then
        fail "$2.awk says $got of: $3: $(cat complaint)"
    else
        pass
    fi
}
# holds COUNT PATTERN: so many lines of the page have it
holds() {
    local got
    got=$(grep -cE -- "$2" page)
    if [ "$got" -eq "$1" ]; then pass; else fail "plot.awk draws $got instead of $1: $2"; fi
}
fresh
head='group,series,value,low,high,unit\n'
says 0 plot "$head"'a,x,3,2,4,ns\na,y,5,,,ns\n"b, ""<&>""",x,0.5,0.4,0.6,bytes\n'
holds 3 '<rect .* height="13"'
holds 2 '<path class="e"'
holds 1 '>b, &quot;&lt;&amp;&gt;&quot;</text>'
holds 2 'class="a">(ns|bytes) .logarithmic scale.<'
holds 0 'nan|inf'
says 0 plot "$head"'same,x,100,100,100,ns\n' # the least and the most are one, and a power of ten
holds 1 '<rect .* width="[1-9][0-9.]*" height="13"'
says 0 plot "$head"'few,x,9,9,9,ns\nmany,x,10,10,10,ns\n' # as numbers, not as words
holds 2 '<rect .* width="[1-9][0-9.]*" height="13"'
says 2 plot ''
says 2 plot "$head"
says 2 plot 'group,series,value\na,x,3\n'
says 2 plot "$head"'a,x,3,2,4\n'
says 2 plot "$head"'a,x,3,2,4,ns,more\n'
says 2 plot "$head"'a,x,0,,,ns\n'
says 2 plot "$head"'a,x,-3,,,ns\n'
says 2 plot "$head"'a,x,many,,,ns\n'
says 2 plot "$head"'a,x,3,2,,ns\n'
says 2 plot "$head"'a,x,3,4,2,ns\n'
says 2 plot "$head"'a,x,3,2,4,ns\na,x,3,2,4,ns\n'
says 2 plot "$head"'"a,x,3,2,4,ns\n'
says 2 plot "$head"'"a"b,x,3,2,4,ns\n'

head='time,bench,name,parameters,unit,repeat,median,p25,p75,machine_state,cpu,cpus,kernel,compiler\n'
row='t,b,"n","p=1 workers=2",ns/hop,3,20,10,50,quiet,"c",2,"k","g"\n'
says 0 bench-rows "$head$row"
if [ "$(tail -n 1 page)" = '"n p=1 (hop)","2 workers",50,20,100,"million operations per second: longer is better"' ]; then
    pass
else
    fail "bench-rows.awk makes $(tail -n 1 page)"
fi
says 2 bench-rows "$head"'t,b,"n"\n'
says 2 bench-rows 'time,bench\nt,b\n'

# A benchmark that writes one line, and what bench.sh publishes of several. benches EXPECTED
# PROGRAM...: bench.sh's exit code; `good` succeeds, `bad` fails, `slow` does not end.
benches() {
    fresh
    printf '%b' "$head" >heading
    cat >good <<'PROGRAM'
#!/bin/bash
while [ "$1" != --csv ]; do shift; done
[ -e "$2" ] || cat heading >"$2"
echo "t,b,\"${0##*/}\",\"workers=2\",ns/hop,3,20,10,50,quiet,\"c\",2,\"k\",\"g\"" >>"$2"
PROGRAM
    printf '#!/bin/bash\nexit 3\n' >bad
    printf '#!/bin/bash\nexec sleep 7\n' >slow
    chmod +x good bad slow
    mkdir -p build/bench
    echo old | tee build/bench/results.csv >build/bench/results.svg
    local expected=$1 got
    shift
    BENCH_TIMEOUT=1 tools/bench.sh "$@" >output 2>complaint
    got=$?
    if [ $got -ne "$expected" ]; then
        fail "bench.sh says $got of $*: $(cat complaint)"
    elif [ $got -eq 0 ]; then
        grep -q '<svg' build/bench/results.svg && grep -q hop build/bench/results.csv
        kept "$? $*"
    else
        [ "$(cat build/bench/results.csv build/bench/results.svg)" = "$(printf 'old\nold')" ]
        kept "$? $*"
    fi
}
# kept "STATUS PROGRAM...": the results are as they should be, and nothing else is left
kept() {
    if [ "${1%% *}" -eq 0 ] && [ -z "$(find build/bench -name 'run.*')" ]; then
        pass
    else
        fail "bench.sh leaves $(ls build/bench) after ${1#* }"
    fi
}
benches 0 ./good
benches 1 ./bad ./good
if grep -q 'bad failed, with exit code 3' complaint && grep -q good build/bench/partial.csv; then
    pass
else
    fail "bench.sh does not go on: $(cat complaint)"
fi
benches 1 ./slow
benches 2
benches 2 ./missing
BENCH_REPEAT=0 benches 2 ./good
BENCH_WARMUP=x benches 2 ./good
ARGS='--csv mine' benches 2 ./good

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
