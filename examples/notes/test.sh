#!/bin/bash
# Asks notes by curl, by a WebSocket client and by a browser. Usage: test.sh [path of notes]
set -u
unset CADRE_SEED
export no_proxy='*' NO_PROXY='*'
notes=${1:-${NOTES:?the path of notes is missing}}
case $notes in */*) ;; *) notes=./$notes ;; esac
command -v curl >/dev/null || { echo "notice: no curl: notes was not tested"; exit 77; }
here=$(dirname "$0")
dir=$(mktemp -d) || exit 1
pid='' events='' client='' chromium=''
trap 'kill -9 $pid $events $client $chromium 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # name, status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
        head -c 2000 "$dir/got" "$dir/err" >&2
    fi
}

# options...: starts notes on a free port; sets $pid, $port and $url
start() {
    rm -f "$dir/fifo"
    mkfifo "$dir/fifo"
    env --default-signal=INT "$notes" --port 0 --database "$dir/notes.db" \
        --files "$here/web" "$@" >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    IFS= read -r line <"$dir/fifo" || return 1
    port=${line##*:} url=${line##* }
}

stop() { # signal
    kill -s "$1" "$pid"
    wait "$pid" 2>/dev/null
    status=$?
    pid=
}

# status, path, options of curl...: is it answered with that? The body is in $dir/got.
answers() {
    local expected=$1 path=$2
    shift 2
    local got
    got=$(curl -s -m 60 -o "$dir/got" -w '%{http_code}' "$@" "$url$path")
    [ "$got" = "$expected" ] || { echo "$* $path: $got, not $expected" >&2; return 1; }
}
says() { # text
    [ "$(cat "$dir/got")" = "$1" ] || { echo "not: $1" >&2; return 1; }
}
has() { # pattern
    grep -qE -- "$1" "$dir/got"
}

# ---- by curl -------------------------------------------------------------------------

routes() {
    answers 200 /notes && says '[]'
    check "at first there is nothing" $?
    answers 201 /notes -d 'one' && has '^\{"id":1,"text":"one","at":"20[0-9-]+ [0-9:]+"\}$'
    check "a note is added" $?
    answers 201 /notes -d '"two" \ grüße' && has '"id":2,"text":"\\"two\\" \\\\ grüße"'
    check "any text" $?
    answers 200 /notes && has '^\[\{"id":2.*\},\{"id":1.*\}\]$'
    check "the newest is the first" $?
    answers 200 /notes/1 -X PUT -d 'other' && has '"id":1,"text":"other"'
    check "it is changed" $?
    answers 200 /notes/2 -X DELETE && says '{"id":2}'
    check "it is removed" $?
    answers 200 /notes && has '^\[\{"id":1,"text":"other",[^{}]*\}\]$'
    check "what is there then" $?
    answers 200 / && cmp "$dir/got" "$here/web/index.html"
    check "the page" $?
    answers 200 /notes -I && answers 404 /nothing && answers 405 /notes -X DELETE &&
        answers 405 /notes/1 -X GET && answers 400 /live
    check "other paths and methods" $?
}

bad_input() {
    local id
    answers 400 /notes -X POST && answers 400 /notes -d '' && answers 400 /notes/1 -X PUT
    check "no text" $?
    printf '%010000d' 1 >"$dir/longest"
    printf '%010001d' 1 >"$dir/long"
    answers 400 /notes --data-binary @"$dir/long" &&
        answers 201 /notes --data-binary @"$dir/longest"
    check "text that is too long" $?
    head -c 2000000 /dev/zero >"$dir/huge"
    answers 413 /notes --data-binary @"$dir/huge"
    check "or much too long" $?
    for bytes in '\377' 'a\200' '\303' '\303a' '\300\200' '\340\200\200' '\355\240\200' \
        '\364\220\200\200' '\370\210\200\200\200' 'a\0b' '\360\237\230'; do
        printf "$bytes" >"$dir/bytes"
        answers 400 /notes --data-binary @"$dir/bytes" &&
            answers 400 /notes/1 -X PUT --data-binary @"$dir/bytes"
        check "no UTF-8: $bytes" $?
    done
    for bytes in '\177' '\302\200' '\337\277' '\340\240\200' '\355\237\277' '\356\200\200' \
        '\360\220\200\200' '\364\217\277\277'; do
        printf "$bytes" >"$dir/bytes"
        answers 200 /notes/1 -X PUT --data-binary @"$dir/bytes"
        check "UTF-8: $bytes" $?
    done
    for id in 999 0 -1 x 1x 0x1 1.0 %31 99999999999999999999 9223372036854775808; do
        answers 404 /notes/$id -X DELETE && answers 404 /notes/$id -X PUT -d text
        check "no id: $id" $?
    done
    answers 200 /notes/1 -X PUT -d "x'); DROP TABLE notes; --" && answers 200 /notes &&
        has 'DROP TABLE'
    check "text is no SQL" $?
    answers 403 /notes -d text -H 'Origin: http://elsewhere.example' &&
        answers 403 /notes/1 -X DELETE -H 'Origin: null' &&
        answers 403 /live -H "Origin: http://127.0.0.1:${port}0" &&
        answers 403 /notes -d text -H "Origin: https://127.0.0.1:$port" &&
        answers 201 /notes -d text -H "Origin: $url"
    check "other pages may change nothing" $?
}

# Reads lines of the events until one that is no heartbeat and not empty.
event() {
    while IFS= read -r line <&5; do
        case $line in '' | :*) ;; *) return 0 ;; esac
    done
    return 1
}

sees_events() {
    rm -f "$dir/events"
    mkfifo "$dir/events"
    curl -sN -i "$url/events" >"$dir/events" &
    events=$!
    exec 5<"$dir/events"
    while IFS= read -r line <&5 && [ "$line" != $'\r' ]; do echo "$line"; done >"$dir/got"
    has '^HTTP/1.1 200 ' && has '^Content-Type: text/event-stream'
    check "events are what a browser takes" $?
    curl -s "$url/notes" -d 'news' >"$dir/got"
    event && [ "$line" = 'event: note' ] && event && [ "${line#data: }" = "$(cat "$dir/got")" ]
    check "a note is an event" $?
    id=$(sed 's/^{"id":\([0-9]*\).*/\1/' "$dir/got")
    curl -s "$url/notes/$id" -X PUT -d 'old news' >"$dir/got"
    event && [ "$line" = 'event: note' ] && event && [ "${line#data: }" = "$(cat "$dir/got")" ]
    check "and a change" $?
    curl -s "$url/notes/$id" -X DELETE >"$dir/got"
    event && [ "$line" = 'event: gone' ] && event && [ "$line" = "data: {\"id\":$id}" ]
    check "and its end" $?
}

