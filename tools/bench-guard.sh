#!/bin/bash
# bench-guard.sh: is this tree slower than a commit? Measures both in turn.
#
# usage: REF=COMMIT tools/bench-guard.sh      in the top folder; make bench-guard REF=COMMIT
#   K=TEXT       the benchmarks with TEXT in their name, instead of pingpong and spawn
#   REPEAT=N     rounds, 5 to 1000 (9)
#   ARGS=...     options for each benchmark
#   FORCE=1      also on a busy machine
#
# 0: nothing is slower; 1: something is; 2: it was asked wrongly, a tree does not build or
# run, or the machine is busy. build/guard/ keeps the two CSV files and the report.
set -u
folder=build/guard
REPEAT=${REPEAT:-9}
refuse() {
    echo "bench-guard: $1" >&2
    exit 2
}
[[ $REPEAT =~ ^[1-9][0-9]{0,3}$ ]] && [ "$REPEAT" -ge 5 ] && [ "$REPEAT" -le 1000 ] ||
    refuse "REPEAT takes a number from 5 to 1000, not \"$REPEAT\""
[ -n "${REF-}" ] || refuse "REF=COMMIT says which commit to compare with"
commit=$(git rev-parse --verify --quiet --end-of-options "$REF^{commit}") ||
    refuse "there is no commit \"$REF\""

# The benchmarks that exist in both trees.
programs=()
for bench in bench/*.c; do
    bench=$(basename "$bench" .c)
    case ${K:-default/$bench} in
    default/pingpong | default/spawn) ;;
    default/*) continue ;;
    *) [[ $bench == *"$K"* ]] || continue ;;
    esac
    git cat-file -e "$commit:bench/$bench.c" 2>/dev/null && programs+=("$bench")
done
[ ${#programs[@]} -gt 0 ] || refuse "no benchmark with \"${K-}\" in its name exists in both trees"

# What to run: a line is a program and its options.
calls() {
    local bench
    for bench in "${programs[@]}"; do
        if [ "$bench" = pingpong ]; then
            printf '%s\n' "pingpong --workers 1" "pingpong --workers 2"
        else
            echo "$bench"
        fi
    done
}
mapfile -t calls < <(calls)

progress() {
    if [ -t 2 ]; then printf '\r%s\033[K' "$1" >&2; elif [ "${2-}" ]; then echo "$1" >&2; fi
}
# What the calling make said is not for the make of another tree.
unset MAKEFLAGS MFLAGS MAKELEVEL CADRE_READY
build() { # folder, more programs
    progress "bench-guard: building $1" say
    make -C "$1" -s "${programs[@]/#/build/release/bench/}" "${@:2}" >$folder/make.log 2>&1 </dev/null || {
        cat $folder/make.log >&2
        refuse "$1 does not build"
    }
}
mkdir -p $folder
rm -f $folder/*.csv $folder/report.txt
if [ "$(git -C $folder/old rev-parse --show-toplevel 2>/dev/null)" != "$PWD/$folder/old" ]; then
    rm -rf $folder/old
    git clone -q --shared --no-checkout . $folder/old || refuse "cannot clone this repository"
fi
git -C $folder/old checkout -q --force --detach "$commit" || refuse "cannot check out $commit"
build $folder/old
build . build/release/bench/guard/{quiet,compare}

if [ -z "${FORCE-}" ] && ! busy=$(build/release/bench/guard/quiet); then
    progress ""
    refuse "the machine is busy: $busy (FORCE=1 measures all the same)"
fi

# measure SIDE TREE CALL
measure() {
    local program=${3%% *} options=()
    [[ $3 == *" "* ]] && read -ra options <<<"${3#* }"
    # shellcheck disable=SC2086
    "$2/build/release/bench/$program" "${options[@]}" --pin --warmup 1 --repeat 1 ${ARGS-} \
        --csv "$folder/$1.csv" >$folder/run.log 2>&1 </dev/null || {
        progress ""
        tail -n 5 $folder/run.log >&2
        refuse "$2: $3 failed"
    }
}
SECONDS=0
for ((round = 1; round <= REPEAT; round++)); do
    left=$(((REPEAT - round + 1) * SECONDS / (round > 1 ? round - 1 : 1)))
    progress "bench-guard: round $round of $REPEAT$([ $round -gt 1 ] && echo ", about $left s left")" say
    for call in "${calls[@]}"; do
        measure old $folder/old "$call"
        measure new . "$call"
    done
done
progress ""

changes=$(git status --porcelain --untracked-files=no | wc -l)
build/release/bench/guard/compare $folder/{old,new}.csv \
    "$(git log -1 --format='%h %s' "$commit")" \
    "$(git log -1 --format='%h %s')$([ "$changes" -gt 0 ] && echo ", with changes")" \
    >$folder/report.tmp
status=$?
[ $status -le 1 ] || { rm -f $folder/report.tmp; refuse "the measurements cannot be compared"; }
mv $folder/report.tmp $folder/report.txt
cat $folder/report.txt
exit $status
