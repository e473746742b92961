# sockets.py: what servers do when system calls for their sockets fail.
import os
import signal
import time

from clients import EchoClient, KvClient, NotesClient, ProxyClient, Talk
from tracing import (BUILD, LONG, PATIENCE, Closed, Program, Strace, Wrong, cannot_be,
                     check, pause, top)


def use(client, port):
    """All of the requests, each with one outcome. How many were closed."""
    closed = 0
    for request in client.requests(port):
        try:
            request()
        except Closed:
            closed += 1
    return closed


def goes_on(client, program):
    end = time.monotonic() + PATIENCE
    while use(client, program.port):
        if not program.lives():
            raise Wrong("it has ended: " + program.said()[-300:])
        if time.monotonic() > end:
            raise Wrong("it does not go on")


def one_fault(client, program, call, error, n):
    """What is wrong, or None; and whether the call was reached."""
    wrong = None
    try:
        strace = Strace(program.process.pid, call, error, n)
    except OSError as problem:
        return f"strace: {problem}", False
    try:
        use(client, program.port)
    except Wrong as problem:
        wrong = str(problem)
    lines = strace.leave()
    if cannot_be(lines, error):
        program.end(signal.SIGKILL)
        return None, True
    try:
        goes_on(client, program)
    except Wrong as problem:
        wrong = wrong or str(problem)
    if not program.lives():
        wrong = f"it has ended with {program.process.poll()}: {program.said()[-300:]}"
    wrong = wrong or program.leaks()
    if wrong:
        program.end(signal.SIGKILL)
    return wrong and f"{wrong}\n    {''.join(lines[:3])}", bool(lines)


class Sweep:
    """One program, started anew where it has ended."""

    def __init__(self, name, command, client):
        self.name, self.command, self.client = name, command, client
        self.program = None

    def ready(self):
        if not self.program or not self.program.lives():
            self.client.restarted()
            self.program = Program(self.command)
            use(self.client, self.program.port)
            self.program.leaks()

    def run(self, faults, most, few=3):
        """At each of the first `most` calls, or at one of the first `few`."""
        turn = 0
        for calls, errors in faults:
            for call in calls.split():
                for error in errors.split():
                    turn += 1
                    numbers = range(1, most + 1) if LONG else (1 + turn % few,)
                    for n in numbers:
                        self.ready()
                        wrong, reached = one_fault(self.client, self.program, call, error,
                                                   n)
                        if reached or wrong:
                            check(f"{self.name}: {call} {n} fails with {error}", wrong)
                        if not reached:
                            break
        self.ready()

    def waits_out(self, errors):
        """Nothing can be accepted for a while; who connects then, is accepted later."""
        for error in errors.split():
            self.ready()
            strace = Strace(self.program.process.pid, "accept4", error, "1+")
            talk = Talk(self.program.port)
            wrong = None
            while not os.path.getsize(strace.log):  # it has tried
                pause()
            strace.leave()
            talk.close()
            try:
                if use(self.client, self.program.port):
                    wrong = "it does not go on"
            except Wrong as problem:
                wrong = str(problem)
            check(f"{self.name}: none can be accepted, {error}",
                  wrong or self.program.leaks())

    def end(self):
        wrong = None
        try:
            status = self.program.end()
            wrong = status and f"exit status {status}"
        except Wrong as problem:
            wrong = str(problem)
        check(f"{self.name}: it ends well", wrong)


SOCKETS = (("accept4", "EINTR EAGAIN ECONNABORTED EMFILE ENFILE ENOBUFS ENOMEM EPERM"),
           ("read", "EINTR EAGAIN ECONNRESET ETIMEDOUT ENOMEM"),
           ("write writev", "EINTR EAGAIN ECONNRESET EPIPE ENOBUFS ENOMEM"),
           ("epoll_wait", "EINTR"))
# Of a server that has files.
SENDS = (("sendfile", "EINTR EAGAIN EIO ECONNRESET EPIPE ENOBUFS ENOMEM EINVAL"),)
# Of a program that is a client, too. (Those of its server are in the others.)
CONNECTS = (("connect", "ECONNREFUSED ETIMEDOUT EADDRNOTAVAIL EINTR ENOBUFS"),
            ("socket", "EMFILE ENFILE ENOBUFS ENOMEM"),
            ("getsockopt", "ECONNREFUSED"))


def sweep_sockets(name, command, client, more=()):
    if not os.path.exists(command[0]):
        print(f"notice: no {name} here: its system calls did not fail")
        return
    sweep = Sweep(name, command, client)
    sweep.run(SOCKETS, 12)
    sweep.run(more, 12, 1)
    sweep.waits_out("EMFILE ENFILE ENOBUFS ENOMEM")
    sweep.end()


def sweep_echo():
    sweep_sockets("echo", [f"{BUILD}/bin/echo", "0"], EchoClient())


def sweep_kv():
    sweep_sockets("kv", [f"{BUILD}/bin/kv", "--port", "0"], KvClient())


def sweep_notes():
    sweep_sockets("notes", [f"{BUILD}/bin/notes", "--port", "0", "--database",
                            f"{top}/notes.db"], NotesClient(), SENDS)


def sweep_proxy():
    path, client = f"{BUILD}/bin/proxy", ProxyClient()
    if not os.path.exists(path):
        print("notice: no proxy here: it connected always")
        return
    sweep = Sweep("proxy", [path, "--port", "0", "--every", "20", "--backend",
                            f"http://127.0.0.1:{client.backend.server_port}"], client)
    sweep.run(CONNECTS, 6, 1)
    sweep.end()
    client.backend.shutdown()
