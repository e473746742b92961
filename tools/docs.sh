#!/bin/bash
# docs.sh: every program in the documents compiles without a warning, and runs to 0.
#
# usage: docs.sh COMPILER      in the top folder, after `make all`
set -u
compiler=$1
folder=build/docs
passed=0
failed=0
libraries="-Wl,--start-group $(ls build/release/libcadre*.a) -Wl,--end-group"
outside=$(for package in 'libllhttp >= 9' 'libnghttp2 >= 1.46' 'openssl >= 3' libuv sqlite3 libpq jansson hiredis; do
    pkg-config --libs "$package" 2>/dev/null
done)
[ ! -e /usr/include/wslay/wslay.h ] || outside="$outside -lwslay"
rm -rf $folder
mkdir -p $folder
for program in $(awk -v folder=$folder -f tools/doc-programs.awk README.md docs/*.md); do
    grep -q 'cadre/tls.h' "$program" && [ ! -e build/release/libcadre-tls.a ] && continue
    grep -q 'http_json.h' "$program" && [ ! -e build/release/libcadre-json.a ] && continue
    # shellcheck disable=SC2086
    if $compiler -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude \
        "$program" $libraries -Wl,--as-needed $outside -pthread -o "${program%.c}" &&
        (cd $folder && timeout -k 5 30 "./$(basename "$program" .c)" </dev/null); then
        passed=$((passed + 1))
    else
        echo "FAILED: $program"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
