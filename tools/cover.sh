#!/bin/bash
# cover.sh: how many lines of each runtime file the tests of flavour `cover` reached.
set -u
cd build/cover/runtime || exit 1
for data in */*.gcda; do
    gcov -n -o "$(dirname "$data")" "$data" 2>/dev/null | awk '
        /^File/ { file = $2; gsub(/\x27/, "", file) }
        /^Lines executed/ && file ~ /^runtime\/.*\.c$/ {
            sub(/^Lines executed:/, ""); sub(/ of /, " ")
            print file, $1, $2
        }'
done | sort -u | awk '
    { printf "%7s of %4d  %s\n", $2, $3, $1; reached += $2 / 100 * $3; lines += $3 }
    END { if (lines) printf "%6.2f%% of %4d  all\n", 100 * reached / lines, lines }'
