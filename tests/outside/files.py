# files.py: what files.c is told when system calls for files fail, and what is there
# then.
import os
import shutil
import tempfile

from tracing import BUILD, LONG, PATIENCE, Program, Strace, Wrong, check, top

SIZE, EDEAD = 20000, -5000  # of files.c; of an actor that could not open its file
NAMES = ("make deep/er, write whole, read whole, append log, add log, stat log, "
         "write other, rename other, remove renamed, list , put open, sync open, "
         "get open, extend open, sync open, cut open, sync open, closed open").split(", ")


class Outcomes:
    """What files.c says, and whether it may be so."""

    def __init__(self, folder, text, injected, error):
        self.folder, self.injected, self.error = folder, injected, error
        self.lines = [line.split("|") for line in text.splitlines()]
        self.whole = {b""}  # what it may be
        self.log = b""
        self.broken = False

    def check(self):
        expected = [[*name.split(" "), ""][:2] for name in NAMES] * 3
        got = [[what, os.path.relpath(path, self.folder)]
               for what, path, *_ in self.lines]
        got = [[what, "" if path == "." else path] for what, path in got]
        if got[:-1] != expected or self.lines[-1][0] != "end" or self.lines[-1][2] != "0":
            raise Wrong(f"not one outcome for each: {self.lines[-3:]}")
        for i, line in enumerate(self.lines[:-1]):
            what, path, code, size, ends, text = line[:5] + ["|".join(line[5:])]
            letter = b"abc"[i // len(NAMES):][:1]
            self.words_are_there(what, path, int(code), int(size), text)
            self.look(what, os.path.basename(path), int(code), int(size), ends, letter)
        self.look_at_files()

    def words_are_there(self, what, path, code, size, text):
        if code and not size and code != EDEAD and text.count(": ") < 2:
            raise Wrong(f"{what} {path} fails with {code}, and no remedy: {text}")
        if code and not size and (path not in text or not text.startswith(what)):
            raise Wrong(f"{what} {path} fails with {code}, without words: {text}")

    def look(self, what, name, code, size, ends, letter):
        if name == "whole" and what == "write":
            synced = any("fsync(" in line and f"<{self.folder}>" in line
                         for line in self.injected)
            self.whole = {letter * SIZE} if not code else self.whole | (
                {letter * SIZE} if synced else set())
        if what == "read" and not code and (letters(ends), size) not in {
                (c[:1], len(c)) for c in self.whole}:
            raise Wrong(f"{what}: {size} bytes, {ends}")
        if name == "log" and what in ("append", "add"):
            self.log += letter * size
        if what == "put":
            self.broken, self.put = False, letter if not code else None
        if what == "get" and not code and self.put and letters(ends) != self.put:
            raise Wrong(f"it reads {ends}, and not what was written")
        if what == "sync" and self.broken and not code:
            raise Wrong("a sync after one that failed")
        self.broken |= code == -5 and what in ("put", "extend", "cut")
        self.broken |= code != 0 and what == "sync"

    def look_at_files(self):
        there = os.listdir(self.folder)
        if any(name.startswith(".cadre-") for name in there):
            raise Wrong(f"left behind: {there}")
        if self.content("log") != self.log:
            raise Wrong("the log is not what was appended")
        if self.content("whole") not in self.whole:
            raise Wrong("a write that failed did not leave the old")

    def content(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as f:
            return f.read()


def letters(ends):
    return b"" if ends == "--" else ends[:1].encode() if ends[0] == ends[1] else b"?"


def one_file_fault(call, error, n):
    """What is wrong, or None; and whether the call was reached."""
    folder = tempfile.mkdtemp(dir=top)
    only = [f"-P{folder}/{name}" for name in ("whole", "log", "open")]
    program = Program([f"{BUILD}/tests/outside/files", folder])
    strace = Strace(program.process.pid, call, error, n,
                    *(only if call == "read" else ()))
    wrong, text = None, ""
    program.process.stdin.write("go\n")
    program.process.stdin.flush()
    while not text.endswith(f"end|{folder}|0|0|--|\n"):
        line = program.process.stdout.readline()
        text += line
        if not line:
            break
    injected = strace.leave()
    try:
        Outcomes(folder, text, injected, error).check()
        still = [path for path in program.open_files() if path.startswith(folder)]
        wrong = still and f"still open: {still}"
    except (Wrong, IndexError, ValueError) as problem:
        wrong = f"{problem}"
    program.process.stdin.close()
    status = program.process.wait(PATIENCE)
    wrong = wrong or (status and f"exit status {status}")
    shutil.rmtree(folder)
    return wrong and f"{wrong}\n    {''.join(injected[:3])}", bool(injected)


DISK = (("openat", "EMFILE ENFILE ENOMEM EIO"),
        ("write pwrite64", "ENOSPC EIO EDQUOT EINTR"),
        ("fsync fdatasync", "EIO ENOSPC EDQUOT"),
        ("ftruncate renameat fchmod", "EIO"),
        ("renameat mkdir", "ENOSPC EDQUOT"),
        ("read pread64", "EIO EINTR"))


def sweep_files():
    turn = 0
    for calls, errors in DISK:
        for call in calls.split():
            for error in errors.split():
                turn += 1
                for n in range(1, 25) if LONG else (1 + turn % 3,):
                    wrong, reached = one_file_fault(call, error, n)
                    if reached or wrong:
                        check(f"files: {call} {n} fails with {error}", wrong)
                    if not reached:
                        break
