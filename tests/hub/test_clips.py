"""The user's own recording, whatever it is, becomes something that an agent can play."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.camera.clip import pictures
from hub.clips import MAX_SIDE, ClipError, as_clip
from tests.support.pictures import clip, fine


def video(path, size=(320, 240), count=5, fps=12.5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
    assert writer.isOpened()
    for number in range(count):
        writer.write(np.full((size[1], size[0], 3), 40 * number, np.uint8))
    writer.release()
    return path


def shapes(path):
    return [cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR).shape for each in pictures(path)]


def test_pictures_are_played_as_they_are(tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "clip.MJPEG"
    folder.mkdir()
    clip(file, fine(2))
    clip(folder / "1.jpg", fine(1))
    assert as_clip(folder, tmp_path) == (folder, 0.0)
    assert as_clip(file, tmp_path) == (file, 0.0)
    assert as_clip(folder / "1.jpg", tmp_path) == (folder / "1.jpg", 0.0)


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    """The agent runs somewhere else."""
    clip(tmp_path / "clip.mjpeg", fine(1))
    monkeypatch.chdir(tmp_path)
    found, _ = as_clip(Path("clip.mjpeg"), tmp_path)
    assert found.is_absolute()


def test_a_video_is_converted_with_its_rate(tmp_path):
    found, fps = as_clip(video(tmp_path / "mine.avi"), tmp_path)
    assert fps == pytest.approx(12.5)
    assert shapes(found) == [(240, 320, 3)] * 5


def test_a_large_video_is_made_smaller(tmp_path):
    found, _ = as_clip(video(tmp_path / "mine.avi", size=(1920, 1080), count=1), tmp_path)
    (shape,) = shapes(found)
    assert shape == (720, MAX_SIDE, 3)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ClipError, match=r"nowhere\.mp4: no such file or folder"):
        as_clip(tmp_path / "nowhere.mp4", tmp_path)


def test_what_is_no_video_is_named(tmp_path, capfd):
    path = tmp_path / "mine.mp4"
    path.write_bytes(b"this is no video" * 100)
    with pytest.raises(ClipError, match=r"mine\.mp4: not a video that OpenCV can read"):
        as_clip(path, tmp_path)


def test_a_video_without_pictures_is_named(tmp_path):
    with pytest.raises(ClipError, match=r"mine\.avi: "):
        as_clip(video(tmp_path / "mine.avi", count=0), tmp_path)
