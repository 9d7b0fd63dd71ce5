"""`python -m hub.film TARGET FPS`: JPEG files, named on standard input, become a WebM that every browser plays.

It runs as a process of its own with the lowest priority. OpenCV's own VP8 encoder is slow and cannot be given a bit
rate, so each picture is packed as a WebP, whose content is a VP8 key frame, and the frames are put into a WebM as they
are. That needs no other program, and one can jump to any picture.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

MAX_SIDE = 1280
QUALITY = 65
LOWEST_PRIORITY = 19


class FilmError(ValueError):
    """There is no video; the text says why."""


def write_film(pictures: Iterable[Path], target: Path, fps: float) -> int:
    """Write the video; returns how many pictures it has. Unreadable ones are passed over. Raises FilmError."""
    video, size, count = None, (0, 0), 0
    try:
        for picture in _readable(pictures):
            if video is None:
                size = _size(picture)
                video = _opened(target, fps, size)
            video.write(np.frombuffer(_key_frame(picture, size), np.uint8))
            count += 1
    finally:
        if video is not None:
            video.release()
    if not count:
        raise FilmError("none of its pictures could be read")
    if _counted(target) != count:
        raise FilmError("the video came out short; is the disk full?")
    return count


def _readable(pictures: Iterable[Path]) -> Iterator[Picture]:
    for path in pictures:
        try:
            picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        except (OSError, cv2.error):
            continue
        if picture is not None:
            yield np.asarray(picture, np.uint8)


def _size(picture: Picture) -> tuple[int, int]:
    """Width and height of the video, as its first picture has them, but not larger than it needs to be."""
    height, width = picture.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    return max(2, round(width * scale)), max(2, round(height * scale))


def _opened(target: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    code = cv2.VideoWriter.fourcc(*"VP80")
    video = cv2.VideoWriter(str(target), cv2.CAP_FFMPEG, code, fps, size, [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1])
    if not video.isOpened():
        raise FilmError("this OpenCV cannot write WebM, or the folder cannot be written")
    return video


def _key_frame(picture: Picture, size: tuple[int, int]) -> bytes:
    """The VP8 key frame inside a WebP: what follows the tag and length of its only chunk."""
    if (picture.shape[1], picture.shape[0]) != size:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, packed = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    data = packed.tobytes()
    if not done or data[12:16] != b"VP8 ":
        raise FilmError("this OpenCV cannot write WebP")
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


def _counted(target: Path) -> int:
    """How many pictures a video really has."""
    video, count = cv2.VideoCapture(str(target), cv2.CAP_FFMPEG), 0
    while video.grab():
        count += 1
    video.release()
    return count


def main() -> int:
    """The process: prints why there is no video, if there is none."""
    with contextlib.suppress(OSError):  # a sandbox may forbid even that
        os.nice(LOWEST_PRIORITY)
    cv2.setNumThreads(1)
    target, fps = Path(sys.argv[1]), float(sys.argv[2])
    try:
        write_film([Path(line) for line in sys.stdin.read().splitlines()], target, fps)
    except FilmError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
