# starts.py: what a system that cannot have its descriptors says, and leaves behind.
import errno
import os
import subprocess

from tracing import BUILD, LONG, Strace, check

FEW = "EMFILE ENFILE ENOMEM"
STARTS = (("isolated", "socketpair eventfd2 epoll_create1", FEW),
          ("polled", "eventfd2 epoll_create1 timerfd_create", FEW),
          ("parts", "socket eventfd2 pipe2 epoll_create1", FEW))


def one_start(program):
    program.stdin.write("go\n")
    program.stdin.flush()
    line = program.stdout.readline()
    return [int(word) for word in line.split()] or [None, program.wait()]


def one_fault(program, call, error, n):
    """What is wrong, or None; and whether the call was reached."""
    strace = Strace(program.pid, call, error, n)
    code, more = one_start(program)
    injected = strace.leave()
    wrong = None
    codes = {-getattr(errno, error), -errno.EMFILE if error == "ENFILE" else 0, 0}
    if code not in (codes if injected else {0}):
        wrong = f"it says {code}"
    elif more:
        wrong = f"{more} descriptors are left"
    elif one_start(program) != [0, 0]:
        wrong = "the next start fails"
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", bool(injected), code


def sweep_kind(kind, calls, errors):
    path = f"{BUILD}/tests/outside/starts"
    program = subprocess.Popen([path, kind], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE)
    check(f"{kind} start", None if program.stdout.readline() == "ready 0\n" else "no")
    for call in calls.split():
        failed = 0
        for turn, error in enumerate(errors.split()):
            for n in range(1, 9) if LONG else (1, 2, 3) if turn == 0 else (1,):
                wrong, reached, code = one_fault(program, call, error, n)
                failed += code != 0
                if reached or wrong:
                    check(f"{kind} start: {call} {n} fails with {error}", wrong)
                if not reached:
                    break
        check(f"{kind}: without {call} it does not start", None if failed else "it does")
    program.stdin.close()
    program.wait()
    program.stdout.close()


def sweep_starts():
    if not os.path.exists(f"{BUILD}/tests/outside/starts"):
        print("notice: no sockets here: no start of them failed")
        return
    for kind, calls, errors in STARTS:
        sweep_kind(kind, calls, errors)
