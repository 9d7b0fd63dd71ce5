"""The TLS listener where agents redeem enrolments: one request, bounded in size, time and number."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hub.enrolment import EnrolmentError

MAX_BODY = 1024
TIMEOUT_S = 10
MAX_AT_ONCE = 32

log = logging.getLogger(__name__)

#: Exchanges (identity, secret) for the answer to the agent; raises EnrolmentError.
Redeem = Callable[[str, str, float], dict[str, Any]]


class EnrolmentServer:
    """HTTPS with exactly one route, `POST /enrol`."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, redeem: Redeem) -> None:
        self._host, self._port, self._context, self._redeem = host, port, context, redeem
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen; raises OSError naming host and port."""
        try:
            self._server = _Server((self._host, self._port), _Handler)
        except OSError as error:
            raise OSError(
                f"enrolment listener {self._host}:{self._port}: {error.strerror or error}"
            ) from error
        self._server.context, self._server.redeem = self._context, self._redeem
        threading.Thread(target=self._server.serve_forever, name="enrolment", daemon=True).start()

    def stop(self) -> None:
        """Stop listening; may be called twice."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext
    redeem: Redeem

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread of its own unless too many are being served."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands here and not where connections are accepted, so that a slow peer stalls only itself."""
        try:
            request.settimeout(TIMEOUT_S)
            with self.context.wrap_socket(request, server_side=True) as secured:
                self.finish_request(secured, client_address)
        except OSError as error:
            log.debug("enrolment connection: %s", error)
        finally:
            self._free.release()
            self.shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "Printwarden", ""
    timeout = TIMEOUT_S

    def do_POST(self) -> None:
        """Redeem one enrolment."""
        if self.path != "/enrol":
            self._answer(404, {"error": "no such page"})
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 < length <= MAX_BODY:
                raise ValueError
            body = json.loads(self.rfile.read(length))
            identity, secret = body["id"], body["secret"]
            if not (isinstance(identity, str) and isinstance(secret, str)):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            self._answer(400, {"error": 'the body must be {"id": "...", "secret": "..."}'})
            return
        try:
            self._answer(200, self.server.redeem(identity, secret, time.time()))
        except EnrolmentError as error:
            self._answer(403, {"error": str(error)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log like everything else."""
        log.debug(format, *args)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
