"""Detection threads: every frame is scored or told to be broken, and nothing ends them but being stopped."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from hub.live import CameraLive, Live
from hub.slots import Arrival, Slots
from hub.vision import Detection, PictureError
from hub.workers import Workers
from tests.support.messages import OTHER, PRINTER, frame
from tests.support.waiting import until

HEAT = np.array([[0.1, 0.9], [0.1, 0.1]], np.float32)


class FakeDetector:
    """Says what it was told to; an exception is raised."""

    def __init__(self):
        self.next = Detection(0.9, HEAT, 640, 480, brightness=100.0)

    def detect(self, _jpeg):
        if isinstance(self.next, Exception):
            raise self.next
        return self.next


class FakeJudge:
    def __init__(self):
        self.seen, self.error = [], None

    def frame(self, scored):
        if self.error:
            raise self.error
        self.seen.append(scored)


class Scene:
    def __init__(self, count=1):
        self.live, self.slots = Live(), Slots()
        self.detector, self.judge = FakeDetector(), FakeJudge()
        self.camera = CameraLive()
        self.live.printer(PRINTER).cameras["main"] = self.camera
        self.workers = Workers(self.slots, self.detector, self.judge, self.live, count, region_at=0.5)

    def frame(self, seq=1, printer=PRINTER):
        self.slots.put(Arrival(printer, frame(seq), 12.0))

    def counted(self, **counts):
        until(lambda: {name: self.workers.counts[name] for name in counts} == counts)


@pytest.fixture
def scene():
    made = Scene()
    made.workers.start()
    yield made
    made.workers.stop()


def test_a_frame_is_scored_shown_and_judged(scene):
    scene.frame()
    until(lambda: scene.judge.seen)
    (seen,) = scene.judge.seen
    assert (seen.printer, seen.frame.seq, seen.received, seen.score) == (PRINTER, 1, 12.0, 0.9)
    (region,) = seen.regions
    assert (region.x, region.y, region.w, region.h) == (0.5, 0.0, 0.5, 0.5)
    assert (scene.camera.score, scene.camera.regions, scene.camera.dark, scene.camera.broken) == (
        0.9,
        (region,),
        False,
        False,
    )
    assert scene.workers.last_ms >= 0.0


def test_a_dark_picture_says_nothing_either_way(scene):
    scene.detector.next = Detection(0.9, HEAT, 640, 480, brightness=3.0)
    scene.frame()
    until(lambda: scene.judge.seen)
    assert scene.judge.seen[0].score is None
    assert (scene.camera.score, scene.camera.dark) == (None, True)


def test_a_covered_picture_says_nothing_and_three_in_a_row_are_a_fault(scene):
    scene.detector.next = Detection(0.9, HEAT, 640, 480, brightness=100.0, detail=0.3)
    for seq in (1, 2, 3):
        assert not scene.camera.hidden
        scene.frame(seq)
        until(lambda seq=seq: len(scene.judge.seen) == seq)
    assert scene.camera.hidden
    assert scene.judge.seen[0].score is None
    scene.detector.next = Detection(0.9, HEAT, 640, 480, brightness=100.0, detail=5.0)
    scene.frame(4)
    until(lambda: len(scene.judge.seen) == 4)
    assert not scene.camera.hidden


def test_a_broken_picture_is_told_in_one_line_and_not_judged(scene, caplog):
    scene.detector.next = PictureError("not a picture that can be decoded")
    scene.frame()
    until(lambda: scene.camera.broken)
    assert scene.camera.score is None
    assert scene.judge.seen == []
    (record,) = caplog.records
    assert record.getMessage() == f"printer {PRINTER}, camera main: not a picture that can be decoded"
    scene.detector.next = FakeDetector().next
    scene.frame(2)
    until(lambda: scene.judge.seen)
    assert not scene.camera.broken


@pytest.mark.parametrize("where", ["detector", "judge"])
def test_one_printers_bad_luck_does_not_end_the_watch_of_the_others(scene, caplog, where):
    if where == "detector":
        scene.detector.next = RuntimeError("out of memory")
    else:
        scene.judge.error = RuntimeError("database is locked")
    scene.frame()
    scene.counted(failed=1)
    assert f"printer {PRINTER}: a frame could not be scored" in caplog.text
    scene.detector.next, scene.judge.error = FakeDetector().next, None
    scene.frame(2, OTHER)
    until(lambda: scene.judge.seen)
    assert scene.judge.seen[0].printer == OTHER


def test_a_frame_of_a_camera_that_is_gone_is_judged_without_being_shown(scene):
    scene.live.drop(PRINTER)
    scene.frame()
    until(lambda: scene.judge.seen)
    assert scene.live.printer(PRINTER).cameras == {}


def test_all_threads_work_and_stop_ends_them():
    """Two frames are under way at the same time when there are two threads."""
    scene = Scene(count=2)
    both = threading.Barrier(2)
    scene.detector.detect = lambda _jpeg: (both.wait(30), FakeDetector().next)[1]
    scene.workers.start()
    scene.frame(1)
    scene.frame(2, OTHER)
    scene.counted(scored=2)
    scene.workers.stop()
    assert not [each for each in scene.workers._threads if each.is_alive()]
