"""An HTTP server that can go, come back and hang."""

from __future__ import annotations

import contextlib
import threading

from tests.support.processes import free_port
from tests.support.web import Request, serve


class Faulty:
    """Serves on a port of its own, which stays the same."""

    def __init__(self, answer) -> None:
        self.port = free_port()
        self._answer = answer
        self._running = contextlib.ExitStack()
        self._going = threading.Event()
        self._going.set()

    def start(self) -> None:
        self._running.enter_context(serve(self._patient, self.port))

    def stop(self) -> None:
        """Gone: connections are refused, open ones are cut."""
        self.go_on()
        self._running.close()

    def hang(self) -> None:
        """Connections are taken, and nothing comes."""
        self._going.clear()

    def go_on(self) -> None:
        self._going.set()

    def wait(self) -> None:
        """Return when it does not hang."""
        self._going.wait()

    def _patient(self, request: Request) -> None:
        self.wait()
        self._answer(request)
