#!/bin/bash
# install.sh: copies what a user needs, or removes exactly that.
#
# usage: install.sh install|uninstall      called by the Makefile with PREFIX, LIBDIR,
#                                          DESTDIR, VERSION, SONAME, LLHTTP, WSLAY and
#                                          CMAKE_PARTS in the environment
set -eu
include=$PREFIX/include
cmake=$LIBDIR/cmake/Cadre
dest=${DESTDIR-}

parts() { (cd tools && printf '%s\n' cadre-*.pc.in | sed 's/^cadre-//; s/\.pc\.in$//'); }
headers() { (cd include && find . -name '*.h' | sed 's|^\./||' | sort); }

# The places of all that is installed.
places() {
    headers | sed "s|^|$include/|"
    printf '%s\n' "$LIBDIR"/libcadre.{a,so,"so.$VERSION"} "$LIBDIR/$SONAME" \
        "$LIBDIR/pkgconfig/cadre.pc" "$cmake"/Cadre{Config,ConfigVersion,Targets}.cmake
    parts | while read -r part; do
        printf '%s\n' "$LIBDIR/libcadre-$part".{a,so,"so.$VERSION"} \
            "$LIBDIR/${SONAME/cadre/cadre-$part}" "$LIBDIR/pkgconfig/cadre-$part.pc"
    done
}

# fill TEMPLATE PLACE
fill() {
    local up
    up=$(realpath -m --relative-to="$LIBDIR" "$include")
    sed -e "s|@PREFIX@|$PREFIX|; s|@LIBDIR@|$LIBDIR|; s|@VERSION@|$VERSION|" \
        -e "s|@SONAME@|$SONAME|; s|@CMAKE_PARTS@|${CMAKE_PARTS//) _/)\\n_}|" \
        -e "s|@LLHTTP@|$LLHTTP|; s|@WSLAY@|${WSLAY-}|; s|@NGHTTP2@|${NGHTTP2-}|" \
        -e "s|@LIBDIR_TO_INCLUDE@|$up|" "$1" >"$dest$2"
    chmod 644 "$dest$2"
}

# library NAME SONAME: both of them
library() {
    install -D -m 644 "build/release/$1.a" "$dest$LIBDIR/$1.a"
    install -D -m 755 "build/shared/$1.so" "$dest$LIBDIR/$1.so.$VERSION"
    ln -sf "$1.so.$VERSION" "$dest$LIBDIR/$2"
    ln -sf "$2" "$dest$LIBDIR/$1.so"
}

loader_cache() {
    # A library in a folder that the loader knows is found through its cache.
    if [ -z "$dest" ] && [ "$(id -u)" -eq 0 ]; then ldconfig 2>/dev/null || true; fi
}

case $1 in
install)
    headers | while read -r header; do
        install -D -m 644 "include/$header" "$dest$include/$header"
    done
    library libcadre "$SONAME"
    mkdir -p "$dest$LIBDIR/pkgconfig" "$dest$cmake"
    fill tools/cadre.pc.in "$LIBDIR/pkgconfig/cadre.pc"
    parts | while read -r part; do # what there is
        [ -e "build/release/libcadre-$part.a" ] || continue
        library "libcadre-$part" "${SONAME/cadre/cadre-$part}"
        fill "tools/cadre-$part.pc.in" "$LIBDIR/pkgconfig/cadre-$part.pc"
    done
    for part in Config ConfigVersion Targets; do
        fill tools/Cadre$part.cmake.in "$cmake/Cadre$part.cmake"
    done
    loader_cache
    ;;
uninstall)
    places | while read -r place; do rm -f "$dest$place"; done
    # Only the folders that are ours alone, and only when nothing else is in them.
    rmdir "$dest$include/cadre/actors" "$dest$include/cadre" "$dest$cmake" 2>/dev/null || true
    loader_cache
    ;;
esac
