# clients.py: what looks at the answers of a program whose system calls fail.
import http.server
import re
import socket
import threading

from tracing import PATIENCE, Closed, Wrong


class Talk:
    """A connection. What is no answer is Closed, or Wrong where nothing comes at all."""

    def __init__(self, port):
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionError:
            raise Closed from None
        except TimeoutError:
            raise Wrong("nobody accepts") from None

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError:
            raise Closed from None
        except TimeoutError:
            raise Wrong("it does not read") from None

    def get(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError:
                more = b""
            except TimeoutError:
                raise Wrong(f"it does not answer, after {data[:100]!r}") from None
            if not more:
                raise Closed
            data += more
        return data

    def expect(self, data):
        got = self.get(len(data))
        if got != data:
            raise Wrong(f"it says {got[:100]!r}, not {data[:100]!r}")

    def close(self):
        self.socket.close()


class EchoClient:
    large = bytes(range(256)) * 1500

    def restarted(self):
        pass

    def requests(self, port):
        """Each a function that raises Closed, or Wrong."""
        for line in (b"hello\n", self.large):
            yield lambda line=line: self.echo(port, line)

    def echo(self, port, line):
        talk = Talk(port)
        try:
            for _ in range(2):
                talk.send(line)
                talk.expect(line)
        finally:
            talk.close()


class KvClient:
    """What was answered is there, unless it may be lost; what was not, is or is not."""

    def __init__(self, may_lose=False):
        self.may_lose = may_lose
        self.values, self.next = {}, 0  # what each key may be

    def restarted(self):
        self.values = {}

    def requests(self, port):
        yield lambda: self.pipeline(port, 3)
        yield lambda: self.pipeline(port, 1)

    def pipeline(self, port, count):
        talk = Talk(port)
        try:
            for _ in range(count):
                key, value = b"k%d" % (self.next % 5), b"%d:" % self.next + b"v" * 500
                self.next += 1
                self.values.setdefault(key, [b""]).append(value)
                word = b"$%d\r\n%s\r\n"
                talk.send(b"*3\r\n$3\r\nSET\r\n" + word % (len(key), key) +
                          word % (len(value), value))
                talk.expect(b"+OK\r\n")
                if not self.may_lose:
                    self.values[key] = [value]
                talk.send(b"*2\r\n$3\r\nGET\r\n" + word % (len(key), key))
                talk.expect(word % (len(value), value))
        finally:
            talk.close()

    def look(self, port):
        """Is everything there? Becomes what is known."""
        for key, values in self.values.items():
            talk = Talk(port)
            talk.send(b"GET %s\r\nQUIT\r\n" % key)
            got = b""
            while not got.endswith(b"+OK\r\n"):
                got += talk.get(1)
            talk.close()
            value = got[:-5].split(b"\r\n")[1] if not got.startswith(b"$-1") else b""
            if value not in values:
                raise Wrong(f"lost: {key} is {value[:20]!r}, not one of "
                            f"{[v[:20] for v in values]}")
            self.values[key] = [value]


def ask(port, method, path, body=b""):
    """By HTTP: status and body. An error of the server's is Closed."""
    talk = Talk(port)
    try:
        talk.send(b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (method, path, len(body), body))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += talk.get(1)
        size = re.search(rb"(?i)content-length: *(\d+)", head)
        status = int(head.split()[1])
        answer = talk.get(int(size[1])) if size else b""
    finally:
        talk.close()
    if status >= 500:
        raise Closed
    return status, answer


class NotesClient:
    """Of HTTP, with files and a database: an answer may also be a 5xx."""

    def __init__(self):
        self.notes, self.maybe = [], set()  # answered; sent
        with open("examples/notes/web/index.html", "rb") as f:
            self.page = f.read()

    def restarted(self):
        pass  # the database has all of them

    def requests(self, port):
        yield lambda: self.page_comes(port)
        yield lambda: self.note(port)
        yield lambda: self.notes_are_there(port)

    def page_comes(self, port):
        if ask(port, b"GET", b"/") != (200, self.page):
            raise Wrong("another page")

    def note(self, port):
        text = b"note%d!" % len(self.maybe)
        self.maybe.add(text)
        status, answer = ask(port, b"POST", b"/notes", text)
        if status not in (200, 201) or text not in answer:
            raise Wrong(f"a note: {status} {answer[:100]!r}")
        self.notes = [*self.notes, text][-40:]  # the list has the last 100 only

    def notes_are_there(self, port):
        status, answer = ask(port, b"GET", b"/notes")
        there = set(re.findall(rb"note\d+!", answer))
        lost = set(self.notes) - there
        if status != 200 or lost or not there <= self.maybe:
            raise Wrong(f"notes: {status}, lost: {lost}, "
                        f"more: {there - self.maybe}")


class Backend(http.server.BaseHTTPRequestHandler):
    """Of the proxy: each request has a connection of its own."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"here\n")

    def log_message(self, *args):
        pass


class ProxyClient:
    def __init__(self):
        self.backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
        threading.Thread(target=self.backend.serve_forever, args=(0.01,)).start()

    def restarted(self):
        pass

    def requests(self, port):
        yield lambda: self.comes(port)
        yield lambda: self.comes(port)

    def comes(self, port):
        if (answer := ask(port, b"GET", b"/")) != (200, b"here\n"):
            raise Wrong(f"{answer}")
