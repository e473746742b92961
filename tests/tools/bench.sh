#!/bin/bash
# bench.sh: a benchmark refuses what it cannot read, and its smallest run is a whole report.
#
# usage: tests/tools/bench.sh PROGRAM      a benchmark made with bench/harness
set -u
program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset CADRE_SEED CADRE_WORKERS
passed=0
failed=0

# judge WHAT COMMAND...: counts whether the command says yes
judge() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: ${program##*/}: $what"
        failed=$((failed + 1))
    fi
}

# refused OPTION...: exit code 2, one line on stderr, nothing on stdout, no file
refused() {
    "$program" --csv "$scratch/refused.csv" "$@" >"$scratch/out" 2>"$scratch/err"
    [ $? -eq 2 ] && [ ! -s "$scratch/out" ] && [ ! -e "$scratch/refused.csv" ] &&
        { read -r _ && ! read -r _; } <"$scratch/err"
}
judge "takes --nonsense" refused --nonsense
judge "takes a word" refused nonsense
judge "takes --repeat without a number" refused --repeat
judge "takes --pin=1" refused --pin=1
judge "takes an unknown --row" refused --row nonsense

# Each option that takes a number, as --help has it: its name, least and most.
"$program" --help >"$scratch/help" 2>&1
judge "--help fails" [ $? -eq 0 ]
awk '$1 ~ /^--/ && match($0, /[0-9]+ to [0-9]+/) {
    split(substr($0, RSTART, RLENGTH), range, " to ")
    print $1, range[1], range[2]
}' "$scratch/help" >"$scratch/options"
judge "has no --workers" grep -q '^--workers 1 1024$' "$scratch/options"

smallest=()
while read -r option least most; do
    for value in -1 1x '' 0x10 $((most + 1)) 99999999999999999999 $((least - 1)); do
        judge "takes $option '$value'" refused "$option" "$value"
    done
    smallest+=("$option" "$least")
done <"$scratch/options"

# The last of two options counts: two workers.
run() { "$program" "${smallest[@]}" --workers 2 --csv "$scratch/$1.csv" >"$scratch/out" 2>&1; }
run results || cat "$scratch/out"
judge "its smallest run fails" [ -s "$scratch/results.csv" ]
skipped=0
if grep -q 'skipped: ' "$scratch/out" && [ "$(wc -l <"$scratch/results.csv")" -eq 1 ]; then
    skipped=1 # nothing that its rows need is here
else
    judge "its rows are not like their heading" awk -f tools/csv.awk -f <(echo '
        { n = csv_split($0, field); if (NR == 1) columns = n; if (n != columns || n < 20) bad = 1 }
        END { exit bad || NR < 2 }') "$scratch/results.csv"
fi

# A simulation is no measurement.
simulated() { CADRE_SEED=1 run simulated || [ -e "$scratch/simulated.csv" ]; }
judge "measures a simulation" eval '! simulated'

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
