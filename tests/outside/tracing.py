# tracing.py: programs, of which strace lets system calls fail.
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1]
LONG = bool(os.environ.get("LONG") or os.environ.get("CADRE_LONG"))
PATIENCE = 20  # seconds: then it hangs
os.environ["CADRE_WORKERS"] = "2"
os.environ.pop("CADRE_SEED", None)
top = tempfile.mkdtemp()
results = []  # True: as it should be


class Wrong(Exception):
    pass


class Closed(Exception):
    """By the program, which may do that when a call has failed."""


def check(name, error):
    if error:
        results.append(False)
        print(f"FAILED: {name}: {error}", flush=True)
    else:
        results.append(True)
        print("ok", name, flush=True)


def pause():
    """Between two looks."""
    select.select([], [], [], 0.003)


class Strace:
    """Calls of that name fail in the process, from here on until leave(). No error: they
    take a minute."""

    def __init__(self, pid, call, error, when, *options):
        self.log = os.path.join(top, "strace")
        fault = f"error={error}" if error else "delay_enter=60000000"
        self.process = subprocess.Popen(
            ["strace", "-f", "-y", "-o", self.log, "-e", f"trace={call}", "-e",
             f"inject={call}:{fault}:when={when}", *options, "-p", str(pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.process.kill()
            self.process.wait()
            raise OSError(line.strip())

    def leave(self):
        """The calls that have failed."""
        self.process.send_signal(signal.SIGINT)
        self.process.stderr.read()
        self.process.wait()
        self.process.stderr.close()
        with open(self.log, errors="replace") as f:
            return [line for line in f if "(INJECTED)" in line]


def cannot_be(lines, error):
    return any("[eventfd]" in line and
               (" write(" in line or error not in ("EAGAIN", "EINTR")) for line in lines)


class Program:
    def __init__(self, command, folder=None):
        self.folder, self.err = folder, open(os.path.join(top, "err"), "w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=self.err)
        line = self.process.stdout.readline()
        self.port = int(line.split()[-1].split(":")[-1]) if line else 0
        self.few = len([n for n in self.open_files() if ".db" not in n])

    def said(self):
        self.err.seek(0)
        return self.err.read()

    def open_files(self):
        """Sockets, and files that have a name."""
        folder, names = f"/proc/{self.process.pid}/fd", []
        try:
            for fd in os.listdir(folder):
                try:
                    names.append(os.readlink(f"{folder}/{fd}"))
                except FileNotFoundError:
                    pass
        except (FileNotFoundError, PermissionError):
            pass
        return sorted(n for n in names if n.startswith(("socket:", "/"))
                      and n != "/dev/null")  # libuv has it in reserve

    def leaks(self):
        """Waits until there are no more open than at first. (SQLite opens its files when
        it likes.)"""
        end = time.monotonic() + PATIENCE
        while len(now := [n for n in self.open_files() if ".db" not in n]) > self.few:
            if time.monotonic() > end:
                return f"it has {now} open, and had {self.few}"
            pause()
        return None

    def lives(self):
        return self.process.poll() is None

    def end(self, how=signal.SIGTERM):
        """Its exit status. No signal: it ends by itself."""
        if how and self.lives():
            self.process.send_signal(how)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Wrong("it does not end") from None
        self.process.stdin.close()
        self.process.stdout.close()
        self.err.close()
        return status
