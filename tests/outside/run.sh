#!/bin/sh
# run.sh: what happens to programs whose system calls fail; see injected.py.
#
# usage: tests/outside/run.sh      in the top folder; LONG=1: every call with every error
# 0: all is well; 1: not; 77: something is missing
for tool in strace /usr/bin/python3; do
    command -v $tool >/dev/null || {
        echo "notice: no $tool: no system call of a program failed on purpose"
        exit 77
    }
done
exec /usr/bin/python3 -B tests/outside/injected.py build/release
