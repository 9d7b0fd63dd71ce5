"""What can be known of a JPEG without decoding it: where it ends in a stream, and how large it is. Pure."""

from __future__ import annotations

import re

#: A picture that has not ended after this many bytes is given up.
LIMIT = 8 * 1024 * 1024

_SOI = b"\xff\xd8\xff"
#: In entropy-coded data, 0xff is followed by a stuffed zero, a restart marker or another 0xff; all else ends the scan.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI, _FIRST_MARKER = 0xDA, 0xD9, 0xC0


class JpegError(ValueError):
    """The bytes are not the JPEG they should be, from `place` on."""

    def __init__(self, detail: str, place: int) -> None:
        super().__init__(f"{detail} (byte {place})")
        self.place = place


class _Cut(Exception):
    """The buffer ends inside a picture."""


def split(buffer: bytes, limit: int = LIMIT) -> tuple[list[bytes], bytes]:
    """The whole pictures in a piece of a stream, and the rest, which belongs before the next piece.

    Markers are followed segment by segment, so that a thumbnail inside a picture does not end it. Bytes outside a
    picture, broken pictures and pictures longer than `limit` are dropped; the rest is never longer than `limit`.
    """
    pictures: list[bytes] = []
    place = 0
    while True:
        start = buffer.find(_SOI, place)
        if start < 0:
            return pictures, _tail(buffer, place)
        try:
            end = _end(buffer, start)
        except _Cut:
            rest = buffer[start:]
            return pictures, rest if len(rest) <= limit else b""
        except JpegError as error:
            place = max(start + 2, error.place)
            continue
        if end - start <= limit:
            pictures.append(buffer[start:end])
        place = end


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height out of the frame header; raises JpegError if there is none before the picture data."""
    if jpeg[:3] != _SOI:
        raise JpegError("no start marker", 0)
    place = 2
    try:
        while True:
            marker, place, following = _segment(jpeg, place)
            if marker in _SIZES:
                return _frame_header(jpeg[place:following])
            if marker in (_SOS, _EOI):
                raise JpegError("no frame header before the picture data", place)
            place = following
    except _Cut:
        raise JpegError("it ends before its frame header", len(jpeg)) from None


def _frame_header(segment: bytes) -> tuple[int, int]:
    if len(segment) < 6:
        raise JpegError("the frame header is too short", 0)
    width, height = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
    if not (width and height):
        raise JpegError("the frame header tells no size", 0)
    return width, height


def _end(buffer: bytes, start: int) -> int:
    """The place behind the end marker of the picture that begins at `start`; raises _Cut or JpegError."""
    place = start + 2
    while True:
        marker, _, place = _segment(buffer, place)
        if marker == _EOI:
            return place
        if marker == _SOS:
            found = _SCAN_END.search(buffer, place)
            if found is None:
                raise _Cut
            place = found.start()


def _segment(buffer: bytes, place: int) -> tuple[int, int, int]:
    """Marker, begin of its content and begin of what follows it, for the marker at `place`."""
    begin = place
    if buffer[place : place + 1] not in (b"\xff", b""):
        raise JpegError("no marker where one must be", place)
    while buffer[place : place + 1] == b"\xff":
        place += 1
    if place >= len(buffer):
        raise _Cut
    marker = buffer[place]
    place += 1
    if marker in _STANDALONE or marker == _EOI:
        return marker, place, place
    if marker < _FIRST_MARKER or marker == _SOI[1]:
        raise JpegError(f"marker {marker:#04x} inside a picture", begin)
    if place + 2 > len(buffer):
        raise _Cut
    length = int.from_bytes(buffer[place : place + 2], "big")
    if length < 2:
        raise JpegError("a segment shorter than its own length", begin)
    if place + length > len(buffer):
        raise _Cut
    return marker, place + 2, place + length


def _tail(buffer: bytes, place: int) -> bytes:
    """The last bytes, if they could be the begin of a start marker that is still coming."""
    for length in (2, 1):
        if len(buffer) - place >= length and buffer.endswith(_SOI[:length]):
            return _SOI[:length]
    return b""
