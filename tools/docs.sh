#!/bin/bash
# docs.sh: every program in the documents compiles without a warning, and runs to 0.
#
# usage: docs.sh COMPILER      in the top folder, after `make all`
set -u
compiler=$1
folder=build/docs
passed=0
failed=0
libraries= # what there is of these; whoever needs another one stands before it
for part in sqlite http tls io; do
    [ ! -e build/release/libcadre-$part.a ] ||
        libraries="$libraries build/release/libcadre-$part.a"
done
outside="$(pkg-config --libs 'libllhttp >= 9' 2>/dev/null) $(pkg-config --libs 'openssl >= 3' 2>/dev/null) $(pkg-config --libs libuv 2>/dev/null)"
outside="$outside $(pkg-config --libs sqlite3 2>/dev/null)"
rm -rf $folder
mkdir -p $folder
for program in $(awk -v folder=$folder -f tools/doc-programs.awk README.md docs/*.md); do
    # shellcheck disable=SC2086
    if $compiler -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude \
        "$program" $libraries build/release/libcadre.a -Wl,--as-needed $outside -pthread -o "${program%.c}" &&
        (cd $folder && timeout -k 5 30 "./$(basename "$program" .c)" </dev/null); then
        passed=$((passed + 1))
    else
        echo "FAILED: $program"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
