"""An HTTP server on this machine that publishes files and misbehaves when it is told to."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Mirror(ThreadingHTTPServer):
    """Publishes `files` by path. `script` holds what to do instead of answering, once each, in order.

    `requests` lists what was asked for: path, Range and If-Range. `version` is the entity tag of every file.
    """

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.script = []
        self.requests = []
        self.version = '"1"'
        self.released = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def ranges(self):
        return [asked for _, asked, _ in self.requests]

    def handle_error(self, request, client_address):
        """A client that goes away is what the tests are about."""


@contextlib.contextmanager
def serving(files):
    with Mirror(files) as mirror:
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield mirror
        finally:
            mirror.released.set()
            mirror.shutdown()
            thread.join(timeout=10)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = unquote(self.path).lstrip("/")
        self.server.requests.append((path, self.headers.get("Range"), self.headers.get("If-Range")))
        behaviour = self.server.script.pop(0) if self.server.script else answer
        behaviour(self, self.server.files.get(path))

    def begin(self, status, length, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if self.server.version:
            self.send_header("ETag", self.server.version)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def answer(handler, content, only=None):
    """As a well-behaved server; `only` sends that many bytes of the answer and then closes the connection."""
    if content is None:
        handler.begin(404, 0)
        return
    first = int((re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) or [0, 0])[1])
    condition = handler.headers.get("If-Range")
    if condition and condition != handler.server.version:
        first = 0
    if first >= len(content) > 0 and first:
        handler.begin(416, 0, Content_Range=f"bytes */{len(content)}")
        return
    rest = content[first:]
    if first:
        handler.begin(206, len(rest), Content_Range=f"bytes {first}-{len(content) - 1}/{len(content)}")
    else:
        handler.begin(200, len(rest))
    handler.wfile.write(rest if only is None else rest[:only])
    handler.close_connection = True


def cut(after):
    return lambda handler, content: answer(handler, content, only=after)


def stall(after):
    """Sends `after` bytes and then nothing, until the test is over."""

    def behaviour(handler, content):
        answer(handler, content, only=after)
        handler.wfile.flush()
        handler.server.released.wait(20)

    return behaviour


def ignore_range(handler, content):
    handler.begin(200, len(content))
    handler.wfile.write(content)


def another_range(handler, content):
    handler.begin(206, len(content), Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")
    handler.wfile.write(content)


def status(code):
    return lambda handler, content: handler.begin(code, 0)


def redirect(address):
    return lambda handler, content: handler.begin(302, 0, Location=address)


def endless(handler, content):
    """Says nothing about the length and does not stop."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(bytes(1 << 16))
    handler.close_connection = True
