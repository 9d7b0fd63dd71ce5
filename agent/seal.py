"""Seals: how a JSON message or a JPEG frame proves who made it, whatever broker carried it.

A seal is a keyed BLAKE2b over the topic and the exact bytes sent, so nothing has to be put in a canonical form
and a message cannot be moved to another topic. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, NoReturn, Union

KEY_BYTES = 32
MAC_BYTES = 32
MAX_JSON = 16 * 1024
MAX_FRAME = 1_000_000

#: One derived key for each direction and purpose: a detection worker may hold frame keys and never a command key.
PURPOSES = ("frame", "state", "status", "ack", "command", "want", "intent", "rotate", "enrol")

#: A picture is sealed and checked without being copied.
Bytes = Union[bytes, memoryview]

_SOI = b"\xff\xd8"
_COMMENT = b"\xff\xfe"
_MAC_FIELD = b',"mac":"'
_MAC_TAIL = len(_MAC_FIELD) + 2 * MAC_BYTES + len(b'"}')
_MAX_COMMENT = 0xFFFF - 2


class ProtocolError(ValueError):
    """A message that must not be acted upon; `reason` is a stable word, the text names what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def derive(key: bytes, purpose: str) -> bytes:
    """The key of one purpose, derived from a printer's own 32-byte key."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a printer key has {KEY_BYTES} bytes, not {len(key)}")
    if purpose not in PURPOSES:
        raise ValueError(f"unknown key purpose {purpose!r}")
    return hashlib.blake2b(
        b"printwarden/v1", key=key, person=purpose.encode(), digest_size=KEY_BYTES
    ).digest()


def seal_json(key: bytes, topic: str, message: dict[str, Any]) -> bytes:
    """One JSON object whose last member `mac` covers the topic and every byte before it.

    Raises ValueError for NaN, infinity, an empty message and one that has a `mac` already.
    """
    return _with_mac(key, topic, _encode(message), b"")


def open_json(key: bytes, topic: str, payload: bytes) -> dict[str, Any]:
    """The sealed object without its `mac`; raises ProtocolError if it is too large, unsealed, forged or malformed."""
    if len(payload) > MAX_JSON:
        raise ProtocolError("too_large", f"{len(payload)} bytes where {MAX_JSON} are allowed")
    return _decode(_checked(key, topic, payload, b""))


def seal_jpeg(key: bytes, topic: str, header: dict[str, Any], jpeg: bytes) -> bytes:
    """The JPEG with a comment segment right after its start marker that carries the header and the seal.

    Raises ProtocolError if `jpeg` does not begin like a JPEG or the result is larger than `MAX_FRAME`.
    """
    if jpeg[:2] != _SOI:
        raise ProtocolError("malformed", "a frame must begin with a JPEG start marker")
    rest = memoryview(jpeg)[2:]
    comment = _with_mac(key, topic, _encode(header), rest)
    if len(comment) > _MAX_COMMENT:
        raise ProtocolError("too_large", f"frame header of {len(comment)} bytes")
    sealed = b"".join((_SOI, _COMMENT, (len(comment) + 2).to_bytes(2, "big"), comment, rest))
    if len(sealed) > MAX_FRAME:
        raise ProtocolError("too_large", f"frame of {len(sealed)} bytes where {MAX_FRAME} are allowed")
    return sealed


def open_jpeg(key: bytes, topic: str, payload: bytes) -> dict[str, Any]:
    """The header of a sealed frame; raises ProtocolError as `open_json` does."""
    if len(payload) > MAX_FRAME:
        raise ProtocolError("too_large", f"frame of {len(payload)} bytes where {MAX_FRAME} are allowed")
    if payload[:4] != _SOI + _COMMENT:
        raise ProtocolError("malformed", "a frame must be a JPEG whose first segment is a comment")
    end = 4 + int.from_bytes(payload[4:6], "big")
    if end < 6 or end > len(payload):
        raise ProtocolError("malformed", "the comment segment overruns the frame")
    return _decode(_checked(key, topic, payload[6:end], memoryview(payload)[end:]))


def _encode(message: dict[str, Any]) -> bytes:
    if not message or "mac" in message:
        raise ValueError("an empty message, or one that has a mac already, cannot be sealed")
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()[:-1]


def _with_mac(key: bytes, topic: str, head: bytes, rest: Bytes) -> bytes:
    return head + _MAC_FIELD + _mac(key, topic, head, rest).encode() + b'"}'


def _mac(key: bytes, topic: str, head: bytes, rest: Bytes) -> str:
    """Topic and head are length-prefixed, so no two different messages feed the same bytes."""
    digest = hashlib.blake2b(key=key, digest_size=MAC_BYTES)
    for part in (topic.encode(), head):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    digest.update(rest)
    return digest.hexdigest()


def _checked(key: bytes, topic: str, sealed: bytes, rest: Bytes) -> bytes:
    head, tail = sealed[:-_MAC_TAIL], sealed[-_MAC_TAIL:]
    if not head or not tail.startswith(_MAC_FIELD) or not tail.endswith(b'"}'):
        raise ProtocolError("unsigned", "no seal at the end of the message")
    if not hmac.compare_digest(tail[len(_MAC_FIELD) : -2], _mac(key, topic, head, rest).encode()):
        raise ProtocolError("bad_signature", "the seal does not fit the message, its topic or the key")
    return head + b"}"


def _decode(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(
            text.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates
        )
        if b"\\u" in text:  # half a surrogate pair is text that no file, database or page could hold
            json.dumps(message, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ProtocolError("malformed", f"not JSON: {error}") from error
    if not isinstance(message, dict) or "mac" in message:
        raise ProtocolError("malformed", "not a JSON object with one seal")
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    message = dict(pairs)
    if len(message) != len(pairs):
        raise ValueError("a member appears twice")
    return message
