#!/bin/bash
# compare.sh: measures Cadre beside Erlang, Go and CAF, and writes the report.
#
# usage: tools/compare.sh      (make compare), in the top folder; by environment:
#
# ROW=      only these rows of bench/peers/rows.txt: "counting,big"
# PEER=     only these peers: "erlang,go,caf"
# THREADS=  numbers of threads: "1,2", and all CPUs when there are more
# REPEAT=   measured runs of each cell (7)
# SCALE=    divides the number of operations, to try things out (1)
# FORCE=1   measures on a busy machine, and says so in the report
# OUT=      folder for benchmarks.md, .csv and .svg: docs, or build/compare when the run
#           was not whole (ROW, PEER, THREADS, SCALE, or REPEAT below 7)
#
# The runs go round and round: all runtimes with one row and one number of threads, then
# the next, and again from the beginning. Each run is a process of its own, on as many
# CPUs as it has threads, in an empty environment. One during which other programs took
# more than 6 % of the CPU time is made again, twice; a peer that takes longer than
# $RUN_LIMIT seconds (60), or fails, loses the cell, and the report says so.
#
# Exit status: 0; 1 when something failed; 2 for a mistake in the call, a peer or a CPU
# that is not there, or a busy machine. The three files appear together at the end, or
# not at all.
set -u
export LC_ALL=C
. bench/peers/peers.sh
table=bench/peers/rows.txt
bench=build/release/bench
RUN_LIMIT=${RUN_LIMIT:-60}
BUSY_SHARE=0.06

# On a terminal the progress is one line, which anything else replaces.
fresh_line=
line_end='\n'
[ ! -t 2 ] || fresh_line=$'\r\033[K' line_end=
say() { echo "${fresh_line}compare: $1" >&2; }
refuse() {
    say "$1"
    exit 2
}

# ---- what is asked for ---------------------------------------------------------------

