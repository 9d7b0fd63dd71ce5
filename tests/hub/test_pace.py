"""Slow while all is quiet, fast within seconds of suspicion, and a sign of life in between."""

from __future__ import annotations

import pytest

from agent import topics
from agent.protocol import read_want
from hub.pace import HEARTBEAT_S, Pace, PaceSettings
from tests.support.messages import KEY, OTHER, PRINTER

QUIET, VIEWED, SUSPECT = 10.0, 1.0, 0.5
NOW = 1000.0


class Scene:
    def __init__(self):
        self.sent, self.keys = [], {PRINTER: KEY}
        self.pace = Pace(
            PaceSettings(QUIET, VIEWED, SUSPECT, suspicion=0.02), self.keys.get, self.sent.append
        )

    def wishes(self):
        return [read_want(KEY, PRINTER, each.payload) for each in self.sent]


@pytest.fixture
def scene():
    return Scene()


def test_the_interval_that_suits(scene):
    assert scene.pace.interval(PRINTER, None, NOW) == QUIET
    assert scene.pace.interval(PRINTER, 0.01, NOW) == QUIET
    assert scene.pace.interval(PRINTER, 0.02, NOW) == SUSPECT
    scene.pace.looked_at(PRINTER, NOW)
    assert scene.pace.interval(PRINTER, 0.01, NOW + 14) == VIEWED
    assert scene.pace.interval(PRINTER, 0.5, NOW + 14) == SUSPECT
    assert scene.pace.interval(PRINTER, 0.01, NOW + 16) == QUIET
    assert scene.pace.interval(OTHER, 0.01, NOW) == QUIET


def test_looking_at_it_never_slows_it_down():
    quick = Pace(PaceSettings(0.5, 1.0, 0.2), {}.get, print)
    quick.looked_at(PRINTER, NOW)
    assert quick.interval(PRINTER, None, NOW) == 0.5


def test_a_wish_is_told_once_kept_by_the_broker_and_repeated_as_a_sign_of_life(scene):
    for after in (0.0, 1.0, HEARTBEAT_S - 1, HEARTBEAT_S, HEARTBEAT_S + 1):
        scene.pace.tell(PRINTER, None, NOW + after)
    assert [each.interval_ms for each in scene.wishes()] == [10_000, 10_000]
    assert {(each.topic, each.qos, each.retain) for each in scene.sent} == {(topics.want(PRINTER), 1, True)}
    assert scene.pace.wanted(PRINTER) == QUIET


def test_suspicion_is_told_at_once(scene):
    scene.pace.tell(PRINTER, 0.0, NOW)
    scene.pace.tell(PRINTER, 0.3, NOW + 1)
    scene.pace.looked_at(PRINTER, NOW + 2)
    scene.pace.tell(PRINTER, 0.0, NOW + 2)
    assert [(each.interval_ms, each.watched) for each in scene.wishes()] == [
        (10_000, False),
        (500, False),
        (1_000, True),
    ]
    assert scene.pace.wanted(PRINTER) == VIEWED


def test_wishes_are_numbered_upwards_also_from_run_to_run(scene):
    """An agent ignores lower numbers, and would take a hub whose clock was set back for gone."""
    for run in (1_700_000_000, 1_700_000_001):
        scene.pace.begin(run)
        for interval in (0.0, 0.3):
            scene.pace.tell(PRINTER, interval, NOW)
    numbers = [each.seq for each in scene.wishes()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 1_700_000_000_000, "the milliseconds that earlier hubs numbered by"


def test_nothing_is_told_without_a_key(scene):
    scene.pace.tell(OTHER, 0.3, NOW)
    assert scene.sent == []
    assert scene.pace.wanted(OTHER) == QUIET


def test_a_new_agent_is_told_anew(scene):
    scene.pace.tell(PRINTER, None, NOW)
    scene.pace.forget(PRINTER)
    scene.pace.forget(OTHER)
    scene.pace.tell(PRINTER, None, NOW)
    assert len(scene.sent) == 2


@pytest.mark.parametrize("name", ["quiet_s", "viewed_s", "suspect_s"])
@pytest.mark.parametrize("value", [0.0, 0.09, 3601.0])
def test_intervals_have_limits(name, value):
    with pytest.raises(ValueError, match=f"{name}: must lie from 0.1 to 3600"):
        PaceSettings(**{name: value})
