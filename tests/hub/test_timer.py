"""Who is told when a printer is not watched: an alarm while a print may be running, a note otherwise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.protocol import State
from hub.live import Live
from hub.timer import Timer
from hub.watch import NOT_WATCHED, WATCHED
from tests.support.messages import BOOT, PRINTER

REASON = "the printer is unreachable"


class Scene:
    def __init__(self):
        self.told, self.live, self.print = [], Live(), None
        hub = SimpleNamespace(
            live=self.live,
            database=SimpleNamespace(foreign_changes=lambda: 0),
            prints=SimpleNamespace(running=lambda _printer: self.print),
            outcomes=SimpleNamespace(
                watch_changed=lambda *each, at_risk: self.told.append((*each, at_risk)),
            ),
        )
        self.timer = Timer(hub)

    def phase(self, phase):
        self.live.printer(PRINTER).state = State(BOOT, 1, 0, 0, phase)

    def look(self, state=NOT_WATCHED, *, changed=False, settled=True):
        self.timer._tell_watch(PRINTER, state, REASON, changed=changed, settled=settled)
        return len(self.told)


@pytest.fixture
def scene():
    return Scene()


def test_a_printer_that_goes_off_after_its_print_is_a_note(scene):
    scene.phase("unreachable")
    assert scene.look(changed=True) == 1
    assert scene.told == [(PRINTER, NOT_WATCHED, REASON, False)]
    assert scene.look() == 1


@pytest.mark.parametrize("how", ["its state", "a print that is not known to have ended"])
def test_a_print_that_is_not_watched_any_more_is_an_alarm_once(scene, how):
    scene.phase("printing" if how == "its state" else "unreachable")
    scene.print = None if how == "its state" else object()
    assert scene.look(changed=True) == 1
    assert scene.look() == 1
    assert scene.told == [(PRINTER, NOT_WATCHED, REASON, True)]


def test_a_print_that_begins_unwatched_is_an_alarm_although_nothing_changed(scene):
    scene.phase("unreachable")
    scene.look(changed=True)
    scene.phase("printing")
    assert scene.look() == 2
    assert scene.told[-1] == (PRINTER, NOT_WATCHED, REASON, True)


def test_a_print_that_an_earlier_run_left_is_told_once_agents_had_time_to_come_back(scene):
    scene.print = object()
    assert scene.look(settled=False) == 0
    assert scene.look(settled=True) == 1
    assert scene.told == [(PRINTER, NOT_WATCHED, REASON, True)]
    assert scene.look(WATCHED, changed=True) == 2
    assert scene.look(changed=True) == 3, "and again the next time"