# choose WHAT ASKED KNOWN...: the asked ones in the order known; all if none is asked
choose() {
    local what=$1 asked one known
    read -ra asked <<<"${2//,/ }"
    shift 2
    for one in "${asked[@]}"; do
        [[ " $* " == *" $one "* ]] ||
            refuse "unknown $what \"$one\"; there are: $*"
    done
    for known; do
        [ ${#asked[@]} -gt 0 ] && [[ " ${asked[*]} " != *" $known "* ]] || echo "$known"
    done
}

# number NAME VALUE MAX
number() {
    [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] && [ "$2" -le "$3" ] ||
        refuse "$1 is a number from 1 to $3, not \"$2\""
}

repeat=${REPEAT:-7}
scale=${SCALE:-1}
number REPEAT "$repeat" 1000
number SCALE "$scale" 1000000
number RUN_LIMIT "$RUN_LIMIT" 3600
[[ ${INSTALL:-0} == [01] ]] || refuse "INSTALL is 1 or 0, not \"$INSTALL\""
[[ ${FORCE:-0} == [01] ]] || refuse "FORCE is 1 or 0, not \"$FORCE\""
mapfile -t all_rows < <(awk '!/^#/ && NF { print $1 }' $table)
rows=$(choose row "${ROW:-}" "${all_rows[@]}") || exit 2
wanted=$(choose peer "${PEER:-}" erlang go caf) || exit 2

# The CPUs we may use, one per line.
mapfile -t cpus < <(awk '/^Cpus_allowed_list/ {
    n = split($2, part, ",")
    for (i = 1; i <= n; i++) {
        split(part[i], end, "-")
        for (c = end[1]; c <= (end[2] == "" ? end[1] : end[2]); c++)
            print c
    }
}' /proc/self/status)
default="1 2"
[ ${#cpus[@]} -le 2 ] || default="1 2 ${#cpus[@]}"
threads=
for t in $(tr ', ' '\n\n' <<<"${THREADS:-$default}" | sort -n | uniq); do
    number THREADS "$t" 1024
    [ "$t" -le ${#cpus[@]} ] ||
        refuse "$t threads need as many CPUs, and only ${#cpus[@]} may be used here (THREADS=${#cpus[@]}?)"
    threads="$threads $t"
done
[ -n "$threads" ] || refuse "THREADS names no number"

out=${OUT:-docs}
if [ -z "${OUT:-}" ] && { [ -n "${ROW:-}${PEER:-}${THREADS:-}" ] ||
    [ "$scale" -ne 1 ] || [ "$repeat" -lt 7 ]; }; then
    out=build/compare
fi
made=
[ -d "$out" ] || made=$out
mkdir -p "$out" build/peers || exit 2
scratch=$(mktemp -d "$out/.compare.XXXXXX") || exit 2
# A folder that was made for nothing goes too.
trap 'rm -rf "$scratch"; [ -z "$made" ] || rmdir "$made" 2>/dev/null' EXIT
trap 'exit 130' INT TERM

# ---- the peers -----------------------------------------------------------------------

lacking=$(for peer in $wanted; do "${peer}_missing"; done | sort -u | paste -sd ' ')
[ -z "$lacking" ] || refuse "not installed: $lacking; INSTALL=1 installs them, PEER= chooses others"
for peer in $wanted; do
    ! current "$peer" || continue
    say "building $peer"
    mkdir -p "build/peers/$peer"
    "${peer}_build" >"build/peers/$peer/log" 2>&1 ||
        refuse "$peer does not build, see build/peers/$peer/log; PEER= chooses others"
    touch "build/peers/$peer/done"
done

# ---- the machine ---------------------------------------------------------------------

# Sets `wall`, `busy` and `own`: seconds gone by, spent by anybody on our CPUs, and spent
# by our children. (`times` knows them in this shell only, not in a substitution.)
read_clocks() {
    times >"$scratch/times"
    read -r wall busy own < <(awk -v cpus=" ${cpus[*]} " -v hz="$(getconf CLK_TCK)" \
        -v now="$(date +%s%N)" '
        /^cpu[0-9]/ && index(cpus, " " substr($1, 4) " ") { busy += $2 + $3 + $4 + $7 + $8 + $9 }
        /^[0-9]+m/ { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); own += 60 * part[1] + part[2] } }
        END { printf "%.3f %.2f %.3f\n", now / 1e9, busy / hz, own }' /proc/stat "$scratch/times")
}
clock_start() {
    read_clocks
    before="$wall $busy $own"
}
# Sets `share`: the part that others took since, 0 to 1. Two ticks are within the
# kernel's error.
clock_stop() {
    read_clocks
    share=$(awk -v before="$before" -v after="$wall $busy $own" -v n=${#cpus[@]} 'BEGIN {
        split(before, a, " ")
        split(after, b, " ")
        others = b[2] - a[2] - (b[3] - a[3]) - 0.02
        printf "%.3f", (others > 0 ? others / ((b[1] - a[1]) * n) : 0)
    }')
}
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

clock_start
sleep 1
clock_stop
state=quiet
if above "$share" 0.05; then
    percent=$(awk -v s="$share" 'BEGIN { printf "%.0f", 100 * s }')
    [ "${FORCE:-0}" = 1 ] ||
        refuse "other programs use $percent % of the CPUs; wait, or FORCE=1 measures nevertheless and says so"
    state="busy at the start: other programs used $percent % of the CPUs"
fi

# ---- one run -------------------------------------------------------------------------

# size ROW RUNTIME: how many operations; at most scaled down to ten thousand, which is a
# whole game of every row
size() {
    awk -v row="$1" -v runtime="$2" -v scale="$scale" '
        $2 == "row" { for (i = 4; i <= NF; i++) if ($i == runtime) at = i - 1 }
        $1 == row {
            least = $at < 10000 ? $at : 10000
            n = int($at / scale)
            print (n > least ? n : least)
        }' $table
}

# cadre_command ROW THREADS N: our benchmark programs have options of their own. Three
# rows measure the limits of the machine as well.
cadre_command() {
    local row=$1 n=$3
    case $row in
    pingpong) set -- pingpong --pairs 1 --messages "$n" --workers "$2" ;;
    pairs) set -- pingpong --pairs 1000 --messages "$n" --workers "$2" ;;
    threadring) set -- threadring --hops "$n" --workers "$2" ;;
    counting* | fanin* | fjthroughput*) set -- "${row%-rounds}" --messages "$n" --workers "$2" ;;
    big) set -- big --pings $((n / 240)) --workers "$2" ;;
    chameneos) set -- chameneos --meetings "$n" --workers "$2" ;;
    spawn) set -- spawn --actors "$n" --wave "$n" --workers "$2" ;;
    fjcreate) set -- fjcreate --actors "$n" --workers "$2" ;;
    skynet) set -- skynet --depth $((${#n} - 1)) --workers "$2" ;;
    memory) set -- memory --actors "$n" --workers "$2" ;;
    *) refuse "$table has the row \"$row\", and tools/compare.sh does not know it" ;;
    esac
    [[ $row =~ ^(pingpong|pairs|counting)$ ]] || set -- "$@" --row "$row"
    command=("$bench/$1" --repeat 1 --warmup 0 --csv "$scratch/bench.csv" "${@:2}")
}

# run ROW THREADS RUNTIME: the line of the result in `result`; its status is the program's
run() {
    local on
    on=$(IFS=,; echo "${cpus[*]:0:$2}")
    rm -f "$scratch/bench.csv" "$scratch/limits.csv"
    "$3_command" "$1" "$2" "$(size "$1" "$3")"
    timeout --foreground -k 5 "$RUN_LIMIT" env -i PATH="$PATH" LC_ALL=C taskset -c "$on" "${command[@]}" \
        </dev/null >"$scratch/output" 2>"$scratch/errors" || return
    if [ "$3" = cadre ]; then
        result=$(awk -f tools/csv.awk -f tools/compare-run.awk -v row="$1" -v threads="$2" \
            -v limits="$scratch/limits.csv" "$scratch/bench.csv")
    else
        result=$(tail -n 1 "$scratch/output")
    fi
    [[ $result =~ ^$1\ $2\ [0-9]+\ [0-9.]+(\ -?[0-9]+)?$ ]]
}

