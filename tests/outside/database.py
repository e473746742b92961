# database.py: what notes does when system calls for its database fail.
import os
import shutil
import signal

from clients import NotesClient
from sockets import goes_on, use
from tracing import (BUILD, LONG, PATIENCE, Closed, Program, Strace, Wrong, check,
                     top)

DATABASE = (("pwrite64", "ENOSPC EIO"), ("fsync fdatasync", "EIO ENOSPC"),
            ("ftruncate", "ENOSPC EIO"), ("openat", "EMFILE EIO ENOSPC"))


def one_fault(command, folder, call, error, n):
    """From its first request on. An answer is a note, or an error and words; what was
    answered is there at once, and when it is started again after a kill."""
    client, program, wrong = NotesClient(), Program(command), None
    paths = [option for name in ("db", "db-wal", "db-journal", "db-shm")
             for option in ("-P", f"{folder}/notes.{name}")]
    strace = Strace(program.process.pid, call, error, n, *paths, "-P", folder)
    try:
        closed = sum(use(client, program.port) for _ in range(3))
    except Wrong as problem:
        wrong = str(problem)
    injected = strace.leave()
    said = program.said()
    if not wrong and closed and "notes: " not in said:
        wrong = f"no words for {closed} answers"
    try:
        goes_on(client, program)
    except Wrong as problem:
        wrong = wrong or str(problem)
    program.end(signal.SIGKILL)
    again = Program(command)
    try:
        client.notes_are_there(again.port)
    except (Wrong, Closed) as problem:
        wrong = wrong or f"afterwards: {problem}"
    status = again.end()
    wrong = wrong or (status and f"exit status {status}")
    return wrong and f"{wrong}\n    {said[-300:]}{''.join(injected[:3])}", injected


def one_start_fault(command, folder, call, error, n):
    """It does not start, and says why; or does."""
    log = os.path.join(top, "strace")
    program = Program(["strace", "-f", "-y", "-o", log, "-e", f"trace={call}", "-P",
                       f"{folder}/notes.db", "-P", f"{folder}/notes.db-wal", "-P", folder,
                       "-e", f"inject={call}:error={error}:when={n}", *command])
    started = program.port > 0
    if started:
        pid = program.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            os.kill(int(f.read().split()[0]), signal.SIGTERM)
    status, said = program.process.wait(PATIENCE), program.said()
    program.end(None)
    with open(log, errors="replace") as f:
        injected = [line for line in f if "(INJECTED)" in line]
    wrong = None
    if status != (0 if started else 1) or (status and "notes.db: " not in said):
        wrong = f"exit status {status}: {said[-300:]}"
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", injected


def sweep(what, one, calls, errors, numbers):
    folder, reached = os.path.join(top, "database"), False
    command = [f"{BUILD}/bin/notes", "--port", "0", "--database", f"{folder}/notes.db"]
    for call in calls.split():
        for error in errors.split():
            for n in numbers:
                os.mkdir(folder)
                wrong, injected = one(command, folder, call, error, n)
                shutil.rmtree(folder)
                reached |= bool(injected)
                if injected or wrong:
                    check(f"{what}: {call} {n} of its database fails with {error}", wrong)
                if not injected:
                    break
    return reached


def sweep_database():
    if not os.path.exists(f"{BUILD}/bin/notes"):
        return
    for turn, (calls, errors) in enumerate(DATABASE):
        numbers = range(1, 13) if LONG else (1 + turn % 2,)
        sweep("notes", one_fault, calls, errors, numbers)
        sweep("notes starts", one_start_fault, calls, errors,
              range(1, 13) if LONG else (1,))
