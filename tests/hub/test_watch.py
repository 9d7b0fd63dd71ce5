"""Only a positive "not printing" stands the watch down; everything uncertain means not watched, with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.protocol import CAMERA_FAULTS, NOT_PRINTING, PHASES
from hub.live import HIDDEN_FRAMES, CameraLive, PrinterLive
from hub.policy import PrinterSettings
from hub.watch import AGENT_SILENT_S, FRAME_GRACE_S, NOT_WATCHED, RECONNECT_S, STANDING_DOWN, WATCHED, watch
from tests.support.messages import frame, state

NOW, INTERVAL = 1000.0, 5.0


def camera(**changes):
    return replace(CameraLive(frame=frame(), received=NOW - 1), **changes)


def printer(phase="printing", cameras=None, **changes):
    right = PrinterLive(online=True, state=state(phase=phase), state_received=NOW - 1)
    right.cameras = {"main": camera()} if cameras is None else cameras
    return replace(right, **changes)


def seen(live, **settings):
    return watch(live, PrinterSettings(**settings), interval=INTERVAL, now=NOW)


def test_a_printing_printer_with_a_live_camera_is_watched():
    assert seen(printer()) == (WATCHED, "")


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase(phase):
    expected = WATCHED if phase == "printing" else STANDING_DOWN
    if phase in ("unreachable", "unknown"):
        expected = NOT_WATCHED
    found, reason = seen(printer(phase))
    assert found == expected
    assert (phase in reason) == (phase != "printing")
    assert (found == STANDING_DOWN) == (phase in (*NOT_PRINTING, "paused"))


def test_an_unreachable_printer_says_why():
    live = printer(state=state(phase="unreachable", control="no route to host"))
    assert seen(live) == (NOT_WATCHED, "the printer is unreachable: no route to host")


def test_its_owner_can_switch_watching_off():
    assert seen(printer(online=False), watch=False) == (STANDING_DOWN, "its owner switched watching off")


def test_a_printer_nothing_was_heard_of_is_not_watched():
    assert seen(PrinterLive()) == (NOT_WATCHED, "its agent is not connected")
    assert seen(printer(state=None)) == (NOT_WATCHED, "its agent is not connected")


def test_a_short_reconnect_is_no_alarm_and_a_longer_one_is():
    assert seen(printer(online=False, offline_since=NOW - RECONNECT_S))[0] == WATCHED
    found, reason = seen(printer(online=False, offline_since=NOW - RECONNECT_S - 1))
    assert (found, reason) == (NOT_WATCHED, "its agent is not connected")


def test_an_idle_printer_whose_agent_is_gone_is_not_watched():
    """The last thing heard was "idle", but a print may have been started since."""
    assert seen(printer("idle", online=False, offline_since=0.0))[0] == NOT_WATCHED


def test_a_connected_agent_that_says_nothing_is_not_watched():
    assert seen(printer("idle", state_received=NOW - AGENT_SILENT_S))[0] == STANDING_DOWN
    found, reason = seen(printer("idle", state_received=NOW - AGENT_SILENT_S - 1))
    assert (found, reason) == (NOT_WATCHED, "its agent has said nothing for 41 s")


def test_without_a_camera_nothing_is_watched():
    assert seen(printer(cameras={})) == (NOT_WATCHED, "it has no camera")


@pytest.mark.parametrize("fault", CAMERA_FAULTS)
def test_every_fault_an_agent_can_tell_means_not_watched_and_has_words(fault):
    found, reason = seen(printer(cameras={"main": camera(fault=fault)}))
    assert found == NOT_WATCHED
    assert reason.startswith("camera main ")
    assert len(reason.split()) > 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frame": None}, "has sent no frame yet"),
        ({"received": NOW - 2 * INTERVAL - FRAME_GRACE_S - 1}, "has sent nothing for 23 s"),
        ({"dark": True}, "is too dark to see anything"),
        ({"covered": HIDDEN_FRAMES}, "seems to be covered"),
        ({"broken": True}, "sends pictures that cannot be read"),
        ({"fault": "a new one"}, "a new one"),
    ],
)
def test_every_fault_the_hub_finds_itself(changes, reason):
    assert seen(printer(cameras={"main": camera(**changes)})) == (NOT_WATCHED, f"camera main {reason}")


def test_a_camera_may_be_late_by_two_intervals_and_some_grace():
    late = camera(received=NOW - 2 * INTERVAL - FRAME_GRACE_S)
    assert seen(printer(cameras={"main": late})) == (WATCHED, "")


def test_one_working_camera_is_enough_and_the_others_fault_is_told():
    cameras = {"main": camera(), "side": camera(fault="frozen")}
    assert seen(printer(cameras=cameras)) == (
        WATCHED,
        "camera side sends the same picture again and again",
    )
    cameras["main"] = camera(dark=True)
    found, reason = seen(printer(cameras=cameras))
    assert found == NOT_WATCHED
    assert reason.count("camera ") == 2
