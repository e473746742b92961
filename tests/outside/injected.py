# injected.py: system calls fail, one after the other, while real programs are used.
#
#   injected.py FOLDER [files] [journal] [starts] [moves] [database] [echo] [kv] [notes]
#               [proxy]
#                                       of these programs in build/release; all of them
#
# strace attaches to a program that runs, lets the Nth call of some name in each of its
# threads fail with some error, and a client looks at what it gets: right answers or
# the end of its connection, one of them for each request. Afterwards the program must
# go on, have no descriptor more than before, and end well. Injected are errors that the
# kernel gives for that call. With LONG=1 all of them, at every call that there is;
# without, a part of it.
#
# Left out is what cannot be. A write to an eventfd that does not block fails only when
# its number is full, and whoever sleeps there is awake then; one that fails otherwise,
# and was not done, wakes nobody, and libuv aborts. Nor is a read from there reset. strace
# cannot leave them out, so the program is thrown away then, without being judged.
import shutil
import subprocess
import sys

from database import sweep_database
from files import sweep_files
from journal import sweep_journal
from moves import sweep_moves
from sockets import sweep_echo, sweep_kv, sweep_notes, sweep_proxy
from starts import sweep_starts
from tracing import Strace, results, top


def can_trace():
    """strace attaches to what this one has started."""
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        Strace(child.pid, "fsync", "EIO", "1").leave()
        return None
    except OSError as problem:
        return str(problem)
    finally:
        child.stdin.close()
        child.wait()


SWEEPS = {"files": sweep_files, "journal": sweep_journal, "starts": sweep_starts,
          "moves": sweep_moves, "database": sweep_database, "echo": sweep_echo,
          "kv": sweep_kv, "notes": sweep_notes, "proxy": sweep_proxy}


def main():
    why = can_trace()
    if why:
        print(f"notice: nothing can be traced here, so no call failed: {why}")
        return 77
    for name, sweep in SWEEPS.items():
        if name in (sys.argv[2:] or SWEEPS):
            sweep()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return False in results


try:
    code = main()
finally:
    shutil.rmtree(top)
sys.exit(code)