# measure ROW THREADS RUNTIME: one run, again if others were in the way; appends to raw.csv
measure() {
    local status n seconds bytes
    for _ in 1 2 3; do
        clock_start
        run "$@"
        status=$?
        clock_stop
        [ $status -eq 0 ] && [ "${FORCE:-0}" = 0 ] && above "$share" $BUSY_SHARE || break
    done
    if [ $status -ne 0 ]; then
        lose "$1" "$2" "$3" $status
        return
    fi
    read -r _ _ n seconds bytes <<<"$result"
    echo "$1,$2,$3,$n,$seconds,$bytes,$share" >>"$scratch/raw.csv"
    [ ! -e "$scratch/limits.csv" ] || awk -v t="$2" -v share="$share" -F , '
        { printf "%s,%s,limit,1,%.12f,,%s\n", $1, t, $2 / 1e9, share }' \
        "$scratch/limits.csv" >>"$scratch/raw.csv"
    [ "$3" != cadre ] || cp "$scratch/bench.csv" "$scratch/machine.csv"
}

# A run of a peer that failed costs its cell; one of ours everything.
lose() {
    local why="failed with status $4"
    [ "$4" -ne 124 ] || why="took more than $RUN_LIMIT s"
    say "$3 $1 with $2 thread(s) $why"
    sed 's/^/compare: | /' "$scratch/errors" >&2
    if [ "$3" = cadre ]; then
        say "nothing is written"
        exit 1
    fi
    echo "$1,$2,$3,$why" >>"$scratch/lost"
    lost[$1/$2/$3]=1
}

# ---- all of them ---------------------------------------------------------------------

declare -A lost=()
echo "row,threads,runtime,n,seconds,bytes,foreign" >"$scratch/raw.csv"
touch "$scratch/lost"
total=$(($(wc -w <<<"$rows") * $(wc -w <<<"$threads") * ($(wc -w <<<"$wanted") + 1) * repeat))
done=0
SECONDS=0

progress() {
    local left=
    [ $done -eq 0 ] || left=$(((SECONDS * (total - done) + done - 1) / done))
    printf "%scompare: %s, %s thread(s), %s: run %d of %d%s$line_end" "$fresh_line" "$1" "$2" "$3" $((done + 1)) \
        "$total" "${left:+, about $((left / 60)):$(printf %02d $((left % 60))) left}" >&2
}
for ((round = 0; round < repeat; round++)); do
    for row in $rows; do
        for t in $threads; do
            for runtime in cadre $wanted; do
                progress "$row" "$t" "$runtime"
                [ -n "${lost[$row/$t/$runtime]:-}" ] || measure "$row" "$t" "$runtime"
                done=$((done + 1))
            done
        done
    done
done

# ---- the report ----------------------------------------------------------------------

notes=$(
    [ "$state" = quiet ] || echo "the machine was $state"
    [ "$scale" -eq 1 ] || echo "the numbers of operations were divided by $scale"
    [ "$repeat" -ge 7 ] || echo "each cell stands for $repeat run(s) only"
)
{
    for peer in $wanted; do echo "$peer,$("${peer}_version")"; done
    echo "g++,$(g++ -dumpfullversion 2>/dev/null)"
    echo "cadre,$(awk '/define CADRE_VERSION_/ { printf "%s%s", dot, $3; dot = "." }' include/cadre/base.h)$(
        git describe --always --dirty --exclude '*' 2>/dev/null | sed 's/^/, commit /')"
    echo "system,$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"')"
} >"$scratch/versions"
report() {
    awk -f tools/csv.awk -f tools/compare-report.awk -v what="$1" -v scratch="$scratch" \
        -v runtimes="cadre $(echo $wanted)" -v repeat="$repeat" -v notes="$notes" \
        -v date="$(date -u +%Y-%m-%d)" -v minutes=$(((SECONDS + 59) / 60)) -v table=$table -v pony=bench/peers/pony.csv \
        "$scratch/machine.csv" "$scratch/raw.csv"
}
report tables >"$scratch/benchmarks.md" &&
    cat bench/peers/notes.md >>"$scratch/benchmarks.md" &&
    report bars >"$scratch/bars.csv" &&
    awk -f tools/csv.awk -f tools/plot.awk -v errors="least to most of all runs" \
        -v title="Cadre and other runtimes" -v subtitle="$(report machine)" \
        -v series="Cadre|Erlang|Go|CAF|Pony (scaled, not measured here)" \
        -v colours="#2b6cb0|#e8871e|#8a9099|#3f9b5f|#dcb8da" \
        "$scratch/bars.csv" >"$scratch/benchmarks.svg" || {
    say "the report cannot be made; what was measured is in $out/partial.csv"
    mv "$scratch/raw.csv" "$out/partial.csv"
    exit 1
}
mv "$scratch/raw.csv" "$scratch/benchmarks.csv" &&
    mv "$scratch"/benchmarks.{csv,svg,md} "$out" || exit 1
say "$out/benchmarks.md, .csv, .svg; took $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))"
[ ${#lost[@]} -eq 0 ]
