#!/bin/bash
# fuzz.sh: one target of tests/fuzz: its kept inputs, then a search for others.
#
# usage: fuzz.sh NAME          in the top folder; FUZZ_SECONDS=5, with LONG 180
#        fuzz.sh --keep NAME   the fewest of the kept inputs and those found since that
#                              reach as much; at most 40 are kept
#
# What fails is left in build/fuzz/NAME/, and how to run it again is said. Inputs that
# reach more are in build/fuzz/NAME/new, and the next search begins with them, too.
set -u
keeps=
[ "$1" = --keep ] && keeps=1 && shift
name=$1
program=build/fuzz/tests/fuzz/$name
kept=tests/fuzz/corpus/$name
found=build/fuzz/$name
seconds=${FUZZ_SECONDS:-$([ -n "${LONG-}" ] && echo 180 || echo 5)}

if [ ! -x "$program" ]; then
    echo "notice: no libFuzzer (package libclang-rt-dev): $name is not fuzzed"
    exit 77
fi
mkdir -p "$found/new" "$kept"

if [ -n "$keeps" ]; then
    rm -rf "$found/least"
    mkdir "$found/least"
    "$program" -set_cover_merge=1 -use_counters=0 -max_len=256 "$found/least" "$kept" \
        "$found/new" >"$found/keep.log" 2>&1 || { cat "$found/keep.log"; exit 1; }
    rm -f "$kept"/*
    find "$found/least" -type f | sort | head -n 40 | while read -r input; do
        cp "$input" "$kept"
    done
    exit
fi

# In `make check` the same inputs each time: what fails there fails again.
seed=$([ -n "${LONG-}" ] && echo 0 || echo 1)
"$program" -seed="$seed" -max_total_time="$seconds" -max_len=1024 -timeout=60 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$found/" "$found/new" "$kept" && exit 0
echo "FAILED: $name; again with: $program $(find "$found" -maxdepth 1 -type f -name '*-*' \
    -printf '%T@ %p\n' | sort -n | sed -n '$s/^[^ ]* //p')"
exit 1
