"""A print that nobody can watch is paused if its owner wants that: in time, once, and only when it can be reached."""

from __future__ import annotations

import pytest

from hub.live import PrinterLive
from hub.policy import PrinterSettings
from hub.unwatched import Unwatched
from hub.watch import NOT_WATCHED, STANDING_DOWN, WATCHED
from tests.support.messages import PRINTER, state

LIMIT = 600.0


class Scene:
    def __init__(self):
        self.orders, self.settings = [], PrinterSettings(when_unwatched="pause", unwatched_s=LIMIT)
        self.unwatched = Unwatched(lambda *each: self.orders.append(each[:3]))

    def at(self, t, watch=NOT_WATCHED, phase="printing", *, online=True, job="a"):
        live = PrinterLive(online=online, state=state(phase=phase, job=job), watch=watch, watch_reason="dark")
        self.unwatched.tick(PRINTER, live, self.settings, t)
        return len(self.orders)


@pytest.fixture
def scene():
    return Scene()


def test_it_is_paused_once_its_time_is_over(scene):
    assert [scene.at(t) for t in (0, LIMIT - 1, LIMIT, LIMIT + 1, 10 * LIMIT)] == [0, 0, 1, 1, 1]
    assert scene.orders == [(PRINTER, "pause", "not watched for 10 min: dark")]


def test_nothing_is_done_unless_it_is_wanted(scene):
    scene.settings = PrinterSettings()
    assert [scene.at(t) for t in (0, 10 * LIMIT)] == [0, 0]
    scene.settings = PrinterSettings(watch=False, when_unwatched="pause")
    assert scene.at(20 * LIMIT) == 0


def test_a_watched_print_starts_the_time_again(scene):
    assert [scene.at(0), scene.at(LIMIT - 1, WATCHED), scene.at(LIMIT), scene.at(2 * LIMIT)] == [0, 0, 0, 1]


def test_an_agent_that_cannot_be_reached_is_waited_for(scene):
    assert [scene.at(0), scene.at(2 * LIMIT, online=False), scene.at(2 * LIMIT + 1)] == [0, 0, 1]


def test_whoever_resumes_it_unwatched_wants_just_that(scene):
    scene.at(0)
    assert scene.at(LIMIT) == 1
    scene.at(LIMIT + 5, STANDING_DOWN, "paused")
    assert [scene.at(LIMIT + 60), scene.at(5 * LIMIT)] == [1, 1]
    scene.at(5 * LIMIT + 1, WATCHED)
    assert [scene.at(5 * LIMIT + 2), scene.at(6 * LIMIT + 2)] == [1, 2]


@pytest.mark.parametrize("phase", ["finished", "idle", "error"])
def test_the_next_print_has_its_own_time(scene, phase):
    scene.at(0)
    scene.at(LIMIT - 1, STANDING_DOWN, phase)
    assert [scene.at(LIMIT), scene.at(2 * LIMIT)] == [0, 1]


def test_another_job_has_its_own_time(scene):
    scene.at(0)
    assert [scene.at(LIMIT, job="b"), scene.at(2 * LIMIT, job="b")] == [0, 1]


@pytest.mark.parametrize("phase", ["unreachable", "unknown"])
def test_a_printer_that_does_not_say_that_it_prints_is_not_touched(scene, phase):
    assert [scene.at(0, phase=phase), scene.at(2 * LIMIT, phase=phase)] == [0, 0]
