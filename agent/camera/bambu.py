"""The chamber camera of Bambu A1 and P1 printers: JPEGs over TLS, about one in two seconds.

X1 and H2 printers offer RTSPS instead: use the kind rtsp.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.camera import jpeg
from agent.camera.base import Camera, CameraError
from agent.camera.orient import Orientation, oriented
from agent.camera.stream import StreamCamera
from agent.pinned_tls import Pin, state_folder

USER = "bblp"
_HEADER = 16


@dataclass(frozen=True)
class Settings(Orientation):
    """As for the printer; `fingerprint` is the SHA-256 of its certificate, learned on first use when empty."""

    host: str = ""
    serial: str = ""
    code: str = ""
    fingerprint: str = ""
    port: int = 6000
    idle_s: float = 120.0
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.host and self.serial and self.code):
            raise ValueError("host, serial and code are needed")


def pin(serial: str, fingerprint: str) -> Pin:
    """The pin that driver and camera of one printer share."""
    name = "".join(each for each in serial if each.isalnum())
    return Pin(Path(state_folder(), f"bambu-{name}.sha256"), serial, fingerprint)


class BambuStream:
    """One connection to the camera."""

    def __init__(self, settings: Settings) -> None:
        try:
            plain = socket.create_connection((settings.host, settings.port), settings.timeout_s)
        except OSError as error:
            raise CameraError("offline", f"the chamber camera cannot be reached: {error}") from error
        try:
            context = pin(settings.serial, settings.fingerprint).context()
            self._socket = context.wrap_socket(plain, server_hostname=settings.serial)
            self._socket.sendall(
                struct.pack("<IIII", 0x40, 0x3000, 0, 0)
                + USER.encode().ljust(32, b"\0")
                + settings.code.encode()[:32].ljust(32, b"\0")
            )
        except (OSError, ValueError) as error:
            plain.close()
            raise CameraError("offline", f"the chamber camera: {error}") from error

    def pictures(self) -> Iterator[bytes]:
        """Pictures until the printer closes the connection, which is also how it refuses the code."""
        came = False
        try:
            while True:
                header = self._read(_HEADER)
                length = struct.unpack("<I", header[:4])[0] if header else 0
                picture = self._read(length) if 0 < length <= jpeg.LIMIT else b""
                if not picture:
                    break
                if picture[:2] != b"\xff\xd8":
                    raise CameraError("offline", "the chamber camera sends something else than JPEG pictures")
                came = True
                yield picture
        except OSError as error:
            raise CameraError("offline", f"the chamber camera: {error}") from error
        raise CameraError(
            "offline", f"the chamber camera closed the connection{'' if came else ': is the code right?'}"
        )

    def interrupt(self) -> None:
        """Shut the connection, so that a blocked read returns."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _read(self, length: int) -> bytes:
        """Exactly so many bytes, or none at the end."""
        pieces = []
        while length:
            piece = self._socket.recv(min(length, 65536))
            if not piece:
                return b""
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)


def create(settings: Settings) -> Camera:
    """The camera of these settings."""
    camera = StreamCamera(lambda: BambuStream(settings), timeout_s=settings.timeout_s, idle_s=settings.idle_s)
    return oriented(camera, settings)
