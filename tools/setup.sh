#!/bin/bash
# setup.sh: installs what the given make targets need and this machine lacks.
#
# usage: setup.sh TARGET...       0: all there (now); 2: something is missing
#        setup.sh --names SET     prints the names of that set in this release
#
# tools/packages.txt says who needs what; what only the sets `outside`, `load`,
# `browser` and `fuzzer` need may be missing, and is no failure. CADRE_NO_INSTALL=1 only reports
# what is missing.
set -u
table=$(dirname "$0")/packages.txt

codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME-}")
case $codename in
bookworm) column=3 ;;
trixie) column=4 ;;
noble) column=5 ;;
*) column=0 ;; # not a system whose package names we know: those of Debian 13 are printed
esac

# "finds name" for each package of the given sets
packages_of() {
    awk -v sets=" $* " -v column=$((column ? column : 4)) '
        !/^#/ && !/:/ && NF == 5 && index(sets, " " $1 " ") && $column != "-" && !seen[$column]++ {
            print $2, $column
        }' "$table"
}

sets_of() {
    awk -v targets="$*" '
        !/^#/ && /:/ {
            n = split($0, side, ":"); m = split(side[1], names, " ")
            for (i = 1; i <= m; i++) sets[names[i]] = side[2] " "
        }
        END {
            m = split(targets, names, " ")
            for (i = 1; i <= m; i++)
                printf "%s ", (names[i] in sets) ? sets[names[i]] : "build"
        }' "$table"
}

has_header() {
    local dir
    for dir in /usr/include /usr/local/include /usr/include/*-linux-*; do
        [ -e "$dir/$1" ] && return 0
    done
    return 1
}

# The packages that are not there. Where dpkg knows the names it is asked, once.
missing() {
    if [ $column -ne 0 ]; then
        awk '{ print $2 }' <<<"$1" | sort >"$scratch/wanted"
        # shellcheck disable=SC2046
        dpkg-query -W -f '${Package} ${db:Status-Status}\n' $(cat "$scratch/wanted") \
            2>/dev/null | awk '$2 == "installed" { print $1 }' | sort -u >"$scratch/there"
        comm -23 "$scratch/wanted" "$scratch/there" | paste -sd ' '
        return
    fi
    local finds name lacking=
    while read -r finds name; do
        case $finds in
        -) ;;
        *.h | *.hpp) has_header "$finds" || lacking="$lacking $name" ;;
        *) command -v "$finds" >/dev/null || lacking="$lacking $name" ;;
        esac
    done <<<"$1"
    echo "${lacking# }"
}

if [ "${1-}" = --names ]; then
    [ $column -ne 0 ] || { echo "setup: no package names for this system" >&2; exit 2; }
    packages_of "$2" | awk '{ print $2 }'
    exit 0
fi

# shellcheck disable=SC2046
wanted=$(packages_of $(sets_of "$@"))
[ -n "$wanted" ] || exit 0
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
lacking=$(missing "$wanted")
[ -n "$lacking" ] || exit 0

# Is nothing else missing than what may be?
is_optional() {
    local name
    for name in $lacking; do
        packages_of outside load browser fuzzer | awk '{ print $2 }' | grep -qxF "$name" || return 1
    done
}
give_up() {
    is_optional || exit 2
    echo "notice: without $lacking, what needs it (sockets, TLS, HTTP) is left out"
    exit 0
}

# Recommended packages are off: they would bring a desktop's worth of documentation.
options="-y --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0"
line="apt-get update && apt-get install $options $lacking"
echo "make $*: missing packages: $lacking"
if [ -n "${CADRE_NO_INSTALL-}" ]; then
    echo "CADRE_NO_INSTALL is set, so nothing was installed. To do it, as root: $line"
    give_up
fi
if [ $column -eq 0 ]; then
    echo "Only Debian 12, Debian 13 and Ubuntu 24.04 are set up without being asked."
    echo "In the names of Debian 13, to be run as root: $line"
    give_up
fi
if [ "$(id -u)" -eq 0 ]; then
    root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    root=sudo
else
    echo "Neither root nor sudo. To be run as root: $line"
    give_up
fi

# needrestart, on Ubuntu, would ask which services to restart.
quiet="env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1"

# The lists have a lock of their own, which apt-get does not wait for.
for _ in {1..60}; do
    $root $quiet apt-get update -q 2>&1 </dev/null | tee "$scratch/update"
    grep -q 'Could not get lock' "$scratch/update" || break
    sleep 5
done
# shellcheck disable=SC2086
if ! $root $quiet apt-get install -q $options $lacking </dev/null; then
    echo "That did not work. To be run as root: $line"
    give_up
fi
