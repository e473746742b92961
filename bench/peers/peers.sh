# peers.sh: the other runtimes: which are here, how they are built and called.
#
# Sourced by tools/compare.sh, in the top folder. A peer NAME has the functions
# NAME_missing (prints what it lacks), NAME_build (into $peers/NAME), NAME_version, and
# NAME_command, which sets the array `command` to what runs ROW THREADS N.
peers=build/peers

# current NAME: is what was built newer than its sources?
current() {
    [ -e "$peers/$1/done" ] &&
        [ -z "$(find "bench/peers/$1" bench/peers/peers.sh -newer "$peers/$1/done")" ]
}

erlang_missing() {
    command -v erl >/dev/null && command -v erlc >/dev/null || echo erlang-base
}
erlang_build() { erlc -o "$peers/erlang" bench/peers/erlang/*.erl; }
erlang_version() {
    erl -noinput -boot start_clean -eval '
        Release = filename:join([code:root_dir(), "releases", erlang:system_info(otp_release)]),
        {ok, Version} = file:read_file(filename:join(Release, "OTP_VERSION")),
        io:format("Erlang/OTP ~s, ERTS ~s (~s)~n", [string:trim(Version),
            erlang:system_info(version), erlang:system_info(emu_flavor)]), halt().'
}
erlang_command() {
    command=(env BEAMS="$peers/erlang" bench/peers/erlang/peer.sh "$@")
}

go_missing() { command -v go >/dev/null || echo golang-go; }
# Nothing is fetched: the programs need the standard library only.
go_build() {
    local cache=$PWD/$peers/go/cache
    (cd bench/peers/go && GOCACHE=$cache GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off \
        go build -o "$OLDPWD/$peers/go/peer" .)
}
go_version() { go version | awk '{ sub(/^go/, "", $3); print "Go " $3 }'; }
go_command() { command=("$peers/go/peer" "$@"); }

caf_missing() {
    command -v g++ >/dev/null || echo g++
    [ -e /usr/include/caf/all.hpp ] || [ -e /usr/local/include/caf/all.hpp ] || echo libcaf-dev
}
# The same level of optimisation as the library that it is compared with.
caf_build() {
    g++ -std=c++17 -O2 -DNDEBUG -Wall -Wextra bench/peers/caf/*.cpp -o "$peers/caf/peer" \
        -lcaf_core -pthread
}
caf_version() {
    echo '#include <caf/config.hpp>
CAF_VERSION' | g++ -E -P -xc++ - | awk 'END {
        v = $1 + 0; printf "CAF %d.%d.%d\n", v / 10000, v / 100 % 100, v % 100 }'
}
caf_command() { command=("$peers/caf/peer" "$@"); }
