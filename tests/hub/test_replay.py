"""Replays of recordings made in the test, through the live judge, policy and pace."""

import json

import numpy as np
import pytest

from hub import replay, replay_page
from hub.clips import ClipError
from hub.pace import PaceSettings
from hub.policy import PrinterSettings
from hub.recordings import Shot, shots
from hub.vision import Detection, PictureError
from tests.support.pictures import clip, failing, fine

PACE = PaceSettings(quiet_s=10.0, suspect_s=1.0)


class ByName:
    """A detector to which each picture tells its own score."""

    def detect(self, jpeg):
        if jpeg == b"broken":
            raise PictureError("not a picture")
        heat = np.zeros((4, 4), np.float32)
        heat[2, 2] = float(jpeg)
        return Detection(float(jpeg), heat, 100, 100, 100.0)


def told(*scores, interval=1.0):
    return [Shot(i, i * interval, str(score).encode()) for i, score in enumerate(scores)]


def run(recording, **settings):
    return replay.replay(recording, ByName(), 0.5, PrinterSettings(**settings), PACE)


def test_a_quiet_recording_is_sampled_slowly_and_never_alarms():
    done = run(told(*[0.01] * 100))
    assert [step.t for step in done.steps] == [10.0 * n for n in range(10)]
    assert done.warned is None
    assert done.acted is None
    assert "never warned" in replay.as_text(done, "x")


def test_a_failure_speeds_the_sampling_up_and_is_paused_within_seconds():
    done = run(told(*[0.01] * 50, *[0.97] * 50))
    assert done.acted is not None
    assert done.warned is not None
    assert 50 <= done.warned.t <= done.acted.t <= 75
    assert min(step.interval for step in done.steps) == 1.0
    assert [step.decision for step in done.decided] == ["warn", "pause"]


def test_a_failure_from_the_first_picture_on_is_caught():
    assert run(told(*[0.97] * 60)).acted is not None


def test_the_settings_decide():
    assert run(told(*[0.97] * 60), action="alert").acted.decision == "alert"
    assert run(told(*[0.97] * 60), watch=False).decided == []


def test_pictures_that_cannot_be_read_are_counted():
    recording = [*told(0.1), Shot(1, 10.0, b"broken"), Shot(2, 20.0, b"0.1")]
    done = run(recording)
    assert done.unreadable == 1
    assert len(done.steps) == 2


def test_the_page_stands_alone_and_shows_the_deciding_pictures():
    pictures = [*fine(3), *failing(20)]

    class Bright(ByName):
        def detect(self, jpeg):
            return super().detect(b"0.99" if pictures.index(jpeg) >= 3 else b"0.01")

    recording = [Shot(i, i * 10.0, jpeg) for i, jpeg in enumerate(pictures)]
    done = replay.replay(recording, Bright(), 0.5, PrinterSettings(), PACE)
    page = replay_page.page(done, "<a> print")
    assert page.count("data:image/jpeg;base64,") == 2
    assert "&lt;a&gt; print" in page
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_data_is_json():
    data = json.loads(json.dumps(replay.as_data(run(told(*[0.97] * 60)))))
    assert data["acted_s"] >= data["warned_s"]
    assert len(data["steps"]) == data["judged"]


def test_recordings_are_folders_and_mjpeg_files(tmp_path):
    pictures = fine(3)
    for number, jpeg in enumerate(pictures):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [(s.index, s.t, s.jpeg) for s in shots(tmp_path, 5.0)] == [
        (n, n * 5.0, jpeg) for n, jpeg in enumerate(pictures)
    ]
    mjpeg = clip(tmp_path / "a.mjpeg", pictures)
    assert [s.jpeg for s in shots(mjpeg, 5.0)] == pictures


def test_what_is_no_recording_is_refused(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ClipError, match="empty"):
        list(shots(empty, 1.0))
    with pytest.raises(ClipError, match="no such file"):
        list(shots(tmp_path / "absent.mp4", 1.0))
    with pytest.raises(ValueError, match="interval"):
        list(shots(empty, 0.0))
