# journal.py: what kv does when system calls for its journal fail.
import errno
import os
import signal

from clients import KvClient
from sockets import use
from tracing import (BUILD, LONG, PATIENCE, Closed, Program, Strace, Wrong, check, pause,
                     top)


def one_journal_fault(folder, call, error, n, policy):
    """With `always` nothing is lost that was answered; and it ends, with words."""
    command = [f"{BUILD}/bin/kv", "--port", "0", "--dir", folder, "--fsync", policy]
    client, program, wrong = KvClient(policy != "always"), Program(command), None
    path = os.path.join(folder, "kv.aof")
    use(client, program.port)
    strace = Strace(program.process.pid, call, error, n, "-P", path)
    try:
        for _ in range(n + 1):
            use(client, program.port)
    except Wrong as problem:
        wrong = str(problem)
    injected = strace.leave()
    harmless = error == "EINTR" or not injected
    if not harmless:
        program.process.wait(PATIENCE)
        said = program.said()
        if not all(word in said for word in (path, os.strerror(getattr(errno, error)),
                                             "start again")):
            wrong = wrong or f"without words: {said}"
    status = program.end()
    if status != (0 if harmless else 1):
        wrong = wrong or f"exit status {status}"
    again = Program(command)
    try:
        client.look(again.port)
    except (Wrong, Closed) as problem:
        wrong = wrong or str(problem) or "it cannot be asked afterwards"
    again.end()
    os.unlink(path)
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", bool(injected)


def one_start_fault(folder, call, error, n):
    """It does not start, and says why; or does, with everything; nothing is changed."""
    path = os.path.join(folder, "kv.aof")
    command = [f"{BUILD}/bin/kv", "--port", "0", "--dir", folder, "--fsync", "always"]
    client, program, wrong = KvClient(), Program(command), None
    use(client, program.port)
    program.end(signal.SIGKILL)
    log = os.path.join(top, "strace")
    with open(path, "ab") as f:
        f.write(b"*3\r\n$3\r\nSET")  # what was being written
    program = Program(["strace", "-f", "-y", "-P", path, "-P", folder, "-o", log,
                       "-e", f"trace={call}", "-e",
                       f"inject={call}:error={error}:when={n}", *command])
    started = program.port > 0
    try:
        if started:
            client.look(program.port)
    except Closed:
        started = False  # a shard could not read it
    except Wrong as problem:
        wrong = str(problem)
    if started:
        pid = program.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            os.kill(int(f.read().split()[0]), signal.SIGTERM)
    status = program.process.wait(PATIENCE)
    if status != (0 if started else 1) or (status and folder not in program.said()):
        wrong = wrong or f"exit status {status}: {program.said()[-300:]}"
    with open(log, errors="replace") as f:
        injected = [line for line in f if "(INJECTED)" in line]
    again = Program(command)
    try:
        client.look(again.port)
    except (Wrong, Closed) as problem:
        wrong = wrong or f"afterwards: {problem}"
    again.end()
    os.unlink(path)
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", bool(injected)


def slow_journal(folder):
    """It is ended while a thread writes; what came since, and was answered, is kept."""
    command = [f"{BUILD}/bin/kv", "--port", "0", "--dir", folder, "--fsync", "no"]
    client, program, wrong = KvClient(), Program(command), None
    path = os.path.join(folder, "kv.aof")
    strace = Strace(program.process.pid, "write", None, "1", "-P", path)
    use(client, program.port)
    while not os.path.getsize(strace.log):  # it writes
        pause()
    use(client, program.port)
    program.process.send_signal(signal.SIGTERM)
    while "not drained" not in program.said() and program.lives():
        pause()
    strace.leave()
    status = program.end(None)
    if status:
        wrong = f"exit status {status}"
    again = Program(command)
    try:
        client.look(again.port)
    except (Wrong, Closed) as problem:
        wrong = wrong or str(problem) or "it cannot be asked afterwards"
    again.end()
    os.unlink(path)
    check("kv is ended while its journal is slow", wrong)


def sweep_journal():
    if not os.path.exists(f"{BUILD}/bin/kv"):
        return
    folder = os.path.join(top, "kv")
    os.mkdir(folder)
    slow_journal(folder)
    for policy in ("always", "everysec") if LONG else ("always",):
        for call in ("write", "fdatasync"):
            for error in ("ENOSPC EIO EDQUOT" + " EINTR" * (call == "write")).split():
                for n in range(1, 9) if LONG else (2,):
                    wrong, reached = one_journal_fault(folder, call, error, n, policy)
                    if reached or wrong:
                        check(f"kv --fsync {policy}: {call} {n} of its journal fails "
                              f"with {error}", wrong)
                    if not reached:
                        break
    for call, errors in (("pread64", "EIO EINTR"), ("openat", "EMFILE ENFILE EIO"),
                         ("ftruncate", "EIO"), ("fsync", "EIO")):
        for error in errors.split():
            for n in range(1, 12) if LONG else (1,):
                wrong, reached = one_start_fault(folder, call, error, n)
                if reached or wrong:
                    check(f"kv starts: {call} {n} fails with {error}", wrong)
                if not reached:
                    break


