"""A small HTTP server inside the test process."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request(BaseHTTPRequestHandler):
    """One request, given to the test's function, which answers with `reply` or writes to `wfile` itself."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def reply(self, status=200, body=b"", headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self):
        with contextlib.suppress(ConnectionError):
            self.server.answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - names given by http.server

    def setup(self):
        super().setup()
        self.server.open.add(self.connection)

    def finish(self):
        self.server.open.discard(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(answer: Callable[[Request], None], port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Run `answer` for every request; yields the base address. Open connections are cut at the end."""
    server = ThreadingHTTPServer((host, port), Request, bind_and_activate=False)
    server.allow_reuse_address = server.daemon_threads = True
    server.block_on_close = False
    server.answer, server.open = answer, set()
    server.server_bind()
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        for connection in list(server.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
