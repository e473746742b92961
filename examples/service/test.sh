#!/bin/sh
# Sends the service the signals that services are sent. Usage: test.sh [path of service]
set -u
unset CADRE_SEED
service=${1:-${SERVICE:?the path of service is missing}}
case $service in */*) ;; *) service=./$service ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # name, status of the comparison
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
        cat "$dir/out" "$dir/err" >&2
    fi
}

# signal: sends it after the third order, then waits; $status is its exit status
serve_until() {
    rm -f "$dir/fifo"
    mkfifo "$dir/fifo"
    # env: a shell starts what runs beside it with SIGINT ignored.
    env --default-signal=INT "$service" >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    {
        for _ in 1 2 3; do IFS= read -r line && echo "$line"; done
        kill -s "$1" "$pid"
        cat
    } <"$dir/fifo" >"$dir/out"
    wait "$pid"
    status=$?
}

# The last line says that as many were served as had ordered: more than so far.
is_complete() {
    last=$(tail -n 1 "$dir/out")
    all=${last##* }
    [ "$last" = "served: $all of $all" ] && [ "$all" -ge 3 ] && [ ! -s "$dir/err" ]
}

for signal in TERM INT; do
    serve_until $signal
    [ $status -eq 0 ] && is_complete
    check "SIG$signal: all who have ordered are served" $?
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
