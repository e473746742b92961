#!/bin/bash
# run.sh: explores every model, and requires each of its mutants to be noticed.
#
# usage: tests/model/run.sh [NAME...]     all of them, or test_NAME.c
#
# LONG=1 explores deeper, VERBOSE=1 shows how each mutant was noticed, KEEP=1 keeps the
# programs (build/mc/NAME/0/model; -t shows traces). JOBS is how many run at a time, CC
# the compiler. The last line is `mc: N passed, N failed`: each test of a model counts,
# and each mutant.
set -u
cd "$(dirname "$0")/../.." || exit 2
here=tests/model
build=${BUILD:-build/mc}
cc=${CC:-gcc}
export CK_FLAGS=${CK_FLAGS-$(pkg-config --cflags ck 2>/dev/null)}
flags="-std=gnu11 -D_GNU_SOURCE -DRT_MC -fno-strict-aliasing $CK_FLAGS
    -Dpthread_mutex_lock=mc_mutex_lock -Dpthread_mutex_unlock=mc_mutex_unlock"
warnings="-Wall -Wextra -Wno-unused-parameter -Wshadow -Wconversion
    -Wstrict-prototypes -Wmissing-prototypes -Wundef"
debug=${KEEP:+-g} # costs a third more
of_mutants=-O0 # there are hundreds, so that they are made as fast as can be
[ -n "$debug" ] || of_mutants+=" -w"
linker=$([ ! -e /usr/bin/ld.gold ] || echo -fuse-ld=gold)
engine="mc mc_run mc_snapshot mc_memory mc_place mc_print" # one translation unit
around="mc_os mc_isolated"
always="$build/engine.o $(printf "$build/%s.o " $around)"
limit=$([ -n "${LONG-}" ] && echo 7200 || echo 480) # seconds for one program

# What follows is done for hundreds of mutants and thousands of files, and a process costs
# more than what it is started for: hence the shell's own means.

# find_source DIR MODEL FILE: $source is FILE as DIR has it, else MODEL, else the runtime;
# $sees is how that is compiled
find_source() {
    local from
    for from in "$1" "$2" runtime $here; do
        source=$from/$3
        [ ! -e "$source" ] || break
    done
    sees="$flags $debug -O1 -I$1 -I$2 -Iruntime -Iinclude -I$here -include ck_mc.h"
}

# changes DIR FILE OBJECT: does what DIR has changed reach this file of the model?
changes() {
    local f needs
    read -r -d '' needs <"${3%.o}.d"
    while read -r f; do
        [ "$f" = "$2" ] || [[ $f == *.h && $needs == *"/$f"* ]] && return
    done <"$1/changed"
    return 1
}

