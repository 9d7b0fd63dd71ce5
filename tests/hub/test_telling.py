"""The bodies of what the hub tells integrations."""

import json
from datetime import datetime

from agent.protocol import Frame, State
from hub import telling
from hub.live import CameraLive, PrinterLive

T = 1_700_000_000.0


def live(**cameras):
    state = State(boot=1, seq=1, clock=1, time=1, phase="printing", control="no developer mode")
    return PrinterLive(online=True, state=state, cameras=cameras)


def frame():
    return Frame(camera="main", boot=1, seq=1, clock=0, time=0, job="", jpeg=b"")


def test_faults_of_cameras_and_the_reason_for_no_control_are_told():
    body = json.loads(
        telling.state(
            live(
                main=CameraLive(fault="frozen"),
                side=CameraLive(),
                top=CameraLive(dark=True),
                low=CameraLive(covered=3),
            )
        )
    )
    assert body["faults"] == {"main": "frozen", "top": "dark", "low": "covered"}
    assert body["control"] == "no developer mode"


def test_before_an_agent_speaks_nothing_can_be_controlled():
    body = json.loads(telling.state(PrinterLive()))
    assert body["phase"] == "unknown"
    assert body["control"]
    assert body["faults"] == {}


def test_the_time_of_the_newest_frame_of_all_cameras():
    old = CameraLive(frame=frame(), received=90.0, took_ms=9.0)
    new = CameraLive(frame=frame(), received=95.0, took_ms=7.26)
    body = json.loads(telling.sight(live(old=old, new=new, never=CameraLive()), 100.0, T))
    assert datetime.fromisoformat(body["last_frame"]).timestamp() == T - 5
    assert body["inference_ms"] == 7.3
    assert telling.sight(live(), 100.0, T) is None


def test_a_world_counts_its_own_printers():
    seen = [PrinterLive(watch="watched"), PrinterLive(watch="not_watched")]
    assert json.loads(telling.world(seen)) == {"printers": 2, "watched": 1}
