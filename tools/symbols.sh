#!/bin/bash
# symbols.sh: what the release libraries define and need.
#
# usage: symbols.sh            compares; run in the top folder after `make all`
#        symbols.sh --accept   writes the two lists anew
#
# tests/api/symbols.txt    every symbol a program can link to: cadre_* and nothing else
# tests/api/writable.txt   every writable variable: state of the process, not of a system
set -u
object=build/release/cadre.o
shared=build/shared/libcadre.so
symbols=tests/api/symbols.txt
writable=tests/api/writable.txt
bad=0

# What a library must not do behind its user's back: other clocks and randomness than the
# system's own (a simulation would not replay), waiting, printing, exiting, static buffers.
denied='time|clock|gettimeofday|ftime|rand|srand|random|srandom|rand_r|drand48|sleep'
denied="$denied|usleep|nanosleep|clock_nanosleep|printf|puts|putchar|perror|exit|_exit"
denied="$denied|system|signal|strerror|localtime|gmtime|ctime|asctime|strtok|sprintf|gets"

static_names() { nm -g --defined-only "${1-$object}" | awk '{ print $3 }' | sort; }
shared_names() { nm -D --defined-only "$shared" | awk '{ print $3 }' | sort; }
writable_names() {
    objdump -t "$object" | awk '
        match($0, /[ \t]\.(data|bss|tdata|tbss)[^ \t]*[ \t]/) && $0 !~ /\.data\.rel\.ro/ &&
        $(NF - 2) !~ /d$/ && $NF !~ /^\./ { sub(/\.[0-9]+$/, "", $NF); print $NF }' | sort -u
}
listed() { sed 's/[ \t]*#.*//; /^$/d' "$@" | sort; }

parts=$(ls build/release | sed -n 's/^cadre-\(.*\)\.o$/\1/p') # where there is what they need
[ -e "$object" ] && [ -e "$shared" ] || { echo "first: make all"; exit 1; }

if [ "${1-}" = --accept ]; then
    static_names >"$symbols"
    for part in $parts; do
        static_names build/release/cadre-$part.o >tests/api/symbols-$part.txt
    done
    [ -e "$writable" ] || echo "# Writable variables of the library, each with its reason." >"$writable"
    comm -13 <(listed "$writable") <(writable_names) | sed 's/$/  # why?/' >>"$writable"
    exit 0
fi

compare() { # what, the committed list, the names found
    local difference
    if ! difference=$(diff <(listed "$2") <(echo "$3" | sed '/^$/d')); then
        echo "$1 differ from $2 (< listed, > found):"
        echo "$difference" | grep '^[<>]'
        echo "If that is meant: tools/symbols.sh --accept"
        bad=1
    fi
}
compare "symbols of the static library" "$symbols" "$(static_names)"
compare "symbols of the shared library" "$symbols" "$(shared_names)"
compare "writable variables" "$writable" "$(writable_names)"
for part in $parts; do
    compare "symbols of libcadre-$part" tests/api/symbols-$part.txt \
        "$(static_names build/release/cadre-$part.o)"
done
if listed "$symbols" tests/api/symbols-*.txt | grep -v '^cadre_'; then
    echo "only cadre_* may be visible"
    bad=1
fi
if nm -u "$object" | awk '{ print $2 }' | grep -xE "$denied"; then
    echo "the library may not call these"
    bad=1
fi
exit $bad
