#!/bin/sh
# peer.sh: starts the Erlang programs of the comparison, with T scheduler threads.
#
# usage: peer.sh ROW THREADS N      BEAMS=folder of the compiled modules
#
# The number of schedulers is an option of the virtual machine, not of the program; the
# dirty ones run no code of ours, and as few as possible are asked for. +P: a million
# processes are more than it allows by default.
case ${2-} in
'' | *[!0-9]* | 0* | ?????*) threads=0 ;;
*) threads=$2 ;;
esac
if [ "$threads" -lt 1 ] || [ "$threads" -gt 1024 ]; then
    echo "peer: THREADS is a number from 1 to 1024 (usage: peer ROW THREADS N)" >&2
    exit 2
fi
exec erl -noinput -boot start_clean -pa "${BEAMS:-$(dirname "$0")}" \
    +S "$threads:$threads" +SDcpu 1:1 +SDio 1 +P 4000000 -run cadre_peer main "$@"
