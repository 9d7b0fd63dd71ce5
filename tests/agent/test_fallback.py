"""Without a hub nothing is done but what the owner chose, once a print, and not before its time."""

from __future__ import annotations

import pytest

from agent import fallback
from agent.fallback import RETRY_S, Fallback, Settings
from agent.printers.action_steps import Broker, Step
from agent.printers.base import PrinterError, Snapshot
from agent.protocol import FALLBACK_RUN

PRINTING, PAUSED, IDLE = Snapshot("printing", "a"), Snapshot("paused", "a"), Snapshot("idle")
AFTER_S = 600.0


class Scene:
    def __init__(self, **settings):
        self.pauses, self.reports = [], []
        self.silent_s = 0.0
        self.fallback = Fallback(
            Settings(after_s=AFTER_S, **settings),
            lambda job, reason: self.pauses.append((job, reason)),
            lambda *each: self.reports.append(each),
        )
        self.look(PRINTING)

    def look(self, now, passed_s=0.0):
        self.silent_s += passed_s
        self.fallback.look(now, self.silent_s)
        return len(self.pauses)

    def hub_back(self, now=PRINTING):
        self.silent_s = 0.0
        self.look(now)


def test_without_a_choice_nothing_is_done():
    scene = Scene()
    assert scene.look(PRINTING, 10 * AFTER_S) == 0
    assert scene.reports == []


def test_the_print_is_paused_after_its_time_without_a_hub():
    scene = Scene(action="pause")
    assert scene.look(PRINTING, AFTER_S - 1) == 0
    assert scene.look(PRINTING, 1) == 1
    assert scene.pauses == [("a", "the hub had been silent for 10 min of this print")]
    assert scene.look(PRINTING, 2) == 1


def test_a_hub_that_comes_back_in_time_begins_the_time_anew():
    scene = Scene(action="pause")
    scene.look(PRINTING, AFTER_S - 1)
    scene.hub_back()
    assert scene.look(PRINTING, AFTER_S - 1) == 0
    assert scene.look(PRINTING, 1) == 1


@pytest.mark.parametrize("before", [IDLE, PAUSED, Snapshot("finished"), Snapshot("printing", "another")])
def test_only_the_time_that_this_print_went_on_counts(before):
    scene = Scene(action="pause")
    scene.look(before, 10 * AFTER_S)
    assert scene.look(PRINTING, 0) == 0
    assert scene.look(PRINTING, AFTER_S - 1) == 0
    assert scene.look(PRINTING, 1) == 1


@pytest.mark.parametrize("phase", ["unreachable", "unknown"])
def test_a_printer_out_of_reach_is_paused_once_it_is_back(phase):
    scene = Scene(action="pause")
    assert scene.look(Snapshot(phase), AFTER_S) == 0
    assert scene.look(PRINTING, 1) == 1


def test_a_pause_that_the_printer_does_not_show_is_asked_for_three_times():
    scene = Scene(action="pause")
    scene.look(PRINTING, AFTER_S)
    assert scene.look(PRINTING, RETRY_S - 1) == 1
    assert scene.look(PRINTING, 1) == 2
    assert [scene.look(PRINTING, RETRY_S) for _ in range(3)] == [3, 3, 3]


def test_who_resumes_the_print_by_hand_is_left_alone():
    scene = Scene(action="pause")
    scene.look(PRINTING, AFTER_S)
    scene.look(PAUSED, 10)
    assert scene.look(PRINTING, 10 * AFTER_S) == 1


def test_the_next_print_and_the_next_outage_are_paused_again():
    scene = Scene(action="pause")
    scene.look(PRINTING, AFTER_S)
    scene.look(PAUSED, 10)
    scene.look(Snapshot("printing", "b"), 10)
    assert scene.look(Snapshot("printing", "b"), AFTER_S) == 2
    scene.look(Snapshot("paused", "b"), 10)
    scene.hub_back(Snapshot("paused", "b"))
    scene.look(Snapshot("printing", "b"), 10)
    assert scene.look(Snapshot("printing", "b"), AFTER_S) == 3


@pytest.fixture
def steps(monkeypatch):
    """What was carried out; raises the error that stands in it."""
    taken = []

    def carry_out(step, broker, about):
        taken.append((step, broker, about))
        if step.url == "http://nowhere":
            raise PrinterError("action: nowhere does not answer in time")

    monkeypatch.setattr(fallback, "carry_out", carry_out)
    return taken


def test_the_owners_own_step_is_taken_once_and_told(steps):
    step, broker = Step(topic="plug/set", payload="OFF"), Broker("192.0.2.2")
    scene = Scene(action="run", run=step, broker=broker)
    scene.look(PRINTING, AFTER_S)
    scene.look(PRINTING, 10 * AFTER_S)
    reason = "the hub had been silent for 10 min of this print"
    assert steps == [(step, broker, {"order": "fallback", "job": "a", "reason": reason})]
    assert scene.reports == [(FALLBACK_RUN, "confirmed", reason, "printing")]
    assert scene.pauses == []


def test_a_step_that_fails_is_told_and_not_repeated(steps):
    scene = Scene(action="run", run=Step(url="http://nowhere"))
    scene.look(PRINTING, AFTER_S)
    scene.look(PRINTING, 10 * AFTER_S)
    ((name, stage, reason, _),) = scene.reports
    assert (name, stage) == (FALLBACK_RUN, "failed")
    assert reason.startswith("action: nowhere does not answer in time (the hub had been silent")
    assert len(steps) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"action": "stop"}, "'stop' is none of none, pause, run"),
        ({"action": "pause", "after_s": 30.0}, "at least 120"),
        ({"action": "run"}, "go together"),
        ({"action": "pause", "run": Step(url="http://x")}, "go together"),
        ({"action": "run", "run": Step(topic="a")}, "needs a .*broker"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        Settings(**settings)
