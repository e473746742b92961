#!/bin/bash
# run.sh: installs, builds programs outside the tree against what was installed, runs
# them, uninstalls, and looks whether anything is left.
#
# usage: tests/install/run.sh      in the top folder, after `make all`
set -u
here=$PWD/tests/install
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL PREFIX LIBDIR DESTDIR
passed=0
failed=0

expect() { # what, command...
    local what=$1
    shift
    if "$@" >"$scratch/output" 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAILED: $what: $*"
        cat "$scratch/output"
        failed=$((failed + 1))
    fi
}
cadre_make() { make --no-print-directory CADRE_READY=1 "$@"; }
in_folder() { (cd "$1" && shift && "$@"); }

prefix=$scratch/prefix
libdir=$prefix/lib/here # not the default, so that nothing relies on it
export PKG_CONFIG_PATH=$libdir/pkgconfig
mkdir -p "$scratch/outside"
cp "$here"/* "$scratch/outside"

expect "install" cadre_make install PREFIX="$prefix" LIBDIR="$libdir"
version=$(pkg-config --modversion cadre)

build_and_run() { # name, then the compiler's command line
    local name=$1
    shift
    expect "$name builds" in_folder "$scratch/outside" "$@" -o "$name"
    expect "$name runs" in_folder "$scratch/outside" \
        env LD_LIBRARY_PATH="$libdir" "./$name" "$version"
}
# shellcheck disable=SC2046
build_and_run c_shared gcc -std=c11 -Wpedantic -Werror program.c $(pkg-config --cflags --libs cadre)
# shellcheck disable=SC2046
build_and_run c_static gcc -std=c11 -static program.c $(pkg-config --cflags --static --libs cadre)
# shellcheck disable=SC2046
build_and_run cxx_shared g++ -std=c++17 -Wpedantic -Werror program.cc $(pkg-config --cflags --libs cadre)
# shellcheck disable=SC2046
build_and_run cxx_static g++ -std=c++17 -static program.cc $(pkg-config --cflags --static --libs cadre)
expect "the soname is recorded" \
    grep -q "libcadre.so.${version%%.*}" <(objdump -p "$scratch/outside/c_shared")

# Moved as a whole the tree still works for CMake.
moved=$scratch/moved
cp -a "$prefix" "$moved"
expect "CMake configures" cmake -S "$scratch/outside" -B "$scratch/cmake" \
    -DCadre_DIR="$moved/lib/here/cmake/Cadre" -DWANTED="${version%.*}"
expect "CMake builds" cmake --build "$scratch/cmake"
for program in c_shared c_static cxx_shared cxx_static; do
    expect "CMake's $program runs" "$scratch/cmake/$program" "$version"
done
# Those of what is outside that there is: by CMake, and by pkg-config.
part_runs() { # part, program
    [ -e "$libdir/libcadre-$1.a" ] || return 0
    expect "CMake's $1 runs" in_folder "$scratch" "cmake/$1"
    expect "CMake's $1_static runs" in_folder "$scratch" "cmake/$1_static"
    # shellcheck disable=SC2046
    build_and_run "pc_$1" gcc -std=c11 -Wpedantic -Werror "$2.c" \
        $(pkg-config --cflags --libs "cadre-$1")
}
part_runs io listens
part_runs tls trusts
part_runs http serves
part_runs json sums
part_runs sqlite keeps
part_runs postgres knocks
part_runs redis fetches
if [ -e "$libdir/libcadre-io.a" ]; then # there is libuv
    expect "cadre-io asks for this very version" \
        grep -q " cadre_port_${version//./_}$" <(nm -D -u "$libdir/libcadre-io.so")
fi
if [ -e "$libdir/libcadre-tls.a" ]; then # there is OpenSSL
    expect "cadre-tls asks for this very version" \
        grep -q " cadre_filter_${version//./_}$" <(nm -D -u "$libdir/libcadre-tls.so")
fi
expect "CMake refuses another series" \
    bash -c "! cmake -S '$scratch/outside' -B '$scratch/refused' \
        -DCadre_DIR='$moved/lib/here/cmake/Cadre' -DWANTED=99.0"

expect "uninstall" cadre_make uninstall PREFIX="$prefix" LIBDIR="$libdir"
expect "uninstall leaves no file" bash -c "! find '$prefix' -not -type d | grep ."
expect "uninstall leaves no folder of ours" bash -c "! find '$prefix' -iname '*cadre*' | grep ."

expect "staged install" cadre_make install DESTDIR="$scratch/stage" PREFIX=/usr
expect "staged install stays below DESTDIR, and names only /usr" \
    grep -qx 'prefix=/usr' "$scratch/stage/usr/lib/pkgconfig/cadre.pc"
expect "staged uninstall" cadre_make uninstall DESTDIR="$scratch/stage" PREFIX=/usr
expect "staged uninstall leaves no file" bash -c "! find '$scratch/stage' -not -type d | grep ."

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
