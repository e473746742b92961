# backend.py NAME PORT: a server for the test of the proxy; prints its port.
#
#   /who         its name            /status/N    an answer with that status
#   /echo        what was asked      /large       64 MiB
#   /hold        an answer when /release was asked for; prints that it waits
#   /drop        the connection ends without an answer
import hashlib
import http.server
import sys
import threading

released = threading.Event()
LARGE = b"0123456789abcdef" * 65536


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def do_GET(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        path = self.path.partition("?")[0]
        if path == "/who" or path == "/":
            self.answer(sys.argv[1].encode())
        elif path == "/echo":
            text = f"{self.command} {self.path}\n{self.headers}"
            text += f"body {len(body)} {hashlib.sha1(body).hexdigest()}\n"
            self.answer(text.encode(), fields=[("X-Answer", "kept"), ("Keep-Alive", "x")])
        elif path.startswith("/status/"):
            self.answer(b"status\n", int(path[8:]), [("Location", "/who")])
        elif path == "/large":
            self.send_response(200)
            self.send_header("Content-Length", str(64 * len(LARGE)))
            self.end_headers()
            for _ in range(64):
                self.wfile.write(LARGE)
        elif path == "/hold":
            print("held", flush=True)
            released.wait()
            self.answer(b"at last\n")
        elif path == "/release":
            released.set()
            self.answer(b"")
        elif path == "/drop":
            self.close_connection = True
        else:
            self.answer(b"not here\n", 404)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, *args):
        pass


server = Server(("127.0.0.1", int(sys.argv[2])), Handler)
print(server.server_port, flush=True)
server.serve_forever()
