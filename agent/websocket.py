"""A small websocket client (RFC 6455) for printers that speak nothing else: text messages, one thread at a time."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import select
import socket
import time

MAX_MESSAGE = 1024 * 1024
_LONGEST_HEAD = 16 * 1024
_PIECE = 64 * 1024
_ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUED, _TEXT, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x8, 0x9, 0xA
_LAST, _MASKED = 0x80, 0x80


class WebSocketError(Exception):
    """No connection, or one that has ended; the text says why."""


class WebSocket:
    """One connection. After a WebSocketError it is closed and may be opened again."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._socket: socket.socket | None = None
        self._received = b""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._socket is not None

    def open(self, until: float) -> None:
        """Connect before this time of `time.monotonic`."""
        self.close()
        try:
            self._socket = socket.create_connection((self._host, self._port), timeout=_left(until))
            self._shake_hands(until)
        except OSError as error:
            self.close()
            raise WebSocketError(_told(error)) from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        sock, self._socket = self._socket, None
        self._received = b""
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.settimeout(1.0)
                sock.sendall(_frame(_CLOSE, b""))
            sock.close()

    def send(self, text: str) -> None:
        """Send a message."""
        try:
            self._sending().sendall(_frame(_TEXT, text.encode()))
        except OSError as error:
            self.close()
            raise WebSocketError(_told(error)) from error

    def pending(self) -> bool:
        """Whether something has come that was not received yet."""
        sock = self._socket
        return sock is not None and bool(self._received or select.select([sock], [], [], 0)[0])

    def receive(self, until: float) -> str:
        """The next message, waited for until this time of `time.monotonic`."""
        message = b""
        try:
            while True:
                kind, last, content = self._next_frame(until, MAX_MESSAGE - len(message))
                if kind == _PING:
                    self._sending().sendall(_frame(_PONG, content))
                elif kind == _CLOSE:
                    raise ConnectionError("the connection was closed by the other side")
                elif kind in (_TEXT, _CONTINUED):
                    message = content if kind == _TEXT else message + content
                    if last:
                        return message.decode()
                elif kind != _PONG:
                    raise ConnectionError(f"a frame of kind {kind}, which nobody asked for")
        except (OSError, UnicodeDecodeError) as error:
            self.close()
            raise WebSocketError(_told(error)) from error

    def _shake_hands(self, until: float) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        host = f"[{self._host}]" if ":" in self._host else self._host
        lines = [
            f"GET {self._path} HTTP/1.1",
            f"Host: {host}:{self._port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._sending().sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._received and len(self._received) < _LONGEST_HEAD:
            self._read(until)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *headers = head.decode("latin-1").split("\r\n")
        if " 101 " not in f"{status} ":
            raise ConnectionError(f"no websocket there: {status:.60}")
        proof = hashlib.sha1(f"{key}{_ACCEPT}".encode()).digest()  # noqa: S324 - the standard wants it; no secret
        parts = (each.partition(":") for each in headers)
        found = {name.strip().lower(): value.strip() for name, _, value in parts}
        if found.get("sec-websocket-accept") != base64.b64encode(proof).decode():
            raise ConnectionError("no websocket there: the handshake is wrong")

    def _next_frame(self, until: float, most: int) -> tuple[int, bool, bytes]:
        """Kind, whether it ends its message, and content."""
        first, second = self._exactly(2, until)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self._exactly(2 if length == 126 else 8, until), "big")
        if second & _MASKED or first & 0x70:
            raise ConnectionError("the other side does not keep to the protocol")
        if length > most:
            raise ConnectionError(f"a message of more than {MAX_MESSAGE} bytes")
        return first & 0x0F, bool(first & _LAST), self._exactly(length, until)

    def _exactly(self, count: int, until: float) -> bytes:
        """That many bytes, however slowly they drip."""
        while len(self._received) < count:
            self._read(until)
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _read(self, until: float) -> None:
        sock = self._sending()
        sock.settimeout(_left(until))
        piece = sock.recv(_PIECE)
        if not piece:
            raise ConnectionError("the connection was closed by the other side")
        self._received += piece

    def _sending(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket


def _frame(kind: int, content: bytes) -> bytes:
    """A whole message in one frame, masked as a client's must be."""
    length = len(content)
    if length < 126:
        head = bytes([kind | _LAST, length | _MASKED])
    elif length < 1 << 16:
        head = bytes([kind | _LAST, 126 | _MASKED]) + length.to_bytes(2, "big")
    else:
        head = bytes([kind | _LAST, 127 | _MASKED]) + length.to_bytes(8, "big")
    mask = secrets.token_bytes(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise socket.timeout
    return left


def _told(error: Exception) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections: is it running?"
    return str(error) or type(error).__name__
