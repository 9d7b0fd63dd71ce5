"""A recorded clip (pictures one behind the other in a file) played as if it were a camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.camera.base import CameraError
from agent.camera.jpeg import split
from agent.clock import ticks


@dataclass(frozen=True)
class Settings:
    """`fps`: pictures a second; 0 gives the next picture at every grab. Without `loop` the last one stays."""

    path: Path
    fps: float = 4.0
    loop: bool = False


class Player:
    """Plays pictures in time from the first grab on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: list[bytes] = []
        self._begun: float | None = None
        self._grabs = 0

    def start(self) -> None:
        """Nothing is opened before the first grab."""

    def stop(self) -> None:
        """Forget the pictures."""
        self._pictures = []

    def grab(self) -> bytes:
        """The picture that is due; raises CameraError("offline") if the clip cannot be read or is empty."""
        if not self._pictures:
            self._pictures = pictures(self._settings.path)
        if self._begun is None:
            self._begun = ticks()
        played = int((ticks() - self._begun) * self._settings.fps) if self._settings.fps else self._grabs
        self._grabs += 1
        count = len(self._pictures)
        return self._pictures[played % count if self._settings.loop else min(played, count - 1)]


def pictures(path: Path) -> list[bytes]:
    """All pictures of a clip file or a folder of JPEGs in name order; raises CameraError naming the path."""
    try:
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if each.suffix.lower() in (".jpg", ".jpeg"))
            found = [each.read_bytes() for each in files]
        else:
            found, _ = split(path.read_bytes())
    except OSError as error:
        raise CameraError("offline", f"{path}: {error.strerror}") from error
    if not found:
        raise CameraError("offline", f"{path}: holds no JPEG pictures")
    return found


def create(settings: Settings) -> Player:
    """The player of these settings."""
    return Player(settings)
