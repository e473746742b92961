#!/bin/bash
# public.sh: ready-made actors and examples are built on the public API alone.
#
# usage: public.sh COMPILER OBJECT...
#
# Whatever these objects need and do not define themselves is cadre_* or the C library's;
# or llhttp's, wslay's and nghttp2's, for HTTP, or SQLite's, libpq's, hiredis's and jansson's, for
# those.
set -u
compiler=$1
shift
[ $# -gt 0 ] || exit 0
{
    for library in libc.so.6 libm.so.6 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1; do
        file=$($compiler -print-file-name=$library)
        [ ! -e "$file" ] || nm -D --defined-only "$file"
    done | sed 's/@.*//'
    nm -g --defined-only "$@"
    echo "-- what they need"
    nm -A -u "$@"
} | awk '
    /^-- / { needs = 1; next }
    !needs { if (NF == 3) known[$3] = 1; next }
    {
        object = $1
        sub(/:$/, "", object)
        may = "^cadre_"
        if (object ~ /\/actors\/http\//) may = "^(cadre|llhttp|wslay|nghttp2)_"
        if (object ~ /\/actors\/sqlite\//) may = "^(cadre|sqlite3)_"
        if (object ~ /\/actors\/json\//) may = "^(cadre|json)_"
        if (object ~ /\/actors\/postgres\//) may = "^(cadre_|PQ)"
        if (object ~ /\/actors\/redis\//) may = "^(cadre_|redisv?[A-Z])"
        if ($NF in known || $NF == "_GLOBAL_OFFSET_TABLE_" || $NF ~ may)
            next
        print object " needs " $NF
        bad = 1
    }
    END { exit bad || !needs }'
