#!/bin/bash
# run.sh: explores every model, and requires each of its mutants to be noticed.
#
# usage: tests/model/run.sh [NAME...]     all of them, or test_NAME.c
#
# LONG=1 explores deeper. JOBS is how many run at a time, CC the compiler. The last line
# is `mc: N passed, N failed`: each test of a model counts, and each mutant.
set -u
cd "$(dirname "$0")/../.." || exit 2
here=tests/model
build=${BUILD:-build/mc}
cc=${CC:-gcc}
flags="-std=gnu11 -O1 -g -D_GNU_SOURCE -DRT_MC $(pkg-config --cflags ck 2>/dev/null)
    -Dpthread_mutex_lock=mc_mutex_lock -Dpthread_mutex_unlock=mc_mutex_unlock
    -fno-strict-aliasing -Wall -Wextra -Wno-unused-parameter -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wundef ${WERROR-}"
engine="mc mc_memory mc_print mc_os"
limit=$([ -n "${LONG-}" ] && echo 7200 || echo 300) # seconds for one program

# Builds and runs what mutants.awk has put into this directory.
one() {
    local dir=$1 name kind where test why arguments= sources= f status
    name=$(basename "$(dirname "$dir")")
    { read -r kind; read -r where; read -r test; read -r why; } <"$dir/about"
    while read -r f; do
        if [ -e "$dir/$f" ]; then sources="$sources $dir/$f"; else sources="$sources runtime/$f"; fi
    done <"$dir/sources"
    [ "$kind" = mutant ] && flags="$flags -w"
    # shellcheck disable=SC2086
    if ! $cc $flags -I"$dir" -Iruntime -Iinclude -I$here -include ck_mc.h \
        -o "$dir/model" $here/test_"$name".c $sources $(printf "$build/%s.o " $engine) \
        >"$dir/log" 2>&1; then
        echo broken >"$dir/verdict"
        return
    fi
    [ -n "${LONG-}" ] && [ "$kind" != mutant ] && arguments=-l
    [ "$kind" = mutant ] && arguments=-b
    timeout -k 5 "$limit" "$dir/model" $arguments ${test:+-n "$test"} >"$dir/log" 2>&1
    status=$?
    case $kind:$status in
    mutant:1 | model:0 | equivalent:0) echo passed >"$dir/verdict" ;;
    mutant:0) echo survived >"$dir/verdict" ;;
    *:124 | *:137) echo "timed out" >"$dir/verdict" ;;
    *:2) echo broken >"$dir/verdict" ;;
    *) echo failed >"$dir/verdict" ;;
    esac
    [ -n "${KEEP-}" ] || rm -f "$dir/model"
}

if [ "${1-}" = --one ]; then
    one "$2"
    exit 0
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for f in "$here"/test_*.c; do
        f=${f##*/test_}
        names+=("${f%.c}")
    done
fi
start=$(date +%s%N)
jobs=()
mkdir -p "$build"
rm -f "$build"/*.o
for f in $engine; do
    # shellcheck disable=SC2086
    $cc ${flags/-O1/-O3} -Iruntime -I$here -c -o "$build/$f.o" $here/$f.c &
done
wait
for f in $engine; do
    [ -e "$build/$f.o" ] || { echo "mc: 0 passed, 1 failed"; exit 1; }
done
for name in "${names[@]}"; do
    rm -rf "${build:?}/$name"
    mkdir -p "$build/$name"
    list=$here/test_$name.mutants
    [ -e "$list" ] || list=/dev/null
    if ! dirs=$(awk -v runtime=runtime -v out="$build/$name" -f $here/mutants.awk "$list"); then
        echo "mc: 0 passed, 1 failed"
        exit 1
    fi
    mapfile -t -O ${#jobs[@]} jobs <<<"$dirs"
done
# The models first: they take longest.
printf '%s\n' "${jobs[@]}" | awk '{ print ($0 ~ /\/0$/ ? 0 : 1), $0 }' | sort -s -k1,1 |
    cut -d' ' -f2 | xargs -P "${JOBS:-$(nproc)}" -n 1 "$0" --one

passed=0 failed=0
for name in "${names[@]}"; do
    caught=0 mutants=0
    echo "$name"
    for dir in $(printf '%s\n' "${jobs[@]}" | grep "^$build/$name/"); do
        verdict=$(cat "$dir/verdict" 2>/dev/null || echo "did not run")
        { read -r kind; read -r where; read -r _; read -r why; } <"$dir/about"
        if [ "$kind" = model ]; then
            cat "$dir/log"
            ok=$(grep -c 'executions .* s  ok' "$dir/log")
            bad=$(grep -c 'executions .* s  FAILED' "$dir/log")
            [ "$verdict" != passed ] && [ "$bad" -eq 0 ] && bad=1 && echo "  the model $verdict"
            passed=$((passed + ok)) failed=$((failed + bad))
            continue
        fi
        [ "$kind" = mutant ] && mutants=$((mutants + 1))
        if [ "$verdict" = passed ]; then
            passed=$((passed + 1))
            [ "$kind" = mutant ] && caught=$((caught + 1))
            [ -n "${VERBOSE-}" ] && echo "  $kind $where: $why" && sed 's/^/    /' "$dir/log"
        else
            failed=$((failed + 1))
            echo "  $kind $where $verdict: $why"
            sed 's/^/    /' "$dir/log"
        fi
    done
    [ $mutants -gt 0 ] && echo "  $caught of $mutants mutants noticed"
done
echo "mc: $passed passed, $failed failed"
[ "${VERBOSE-}" ] && echo "$(( ($(date +%s%N) - start) / 1000000 )) ms" >&2
[ $failed -eq 0 ]
