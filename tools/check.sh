#!/bin/bash
# check.sh: runs one test program or check in a process group of its own.
#
# usage: check.sh build/results/NAME command...
#
# Its output goes to build/log/NAME.log; the counts "passed failed skipped" go to
# build/results/NAME, one progress line to the terminal, and the end of the log too when
# something failed, and its lines `notice: ...`. Counted are the tests that cmocka
# names, or what a last line `N passed, N failed` says, or else the command itself; exit
# status 77 is a skip. A process that outlives $TIMEOUT seconds is killed with its group.
#
# A sanitizer that cannot map its shadow memory is tried once more without address space
# randomisation, and is a skip, named, when that does not help.
#
# The exit status is always 0, so that one failure does not hide the others: tally.sh
# adds up.
set -u
result=$1
shift
name=${result#build/results/}
log=build/log/$name.log
[ -d "${result%/*}" ] && [ -d "${log%/*}" ] || mkdir -p "${result%/*}" "${log%/*}"

cannot_start='unexpected memory mapping|Shadow memory range interleaves|LeakSanitizer has encountered a fatal error|failed to set personality'

attempt() {
    # Braces: bash's own "Aborted" for a program that was is not wanted. 9 is make's lock,
    # which nothing that is left over may hold.
    { timeout -k 5 "${TIMEOUT:-300}" "$@" </dev/null >"$log" 2>&1 9>&-; } 2>/dev/null
    status=$?
}

start=${EPOCHREALTIME//[!0-9]/} # in µs
attempt "$@"
if [ $status -ne 0 ] && grep -qE "$cannot_start" "$log"; then
    attempt setarch -R "$@"
    if [ $status -ne 0 ] && grep -qE "$cannot_start" "$log"; then
        status=77
    fi
fi
tenths=$(((${EPOCHREALTIME//[!0-9]/} - start + 50000) / 100000))

notices=$(awk -v status=$status -v result="$result" '
    sub(/^notice: /, "    | ")        { print }
    /^\[ RUN      \] /                { run++; open = $0; sub(/^\[ RUN      \] /, "", open) }
    open != "" && $0 == "[       OK ] " open { ok++; open = "" }
    open != "" && $0 == "[  SKIPPED ] " open { skipped++; open = "" }
    /^(mc: )?[0-9]+ passed, [0-9]+ failed/ {
        line = $0
        sub(/^mc: /, "", line)
        gsub(/[^0-9]+/, " ", line)
        said = split(line, n, " ")
    }
    END {
        if (status == 77) {
            ok = run = 0; skipped = 1; run = 1
        } else if (said) {
            ok = n[1]; skipped = n[3] + 0; run = ok + n[2] + skipped
        } else if (!run) {
            run = 1; ok = status == 0
        }
        failed = run - ok - skipped
        if (status != 0 && status != 77 && failed == 0)
            failed = 1
        print ok + 0, failed, skipped + 0 >result
    }' "$log")

read -r passed failed skipped <"$result"
if [ "$failed" -gt 0 ]; then
    verdict=FAILED
    [ $status -eq 124 ] || [ $status -eq 137 ] && verdict="FAILED (killed: over ${TIMEOUT:-300} s)"
elif [ "$passed" -eq 0 ]; then
    verdict=skipped
else
    verdict=ok
fi
printf '  %-44s %4d  %6s s  %s\n' "$name" "$passed" "$((tenths / 10)).$((tenths % 10))" "$verdict"
[ -z "$notices" ] || echo "$notices"
if [ "$failed" -gt 0 ]; then
    tail -n 40 "$log" | awk '{ print "    | " $0 }'
    echo "    ^ exit status $status; the whole output: $log"
fi
exit 0
