#!/bin/bash
# example.sh: an example runs to 0, and prints what it is said to print.
#
# usage: example.sh EXPECTED PROGRAM
#
# EXPECTED is a file with its standard output; without such a file any will do.
set -eu
said=$("$2")
[ ! -f "$1" ] || diff -u "$1" - <<<"$said"
