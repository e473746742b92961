#!/bin/bash
# bench.sh: runs benchmarks one after the other and publishes what they found.
#
# usage: tools/bench.sh PROGRAM...      (make bench; K=text: only those with it in their name)
#
# BENCH_REPEAT   measured runs of each row (5)
# BENCH_WARMUP   runs of each row before those (1)
# BENCH_TIMEOUT  seconds that one program may take (600)
# BENCH_DIR      where results.csv and results.svg go (build/bench)
# ARGS           further options for each program
#
# Both files appear at once and whole, about the programs of this call, when all of them have
# succeeded. Otherwise the old ones stay, and what was measured is in partial.csv. Exit code: 0; 1 when a program failed;
# 2 for a mistake in the call.
set -u
export LC_ALL=C # numbers with a point
repeat=${BENCH_REPEAT:-5} warmup=${BENCH_WARMUP:-1} limit=${BENCH_TIMEOUT:-600}
dir=${BENCH_DIR:-build/bench}

refuse() {
    echo "bench: $1" >&2
    exit 2
}
[[ $repeat =~ ^[1-9][0-9]{0,3}$ ]] ||
    refuse "BENCH_REPEAT is a number from 1 to 9999, not \"$repeat\""
[[ $warmup =~ ^[0-9]{1,4}$ ]] ||
    refuse "BENCH_WARMUP is a number from 0 to 9999, not \"$warmup\""
[[ $limit =~ ^[1-9][0-9]{0,5}$ ]] ||
    refuse "BENCH_TIMEOUT is a number of seconds, not \"$limit\""
[[ " ${ARGS:-}" != *" --csv"* ]] ||
    refuse "no --csv in ARGS: the results go to $dir/results.csv"
# shellcheck disable=SC2005,SC2046
[ $# -gt 0 ] ||
    refuse "no benchmark has \"${K:-}\" in its name; there are $(echo $(basename -s .c bench/*.c))"
for program in "$@"; do
    [ -x "$program" ] || refuse "$program: no such program"
done

mkdir -p "$dir" || exit 2
scratch=$(mktemp -d "$dir/run.XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# By what the programs before this one took.
time_left() {
    [ "$1" -gt 0 ] || return
    local left=$(((SECONDS * ($2 - $1) + $1 - 1) / $1))
    printf ', about %d:%02d left' $((left / 60)) $((left % 60))
}

failed=()
done=0
SECONDS=0
for program in "$@"; do
    echo "bench: ${program##*/}, $((done + 1)) of $#$(time_left $done $#)" >&2
    # Options of ours first: ARGS may say otherwise.
    # shellcheck disable=SC2086
    timeout --foreground -k 5 "$limit" "$program" --repeat "$repeat" --warmup "$warmup" \
        --csv "$scratch/results.csv" ${ARGS:-} </dev/null
    status=$?
    if [ $status -ne 0 ]; then
        echo "bench: ${program##*/} failed, with exit code $status" \
            "$([ $status -eq 124 ] && echo "after $limit s")" >&2
        failed+=("${program##*/}")
    fi
    echo
    done=$((done + 1))
done

# draw: the page of what was measured
draw() {
    local machine
    local rows=(awk -f tools/csv.awk -f tools/bench-rows.awk)
    machine=$("${rows[@]}" -v what=machine "$scratch/results.csv") &&
        "${rows[@]}" "$scratch/results.csv" >"$scratch/rows.csv" &&
        awk -f tools/csv.awk -f tools/plot.awk -v title="Cadre: benchmarks" \
            -v subtitle="${machine//$'\n'/\\n}" -v errors="p25 to p75" \
            -v series="1 worker|2 workers" "$scratch/rows.csv" >"$scratch/results.svg"
}

# give_up WHY: what there is stays apart from the results
give_up() {
    rm -f "$dir/partial.csv"
    [ ! -e "$scratch/results.csv" ] || mv "$scratch/results.csv" "$dir/partial.csv"
    echo "bench: $1; nothing is published, the rest is in $dir/partial.csv" >&2
    exit 1
}
[ ${#failed[@]} -eq 0 ] || give_up "failed: ${failed[*]}"
draw || give_up "the page cannot be drawn"
rm -f "$dir/partial.csv"
mv "$scratch/results.csv" "$scratch/results.svg" "$dir" || exit 1
echo "bench: $# of $# in $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)));" \
    "$dir/results.csv, $dir/results.svg" >&2
