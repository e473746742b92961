# moves.py: what becomes of bytes on their way when system calls for them fail.
import errno
import os
import select
import subprocess

from tracing import BUILD, LONG, PATIENCE, Strace, check

# Of each kind: calls, errors with which the move may end, and those that it is not to
# notice: all has come.
MOVES = (("file", "readv writev", "EIO ENOMEM", "EINTR"),
         ("file", "writev", "ENOSPC EDQUOT", ""),
         ("parcels", "recvmsg", "ECONNRESET ENOMEM", "EINTR EAGAIN"),
         ("parcels", "sendmsg", "ECONNRESET EPIPE ENOBUFS ENOMEM ETOOMANYREFS",
          "EINTR EAGAIN"),
         ("packets", "recvmsg", "", "EINTR EAGAIN ENOMEM ECONNREFUSED"),
         ("packets", "sendto", "", "EINTR EAGAIN ENOBUFS ENOMEM EPERM"),
         ("isolated", "sendmsg", "ENOBUFS ENOMEM", "EINTR"))
# What the other side says of it.
SAID = {"file": set(), "parcels": {-errno.EPIPE, -errno.ECONNRESET}, "packets": set(),
        "isolated": {-5000}}  # CADRE_EDEAD


def start(kind):
    program = subprocess.Popen([f"{BUILD}/tests/outside/moves", kind], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    line = program.stdout.readline()
    check(f"{kind}: all comes", None if line == "ready 0\n" else line)
    return program


def end(program):
    program.kill()
    program.wait()
    program.stdin.close()
    program.stdout.close()


def move(program):
    """Its code, and how many descriptors are left; or what is wrong instead."""
    program.stdin.write("go\n")
    program.stdin.flush()
    if not select.select([program.stdout], [], [], PATIENCE)[0]:
        return "it hangs", 0
    words = program.stdout.readline().split()
    return tuple(int(word) for word in words) if words else ("it has ended", 0)


def one_fault(program, call, error, n, codes):
    """What is wrong, or None; and whether the call was reached."""
    strace = Strace(program.pid, call, error, n)
    code, more = move(program)
    injected = strace.leave()
    wrong = None
    if code not in codes:
        wrong = f"it says {code}"
    elif more:
        wrong = f"{more} descriptors are left"
    elif (after := move(program)) != (0, 0):
        wrong = f"the next time: {after}"
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", bool(injected)


def sweep_calls(kind, calls, ends, unseen):
    program, turn = start(kind), 0
    for call in calls.split():
        for error in ends.split() + unseen.split():
            codes = {0} if error in unseen.split() else {
                0, -getattr(errno, error), *SAID[kind]}
            turn += 1
            for n in range(1, 13) if LONG else (1 + turn % 3,):
                wrong, reached = one_fault(program, call, error, n, codes)
                if reached or wrong:
                    check(f"{kind}: {call} {n} fails with {error}", wrong)
                if wrong:
                    end(program)
                    program = start(kind)
                if not reached:
                    break
    end(program)


def sweep_moves():
    if not os.path.exists(f"{BUILD}/tests/outside/moves"):
        print("notice: no sockets here: no move failed")
        return
    for kind, calls, ends, unseen in MOVES:
        sweep_calls(kind, calls, ends, unseen)
