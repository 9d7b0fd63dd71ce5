"""A small blocking MQTT client that does exactly what it is told, for the self-attack and for tests.

It sends what a decent client never would, one packet at a time, and every wait has an end.
"""

from __future__ import annotations

import contextlib
import socket
import time
from types import TracebackType
from typing import Self

from agent.endpoint import Endpoint
from hub.broker import packets
from hub.broker.packets import Type, Will

DENIED = 0x80


class Gone(ConnectionError):
    """The broker ended the connection."""


class Probe:
    """One connection to a broker. A wait longer than `patience` seconds raises TimeoutError."""

    def __init__(self, endpoint: Endpoint, patience: float = 10.0) -> None:
        """Connects at once: raises OSError when nobody listens."""
        self.socket: socket.socket = socket.create_connection(
            (endpoint.host, endpoint.port), timeout=patience
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = endpoint.tls()
        if tls is not None:
            try:
                self.socket = tls.wrap_socket(self.socket, server_hostname=endpoint.host)
            except OSError:
                self.socket.close()
                raise
        self._patience = patience
        self._buffer = bytearray()
        self._inbox: list[packets.Publish] = []
        self._last_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection without a word."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are; raises Gone."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def connect(
        self,
        username: str | None = None,
        password: str | bytes | None = None,
        client_id: str = "",
        *,
        clean: bool = True,
        keepalive: int = 60,
        will: Will | None = None,
    ) -> int:
        """Log in; the return code of the answer (0: let in)."""
        self.send(connect_packet(username, password, client_id, clean=clean, keepalive=keepalive, will=will))
        return self.wait_for(Type.CONNACK)[1]

    def try_connect(
        self,
        username: str | None,
        password: str | bytes | None,
        client_id: str,
        *,
        clean: bool = True,
    ) -> int:
        """As `connect`, or -1 when the broker hangs up instead of answering."""
        try:
            return self.connect(username, password, client_id, clean=clean)
        except Gone:
            return -1

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """The granted qualities, `DENIED` for what was denied."""
        wanted = b"".join(text(each) + bytes([qos]) for each in filters)
        self.send(packets.packet(0x82, self._next_id() + wanted))
        return list(self.wait_for(Type.SUBACK)[2:])

    def unsubscribe(self, *filters: str) -> None:
        """Returns when the broker has acknowledged."""
        self.send(packets.packet(0xA2, self._next_id() + b"".join(text(each) for each in filters)))
        self.wait_for(Type.UNSUBACK)

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 1, *, retain: bool = False) -> None:
        """At quality 1 this returns when the broker has acknowledged, which it does for a denied message too."""
        packet_id = int.from_bytes(self._next_id(), "big") if qos else 0
        self.send(packets.publish(topic, payload, packet_id=packet_id, retain=retain))
        if qos:
            self.wait_for(Type.PUBACK)

    def ping(self) -> None:
        """Returns when the broker has dealt with everything sent before."""
        self.send(packets.packet(Type.PINGREQ << 4, b""))
        self.wait_for(Type.PINGRESP)

    def disconnect(self) -> None:
        """Say goodbye and wait until the broker has closed the connection."""
        self.send(packets.packet(Type.DISCONNECT << 4, b""))
        self.wait_gone()
        self.close()

    def message(self) -> packets.Publish:
        """The next message."""
        while not self._inbox:
            self.read()
        return self._inbox.pop(0)

    def messages(self) -> list[packets.Publish]:
        """Every message that came before the answer to a ping."""
        self.ping()
        found, self._inbox = self._inbox, []
        return found

    def until(self, payload: bytes) -> list[packets.Publish]:
        """Every message before the one with this payload, which is waited for."""
        deadline = time.monotonic() + self._patience
        found = []
        while (message := self.message()).payload != payload:
            found.append(message)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{payload!r} did not come")
        return found

    def wait_gone(self) -> None:
        """Returns when the broker has ended the connection."""
        with contextlib.suppress(Gone):
            while True:
                self.read()

    def wait_for(self, wanted: Type) -> bytes:
        """The body of the next packet of a type; messages before it go into the inbox."""
        while True:
            kind, body = self.read()
            if kind is wanted:
                return body
            if kind is not Type.PUBLISH:
                raise Gone(f"{kind.name} where {wanted.name} belongs")

    def read(self) -> tuple[Type, bytes]:
        """One packet; a message is acknowledged and put into the inbox too. Raises Gone."""
        first = self._take(1)[0]
        length = shift = 0
        while True:
            byte = self._take(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        kind, body = Type(first >> 4), self._take(length)
        if kind is Type.PUBLISH:
            message = packets.read_publish(first, body)
            self._inbox.append(message)
            if message.qos:
                self.send(packets.puback(message.packet_id))
        return kind, body

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                data = self.socket.recv(65536)
            except ConnectionError as error:
                raise Gone(str(error)) from error
            if not data:
                raise Gone("the broker closed the connection")
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _next_id(self) -> bytes:
        self._last_id = self._last_id % 65535 + 1
        return self._last_id.to_bytes(2, "big")


def connect_packet(
    username: str | bytes | None = None,
    password: str | bytes | None = None,
    client_id: str | bytes = "",
    *,
    clean: bool = True,
    keepalive: int = 60,
    will: Will | None = None,
    level: int = 4,
    name: bytes = b"MQTT",
    extra_flags: int = 0,
) -> bytes:
    """A CONNECT with whatever is asked for, sensible or not."""
    flags = extra_flags | (2 if clean else 0)
    tail = text(client_id)
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
        tail += text(will.topic) + text(will.payload)
    if username is not None:
        flags |= 0x80
        tail += text(username)
    if password is not None:
        flags |= 0x40
        tail += text(password)
    return packets.packet(0x10, text(name) + bytes([level, flags]) + keepalive.to_bytes(2, "big") + tail)


def text(value: str | bytes) -> bytes:
    """A length-prefixed field."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw
