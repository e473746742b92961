#!/bin/bash
# tidy.sh: clang-tidy, file by file.
#
# usage: tidy.sh FILE FLAGS... >REPORT      an empty report: nothing to say
#        tidy.sh --judge REPORT...          prints them, fails when one is not empty
#
# Version 14, Debian 12's, decides; others know other checks and only report. LONG=1: paths
# are followed as far as clang does by itself, which takes ten times as long.
set -u
if [ "$1" != --judge ]; then
    file=$1
    shift
    [ -n "${LONG-}" ] || set -- "$@" -Xclang -analyzer-config -Xclang max-nodes=8000
    clang-tidy --quiet "$file" -- "$@" 2>/dev/null
    exit 0
fi
shift
cat "$@"
[ -n "$(cat "$@")" ] && clang-tidy --version | grep -q 'version 14\.' && exit 1
exit 0
