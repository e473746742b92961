#!/bin/sh
# Compares wordcount with the coreutils on the same files, for 1 to 8 workers and for
# simulated runs; then takes every error path. Usage: test.sh [path of wordcount]
set -u
export LC_ALL=C
unset CADRE_SEED CADRE_WORKERS
wordcount=${1:-${WORDCOUNT:?the path of wordcount is missing}}
case $wordcount in */*) ;; *) wordcount=./$wordcount ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # name, status of the comparison
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
    fi
}

# What wordcount must print for the text on standard input.
expected() {
    # shellcheck disable=SC2018,SC2019 # ASCII letters, and no others
    tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | grep . | sort | uniq -c | sort -k1,1nr -k2
}

# name, files...: the same words, on 1 to 8 workers and with five seeds
same_words() {
    name=$1
    shift
    cat "$@" | expected >"$dir/expected"
    for workers in 1 2 3 4 5 6 7 8; do
        "$wordcount" --workers $workers "$@" >"$dir/got" &&
            cmp -s "$dir/expected" "$dir/got"
        check "$name, $workers workers" $?
    done
    for seed in 1 2 3 4 5; do
        CADRE_SEED=$seed "$wordcount" "$@" >"$dir/got" &&
            cmp -s "$dir/expected" "$dir/got"
        check "$name, seed $seed" $?
    done
}

# name, status, words on stderr, arguments...: ends so, and says so
fails_with() {
    name=$1 status=$2 words=$3
    shift 3
    "$wordcount" "$@" >"$dir/got" 2>"$dir/errors" </dev/null
    [ $? -eq "$status" ] && grep -qF -- "$words" "$dir/errors"
    check "$name" $?
}

: >"$dir/empty"
printf 'No newline at the End' >"$dir/open_end"
{
    printf 'before '
    head -c 300000 /dev/zero | tr '\0' 'q'
    printf ' after'
} >"$dir/long_word"
head -c 300000 /dev/zero | tr '\0' 'Q' >"$dir/only_long"
printf 'One line\r\nand Another\r\n\r\none' >"$dir/crlf"
cat "$wordcount" >"$dir/binary"
for _ in 1 2 3 4 5 6 7 8 9; do cat "$0" "$dir/long_word" "$dir/crlf"; done >"$dir/mixed"

set -- /usr/share/common-licenses/* "$(dirname "$0")"/*.[ch]
[ -f "$1" ] || shift
same_words 'text files' "$@"
for case in empty open_end long_word only_long crlf binary mixed; do
    same_words $case "$dir/$case"
done
same_words 'words across files' "$dir/open_end" "$dir/only_long" "$dir/empty" \
    "$dir/long_word" "$dir/crlf"

cat "$@" | expected >"$dir/expected"
cat "$@" | "$wordcount" >"$dir/got" && cmp -s "$dir/expected" "$dir/got"
check 'standard input by default' $?
{ cat "$dir/crlf" && cat "$@"; } | "$wordcount" - >"$dir/got"
{ cat "$dir/crlf" && cat "$@"; } | expected | cmp -s - "$dir/got"
check 'standard input by name' $?
cat "$@" | CADRE_SEED=1 "$wordcount" - >"$dir/got" && cmp -s "$dir/expected" "$dir/got"
check 'standard input, simulated' $?
mkfifo "$dir/fifo"
"$wordcount" "$dir/fifo" >"$dir/got" &
cat "$@" >"$dir/fifo"
wait $! && cmp -s "$dir/expected" "$dir/got"
check 'a FIFO whose writer comes later' $?
"$wordcount" --top 3 "$@" >"$dir/got" && head -n 3 "$dir/expected" | cmp -s - "$dir/got"
check 'the top three' $?

fails_with 'a missing file' 1 "$dir/missing: No such file" "$dir/missing" "$dir/crlf"
expected <"$dir/crlf" | cmp -s - "$dir/got"
check 'the files after a missing one are counted' $?
fails_with 'a directory' 1 "$dir: Is a directory" "$dir/crlf" "$dir"
expected <"$dir/crlf" | cmp -s - "$dir/got"
check 'the files before a directory are counted' $?
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "$dir/mixed"
    fails_with 'an unreadable file' 1 "$dir/mixed: Permission denied" "$dir/mixed"
fi
fails_with 'an unknown option' 2 "--what" --what
fails_with 'no number of workers' 2 '--workers takes a number' --workers 0
fails_with 'a bad number of workers' 2 '"2x"' --workers 2x
fails_with 'too many workers' 2 '--workers takes a number' --workers 65
fails_with 'a missing number' 2 'top' --top
"$wordcount" --help | grep -q usage
check 'help' $?
if [ -w /dev/full ]; then
    "$wordcount" "$dir/crlf" >/dev/full 2>/dev/null
    [ $? -eq 1 ]
    check 'a full disk' $?
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
