#!/bin/bash
# tally.sh: adds up what check.sh left in build/results, and says it in one last line.
#
# usage: tally.sh STATUS [counted]    STATUS is make's: what did not build is a failure.
set -u
status=$1
counts=$(find build/results -type f -exec cat {} + 2>/dev/null | awk '
    { passed += $1; failed += $2; skipped += $3 }
    END { if (NR) print passed + 0, failed + 0, skipped + 0 }')
if [ -z "$counts" ] && { [ "${2-}" != counted ] || [ "$status" -eq 0 ]; }; then
    exit "$status"
fi
read -r passed failed skipped <<<"${counts:-0 0 0}"
if [ "$status" -ne 0 ]; then
    echo "make itself failed (a program was not built: see above); counted as one failure"
    failed=$((failed + 1))
fi
find build/results -type f 2>/dev/null | sort | while read -r result; do
    read -r _ bad skips <"$result"
    [ "$bad" -gt 0 ] && echo "failed: ${result#build/results/} ($bad)"
    [ "$skips" -gt 0 ] && echo "skipped: ${result#build/results/} ($skips)"
done
line="$passed passed, $failed failed"
[ "$skipped" -gt 0 ] && line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
