"""A camera that gives one JPEG for every GET."""

from __future__ import annotations

from dataclasses import dataclass

from agent.camera.base import Camera, CameraError
from agent.camera.http import HttpSettings, check_signal, check_status
from agent.camera.orient import oriented
from agent.http_client import Client, HttpError


@dataclass(frozen=True)
class Settings(HttpSettings):
    """`url` is where one picture is."""


class SnapshotCamera:
    """Fetches a picture when asked; the connection is kept."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(self) -> None:
        """Nothing to open: the first `grab` connects."""

    def stop(self) -> None:
        """Close the connection."""
        self._client.close()

    def grab(self) -> bytes:
        """The picture of now; raises CameraError."""
        try:
            reply = self._client.get(self._client.path or "/")
        except HttpError as error:
            raise CameraError("offline", str(error)) from error
        check_status(reply.status, self._client.where)
        check_signal(reply.headers)
        start = reply.body.find(b"\xff\xd8\xff")
        if start != 0:
            kind = reply.headers.get("content-type", "nothing")
            raise CameraError("offline", f"{self._client.where} sends no JPEG but {kind:.60}")
        return reply.body


def create(settings: Settings) -> Camera:
    """The camera of these settings."""
    return oriented(SnapshotCamera(settings.client()), settings)
