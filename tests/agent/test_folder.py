"""The newest picture of a folder, as long as somebody writes there."""

from __future__ import annotations

import os

import pytest

from agent.camera import folder
from agent.camera.base import CameraError
from agent.camera.folder import Settings, create

NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def time(monkeypatch):
    class Stopped:
        @staticmethod
        def time():
            return NOW

    monkeypatch.setattr(folder, "time", Stopped)


def put(path, name, content, age):
    (path / name).write_bytes(content)
    os.utime(path / name, (NOW - age, NOW - age))


def grab(path, **options):
    camera = create(Settings(path, **options))
    camera.start()
    try:
        return camera.grab()
    finally:
        camera.stop()


def test_the_newest_picture_is_taken_whatever_its_name(tmp_path):
    put(tmp_path, "z.jpg", b"old", age=9)
    put(tmp_path, "a.JPEG", b"new", age=3)
    put(tmp_path, "b.txt", b"no picture", age=0)
    assert grab(tmp_path) == b"new"


def test_a_folder_that_nobody_writes_into_any_more_is_frozen(tmp_path):
    put(tmp_path, "a.jpg", b"old", age=61)
    with pytest.raises(CameraError, match=r"a\.jpg: not written for more than 60 s") as caught:
        grab(tmp_path)
    assert caught.value.fault == "frozen"
    assert grab(tmp_path, stale_s=100.0) == b"old"


def test_an_empty_folder_is_off(tmp_path):
    with pytest.raises(CameraError, match="holds no JPEG pictures") as caught:
        grab(tmp_path)
    assert caught.value.fault == "offline"


def test_a_missing_folder_is_off_and_named(tmp_path):
    with pytest.raises(CameraError, match="nowhere: No such file") as caught:
        grab(tmp_path / "nowhere")
    assert caught.value.fault == "offline"
