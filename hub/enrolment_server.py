"""The TLS listener where agents redeem enrolments: one request, bounded in size, time and number."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hub.enrolment import EnrolmentError

MAX_BODY = 1024
TIMEOUT_S = 10
MAX_AT_ONCE = 32

log = logging.getLogger(__name__)

#: Turns two texts of a request and the time into the answer to the agent; raises EnrolmentError.
Exchange = Callable[[str, str, float], dict[str, Any]]
#: Path to the names of the two texts and what is done with them.
Routes = Mapping[str, tuple[tuple[str, str], Exchange]]


class EnrolmentServer:
    """HTTPS with a few routes, each a POST of two texts."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, routes: Routes) -> None:
        self._host, self._port, self._context, self._routes = host, port, context, routes
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
        self._server.context, self._server.routes = self._context, self._routes
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
    routes: Routes

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
        """Do the one exchange of this path."""
        route = self.server.routes.get(self.path)
        if route is None:
            self._answer(404, {"error": "no such page"})
            return
        names, exchange = route
        try:
            first, second = self._texts(names)
        except (ValueError, KeyError, TypeError, RecursionError):
            self._answer(
                400, {"error": f"the body must be a JSON object with the texts {' and '.join(names)}"}
            )
            return
        try:
            self._answer(200, exchange(first, second, time.time()))
        except EnrolmentError as error:
            self._answer(403, {"error": str(error)})
        except Exception:  # supervisor: a full disk is told to the agent, whose connection would just end
            log.exception("%s could not be answered", self.path)
            self._answer(500, {"error": "the hub has a problem of its own; its log tells more"})

    def _texts(self, names: tuple[str, str]) -> list[str]:
        length = int(self.headers.get("Content-Length", ""))
        if not 0 < length <= MAX_BODY:
            raise ValueError
        body = json.loads(self.rfile.read(length))
        texts = [body[name] for name in names]
        if not all(isinstance(text, str) and text.isascii() for text in texts):
            raise TypeError
        return texts

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
