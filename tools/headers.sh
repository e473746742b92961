#!/bin/bash
# headers.sh: every header compiles alone.
#
# usage: headers.sh [HEADER...]      run in the top folder; default: all of them
#
# A public one as C11 and as C++17, pedantically; an internal one as the runtime is built,
# unless its own source begins with it, and so shows that in every build. With gcc and with
# clang. WERROR_gcc and WERROR_clang are -Werror where a warning fails.
set -u
passed=0
failed=0
warn="-Wall -Wextra -Wno-unused-parameter -Wshadow -Wconversion -Wundef"
c_warn="$warn -Wstrict-prototypes -Wmissing-prototypes"
ck=$(pkg-config --cflags ck)
uv=$(pkg-config --cflags libuv 2>/dev/null) || skip='-path runtime/io -prune -o -path runtime/tls -prune -o'
pkg-config 'openssl >= 3' 2>/dev/null || skip="${skip-} -path runtime/tls -prune -o"

# try HEADER COMPILER FLAGS...
try() {
    local header=$1
    shift
    if "$@" -fsyntax-only - <<<"#include \"$header\""; then
        passed=$((passed + 1))
    else
        echo "FAILED: $*"
        failed=$((failed + 1))
    fi
}

# begins_with FILE.c HEADER
begins_with() {
    local line
    [ -e "$1" ] || return
    while read -r line; do
        [[ $line != '#'*([ ])include* ]] || break
    done <"$1"
    [ "$line" = "#include \"$2\"" ]
}

# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $(find include runtime ${skip-} -name '*.h' -print | sort)
for compiler in gcc clang; do
    werror=WERROR_$compiler
    werror=${!werror--Werror}
    for header in "$@"; do
        # shellcheck disable=SC2086
        case $header in
        include/*)
            try "${header#include/}" $compiler -x c -std=c11 -Wpedantic $c_warn $werror \
                -Iinclude
            try "${header#include/}" $compiler -x c++ -std=c++17 -Wpedantic $warn $werror \
                -Iinclude
            ;;
        *)
            begins_with "${header%.h}.c" "${header#runtime/}" ||
                try "${header#runtime/}" $compiler -x c -std=gnu11 $c_warn $werror \
                    -D_GNU_SOURCE $ck $uv -Iruntime -Iinclude
            ;;
        esac
    done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
