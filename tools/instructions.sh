#!/bin/bash
# instructions.sh: how many instructions does the library spend on a message?
#
# usage: instructions.sh            compares; in the top folder after `make instructions`
#        instructions.sh --accept   writes the figures of this compiler anew
#
# Instructions do not depend on how busy the machine is, so a limit of 3 % means something
# where times would need minutes. Valgrind counts them in programs with one worker, at two
# lengths, so that start and end cancel: (I(2N) - I(N)) / N. tests/instructions.txt keeps
# the figures of each compiler; for one that is not there they are only reported.
# 0: within the limit, or fewer; 1: more, or a row is missing; 77: there is no valgrind.
set -u
kept=${KEPT:-tests/instructions.txt}
programs=${PROGRAMS:-build/release/tests/instructions}
cc=${CC:-gcc}
limit=3 # percent
count=20000
rows="pingpong pairs limited accounted counting spawn"

refuse() {
    echo "instructions: $1" >&2
    exit 2
}
case ${1-} in
"" | --accept) ;;
*) refuse "unknown argument \"$1\" (only --accept)" ;;
esac
command -v valgrind >/dev/null || {
    echo "notice: instructions are not counted: there is no valgrind"
    exit 77
}
compiler=$($cc -dumpfullversion 2>/dev/null || $cc -dumpversion) || refuse "cannot run $cc"
kind=$(echo __clang__ | $cc -E -P - 2>/dev/null)
compiler=$([ "$kind" = 1 ] && echo clang || echo gcc)-$compiler-$(uname -m)

# instructions COUNT ROW: of the whole program
instructions() {
    local options=(--count "$1") program=$2 said
    [ "$2" = pairs ] && program=pingpong options+=(--pairs 1000)
    [ "$2" = limited ] && program=pingpong options+=(--limit 100)
    [ "$2" = accounted ] && program=pingpong options+=(--accounted 1)
    said=$(env -u CADRE_SEED -u CADRE_LOG valgrind --tool=cachegrind --cache-sim=no \
        --cachegrind-out-file=/dev/null "$programs/$program" "${options[@]}" 2>&1) &&
        awk '/I +refs:/ { gsub(",", "", $NF); print $NF; found = 1 } END { exit !found }' <<<"$said" && return
    echo "$said" >&2
    return 1
}

measured=
for row in $rows; do
    once=$(instructions $count "$row") && twice=$(instructions $((2 * count)) "$row") || {
        echo "instructions: $programs cannot be measured: $row" >&2
        exit 1
    }
    measured+=$(awk -v a="$once" -v b="$twice" -v n=$count -v row="$row" -v compiler="$compiler" \
        'BEGIN { printf "%s %s %.1f", compiler, row, (b - a) / n }')$'\n'
done

if [ "${1-}" = --accept ]; then
    {
        grep '^#' "$kept" 2>/dev/null ||
            echo "# Compiler, what, instructions for one: written by tools/instructions.sh --accept."
        { grep -vE "^(#|$)" "$kept" 2>/dev/null | awk -v own="$compiler" '$1 != own'
            printf '%s' "$measured"; } | sort -s -k 1,1
    } >"$kept.tmp" && mv "$kept.tmp" "$kept"
    exit
fi

printf '%s' "$measured" | awk -v limit=$limit -v kept="$kept" -v compiler="$compiler" '
    BEGIN {
        while ((getline line <kept) > 0)
            if (split(line, part) == 3 && part[1] == compiler) {
                was[part[2]] = part[3]
                known = 1
            }
        printf "instructions of one operation, one worker, %s\n", compiler
        printf "%-10s %10s %10s %8s\n", "", "kept", "now", "change"
    }
    !($2 in was) {
        printf "%-10s %10s %10.1f\n", $2, "-", $3
        if (known)
            failed++
        else
            skipped++
        next
    }
    {
        change = 100 * ($3 - was[$2]) / was[$2]
        verdict = change > limit ? "  more than " limit " %" : ""
        printf "%-10s %10.1f %10.1f %+7.1f%%%s\n", $2, was[$2], $3, change, verdict
        if (change > limit)
            failed++
        else
            passed++
        fewer += change < -limit
    }
    END {
        if (!known)
            printf "notice: no figures of %s are kept: tools/instructions.sh --accept\n", compiler
        if (fewer)
            printf "notice: fewer instructions than kept: tools/instructions.sh --accept\n"
        if (failed)
            print "If that is meant: tools/instructions.sh --accept"
        printf "%d passed, %d failed", passed, failed
        printf skipped ? ", %d skipped\n" : "\n", skipped
        exit failed > 0
    }'
