#!/bin/bash
# compare.sh: tools/compare.sh with stubs for all runtimes, then with the real ones.
#
# usage: tests/tools/compare.sh      in the top folder, after the benchmarks were built
set -u
top=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL RUN_LIMIT ROW PEER THREADS REPEAT SCALE FORCE OUT INSTALL
passed=0
failed=0

pass() { passed=$((passed + 1)); }
fail() {
    echo "FAILED: $1"
    sed 's/^/    | /' "$scratch/errors"
    failed=$((failed + 1))
}

# ---- stubs: the driver and the report ------------------------------------------------

# Two peers and a benchmark that take as long as times/NAME says, one line for each run; a
# line that is no number is a command. All make a million operations.
fresh() {
    cd "$top" || exit 1
    rm -rf "$scratch/tree"
    mkdir -p "$scratch"/tree/{bench/peers,build/release/bench,include/cadre,times,out}
    cd "$scratch/tree" || exit 1
    cp -r "$top/tools" .
    cp "$top"/bench/peers/{pony.csv,notes.md} bench/peers
    cp "$top"/include/cadre/base.h include/cadre
    printf '# row operation cadre erlang go caf\npingpong message %s\nmemory actor %s\n' \
        "1000000 1000000 1000000 1000000" "1000000 1000000 1000000 1000000" >bench/peers/rows.txt
    cat >bench/peers/peers.sh <<'STUB'
current() { [ "$1" != caf ]; }
erlang_missing() { true; }
erlang_version() { echo "Erlang, a stub"; }
erlang_command() { command=(sh stub.sh erlang "$@"); }
go_missing() { [ ! -e absent ] || echo golang-go; }
go_version() { echo "Go, a stub"; }
go_command() { command=(sh stub.sh go "$@"); }
caf_missing() { true; }
caf_build() { false; }
STUB
    cat >stub.sh <<'STUB'
line=$(head -n 1 "times/$1")
sed -i 1d "times/$1"
case $line in
[0-9]*) echo "$2 $3 $4 $line" ;;
*) eval "$line" ;;
esac
STUB
    cat >build/release/bench/pingpong <<'STUB'
#!/bin/sh
while [ "$1" != --csv ]; do shift; done
line=$(head -n 1 times/cadre)
sed -i 1d times/cadre
case $line in [0-9]*) ;; *) eval "$line" ;; esac
head="time,bench,name,parameters,unit,n,repeat,warmup,median,cpu,cpus,quota,kernel,compiler"
tail='"a CPU",2,0.00,"a kernel","a compiler"'
printf '%s\nt,b,"same-thread queue","pairs=1",ns/message,4000000,1,0,9,%s\n' "$head" "$tail" >"$2"
echo "t,b,\"pingpong\",\"workers=1\",ns/message,1000000,1,0,$line,$tail" >>"$2"
STUB
    chmod +x build/release/bench/pingpong
    confine=()
}

# compare STATUS NAME=VALUE...: one thread of pingpong only, without CAF
compare() {
    local want=$1
    shift
    "${confine[@]}" env OUT=out FORCE=1 ROW=pingpong PEER=erlang,go THREADS=1 "$@" tools/compare.sh >"$scratch/errors" 2>&1
    local status=$?
    if [ $status -eq "$want" ]; then
        pass
    else
        fail "$*: exit status $status instead of $want"
    fi
}
# expect FILE TEXT: it stands there, whether this machine was busy or not
expect() {
    if sed 's/ †//g' "$1" | grep -qF -- "$2"; then pass; else fail "not in $1: $2"; fi
}
nothing_written() {
    if [ -z "$(ls -A out)" ]; then pass; else fail "$1 leaves $(ls -A out)"; fi
}

# refused TEXT NAME=VALUE...: exit status 2, the text in the last line, nothing written
refused() {
    local text=$1
    shift
    compare 2 "$@"
    nothing_written "$*"
    if tail -n 1 "$scratch/errors" | grep -qF "compare: $text"; then pass; else fail "$*: does not say: $text"; fi
}

# Mistakes are one line, and nothing is written.
fresh
refused 'unknown row "ping"' ROW=ping
refused 'unknown row "x"' ROW=pingpong,x
refused 'unknown row "*"' ROW='*'
refused 'unknown peer "java"' PEER=java
refused 'REPEAT is a number' REPEAT=0
refused 'REPEAT is a number' REPEAT=1x
refused 'REPEAT is a number' REPEAT=-1
refused 'REPEAT is a number' REPEAT=9999
refused 'SCALE is a number' SCALE=0
refused 'SCALE is a number' SCALE=ten
refused 'RUN_LIMIT is a number' RUN_LIMIT=soon
refused 'THREADS is a number' THREADS=0
refused 'THREADS is a number' THREADS=two
refused 'THREADS names no number' THREADS=,
refused '1000 threads need as many CPUs' THREADS=1000
refused 'FORCE is 1 or 0' FORCE=yes
refused 'INSTALL is 1 or 0' INSTALL=yes
refused 'caf does not build' PEER=caf

