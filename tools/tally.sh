#!/bin/bash
# tally.sh: adds up what check.sh left in build/results, and says it in one last line.
#
# usage: tally.sh STATUS      make's status: what could not be built is a failure too
set -u
status=$1
counts=$(find build/results -type f -exec cat {} + 2>/dev/null | awk '
    { passed += $1; failed += $2; skipped += $3 }
    END { print passed + 0, failed + 0, skipped + 0 }')
read -r passed failed skipped <<<"$counts"
if [ "$status" -ne 0 ]; then
    echo "make itself failed (a program was not built: see above); counted as one failure"
    failed=$((failed + 1))
fi
results=$(find build/results -type f 2>/dev/null | sort)
for result in $results; do
    read -r _ _ skips <"$result"
    [ "$skips" -gt 0 ] && echo "skipped: ${result#build/results/} ($skips)"
done
# The failures last: where only the end of the output is kept, it is this.
for result in $results; do
    read -r _ bad _ <"$result"
    [ "$bad" -gt 0 ] || continue
    name=${result#build/results/}
    echo "failed: $name ($bad)"
    grep -E 'FAILED|ERROR|error:|Error' "build/log/$name.log" | head -n 4 | sed 's/^/    | /'
done
line="$passed passed, $failed failed"
[ "$skipped" -gt 0 ] && line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
