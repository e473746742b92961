#!/bin/bash
# Asks the proxy, which has real servers, and kills those. Usage: test.sh [path of proxy]
set -u
unset CADRE_SEED
export no_proxy='*' NO_PROXY='*'
proxy=${1:-${PROXY:?the path of proxy is missing}}
case $proxy in */*) ;; *) proxy=./$proxy ;; esac
for tool in curl /usr/bin/python3; do
    command -v $tool >/dev/null || { echo "notice: no $tool: proxy was not tested"; exit 77; }
done
here=$(dirname "$0")
dir=$(mktemp -d) || exit 1
pid='' clients='' a='' b=''
trap 'kill -9 $pid $clients $a $b 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0
: >"$dir/got"

check() { # name, status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
        head -c 1000 "$dir/got" >&2
    fi
}

# a or b, port: starts that server; sets its variable, $a_port or $b_port. What it says
# comes from 5 or 6.
backend() {
    rm -f "$dir/$1"
    mkfifo "$dir/$1"
    /usr/bin/python3 "$here/backend.py" "$1" "$2" >"$dir/$1" &
    if [ "$1" = a ]; then
        a=$!
        exec 5<"$dir/a" && IFS= read -r a_port <&5
    else
        b=$!
        exec 6<"$dir/b" && IFS= read -r b_port <&6
    fi
}
fall() { # pid
    kill -9 "$1"
    wait "$1" 2>/dev/null
}

# servers, options...: starts the proxy, with so many in; sets $pid and $url. What it
# says of them afterwards comes from 7.
start() {
    local count=$1
    shift
    rm -f "$dir/out" "$dir/err"
    mkfifo "$dir/out" "$dir/err"
    env --default-signal=INT "$proxy" --port 0 --check /who "$@" 2>"$dir/err" >"$dir/out" &
    pid=$!
    exec 7<"$dir/err"
    IFS= read -r line <"$dir/out" || return 1
    url=${line##* }
    while [ $((count--)) -gt 0 ]; do says 'is in'; done
}
both() {
    start 2 --backend "http://127.0.0.1:$a_port" --backend "http://127.0.0.1:$b_port/" "$@"
}
stop() {
    kill -s INT "$pid"
    wait "$pid"
    check "it ends when it is interrupted" $?
    pid=
    exec 7<&-
}
# text: reads what the proxy says until that
says() {
    while IFS= read -r line <&7; do
        case $line in *"$1"*) return 0 ;; esac
    done
    return 1
}

# status, path, options of curl...: is it answered with that? The body is in $dir/got.
answers() {
    local expected=$1 path=$2 got
    shift 2
    got=$(curl -s -m 60 -o "$dir/got" -D "$dir/head" -w '%{http_code}' "$@" "$url$path")
    [ "$got" = "$expected" ] || { echo "$* $path: $got, not $expected" >&2; return 1; }
}
has() { # pattern
    grep -qiE -- "$1" "$dir/got"
}

options() {
    "$proxy" --help >"$dir/got" && has --backend && ! "$proxy" 2>"$dir/got" && has usage &&
        ! "$proxy" --backend ftp://x 2>"$dir/got" && has 'ftp://x: that may not be' &&
        ! "$proxy" --port 65536 2>"$dir/got" && ! "$proxy" --rate x 2>"$dir/got" &&
        ! "$proxy" --backend 2>"$dir/got" && ! "$proxy" --check no 2>"$dir/got"
    check "options" $?
}

passes_on() {
    both
    local who=''
    for _ in 1 2 3 4 5 6 7 8; do
        answers 200 /who
        who=$who$(cat "$dir/got")
    done
    [[ $who == *a* && $who == *b* ]]
    check "both are asked: $who" $?
    answers 200 '/echo?x=1&y=%20' -X DELETE -H 'X-Mine: kept' && has '^DELETE /echo\?x=1&y=%20' &&
        has '^x-mine: kept' && has '^x-forwarded-for: 127.0.0.1' &&
        has "^x-forwarded-host: ${url#http://}" && has '^x-forwarded-proto: http'
    check "method, path, query and fields are passed on" $?
    answers 200 /echo -H 'X-Forwarded-For: 1.2.3.4' && has '^x-forwarded-for: 1\.2\.3\.4, 127\.0\.0\.1'
    check "who has forwarded it before stays" $?
    answers 200 /echo -H 'Connection: X-Private, close' -H 'X-Private: 1' -H 'TE: trailers' \
        -H 'Keep-Alive: 5' -H 'Upgrade: h2c' -H 'Proxy-Authorization: me' &&
        ! has '^(x-private|te|keep-alive|upgrade|proxy-authorization):'
    check "what concerns one connection is not" $?
    grep -qi '^x-answer: kept' "$dir/head" && ! grep -qi '^keep-alive:' "$dir/head"
    check "also in answers" $?
    head -c 3000000 /dev/urandom >"$dir/body"
    answers 200 /echo --data-binary @"$dir/body" &&
        has "^body 3000000 $(sha1sum <"$dir/body" | cut -d ' ' -f 1)" && has '^POST '
    check "a body" $?
    answers 200 /echo -T "$dir/body" -H 'Transfer-Encoding: chunked' &&
        has "^body 3000000 $(sha1sum <"$dir/body" | cut -d ' ' -f 1)" && has '^PUT '
    check "in chunks" $?
    head -c 17000000 /dev/zero >"$dir/body"
    answers 413 /echo --data-binary @"$dir/body"
    check "one that is too large is refused" $?
    rm "$dir/body"
    [ "$(curl -s "$url/large" | cksum)" = "$(curl -s "http://127.0.0.1:$a_port/large" | cksum)" ]
    check "an answer of 64 MiB" $?
    answers 400 "/$(printf '|%.0s' {1..8180})" && answers 200 /who && answers 200 /who
    check "a path that is too long is no failure of the servers" $?
    answers 404 /nothing && answers 204 /status/204 && answers 500 /status/500 &&
        answers 302 /status/302 && grep -q '^Location: /who' "$dir/head" && answers 200 /who -I
    check "an answer of any status" $?
    answers 502 /drop -d text && has '^502: '
    check "a connection that breaks is 502" $?
    stop
}

# Many clients ask while a server is killed, and another time.
survives() {
    both --every 100
    local codes bad other=0
    rm -f "$dir/codes"
    mkfifo "$dir/codes"
    curl -sZ --parallel-max 16 --no-progress-meter -w '%{http_code}\n' -o /dev/null \
        "$url/who?[1-3000]" >"$dir/codes" 2>/dev/null &
    clients=$!
    exec 8<"$dir/codes"
    for codes in $(seq 3000); do
        IFS= read -r line <&8 || break
        [ "$line" = 200 ] || other=$((other + 1))
        case $codes in
        300) fall "$a" ;;
        800)
            backend a "$a_port"
            says "$a_port is in"
            check "a server that is back is asked again" $?
            ;;
        1800) fall "$b" ;;
        esac
    done
    exec 8<&-
    wait $clients
    clients=
    [ "$codes" = 3000 ] && [ $other = 0 ]
    check "servers are killed: of $codes requests $other have failed" $?
    backend b "$b_port"
    says "$b_port is in"
    stop
}

nobody_is_there() {
    both --every 100
    fall "$a"
    fall "$b"
    answers 503 /who && has '^503: no server is there' && grep -q '^Retry-After: 1' "$dir/head"
    check "without a server it is 503" $?
    answers 503 /who -d text
    check "also for a POST" $?
    backend a "$a_port"
    says "$a_port is in"
    answers 200 /who && [ "$(cat "$dir/got")" = a ]
    check "one is back" $?
    backend b "$b_port"
    stop
}

# A server that is well when it is looked at, and does not answer otherwise.
is_late() {
    start 1 --backend "http://127.0.0.1:$a_port" --every 200 --timeout 1000
    local begun i
    for i in 1 2 3 4 5; do
        [ $i -eq 1 ] || says "$a_port is in"
        answers 504 /hold -d text && has '^504: '
        check "no answer in time is 504" $?
        says "$a_port is out"
    done
    begun=$(date +%s%N)
    says "$a_port is in" && [ $((($(date +%s%N) - begun) / 1000000)) -ge 500 ]
    check "after five of these its breaker keeps it out" $?
    answers 200 /who
    check "and not for ever" $?
    stop
    fall "$a"
    backend a "$a_port"
}

has_a_limit() {
    both --rate 10
    curl -sZ --parallel-max 50 --no-progress-meter -w '%{http_code}\n' -o /dev/null \
        "$url/who?[1-50]" >"$dir/got" 2>/dev/null
    has 200 && has 503 && ! grep -qvE '^(200|503)$' "$dir/got"
    check "what is too much is 503" $?
    answers 200 /who
    check "what is not, is passed on" $?
    stop
}

is_drained() {
    start 1 --backend "http://127.0.0.1:$b_port" --timeout 60000
    curl -s "$url/hold" >"$dir/got" &
    clients=$!
    IFS= read -r line <&6 && [ "$line" = held ]
    kill -s TERM "$pid"
    until ! curl -s -m 10 -o /dev/null "$url/who"; do :; done
    curl -s -o /dev/null "http://127.0.0.1:$b_port/release"
    wait $clients && [ "$(cat "$dir/got")" = 'at last' ] && wait "$pid"
    check "what is under way is finished when it is told to end" $?
    clients='' pid=''
}

options
backend a 0
backend b 0
passes_on
survives
nobody_is_there
is_late
has_a_limit
is_drained
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
