"""MQTT 3.1.1 packets, read strictly and written exactly. Pure: bytes in, values out.

Only what the gate itself reads or writes is here; everything a client may not send has no parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Type(IntEnum):
    """Control packet types of section 2.2.1."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Refusal(IntEnum):
    """CONNACK return codes of section 3.2.2.3."""

    PROTOCOL = 1
    IDENTIFIER = 2
    UNAVAILABLE = 3
    NOT_AUTHORIZED = 5


class Malformed(ValueError):
    """The peer broke the protocol; the connection must end."""


@dataclass(frozen=True)
class Will:
    """A message to publish when its owner goes without a word."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Connect:
    """A login. `level` is the protocol level; of any level but 4 nothing else was read."""

    level: int
    client_id: str = ""
    clean: bool = True
    keepalive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None


@dataclass(frozen=True)
class Publish:
    """One message from a client. `packet_id` is 0 at quality 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int = 0


def packet_type(first: int) -> Type:
    """The type in a packet's first byte, once its reserved flags are right."""
    try:
        kind = Type(first >> 4)
    except ValueError:
        raise Malformed(f"packet type {first >> 4}") from None
    wanted = 2 if kind in (Type.SUBSCRIBE, Type.UNSUBSCRIBE) else 0
    if kind is not Type.PUBLISH and first & 15 != wanted:
        raise Malformed(f"flags of {kind.name}")
    return kind


def read_connect(body: bytes) -> Connect:
    """A CONNECT without its fixed header."""
    name, at = _text(body, 0)
    level, at = _number(body, at, 1)
    if name != "MQTT" or level != 4:
        return Connect(level=-1 if name != "MQTT" else level)
    flags, at = _number(body, at, 1)
    keepalive, at = _number(body, at, 2)
    if flags & 1 or (flags & 0x40 and not flags & 0x80) or (not flags & 4 and flags & 0x38):
        raise Malformed("CONNECT flags contradict each other")
    client_id, at = _text(body, at)
    will = username = password = None
    if flags & 4:
        topic, at = _text(body, at)
        payload, at = _field(body, at)
        will = Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20))
    if flags & 0x80:
        username, at = _text(body, at)
    if flags & 0x40:
        password, at = _field(body, at)
    if at != len(body):
        raise Malformed("bytes behind the end of CONNECT")
    return Connect(level, client_id, bool(flags & 2), keepalive, username, password, will)


def read_publish(first: int, body: bytes) -> Publish:
    """A PUBLISH of quality 0 or 1; higher ones are not offered."""
    qos = first >> 1 & 3
    if qos > 1 or (first & 8 and not qos):
        raise Malformed(f"PUBLISH with quality {qos} and flags {first & 15}")
    topic, at = _text(body, 0)
    if not topic or "+" in topic or "#" in topic:
        raise Malformed("PUBLISH to something that is no topic name")
    packet_id = 0
    if qos:
        packet_id, at = _packet_id(body, at)
    return Publish(topic, body[at:], qos, bool(first & 1), packet_id)


def read_filters(body: bytes, *, with_qos: bool, most: int) -> list[str]:
    """The filters of a SUBSCRIBE (`with_qos`) or UNSUBSCRIBE, which must end where the packet ends."""
    _, at = _packet_id(body, 0)
    filters = []
    while at < len(body):
        wanted, at = _text(body, at)
        if not wanted:
            raise Malformed("an empty filter")
        if with_qos:
            qos, at = _number(body, at, 1)
            if qos > 2:
                raise Malformed(f"quality {qos}")
        filters.append(wanted)
        if len(filters) > most:
            raise Malformed(f"more than {most} filters in one packet")
    if not filters:
        raise Malformed("no filter")
    return filters


def read_puback(body: bytes) -> int:
    """The packet identifier a client acknowledges."""
    packet_id, at = _packet_id(body, 0)
    if at != len(body):
        raise Malformed("PUBACK length")
    return packet_id


def packet(first: int, body: bytes) -> bytes:
    """A body behind its fixed header."""
    return bytes([first]) + _length(len(body)) + body


def connect(client_id: str, username: str, password: str) -> bytes:
    """A clean-session CONNECT without will or keepalive."""
    fields = b"".join(_prefixed(each.encode()) for each in (client_id, username, password))
    return packet(Type.CONNECT << 4, _prefixed(b"MQTT") + b"\x04\xc2\x00\x00" + fields)


def connack(code: int) -> bytes:
    """A CONNACK without a session."""
    return bytes([Type.CONNACK << 4, 2, 0, code])


def puback(packet_id: int) -> bytes:
    """The acknowledgement of a PUBLISH of quality 1."""
    return bytes([Type.PUBACK << 4, 2]) + packet_id.to_bytes(2, "big")


def publish(topic: str, payload: bytes, *, packet_id: int = 0, retain: bool = False) -> bytes:
    """A PUBLISH, of quality 1 when it has a packet identifier."""
    name = topic.encode()
    identifier = packet_id.to_bytes(2, "big") if packet_id else b""
    first = Type.PUBLISH << 4 | (2 if packet_id else 0) | retain
    length = 2 + len(name) + len(identifier) + len(payload)
    return b"".join((bytes([first]), _length(length), _prefixed(name), identifier, payload))


def _length(value: int) -> bytes:
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        encoded.append(digit | (128 if value else 0))
        if not value:
            return bytes(encoded)


def _prefixed(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def _number(body: bytes, at: int, size: int) -> tuple[int, int]:
    if at + size > len(body):
        raise Malformed("the packet ends too early")
    return int.from_bytes(body[at : at + size], "big"), at + size


def _packet_id(body: bytes, at: int) -> tuple[int, int]:
    packet_id, at = _number(body, at, 2)
    if not packet_id:
        raise Malformed("packet identifier 0")
    return packet_id, at


def _field(body: bytes, at: int) -> tuple[bytes, int]:
    length, at = _number(body, at, 2)
    if at + length > len(body):
        raise Malformed("a field overruns the packet")
    return body[at : at + length], at + length


def _text(body: bytes, at: int) -> tuple[str, int]:
    raw, at = _field(body, at)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("text that is not UTF-8") from None
    if "\0" in text:
        raise Malformed("NUL in a text")
    return text, at
