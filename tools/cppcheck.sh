#!/bin/bash
# cppcheck.sh: cppcheck on all given files.
#
# usage: cppcheck.sh FLAGS... FILES...
#
# Version 2.10, Debian 12's, decides; others know other checks and only report.
set -u
strict=
[ "$(cppcheck --version)" = 'Cppcheck 2.10' ] && strict='--error-exitcode=1'
exec cppcheck --quiet $strict --std=c11 -D__linux__=1 --enable=warning,performance,portability \
    --inline-suppr "$@"
