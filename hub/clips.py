"""The user's own recordings as clips that an agent can play: a video, an MJPEG file or a folder of JPEGs."""

from __future__ import annotations

from pathlib import Path

import cv2

MAX_SIDE = 1280


class ClipError(ValueError):
    """The recording cannot be used; the text names the file."""


def as_clip(path: Path, folder: Path) -> tuple[Path, float]:
    """A path that the agent's clip camera can play, and its pictures per second (0 when the recording has none).

    A folder of JPEGs and an MJPEG file are played as they are; a video is converted into `folder`. Raises ClipError.
    """
    if not path.exists():
        raise ClipError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix.lower() in (".mjpeg", ".mjpg", ".jpg", ".jpeg"):
        return path.resolve(), 0.0
    return _converted(path, folder / "clip.mjpeg")


def _converted(path: Path, target: Path) -> tuple[Path, float]:
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise ClipError(f"{path}: not a video that OpenCV can read")
    fps, count = float(video.get(cv2.CAP_PROP_FPS)) or 25.0, 0
    with target.open("wb") as file:
        while True:
            good, picture = video.read()
            if not good:
                break
            scale = MAX_SIDE / max(picture.shape[:2])
            if scale < 1:
                picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
            file.write(jpeg.tobytes())
            count += 1
    video.release()
    if not count:
        raise ClipError(f"{path}: holds no pictures")
    return target, fps
