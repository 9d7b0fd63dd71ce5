"""A folder that other software writes snapshots into; the newest file is the picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from agent.camera.base import CameraError


@dataclass(frozen=True)
class Settings:
    """`stale_s`: a newest file older than this means the camera is off."""

    path: Path
    stale_s: float = 60.0


class Folder:
    """The newest `.jpg` or `.jpeg` of a folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self) -> None:
        """Nothing to open."""

    def stop(self) -> None:
        """Nothing to close."""

    def grab(self) -> bytes:
        """The newest picture; raises CameraError."""
        path = self._settings.path
        try:
            files = [
                (each.stat().st_mtime, each)
                for each in path.iterdir()
                if each.suffix.lower() in (".jpg", ".jpeg")
            ]
            if not files:
                raise CameraError("offline", f"{path}: holds no JPEG pictures")
            written, newest = max(files)
            if time.time() - written > self._settings.stale_s:
                raise CameraError(
                    "frozen", f"{newest}: not written for more than {self._settings.stale_s:.0f} s"
                )
            return newest.read_bytes()
        except OSError as error:
            raise CameraError("offline", f"{path}: {error.strerror}") from error


def create(settings: Settings) -> Folder:
    """The camera of these settings."""
    return Folder(settings)
