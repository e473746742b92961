#!/bin/bash
# Drives kv with the clients of Redis: beside a real redis-server, where there is one, and
# through kill -9. Usage: test.sh [path of kv]
set -u
unset CADRE_SEED CADRE_WORKERS
kv=${1:-${KV:?the path of kv is missing}}
case $kv in */*) ;; *) kv=./$kv ;; esac
for tool in redis-cli redis-benchmark; do
    command -v $tool >/dev/null || { echo "notice: no $tool: kv was not tested"; exit 77; }
done
here=$(dirname "$0")
dir=$(mktemp -d) || exit 1
pid='' redis=''
trap 'kill -9 $pid $redis 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # name, status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1" >&2
    fi
}

# options...: starts kv on a free port; sets $pid and $port. Its errors go to $dir/err.
start() {
    rm -f "$dir/fifo"
    mkfifo "$dir/fifo"
    "$kv" --port 0 "$@" >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    IFS= read -r line <"$dir/fifo" || return 1
    port=${line##* }
}

stop() { # signal
    kill -s "$1" "$pid"
    wait "$pid" 2>/dev/null
    status=$?
    pid=
}

# The same, a redis-server. It knows no free port, so it gets one that was free just now.
start_redis() {
    for _ in 1 2 3 4 5; do
        start && stop TERM
        rm -f "$dir/redis"
        mkfifo "$dir/redis"
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no \
            --dir "$dir" >"$dir/redis" 2>&1 &
        redis=$!
        exec 8<"$dir/redis"
        while IFS= read -r line <&8; do
            case $line in *'Ready to accept'*) redis_port=$port && return 0 ;; esac
        done
        exec 8<&-
        wait "$redis"
    done
    redis=
    return 1
}

cli() { redis-cli -p "$port" "$@"; }
# The bytes on standard input, then a QUIT; prints what comes back until the end.
raw() { # port
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    { cat && printf 'QUIT\r\n'; } >&3 2>/dev/null &
    timeout 20 cat <&3
    wait $!
    exec 3<&-
}

# ---- beside redis-server -------------------------------------------------------------

commands() {
    cat <<'END'
ping
PING hello
ping a b
echo hi
echo
nosuch a b "c d"
get
get nothing
set a 1
GET a
set a 2 nx
get a
set a 2 xx
get a
set b 2 xx
set b 2 NX
set b 3 nx xx
set b 3 what
set b 3 ex
set b 3 ex x
set b 3 ex 0
set b 3 ex -1
set b 3 ex 10 px 10
set b 3 px 9223372036854775807
set b 3 ex 100
ttl b
get b
set b 4
ttl b
ttl nothing
incr a
decr a
decr a
incr new
incr text
set text hello
incr text
set big 9223372036854775807
incr big
decr big
set small -9223372036854775808
decr small
set odd 007
incr odd
set odd " 7"
incr odd
set odd ""
incr odd
get odd
exists a b nothing a
del a b nothing
exists a
mset
mset a
mset a 1 b
mset a 1 b 2 c 3
mget a b nothing c
mget
expire a 100
ttl a
expire a 10 bogus
expire a x
expire nothing 100
expire a 9223372036854775807
expire a -1
exists a
expire b 0
pexpireat c 1
exists c
pexpireat c x
pexpireat c
expire a 10 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
get b
lpush l a b c
rpush l d e
rpush l
llen l
llen nothing
lrange l 0 -1
lrange l 1 2
lrange l -2 100
lrange l 3 1
lrange l x 1
lrange nothing 0 -1
lpop l
lpop l 2
lpop l 0
lpop l -1
lpop l x
lpop l 1 2
rpop l
lpop l 100
lpop l
lpop l 1
llen l
exists l
rpush l 1
get l
incr l
mget l a
lpush c 1
lrange c 0 1
llen c
lpop c
set l now-a-string
get l
publish nobody hello
unsubscribe
config get save
config get nonsense
dbsize
flushall
dbsize
END
    awk 'BEGIN { for (i = 0; i < 2000; i++) print "set key:" i " value" i
                 for (i = 0; i < 2000; i += 3) print "del key:" i
                 for (i = 0; i < 2000; i++) print "get key:" i; print "dbsize" }'
}

# Streams of bytes, one for each line, in printf's notation.
streams() {
    cat <<'END'
*1\r\n$4\r\nPING\r\n
PING\r\nPING\nPING\r\n
   set   a   b  \r\nget a\r\n
\r\n\r\nPING\r\n
*0\r\nPING\r\n
*-1\r\nPING\r\n
*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n
*2\r\n$4\r\nECHO\r\n$6\r\na\r\nb\0c\r\n
*3\r\n$3\r\nSET\r\n$6\r\na\r\nb\0c\r\n$3\r\n\r\n\0\r\n*2\r\n$3\r\nGET\r\n$6\r\na\r\nb\0c\r\n
*x\r\n
*99999999999\r\n
*1 \r\n
*2\r\n:5\r\n
*1\r\n$-1\r\n
*1\r\n$x\r\n
*1\r\n$999999999999\r\n
*1\r\n$0\r\n\r\n
PING\r\n*1\r\n!
*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\nget a\r\n*2\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\na\r\n*1\r\n$11\r\nUNSUBSCRIBE\r\nget a\r\n
*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n*2\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\nz\r\n
SUBSCRIBE s\r\nPING x\r\nUNSUBSCRIBE s\r\nPUBLISH s x\r\n
END
}

a_pipeline() {
    awk 'BEGIN { for (i = 0; i < 20000; i++) printf "SET p%d %d\r\nGET p%d\r\n", i, i, i }'
}

same_as_redis() {
    if ! command -v redis-server >/dev/null; then
        echo "notice: no redis-server: the answers were not compared with its"
        return
    fi
    start_redis
    check "redis-server starts" $?
    for shards in 1 4; do
        start --shards $shards --dir "$dir" --fsync no
        commands | redis-cli -p "$redis_port" --no-raw >"$dir/expected"
        commands | cli --no-raw >"$dir/got"
        diff -u "$dir/expected" "$dir/got" >&2
        check "the commands, $shards shards" $?
        while IFS= read -r stream; do
            # shellcheck disable=SC2059
            printf "$stream" | raw "$redis_port" >"$dir/expected"
            # shellcheck disable=SC2059
            printf "$stream" | raw "$port" >"$dir/got"
            cmp "$dir/expected" "$dir/got" >&2
            check "$shards shards: $stream" $?
        done < <(streams)
        a_pipeline | raw "$redis_port" >"$dir/expected"
        a_pipeline | raw "$port" >"$dir/got"
        cmp "$dir/expected" "$dir/got" >&2
        check "a pipeline of 40000, $shards shards" $?
        redis-cli -p "$redis_port" flushall >"$dir/got"
        stop TERM
        [ $status -eq 0 ] && [ ! -s "$dir/err" ]
        check "it ends well" $?
        rm -f "$dir/kv.aof"
    done
    kill "$redis"
    wait "$redis" 2>/dev/null
    redis=
}

# ---- other clients -------------------------------------------------------------------

benchmarks() { # options of kv...
    start "$@"
    for pipeline in 1 16; do
        redis-benchmark -p "$port" -q -n 3000 -c 20 -P $pipeline -r 1000 \
            -t ping,set,get,incr,lpush,rpush,lpop,rpop,lrange_100,mset >"$dir/got" 2>&1 &&
            ! grep -q 'rror' "$dir/got"
        check "redis-benchmark -P $pipeline, kv $*" $?
    done
    stop TERM
    [ $status -eq 0 ]
    check "it ends well" $?
}

expires() {
    start --dir "$dir" --fsync always
    cli set short x px 1 >"$dir/got"
    until [ "$(cli get short)" = '' ]; do :; done
    until [ "$(cli dbsize)" = 0 ]; do :; done # nobody asks for this one
    cli rpush again 1 >"$dir/got"
    cli expire again 1 >"$dir/got"
    until [ "$(cli exists again)" = 0 ]; do :; done
    [ "$(cli rpush again 2)" = 1 ]
    check "a key that has expired is another one" $?
    stop KILL
    start --dir "$dir"
    [ "$(cli lrange again 0 -1)" = 2 ] && [ "$(cli ttl again)" = -1 ] &&
        [ "$(cli exists short)" = 0 ]
    check "also when it is replayed" $?
    stop TERM
    rm -f "$dir/kv.aof"
}

subscribers() {
    start --workers 2
    mkfifo "$dir/news"
    redis-cli -p "$port" subscribe news other >"$dir/news" &
    subscriber=$!
    exec 4<"$dir/news"
    for _ in 1 2 3 4 5 6; do IFS= read -r line <&4; done # both are confirmed
    [ "$line" = 2 ] && [ "$(cli publish news hello)" = 1 ] &&
        [ "$(cli publish other world)" = 1 ] && [ "$(cli publish third x)" = 0 ]
    check "published to one" $?
    head -n 6 <&4 >"$dir/got"
    [ "$(tr '\n' ' ' <"$dir/got")" = 'message news hello message other world ' ]
    check "it comes to the subscriber" $?
    kill $subscriber
    wait $subscriber 2>/dev/null
    exec 4<&-
    until [ "$(cli publish news hello)" = 0 ]; do :; done
    check "one that has gone is no subscriber" 0
    cli publish "$(printf '%064d' 1)" x | grep -q 'a channel has'
    check "a channel that is too long is refused" $?
    stop TERM
}

# ---- what is kept --------------------------------------------------------------------

# name: what writes for ever, one command at a time; prints the answers
writer() {
    exec redis-cli -p "$port" 2>/dev/null < <(exec awk -v name="$1" 'BEGIN {
        for (n = 1; ; n++)
            if (name == "c") print "incr c"
            else if (name == "l") print "rpush l", n
            else print "set k" n, n }')
}

# Everything that was answered before the kill is there: of each writer as many as it was
# told, and at most the one it was not told of.
check_round() { # answered c, l, k
    local c l k
    c=$(cli get c) l=$(cli llen l) k=$(cli dbsize)
    k=$((k - (l > 0) - (${c:-0} > 0)))
    [ "${c:-0}" -ge "$1" ] && [ "${c:-0}" -le $(($1 + 1)) ] || return 1
    [ "$l" -ge "$2" ] && [ "$l" -le $(($2 + 1)) ] || return 1
    [ "$k" -ge "$3" ] && [ "$k" -le $(($3 + 1)) ] || return 1
    [ "$l" -eq 0 ] || [ "$(cli lrange l 0 -1 | cksum)" = "$(seq "$l" | cksum)" ] || return 1
    [ "$3" -eq 0 ] || [ "$(cli get "k$3")" = "$3" ]
}

killed_round() { # how many answers to wait for
    rm -rf "$dir/data"
    mkdir "$dir/data"
    start --dir "$dir/data" --fsync always --shards 3
    rm -f "$dir/c"
    mkfifo "$dir/c"
    writer l >"$dir/l" & local one=$!
    writer k >"$dir/k" & local two=$!
    writer c >"$dir/c" & local three=$!
    exec 4<"$dir/c"
    local line c=0
    while [ "$c" -lt "$1" ] && IFS= read -r line <&4; do c=$line; done
    stop KILL
    kill $one $two $three 2>/dev/null
    wait $one $two $three 2>/dev/null
    while IFS= read -r line <&4; do
        case $line in *[!0-9]* | '') ;; *) c=$line ;; esac
    done
    exec 4<&-
    start --dir "$dir/data" --shards 2
    check_round "$c" "$(grep -cE '^[0-9]+$' "$dir/l")" "$(grep -c '^OK$' "$dir/k")"
    local fine=$?
    stop TERM
    return $fine
}

survives() {
    local rounds=20 round bad=0
    [ -z "${CADRE_LONG-}" ] || rounds=1000
    for ((round = 0; round < rounds; round++)); do
        killed_round $((1 + RANDOM % 100)) || bad=$((bad + 1))
    done
    [ $bad -eq 0 ]
    check "$rounds times killed, $bad times something answered was lost" $?
}

# With pipelines, all commands that write, and what was cut off going on to be written.
killed() { # policy, rounds, rounds of check-long
    local rounds=$2
    [ -z "${CADRE_LONG-}" ] || rounds=$3
    /usr/bin/python3 "$here/kills.py" "$kv" "$rounds" "$1" >"$dir/got" 2>&1
    local status=$?
    cut -c1-500 "$dir/got" | tail -n 20 >&2
    check "--fsync $1: $rounds times killed, and nothing is lost that must not be" $status
}

torn() {
    mkdir "$dir/torn"
    start --dir "$dir/torn"
    cli mset a 1 b 2 >"$dir/got"
    stop TERM
    whole=$(wc -c <"$dir/torn/kv.aof")
    for tail in '*3' '*3\r\n$3\r\nSET\r\n$1\r\n' '*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$900\r\nx'; do
        # shellcheck disable=SC2059
        printf "$tail" >>"$dir/torn/kv.aof"
        start --dir "$dir/torn"
        [ "$(cli dbsize)" = 2 ] && grep -q 'no whole command' "$dir/err" &&
            [ "$(wc -c <"$dir/torn/kv.aof")" -eq "$whole" ]
        check "a torn end: $tail" $?
        stop TERM
    done
    start --dir "$dir/torn"
    ! "$kv" --port 0 --dir "$dir/torn" 2>"$dir/err"
    check "a second one at the same journal is refused" $?
    stop TERM
    for damage in 'garbage\r\n' '*2\r\n$4\r\nping\r\n$1\r\na\r\n' '*2\r\n$3\r\nset\r\n$1\r\na\r\n' \
        '*3\r\n$3\r\ndel\r\n$1\r\na\r\n$1\r\nb\r\n' '*1\r\n$8\r\nflushall\r\n' '*0\r\n'; do
        # shellcheck disable=SC2059
        printf "$damage" >>"$dir/torn/kv.aof"
        ! start --dir "$dir/torn"
        check "one that is damaged is refused: $damage" $?
        wait "$pid"
        pid=
        truncate -s "$whole" "$dir/torn/kv.aof"
    done
}

# There is room for one block: what does not fit is not answered, and is the end.
full() {
    mkdir "$dir/full"
    rm -f "$dir/fifo"
    mkfifo "$dir/fifo"
    (
        trap '' XFSZ
        ulimit -f 1
        exec "$kv" --port 0 --dir "$dir/full" --fsync always
    ) >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    IFS= read -r line <"$dir/fifo"
    port=${line##* }
    [ "$(cli set a 1)" = OK ] && [ "$(cli set b "$(printf '%02000d' 1)" 2>&1)" != OK ]
    check "what cannot be written is not answered" $?
    wait "$pid"
    [ $? -eq 1 ] && grep -q 'the journal cannot be written' "$dir/err"
    check "and ends it" $?
    start --dir "$dir/full"
    [ "$(cli get a)" = 1 ] && [ "$(cli dbsize)" = 1 ]
    check "what was answered before is there" $?
    stop TERM
}

options() {
    "$kv" --help | grep -q -- '--fsync' && ! "$kv" --port 99999 2>"$dir/err" &&
        ! "$kv" --fsync maybe 2>"$dir/err" && ! "$kv" more 2>"$dir/err" &&
        ! "$kv" --port 0 --dir "$dir/nowhere" 2>"$dir/err"
    check "options" $?
}

options
same_as_redis
benchmarks --workers 1
benchmarks --workers 2 --dir "$dir" --fsync everysec
rm -f "$dir/kv.aof"
expires
subscribers
torn
full
survives
if [ -x /usr/bin/python3 ]; then
    killed always 8 1000
    killed everysec 5 200
    killed no 5 200
else
    echo "notice: no python3: kv was killed with few commands only"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
