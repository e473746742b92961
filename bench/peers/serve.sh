#!/bin/bash
# serve.sh: servers that do what Cadre's do, for the benchmarks that ask them.
#
# usage: bench/peers/serve.sh NAME KIND PORT THREADS      in the top folder
#
# NAME is go, erlang or nginx; KIND is echo (sends back what comes), http ("/" and
# "/json") or database (a row of PostgreSQL, see postgres.sh). Becomes the server, on 127.0.0.1; with PORT 0 it only says whether it could,
# and builds what it needs. Exit status 3: it is not installed, or serves no such thing.
set -u
. bench/peers/peers.sh
name=${1-} kind=${2-} port=${3-} threads=${4-}

# one_build NAME COMMAND...: makes build/peers/NAME by COMMAND unless it is current
one_build() {
    local into=$peers/$1
    shift
    mkdir -p "$into"
    [ -e "$into/done" ] && [ -z "$(find bench/peers -newer "$into/done")" ] && return
    "$@" >"$into/log" 2>&1 && touch "$into/done"
}

go_serve() {
    [ "$kind" = database ] && go_database
    [ -z "$(go_missing)" ] && one_build serve-go go_serve_build || exit 3
    [ "$port" = 0 ] || GOMAXPROCS=$threads exec "$peers/serve-go/serve" "$kind" "$port"
}
go_serve_build() {
    local top=$PWD
    (cd bench/peers/go/serve && GOCACHE=$top/$peers/go/cache GOTOOLCHAIN=local GOPROXY=off \
        GOFLAGS=-mod=mod go build -o "$top/$peers/serve-go/serve" .)
}

# Debian puts the sources of libraries into a tree of before Go's modules.
lib_pq=/usr/share/gocode/src/github.com/lib/pq
go_database() {
    [ -z "$(go_missing)" ] && [ -d $lib_pq ] && one_build go-database go_database_build || exit 3
    [ "$port" != 0 ] || exit 0
    GOMAXPROCS=$threads exec "$peers/go-database/database" "$port"
}
go_database_build() {
    local top=$PWD
    (cd bench/peers/go/database && GOCACHE=$top/$peers/go/cache GOTOOLCHAIN=local GOPROXY=off \
        GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$top/$peers/go-database/database" .)
}

# Waiting busily would count as its CPU time.
erlang_serve() {
    [ -z "$(erlang_missing)" ] && [ "$kind" = echo ] &&
        one_build serve-erlang erlc -o "$peers/serve-erlang" bench/peers/erlang/cadre_echo.erl ||
        exit 3
    [ "$port" = 0 ] || exec erl -noinput -boot start_clean -pa "$peers/serve-erlang" \
        +S "$threads:$threads" +SDcpu 1:1 +SDio 1 \
        +sbwt none +sbwtdcpu none +sbwtdio none -run cadre_echo main "$port"
}

# One worker needs no master. No limit on what one connection may ask.
nginx_serve() {
    command -v nginx >/dev/null && [ "$kind" = http ] || exit 3
    [ "$port" = 0 ] && return
    local dir=$PWD/$peers/nginx-$port
    mkdir -p "$dir"
    cat >"$dir/conf" <<END
daemon off;
master_process $([ "$threads" -gt 1 ] && echo on || echo off);
worker_processes $threads;
pid $dir/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_temp_path $dir;
    proxy_temp_path $dir;
    fastcgi_temp_path $dir;
    uwsgi_temp_path $dir;
    scgi_temp_path $dir;
    server {
        listen 127.0.0.1:$port backlog=1024$([ "$threads" -gt 1 ] && echo ' reuseport');
        location / { default_type text/plain; return 200 "hello\n"; }
        location /json { default_type application/json; return 200 '{"message":"hello"}'; }
    }
}
END
    exec nginx -p "$dir" -c "$dir/conf"
}

case $name in
go | erlang | nginx) "${name}_serve" ;;
*)
    echo "serve.sh: no server \"$name\"; there are go, erlang, nginx" >&2
    exit 2
    ;;
esac