# The objects of a model, which `objects` lists: its mutants share those that they do not
# change, and models those for which they have shrunk the same.
prepare() {
    local model=$1 name headers own f key o source sees
    name=${model%/0} name=${name##*/}
    headers=$(find "$model" -name '*.h' | LC_ALL=C sort | xargs -r cat | cksum)
    for f in "test_$name.c" $(<"$model/sources"); do
        own=
        [ ! -e "$model/$f" ] || own=$(cksum <"$model/$f")
        key=$headers-$own
        o=$build/objects/${key// /-}/$f.o
        if [ ! -e "$o" ]; then
            find_source "$model" "$model" "$f"
            [ -d "${o%/*}" ] || mkdir -p "${o%/*}"
            # shellcheck disable=SC2086
            $cc $sees -MMD -MF "${o%.o}.d" $warnings -c -o "$o.$name.o" "$source" \
                >>"$model/log" 2>&1 || return 1
            mv "$o.$name.o" "$o"
        fi
        echo "$f $o"
    done >"$model/objects"
}

# Builds and runs what mutants.awk has put into this directory.
one() {
    local dir=$1 model kind where test why arguments='' linked='' source sees='' f o status
    model=${dir%/*}/0
    { read -r kind; read -r where; read -r test; read -r why; } <"$dir/about"
    while read -r f o; do
        if [ "$kind" != model ] && changes "$dir" "$f" "$o"; then
            find_source "$dir" "$model" "$f"
            o=$source
        fi
        linked="$linked $o"
    done <"$model/objects"
    # What has changed is compiled by the call that links.
    # shellcheck disable=SC2086
    if ! $cc $sees $of_mutants ${debug:--s} $linker -o "$dir/model" $linked $always \
        >>"$dir/log" 2>&1; then
        echo broken >"$dir/verdict"
        return
    fi
    [ "$kind" != mutant ] && [ -n "${LONG-}" ] && arguments=-l
    [ "$kind" = mutant ] && arguments=-b
    [ "$kind" = equivalent ] && [ -n "${LONG-}" ] && test=
    timeout -k 5 "$limit" "$dir/model" $arguments ${test:+-n "$test"} >>"$dir/log" 2>&1
    status=$?
    case $kind:$status in
    mutant:1 | model:0 | equivalent:0) echo passed ;;
    mutant:0) echo survived ;;
    *:124 | *:137) echo "ran out of time" ;;
    *:2) echo broken ;;
    *) echo failed ;;
    esac >"$dir/verdict"
}

case ${1-} in
--prepare) prepare "$2"; exit 0 ;;
--one) one "$2"; exit 0 ;;
esac

give_up() {
    echo "$1"
    echo "mc: 0 passed, 1 failed"
    exit 1
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for f in "$here"/test_*.c; do
        f=${f##*/test_}
        names+=("${f%.c}")
    done
fi

jobs=()
rm -rf "${build:?}/objects"
mkdir -p "$build"
# shellcheck disable=SC2086
printf '#include "%s.c"\n' $engine >"$build/engine.c"
# shellcheck disable=SC2086
for f in "$build/engine" $(printf "$here/%s " $around); do
    # shellcheck disable=SC2086
    $cc $flags $debug $warnings -O3 -Iruntime -Iinclude -I$here -c -o "$build/${f##*/}.o" \
        "$f.c" || give_up "$f.c does not compile"
done
for name in "${names[@]}"; do
    rm -rf "${build:?}/$name"
    mkdir -p "$build/$name"
    list=$here/test_$name.mutants
    [ -e "$list" ] || list=/dev/null
    dirs=$(awk -v runtime=runtime -v out="$build/$name" -f $here/mutants.awk "$list") ||
        give_up "$list does not fit the sources"
    mapfile -t -O ${#jobs[@]} jobs <<<"$dirs"
done
each="xargs -P ${JOBS:-$(nproc)} -n 1 $here/run.sh"
printf "$build/%s/0\n" "${names[@]}" | $each --prepare
# The models first: they take longest.
printf '%s\n' "${jobs[@]}" | awk '{ print ($0 ~ /\/0$/ ? 0 : 1), $0 }' | sort -s -k1,1 |
    cut -d' ' -f2 | $each --one
[ -n "${KEEP-}" ] || rm -f "${jobs[@]/%//model}"

passed=0 failed=0
for name in "${names[@]}"; do
    caught=0 mutants=0
    echo "$name"
    for dir in $(printf '%s\n' "${jobs[@]}" | grep "^$build/$name/"); do
        verdict='did not run'
        [ ! -e "$dir/verdict" ] || read -r verdict <"$dir/verdict"
        { read -r kind; read -r where; read -r _; read -r why; } <"$dir/about"
        if [ "$kind" = model ]; then
            cat "$dir/log"
            ok=$(grep -c 'executions .* s  ok' "$dir/log")
            bad=$(grep -c 'executions .* s  FAILED' "$dir/log")
            if [ "$verdict" != passed ] && [ "$bad" -eq 0 ]; then
                echo "  the model: $verdict"
                bad=1
            fi
            passed=$((passed + ok)) failed=$((failed + bad))
            continue
        fi
        [ "$kind" = mutant ] && mutants=$((mutants + 1))
        if [ "$verdict" = passed ]; then
            passed=$((passed + 1))
            [ "$kind" = mutant ] && caught=$((caught + 1))
        else
            failed=$((failed + 1))
        fi
        if [ "$verdict" != passed ] || [ -n "${VERBOSE-}" ]; then
            echo "  $kind $where $verdict: $why"
            sed 's/^/    /' "$dir/log"
        fi
    done
    [ $mutants -gt 0 ] && echo "  $caught of $mutants mutants noticed"
done
echo "mc: $passed passed, $failed failed"
[ $failed -eq 0 ]
