"""Recorded prints, one picture after the other: a video, an MJPEG file or a folder of JPEGs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.camera.jpeg import split
from hub.clips import ClipError, as_clip

CHUNK = 1 << 20


@dataclass(frozen=True)
class Shot:
    """One picture of a recording: its number and its time in seconds of the print."""

    index: int
    t: float
    jpeg: bytes


def shots(path: Path, interval: float) -> Iterator[Shot]:
    """The pictures of a recording, each `interval` seconds of the print after the one before.

    Raises ClipError when there is no picture, ValueError for an interval that is not positive.
    """
    if not interval > 0:
        raise ValueError("interval: must be more than 0 seconds")
    with TemporaryDirectory(prefix="printwarden-replay-") as folder:
        clip, _ = as_clip(path, Path(folder))
        count = 0
        for jpeg in _jpegs(clip):
            yield Shot(count, count * interval, jpeg)
            count += 1
        if not count:
            raise ClipError(f"{path}: holds no JPEG pictures")


def _jpegs(clip: Path) -> Iterator[bytes]:
    if clip.is_dir():
        for file in sorted(each for each in clip.iterdir() if each.suffix.lower() in (".jpg", ".jpeg")):
            yield file.read_bytes()
        return
    rest = b""
    with clip.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            pictures, rest = split(rest + chunk)
            yield from pictures
