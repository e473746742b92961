# kills.py: kv is killed again and again while clients write, and nothing that was
# answered may be gone.
#
#   kills.py KV ROUNDS POLICY [SEED]     POLICY: always, everysec, no
#
# Each client has keys of its own, and pipelines of commands that write. It knows what
# each key was after each of them. After the kill a key must be as it was after one of
# those commands: with `always`, not before the last that was answered. Every answer is
# compared too. A round in four kills it while it starts, or reads what is there; and the
# journal goes on from round to round, so that it is made of many ends that were cut off.
#
# With the other policies a kill may lose the last, but only the last: of each key there
# is what it was at some time. What SIGTERM ends has everything.
#
# Prints what it did; its exit status is 0 if nothing was lost.
import os
import random
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

KV, ROUNDS, POLICY = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else int.from_bytes(os.urandom(4), "big")
CLIENTS, WINDOW, FRESH = 4, 150, 40
dice = random.Random(SEED)
NEVER = 10**6  # seconds: so late that it does not expire here
counts = {"answered": 0, "sent": 0, "checked": 0, "lost": 0, "wrong": 0, "starts": 0,
          "ended": 0, "torn": 0}


class Refused(Exception):
    """It ended instead of listening."""


class Server:
    def __init__(self, folder):
        self.err = open(folder + ".err", "w+b")
        self.process = subprocess.Popen(
            [KV, "--port", "0", "--dir", folder, "--fsync", POLICY,
             "--shards", str(dice.randint(1, 4)), "--workers", str(dice.randint(1, 2))],
            stdout=subprocess.PIPE, stderr=self.err)

    def wait_until_it_listens(self):
        line = self.process.stdout.readline()
        if not line:
            self.end(signal.SIGKILL)
            raise Refused(self.said())
        self.port = int(line.split()[-1])

    def end(self, how):
        self.process.send_signal(how)
        status = self.process.wait()
        self.process.stdout.close()
        return status

    def said(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")


# ---- RESP ----

def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def parse(data, at):
    """The answer that begins there, and where it ends; None: it is not all there."""
    line_end = data.find(b"\r\n", at)
    if line_end < 0:
        return None
    kind, line, at = data[at:at + 1], data[at + 1:line_end], line_end + 2
    if kind == b"+" or kind == b"-":
        return kind + line, at
    if kind == b":":
        return int(line), at
    if kind == b"$":
        size = int(line)
        if size < 0:
            return (None,), at
        if len(data) < at + size + 2:
            return None
        return bytes(data[at:at + size]), at + size + 2
    items = []
    if int(line) < 0:
        return (None,), at
    for _ in range(int(line)):
        item = parse(data, at)
        if item is None:
            return None
        items.append(item[0])
        at = item[1]
    return items, at


def ask(port, commands):
    """All answers to these, in one pipeline."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"".join(map(encode, commands)))
        data, at, answers = bytearray(), 0, []
        while len(answers) < len(commands):
            more = s.recv(1 << 20)
            if not more:
                raise EOFError("kv closed the connection")
            data += more
            while (item := parse(data, at)) is not None:
                answers.append(item[0])
                at = item[1]
        return answers


# ---- what a key is: None, or (value, does it expire?); a list is a tuple ----

def number(state):
    return int(state[0]) if state else 0


def expires(state):
    return bool(state and state[1])


def apply(words, state):
    """A command for one key: what the key is then, and the answer."""
    name, args = words[0].lower(), words[2:]
    items = state[0] if state else ()
    if name == b"set":
        if args[-1:] == [b"NX"] and state:
            return state, (None,)
        return (args[0], b"EX" in args), b"+OK"
    if name in (b"incr", b"decr"):
        value = number(state) + (1 if name == b"incr" else -1)
        return (b"%d" % value, expires(state)), value
    if name == b"del":
        return None, int(state is not None)
    if name in (b"expire", b"pexpireat"):
        if not state:
            return None, 0
        return ((state[0], True) if int(args[0]) > 0 else None), 1
    if name == b"lpush":
        items = tuple(reversed(args)) + items
        return (items, expires(state)), len(items)
    if name == b"rpush":
        items = items + tuple(args)
        return (items, expires(state)), len(items)
    count = int(args[0]) if args else 1
    taken = items[:count] if name == b"lpop" else tuple(reversed(items))[:count]
    left = items[count:] if name == b"lpop" else items[:max(0, len(items) - count)]
    answer = list(taken) if args else taken[0] if taken else (None,)
    if args and not state:
        answer = (None,)
    return ((left, expires(state)) if left else None), answer


class Client:
    """One connection, and what its keys were."""

    def __init__(self, name):
        self.keys = [b"%s%d:%d" % (kind, name, i) for kind in (b"s", b"n", b"l")
                     for i in range(4)]
        self.was = {key: [None] for key in self.keys}  # after each command
        self.told = dict.fromkeys(self.keys, 0)        # the last that was answered
        self.written = 0

    def connect(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.out, self.came, self.at = bytearray(), bytearray(), 0
        self.asked = []  # (keys with the number of their state, the answer)

    def value(self):
        self.written += 1
        size = dice.choice((0, 5, 5, 40, 40, 3000)) if dice.random() < 0.9 else 70000
        return b"%d:" % self.written + b"v" * size

    def choose(self):
        string, num, items = (dice.choice(self.keys[i:i + 4]) for i in (0, 4, 8))
        two = dice.sample(self.keys[0:4], 2)
        any_key = dice.choice(self.keys)
        return dice.choice((
            [b"SET", string, self.value()], [b"SET", string, self.value(), b"NX"],
            [b"SET", string, self.value(), b"EX", b"%d" % NEVER],
            [b"INCR", num], [b"INCR", num], [b"DECR", num],
            [b"LPUSH", items, self.value()], [b"RPUSH", items, self.value(), b"x", b""],
            [b"LPOP", items], [b"RPOP", items], [b"LPOP", items, b"2"],
            [b"EXPIRE", any_key, b"%d" % NEVER], [b"EXPIRE", any_key, b"-1"],
            [b"PEXPIREAT", any_key, b"%d" % (int(time.time()) * 1000 + NEVER * 1000)],
            [b"DEL", any_key], [b"DEL", *two],
            [b"MSET", two[0], self.value(), two[1], self.value()]))

    def step(self, words):
        """The model does it. Returns the answer to come."""
        if words[0] == b"MSET":
            single = [[b"SET", words[i], words[i + 1]] for i in (1, 3)]
        elif words[0] == b"DEL":
            single = [[b"DEL", key] for key in words[1:]]
        else:
            single = [words]
        touched, answer = [], 0
        for one in single:
            states = self.was[one[1]]
            state, said = apply(one, states[-1])
            states.append(state)
            touched.append((one[1], len(states) - 1))
            answer = answer + said if words[0] == b"DEL" else said
        self.asked.append((touched, answer))

    def more(self):
        if len(self.asked) < WINDOW and not self.out:
            for _ in range(dice.randint(1, 50)):
                words = self.choose()
                self.step(words)
                self.out += encode(words)
                counts["sent"] += 1
        if self.out:
            try:
                del self.out[:self.socket.send(self.out)]
            except BlockingIOError:
                pass

    def read(self):
        """What has come. Returns how many answers, or -1 at the end."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return 0
        except ConnectionResetError:
            return -1
        if not data:
            return -1
        self.came += data
        n = 0
        while (item := parse(self.came, self.at)) is not None:
            said, self.at = item
            touched, expected = self.asked.pop(0)
            if said != expected:
                counts["wrong"] += 1
                print(f"wrong answer for {touched}: {said!r}, not {expected!r}"[:300])
            for key, index in touched:
                self.told[key] = index
            n += 1
        del self.came[:self.at]
        self.at = 0
        counts["answered"] += n
        return n

    def close(self):
        self.socket.setblocking(True)
        while self.read() >= 0:
            pass
        self.socket.close()

    def check(self, port, all_answered):
        """Is what is there what may be there? What is, is what was, from now on."""
        commands = []
        for key in self.keys:
            commands += [[b"LRANGE", key, b"0", b"-1"] if key[:1] == b"l" else
                         [b"GET", key], [b"TTL", key]]
        answers = ask(port, commands)
        for i, key in enumerate(self.keys):
            value, ttl = answers[2 * i], answers[2 * i + 1]
            if isinstance(value, list):
                value = tuple(value)
            state = None if ttl == -2 else (value, ttl >= 0)
            first = self.told[key] if all_answered else 0
            if state not in self.was[key][first:]:
                counts["lost"] += 1
                print(f"lost: {key} is {state!r}"[:300],
                      f"not one of {self.was[key][first:]!r}"[:600])
            counts["checked"] += 1
            self.was[key], self.told[key] = [state], 0


# ---- rounds ----

def write(clients, port, until, seconds):
    """All write, until so many were answered, or for so long."""
    picker, end, answered = selectors.DefaultSelector(), time.monotonic() + seconds, 0
    for c in clients:
        c.connect(port)
        picker.register(c.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, c)
    while answered < until and (left := end - time.monotonic()) > 0:
        for key, events in picker.select(left):
            c = key.data
            if events & selectors.EVENT_READ:
                n = c.read()
                if n < 0:
                    raise EOFError("kv closed the connection")
                answered += n
            if events & selectors.EVENT_WRITE:
                c.more()
            picker.modify(c.socket, selectors.EVENT_READ | (
                selectors.EVENT_WRITE if c.out or len(c.asked) < WINDOW else 0), c)
            if answered >= until:
                break
    picker.close()


def redis_cli_agrees(port, clients):
    key = dice.choice(clients).keys[0]
    there = ask(port, [[b"GET", key], [b"DBSIZE"]])
    said = subprocess.run(["redis-cli", "-p", str(port), "get", key], capture_output=True,
                          check=True).stdout[:-1]
    size = subprocess.run(["redis-cli", "-p", str(port), "dbsize"], capture_output=True,
                          check=True).stdout
    return said == (b"" if there[0] == (None,) else there[0]) and int(size) == there[1]


def one_round(folder, clients):
    server = Server(folder)
    if dice.random() < 0.25:  # a kill while it starts
        try:
            server.process.wait(dice.random() * 0.03)
            raise Refused("it ended")
        except subprocess.TimeoutExpired:
            pass
        server.end(signal.SIGKILL)
        counts["starts"] += 1
        clean = False
    else:
        server.wait_until_it_listens()
        if dice.random() < 0.5:
            write(clients, server.port, dice.randint(1, 1500), 20)
        else:
            write(clients, server.port, 10**9, dice.random() * 0.15)
        clean = POLICY != "always" and dice.random() < 0.2
        if clean:
            if server.end(signal.SIGTERM) != 0:
                counts["wrong"] += 1
            counts["ended"] += 1
        else:
            server.end(signal.SIGKILL)
        for c in clients:
            c.close()
    server = Server(folder)
    server.wait_until_it_listens()
    counts["torn"] += "no whole command" in server.said()
    for c in clients:
        c.check(server.port, clean or POLICY == "always")
    if dice.random() < 0.1 and not redis_cli_agrees(server.port, clients):
        counts["wrong"] += 1
    server.end(signal.SIGKILL)


def main():
    top = tempfile.mkdtemp()
    folder = os.path.join(top, "data")
    begun = time.monotonic()
    try:
        for i in range(ROUNDS):
            if i % FRESH == 0:
                shutil.rmtree(folder, ignore_errors=True)
                os.mkdir(folder)
                clients = [Client(n) for n in range(CLIENTS)]
            one_round(folder, clients)
    except (EOFError, Refused) as error:
        counts["wrong"] += 1
        print(f"round {i}: {error}")
    finally:
        shutil.rmtree(top)
    print(f"kv --fsync {POLICY}, seed {SEED}: {i + 1} rounds in "
          f"{time.monotonic() - begun:.0f} s:",
          ", ".join(f"{n} {what}" for what, n in counts.items()))
    return counts["lost"] > 0 or counts["wrong"] > 0


sys.exit(main())
