"""A clip is played in time from its first picture on, like a camera that films it."""

from __future__ import annotations

import pytest

from agent.camera import clip
from agent.camera.base import CameraError
from agent.camera.clip import Settings, create, pictures
from tests.support.pictures import fine

PICTURES = fine(4)


@pytest.fixture
def now(monkeypatch):
    """The time, which passes only when a test says so."""
    time = [100.0]
    monkeypatch.setattr(clip, "ticks", lambda: time[0])
    return time


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clip.mjpeg"
    path.write_bytes(b"".join(PICTURES))
    return path


def test_pictures_come_at_their_time(file, now):
    player = create(Settings(file, fps=2.0))
    player.start()
    now[0] += 1000.0
    shown = []
    for _ in range(6):
        shown.append(PICTURES.index(player.grab()))
        now[0] += 0.4
    assert shown == [0, 0, 1, 2, 3, 3]


def test_the_last_picture_stays(file, now):
    player = create(Settings(file))
    player.grab()
    now[0] += 1e6
    assert player.grab() == PICTURES[-1]


def test_a_loop_begins_again(file, now):
    player = create(Settings(file, fps=1.0, loop=True))
    player.grab()
    now[0] += 5.0
    assert player.grab() == PICTURES[1]


def test_without_a_rate_each_grab_is_the_next_picture(file, now):
    player = create(Settings(file, fps=0.0))
    assert [player.grab() for _ in range(5)] == [*PICTURES, PICTURES[-1]]


def test_stopping_and_starting_goes_on(file, now):
    player = create(Settings(file, fps=0.0))
    player.grab()
    player.stop()
    assert player.grab() == PICTURES[1]


def test_a_folder_is_played_in_the_order_of_names(tmp_path):
    for name, picture in zip(("2.JPG", "1.jpeg", "3.jpg"), PICTURES, strict=False):
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "0.txt").write_text("no picture")
    assert pictures(tmp_path) == [PICTURES[1], PICTURES[0], PICTURES[2]]


@pytest.mark.parametrize("content", [b"", b"no pictures in here", PICTURES[0][:100]])
def test_a_file_without_pictures_is_named(tmp_path, content):
    path = tmp_path / "clip.mjpeg"
    path.write_bytes(content)
    with pytest.raises(CameraError, match=r"clip\.mjpeg: holds no JPEG pictures") as caught:
        create(Settings(path)).grab()
    assert caught.value.fault == "offline"


def test_a_missing_clip_is_named_and_may_come_later(tmp_path, file):
    path = tmp_path / "later.mjpeg"
    player = create(Settings(path))
    with pytest.raises(CameraError, match=r"later\.mjpeg: No such file"):
        player.grab()
    file.rename(path)
    assert player.grab() == PICTURES[0]


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(CameraError, match="holds no JPEG pictures"):
        pictures(tmp_path)
