#!/bin/bash
# Talks to echo, plainly and by openssl. Usage: test.sh [path of echo]
set -u
unset CADRE_SEED
echo=${1:-${ECHO:?the path of echo is missing}}
case $echo in */*) ;; *) echo=./$echo ;; esac
command -v openssl >/dev/null || { echo "notice: no openssl: echo was not tested"; exit 77; }
dir=$(mktemp -d) || exit 1
pid=''
trap 'kill -9 $pid 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # name, status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
    fi
}

# files...: starts it on a free port; sets $pid and $port
start() {
    rm -f "$dir/fifo"
    mkfifo "$dir/fifo"
    env --default-signal=INT "$echo" 0 "$@" >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    IFS= read -r line <"$dir/fifo" || return 1
    port=${line##* }
}

stop() {
    kill -s INT "$pid"
    wait "$pid"
    check "it ends when it is interrupted" $?
    pid=
}

# name: a certificate for localhost
certify() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$dir/$1.key" -out "$dir/$1.pem" 2>/dev/null
}

# certificate that is trusted: sets $line to what comes back for one line
ask() {
    local client
    line=
    coproc exec timeout 60 openssl s_client -quiet -connect "127.0.0.1:$port" \
        -CAfile "$1" -verify_return_error -verify_hostname localhost 2>"$dir/said"
    client=$COPROC_PID
    exec 4>&"${COPROC[1]}" 5<&"${COPROC[0]}"
    echo hello >&4
    IFS= read -r line <&5
    kill "$client" 2>/dev/null
    wait "$client" 2>/dev/null
    exec 4>&- 5<&-
}

[ "$("$echo")" = "hello
and goodbye
closed: success" ]
check "it tries itself" $?

start && exec 3<>"/dev/tcp/127.0.0.1/$port" && echo plain >&3 && IFS= read -r line <&3
[ "$line" = plain ]
check "a line comes back" $?
exec 3>&-
stop

certify good && certify other && start "$dir/good.pem" "$dir/good.key"
ask "$dir/good.pem"
[ "$line" = hello ]
check "a line comes back by TLS" $?
ask "$dir/other.pem"
[ "$line" = "" ] && grep -q 'self-signed' "$dir/said"
check "whoever does not trust it says nothing" $?
stop

"$echo" 0 "$dir/none.pem" "$dir/good.key" 2>"$dir/err"
[ $? -eq 1 ] && grep -q 'none.pem: No such file' "$dir/err"
check "a certificate that is not there is named" $?

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