# Neither without a peer that was not left out, nor on one CPU, if two are not given up.
touch absent
refused 'not installed: golang-go; INSTALL=1 installs' PEER=
rm absent
first=$(awk '/^Cpus_allowed_list/ { print $2 + 0 }' /proc/self/status)
confine=(taskset -c "$first")
refused '2 threads need as many CPUs, and only 1 may be used here' THREADS=

# Nor while somebody else keeps the CPU busy.
"${confine[@]}" sh -c 'while :; do :; done' &
hog=$!
refused 'other programs use' FORCE=0
kill $hog
wait $hog 2>/dev/null
confine=()

# Medians, ranges, ratios. Cadre: 10 ns, 20 ns and 40 ns; the queue takes 9 ns, twice what
# it took beside Pony, whose best was 18.7.
fresh
printf '10\n40\n20\n' >times/cadre
printf '0.5\n0.25\n1.0\n' >times/erlang
printf '0.1\n0.2\n0.05\n' >times/go
compare 0 REPEAT=3
expect out/benchmarks.md "| pingpong | messages | 50.0 (25.0-100) | 2.00 (1.00-4.00) | 10.0 (5.00-20.0) | 5.00 (Go) | 9.35 (6.46-9.86) | 5.35 |"
expect out/benchmarks.md "are multiplied by 0.50:"
expect out/benchmarks.md "each cell stands for 3 run(s) only"
expect out/benchmarks.md "the queue of one thread, one pair of actors | 9.00 (9.00-9.00)"
expect out/benchmarks.csv "pingpong,1,erlang,1000000,0.25,,"
expect out/benchmarks.svg "</svg>"
if [ "$(find out -type f | wc -l)" -eq 3 ]; then pass; else fail "not three files: $(ls -A out)"; fi

# A peer that is left out leaves no column.
fresh
echo 10 >times/cadre
echo 0.5 >times/erlang
compare 0 REPEAT=1 PEER=erlang
expect out/benchmarks.md "| row | counted | Cadre | Erlang | Cadre / best |"

# A peer that fails costs its cell and the exit status: a wrong result, a silly line, too
# long a time; and it is not tried again.
for failure in 'echo wrong >&2; exit 1:failed with status 1' 'echo pingpong 1:failed with status 1' \
    'exec sleep 77.7:took more than 1 s'; do
    fresh
    printf '10\n10\n' >times/cadre
    printf '0.5\n0.5\n' >times/erlang
    echo "${failure%%:*}" >times/go
    compare 1 REPEAT=2 RUN_LIMIT=1
    expect out/benchmarks.md "| 2.00 (2.00-2.00) | ${failure#*:} |"
done

# When Cadre fails there is no report.
fresh
echo 'exit 1' >times/cadre
compare 1 REPEAT=1
nothing_written "a failure of Cadre"

# ---- the real ones -------------------------------------------------------------------

cd "$top" || exit 1
. bench/peers/peers.sh
present=
for peer in erlang go caf; do
    [ -n "$("${peer}_missing")" ] || present="$present $peer"
done
if [ -z "$present" ]; then
    echo "no peer is installed"
    echo "$passed passed, $failed failed, 1 skipped"
    [ $failed -eq 0 ]
    exit
fi
env OUT="$scratch/real" PEER="$present" THREADS=$(($(nproc) > 1 ? 2 : 1)) REPEAT=1 SCALE=100 \
    RUN_LIMIT=200 FORCE=1 tools/compare.sh >"$scratch/errors" 2>&1
status=$?
if [ $status -eq 0 ]; then pass; else fail "the comparison ends with $status"; fi
for row in $(awk '!/^#/ && NF { print $1 }' bench/peers/rows.txt); do
    expect "$scratch/real/benchmarks.md" "| $row | "
done

# Each peer refuses what it cannot play.
for peer in $present; do
    for mistake in "" "pingpong 1" "pingpong 1 2 3" "ping 1 100" "pingpong 0 100" "pingpong one 100" \
        "pingpong 1 0" "pingpong 1 -2" "pingpong 1 1x" "pairs 1 100" "pingpong 9999 100"; do
        # shellcheck disable=SC2086
        "${peer}_command" $mistake
        "${command[@]}" >"$scratch/output" 2>"$scratch/errors"
        if [ $? -eq 2 ] && [ "$(wc -l <"$scratch/errors")" -eq 1 ] && [ ! -s "$scratch/output" ]; then
            pass
        else
            fail "$peer does not refuse \"$mistake\""
        fi
    done
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
