"""A camera that streams MJPEG over HTTP (multipart/x-mixed-replace): the newest picture wins."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from agent.camera import jpeg
from agent.camera.base import Camera, CameraError
from agent.camera.http import HttpSettings, check_signal, check_status
from agent.camera.orient import oriented
from agent.camera.stream import StreamCamera
from agent.http_client import Client, HttpError

_LONGEST_LINE = 4096
_MOST_HEADERS = 64
_EXTRA = "extra_headers=1"
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Settings(HttpSettings):
    """`url` is the stream. It is closed while nobody wants pictures for `idle_s` seconds; 0 keeps it open."""

    idle_s: float = 60.0


class MjpegStream:
    """One connection to the stream."""

    def __init__(self, client: Client, path: str) -> None:
        self._where = client.where
        self._open(client, path)
        if self._response.getheader("Set-Cookie", "").startswith("stream_client=") and _EXTRA not in path:
            # ustreamer, which tells whether its camera works only when asked
            self.close()
            self._open(client, f"{path}{'&' if '?' in path else '?'}{_EXTRA}")

    def pictures(self) -> Iterator[bytes]:
        """Pictures by their Content-Length; without one, cut where the JPEG ends."""
        try:
            while True:
                headers = self._part()
                if headers is None:
                    return
                check_signal(headers)
                length = headers.get("content-length", "")
                if not length.isdecimal():
                    yield from self._unmeasured()
                    return
                yield self._measured(int(length))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CameraError("offline", f"{self._where}: the stream broke off: {error}") from error

    def interrupt(self) -> None:
        """Shut the connection, so that a blocked read returns."""
        with contextlib.suppress(OSError):
            # not the method of SSLSocket, which would take the session away under the reader
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._socket.close()

    def _open(self, client: Client, path: str) -> None:
        try:
            self._response, self._socket = client.open(path)
        except HttpError as error:
            raise CameraError("offline", str(error)) from error
        if self._response.status != 200:
            target = self._response.getheader("Location")
            self.close()
            if target:
                raise CameraError("offline", f"{self._where} redirects to {target:.200}: use that address")
            check_status(self._response.status, self._where)

    def _part(self) -> dict[str, str] | None:
        """The headers of the next part, None at the end of the stream."""
        headers: dict[str, str] = {}
        begun = False
        for _ in range(_MOST_HEADERS):
            line = self._response.readline(_LONGEST_LINE)
            if not line:
                return None
            name, colon, value = line.decode("latin-1").partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
            elif not line.strip() and begun:
                return headers
            begun = begun or bool(line.strip())
        raise CameraError("offline", f"{self._where} sends no MJPEG stream")

    def _measured(self, length: int) -> bytes:
        if length > jpeg.LIMIT:
            raise CameraError("offline", f"{self._where} announces a picture of {length} bytes")
        picture = self._response.read(length)
        if len(picture) < length or picture[:3] != b"\xff\xd8\xff":
            raise CameraError("offline", f"{self._where} sends something else than JPEG pictures")
        return picture

    def _unmeasured(self) -> Iterator[bytes]:
        rest = b""
        while True:
            piece = self._response.read1(_PIECE)
            if not piece:
                return
            found, rest = jpeg.split(rest + piece)
            yield from found


def create(settings: Settings) -> Camera:
    """The camera of these settings."""
    client = settings.client()
    camera = StreamCamera(
        lambda: MjpegStream(client, client.path or "/"), timeout_s=settings.timeout_s, idle_s=settings.idle_s
    )
    return oriented(camera, settings)
