"""The viewer's HTTP server: waitress in its own thread."""

from __future__ import annotations

import logging
import threading
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

from web.live import waiters_of

CONNECTIONS = 400
STOP_S = 5.0
TURN_S = 0.5


class ViewerError(OSError):
    """The viewer cannot listen; the text names the address."""


class Viewer:
    """Serves an application, at `prefix` when a proxy hands on a path below its own root.

    `port` 0 takes any free one; `port` tells the real one after `start`.
    """

    def __init__(self, app: Flask, host: str, port: int, threads: int = 16, prefix: str = "") -> None:
        self._app, self._host, self._port, self._threads = app, host, port, threads
        self._prefix = prefix
        self._sockets: dict[int, Any] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Any = None

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port

    def start(self) -> None:
        """Listen and serve; raises ViewerError."""
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        try:
            self._server = waitress.create_server(
                self._app,
                map=self._sockets,
                host=self._host,
                port=self._port,
                threads=self._threads,
                connection_limit=CONNECTIONS,
                url_prefix=self._prefix,
                ident=None,
                clear_untrusted_proxy_headers=True,
            )
        except (OSError, ValueError) as error:
            wasyncore.close_all(self._sockets)
            raise ViewerError(f"the viewer cannot listen on {self._host}:{self._port}: {error}") from error
        self._port = _port(self._server)
        self._thread = threading.Thread(target=self._serve, name="viewer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; may be called twice. Whoever waits for a picture is answered first."""
        self._stopping.set()
        waiters_of(self._app).close()
        if self._thread is not None:
            self._thread.join(2 * STOP_S)
            self._thread = None

    def _serve(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=TURN_S, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown(timeout=STOP_S)
        wasyncore.close_all(self._sockets)


def _port(server: Any) -> int:
    """The port of a server, or of the first of its listeners when the host name has several addresses."""
    listeners = getattr(server, "effective_listen", None)
    return int(listeners[0][1] if listeners else server.effective_port)