no_more_events() {
    while event; do :; done
    check "the events end with the program" 0
    exec 5<&-
    wait $events
    events=
}

# ---- what is kept --------------------------------------------------------------------

# A writer that is answered one note after the other when the program is killed.
survives() {
    local round answered there
    for round in 1 2 3 4 5; do
        rm -f "$dir"/notes.db* "$dir/answers"
        start
        mkfifo "$dir/answers"
        seq 1 100000 |
            sed "s|.*|url = $url/notes\ndata = &\nwrite-out = \"\\\\n\"\nno-buffer\nnext|" |
            curl -s -K - >"$dir/answers" 2>"$dir/curl" &
        client=$!
        answered=0
        exec 6<"$dir/answers"
        while [ $answered -lt $((round * 20)) ] && IFS= read -r line <&6; do
            answered=$((answered + 1))
        done
        stop KILL
        kill -9 $client
        wait $client 2>/dev/null
        client=
        while IFS= read -r line <&6 || [ -n "$line" ]; do # the last one may have no end
            case $line in *\}) answered=$((answered + 1)) ;; esac
        done
        exec 6<&-
        start
        answers 200 /notes && there=$(grep -o '"id":[0-9]*' "$dir/got" | head -n 1)
        there=${there#*:}
        [ "${there:-0}" -ge $answered ] && [ "${there:-0}" -le $((answered + 1)) ] &&
            has "\"id\":$answered,\"text\":\"$answered\""
        check "killed after $answered notes, ${there:-0} are there" $?
        stop TERM
    done
}

# ---- other clients -------------------------------------------------------------------

verdicts() { # what the client's lines say; until it is to be started again, or its end
    while IFS= read -r line <&"${COPROC[0]}"; do
        case $line in
        'ok '*) check "${line#ok }" 0 ;;
        again) return 0 ;;
        *) check "$line" 1 ;;
        esac
    done 2>/dev/null
    return 1
}

websockets() {
    coproc exec timeout 120 /usr/bin/python3 "$here/client.py" live "$port" 2>&1
    client=$COPROC_PID
    verdicts
    wait "$client"
    check "the WebSocket client comes to its end" $?
    [ ! -s "$dir/err" ]
    check "and nothing was wrong with it" $?
    client=
}

pages() {
    mkfifo "$dir/chromium"
    HOME=$dir chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --no-proxy-server --remote-debugging-port=0 --user-data-dir="$dir/profile" \
        >/dev/null 2>"$dir/chromium" &
    chromium=$!
    exec 7<"$dir/chromium"
    debugger=
    while [ -z "$debugger" ] && IFS= read -r line <&7; do
        case $line in 'DevTools listening on '*) debugger=${line##* } ;; esac
    done
    [ -n "$debugger" ]
    check "chromium starts" $? || return
    cat <&7 >"$dir/said" &
    exec 7<&-
    coproc exec timeout 200 /usr/bin/python3 "$here/client.py" pages "$port" "$debugger" 2>&1
    client=$COPROC_PID
    local input=${COPROC[1]}
    if verdicts; then
        stop KILL
        start --port "$port"
        check "it starts again at the same port" $?
        echo >&"$input"
        verdicts
    fi
    wait "$client"
    check "the browser comes to its end" $?
    client=
    kill "$chromium"
    wait "$chromium" 2>/dev/null
    chromium=
}

options() {
    "$notes" --help >"$dir/got" 2>"$dir/err" && has --database &&
        ! "$notes" --port 65536 2>"$dir/got" && ! "$notes" --port x 2>"$dir/got" &&
        ! "$notes" --port 2>"$dir/got" && ! "$notes" more 2>"$dir/got" && has usage
    check "options" $?
    ! "$notes" --port 0 --database "$dir/no/notes.db" >"$dir/got" 2>"$dir/err" &&
        grep -q "notes: $dir/no/notes.db: " "$dir/err"
    check "a database that cannot be is named" $?
}

options
start
check "it starts" $?
routes
bad_input
sees_events
if ! /usr/bin/python3 -c 'import websockets' 2>"$dir/got"; then
    echo "notice: no python3-websockets: notes was asked by curl only"
else
    websockets
    if command -v chromium >/dev/null; then
        pages
    else
        echo "notice: no chromium: the page of notes was not tested"
    fi
fi
[ -z "$pid" ] || stop INT
[ "$status" -eq 0 ] && [ ! -s "$dir/err" ]
check "it ends well" $?
no_more_events
survives
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
