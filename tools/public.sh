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
libc=$(for library in libc.so.6 libm.so.6 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1; do
    file=$($compiler -print-file-name=$library)
    [ -e "$file" ] && nm -D --defined-only "$file" | awk '{ sub(/@.*/, "", $3); print $3 }'
done | sort -u)
own=$(nm -g --defined-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
bad=0
for object in "$@"; do
    may='cadre_'
    [ "${object#*/actors/http/}" = "$object" ] || may='(cadre|llhttp|wslay|nghttp2)_'
    [ "${object#*/actors/sqlite/}" = "$object" ] || may='(cadre|sqlite3)_'
    [ "${object#*/actors/json/}" = "$object" ] || may='(cadre|json)_'
    [ "${object#*/actors/postgres/}" = "$object" ] || may='(cadre_|PQ)'
    [ "${object#*/actors/redis/}" = "$object" ] || may='(cadre_|redisv?[A-Z])'
    foreign=$(nm -u "$object" | awk '{ print $NF }' | grep -vE "^($may|_GLOBAL_OFFSET_TABLE_\$)" |
        sort -u | comm -23 - <(sort -u <<<"$libc"$'\n'"$own"))
    if [ -n "$foreign" ]; then
        echo "$object needs" $foreign
        bad=1
    fi
done
exit $bad
