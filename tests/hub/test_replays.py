"""Past prints played again: with their own times, one at a time, and never for ever."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from hub.habits import Habit
from hub.pace import PaceSettings
from hub.policy import PrinterSettings
from hub.replays import KEPT, KEPT_S, Busy, Replays, recording
from hub.store.history import EVIDENCE, LAPSE, VIDEO, EvidenceRow
from hub.store.prints import PrintRow
from hub.vision import Detection, PictureError
from tests.support.waiting import until

NOW = 5000.0
ROW = PrintRow(1, "p", "job", "a.gcode", 1000.0, 2000.0, "finished", pinned=False, good=None)


def stored(identity, t, kind=LAPSE, camera="side"):
    return EvidenceRow(identity, "p", camera, 1000.0 + t, None, None, "", 1, pinned=False, kind=kind)


PICTURES = [stored(n, n * 10.0) for n in range(60)]


class Eye:
    """Sees a failure from picture 30 on; `open` holds it back."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()

    def detect(self, jpeg):
        self.open.wait(20)
        if not jpeg:
            raise PictureError("not a picture")
        score = 0.97 if int(jpeg) >= 30 else 0.02
        heat = np.zeros((4, 4), np.float32)
        heat[2, 2] = score
        return Detection(score, heat, 100, 100, 100.0)


@pytest.fixture
def eye():
    return Eye()


@pytest.fixture
def replays(eye):
    made = Replays(
        eye, 0.5, PaceSettings(quiet_s=10.0, suspect_s=1.0), lambda _p, n: str(n).encode() if n != 7 else None
    )
    yield made
    eye.open.set()
    made.stop()


def played(replays, row=ROW, pictures=PICTURES, settings=None, habit=None, now=NOW):
    run = replays.begin(row, pictures, settings or PrinterSettings(), lambda _camera: habit, now)
    until(lambda: not run.under_way)
    return run


def test_a_print_is_played_on_its_own_time_axis(replays):
    run = played(replays)
    assert run.error == ""
    assert run.replayed.warned.t >= 300.0
    assert run.replayed.acted.decision == "pause"
    assert run.pictures[run.replayed.acted.index].t == ROW.started + run.replayed.acted.t
    assert run.replayed.unreadable == 1, "a picture that is gone"
    assert run.replayed.pictures == {}, "they are stored already"
    assert replays.of(ROW, NOW) is run


def test_its_settings_decide(replays):
    assert played(replays, settings=PrinterSettings(watch=False)).replayed.decided == []
    place = ((0.4, 0.4), (1.0, 1.0))
    blind = PrinterSettings(zones={"side": (place,)})
    assert played(replays, settings=blind).replayed.decided == [], (
        "the zones of the camera that took the pictures"
    )
    assert played(replays, settings=replace(blind, zones={"nozzle": (place,)})).replayed.acted


def test_what_good_prints_showed_before_is_known(replays):
    habit = Habit(np.full((4, 4), 0.99, np.float32), 3)
    assert played(replays, habit=habit).replayed.decided == []


def test_pictures_of_decisions_and_time_lapse_of_one_camera_are_the_recording():
    rows = [
        stored(1, 0),
        stored(2, 20),
        stored(3, 15, EVIDENCE),
        stored(4, 16, EVIDENCE, "nozzle"),
        stored(5, 30, VIDEO),
    ]
    assert [each.id for each in recording(rows)] == [1, 3, 2]
    assert [each.id for each in recording(rows[3:])] == [4]
    assert recording([]) == ()


def test_one_at_a_time(replays, eye):
    eye.open.clear()
    run = replays.begin(ROW, PICTURES, PrinterSettings(), lambda _camera: None, NOW)
    assert run.under_way
    with pytest.raises(Busy, match="another replay is under way"):
        replays.begin(replace(ROW, id=2), PICTURES, PrinterSettings(), lambda _camera: None, NOW)
    eye.open.set()
    until(lambda: not run.under_way)
    played(replays, replace(ROW, id=2))


def test_what_cannot_be_played_is_refused(replays):
    with pytest.raises(ValueError, match="still running"):
        played(replays, replace(ROW, ended=None))
    with pytest.raises(ValueError, match="no picture of this print is left"):
        played(replays, pictures=[])


def test_results_are_not_kept_for_ever(replays):
    played(replays, pictures=PICTURES[:1])
    assert replays.of(ROW, NOW + KEPT_S) is not None
    assert replays.of(ROW, NOW + KEPT_S + 1) is None
    for number in range(KEPT + 3):
        played(replays, replace(ROW, id=number), PICTURES[:1], now=NOW + number)
    kept = [replays.of(replace(ROW, id=number), NOW) is not None for number in range(KEPT + 3)]
    assert kept == [False] * 3 + [True] * KEPT
    replays.forget(replace(ROW, id=5))
    assert replays.of(replace(ROW, id=5), NOW) is None


def test_a_hub_that_stops_gives_up(replays, eye):
    eye.open.clear()
    run = replays.begin(ROW, PICTURES, PrinterSettings(), lambda _camera: None, NOW)
    threading.Timer(0.05, eye.open.set).start()
    replays.stop()
    assert run.error == "the hub was stopped"
