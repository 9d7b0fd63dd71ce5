"""A TCP relay: like a load balancer that hides who its clients are, everybody comes from the relay's own address.

It can also be the bad network: cut every connection, let nothing through, or put rubbish on the wire.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Forwards every connection to a host and port."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._admitting = True
        self._flowing = threading.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        """Begin to forward."""
        self._thread.start()

    def stop(self) -> None:
        """End every connection and listen no more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)
        self.cut()
        self._flowing.set()

    def cut(self) -> None:
        """Break every connection, and every new one at once, until `heal`."""
        self._admitting = False
        with self._lock:
            for each in self._open:
                _shut(each)

    def stall(self) -> None:
        """Keep connections open and let nothing through until `heal`."""
        self._flowing.clear()

    def heal(self) -> None:
        """Work again."""
        self._admitting = True
        self._flowing.set()

    def inject(self, rubbish: bytes) -> None:
        """Send bytes that nobody sent to both ends of every connection."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.sendall(rubbish)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                if not self._admitting:
                    raise ConnectionRefusedError
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
        _shut(source)
        _shut(target)


@contextlib.contextmanager
def relay(host: str, port: int) -> Iterator[int]:
    """A relay to a host and port; yields its own port."""
    made = Relay(host, port)
    made.start()
    try:
        yield made.port
    finally:
        made.stop()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
