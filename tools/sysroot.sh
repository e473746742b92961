#!/bin/bash
# sysroot.sh: unpacks the arm64 packages that the cross build needs.
#
# usage: sysroot.sh DIRECTORY
#
# apt runs on a configuration, lists and status file of its own beside the directory, so
# the system's architectures and package database stay as they are, and no root is needed.
set -eu
sysroot=$1
mkdir -p "$sysroot"
sysroot=$(cd "$sysroot" && pwd)
apt=$sysroot/apt
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
origin=$(. /etc/os-release && echo "$ID")
names=$("$(dirname "$0")/setup.sh" --names sysroot)

# From where this machine gets its own packages; but Ubuntu keeps arm64 elsewhere.
case $origin in
debian)
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' "Codename: $codename" | head -n 1)
    uri=${uri:-http://deb.debian.org/debian}
    components=main
    ;;
ubuntu)
    uri=http://ports.ubuntu.com/ubuntu-ports
    components='main universe'
    ;;
esac
keyring=/usr/share/keyrings/$origin-archive-keyring.gpg

mkdir -p "$apt/lists/partial" "$apt/archives/partial"
echo "deb [signed-by=$keyring] $uri $codename $components" >"$apt/sources.list"
: >"$apt/status"
private=(
    -q
    -o "Dir::State::Lists=$apt/lists"
    -o "Dir::State::status=$apt/status"
    -o "Dir::Cache=$apt"
    -o "Dir::Etc::SourceList=$apt/sources.list"
    -o "Dir::Etc::SourceParts=-"
    -o "APT::Architecture=arm64"
    -o "APT::Architectures=arm64"
    -o "APT::Sandbox::User=$(id -un)"
    -o "Acquire::Languages=none"
)
apt-get "${private[@]}" update
cd "$apt/archives"
# shellcheck disable=SC2086
apt-get "${private[@]}" download $names
for package in *.deb; do
    dpkg-deb -x "$package" "$sysroot"
done
