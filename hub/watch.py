"""Whether a print is really being watched. Only a positive "not printing" stands the watch down. Pure."""

from __future__ import annotations

from agent.protocol import NOT_PRINTING
from hub.live import CameraLive, PrinterLive
from hub.policy import PrinterSettings

WATCHED, STANDING_DOWN, NOT_WATCHED = "watched", "standing_down", "not_watched"
AGENT_SILENT_S = 40.0
FRAME_GRACE_S = 12.0
RECONNECT_S = 6.0

_FAULTS = {
    "offline": "cannot be reached",
    "no_signal": "sends no picture",
    "frozen": "sends the same picture again and again",
    "dark": "is too dark to see anything",
    "covered": "seems to be covered",
    "broken": "sends pictures that cannot be read",
}


def watch(live: PrinterLive, settings: PrinterSettings, *, interval: float, now: float) -> tuple[str, str]:
    """The state of the watch and its reason in words; `interval` is the wished time between frames, in seconds."""
    if not settings.watch:
        return STANDING_DOWN, "its owner switched watching off"
    state = live.state
    if state is None or (not live.online and now - live.offline_since > RECONNECT_S):
        return NOT_WATCHED, "its agent is not connected"
    silent = now - live.state_received
    if silent > AGENT_SILENT_S:
        return NOT_WATCHED, f"its agent has said nothing for {silent:.0f} s"
    if state.phase in NOT_PRINTING:
        return STANDING_DOWN, f"the printer is {state.phase}"
    if state.phase == "paused":
        return STANDING_DOWN, "the print is paused"
    if state.phase in ("unreachable", "unknown"):
        return NOT_WATCHED, f"the printer is {state.phase}" + (f": {state.control}" if state.control else "")
    return _cameras(live, interval, now)


def _cameras(live: PrinterLive, interval: float, now: float) -> tuple[str, str]:
    """One camera that works is enough to be watched; the others' faults are told."""
    if not live.cameras:
        return NOT_WATCHED, "it has no camera"
    faults = {name: _fault(camera, interval, now) for name, camera in live.cameras.items()}
    told = "; ".join(f"camera {name} {fault}" for name, fault in sorted(faults.items()) if fault)
    return (NOT_WATCHED if all(faults.values()) else WATCHED), told


def _fault(camera: CameraLive, interval: float, now: float) -> str:
    """What is wrong with a camera in words, or nothing."""
    if camera.fault:
        return _FAULTS.get(camera.fault, camera.fault)
    if camera.frame is None:
        return "has sent no frame yet"
    age = now - camera.received
    if age > 2 * interval + FRAME_GRACE_S:
        return f"has sent nothing for {age:.0f} s"
    return _FAULTS.get(camera.seen_fault, "")
