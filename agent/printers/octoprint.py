"""OctoPrint over its REST interface. A key with STATUS, PRINT, SETTINGS_READ and WEBCAM is enough to watch and pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.clock import ticks
from agent.http_client import Client
from agent.printers.base import ORDERS, CameraOffer, PrinterError, Snapshot, fits
from agent.printers.heaters import SwitchedOff
from agent.printers.offers import offer
from agent.printers.rest import Rest, number, one_line, rows, table, text
from agent.printers.runs import Run

_CONFIRM_S = 10.0
_RIGHTS_S = 300.0
_HEATERS = {"hotend_off_s": "hotend", "bed_off_s": "bed"}


@dataclass(frozen=True)
class Settings:
    """`url` as in the browser; `key` is an application or user key. `ca` trusts a private certificate authority."""

    url: str
    key: str
    ca: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("key is empty")
        Client(self.url)


class OctoPrint:
    """One OctoPrint, asked anew for every snapshot."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        self._rest = Rest(
            "OctoPrint",
            settings.url,
            headers={"X-Api-Key": settings.key},
            timeout_s=settings.timeout_s,
            ca=settings.ca,
        )
        self._clock = clock
        self._run, self._heaters = Run(), SwitchedOff()
        self._lock = threading.Lock()
        self._ended = "idle"
        self._control, self._asked = "", float("-inf")

    def start(self) -> None:
        """Nothing to open: every snapshot asks."""

    def stop(self) -> None:
        """Close the kept connection."""
        self._rest.close()

    def snapshot(self) -> Snapshot:
        """State, job and temperatures; raises PrinterError also when OctoPrint has lost its printer."""
        with self._lock:  # an older answer taken after a newer one would look like another print
            return self._snapshot()

    def _snapshot(self) -> Snapshot:
        job = self._rest.get("api/job")
        printer = self._rest.call("GET", "api/printer?exclude=sd&history=false")
        if printer.status == 409:
            return self._disconnected(text(job.get("state")))
        self._know_rights()
        return self._told(job, self._rest.parsed(self._rest.checked(printer, "tell the state")))

    def pause(self, job: str, reason: str) -> None:
        """Pause. The action is always named: without it OctoPrint would resume a paused print."""
        self._order("pause", job, {"command": "pause", "action": "pause"})

    def resume(self, job: str) -> None:
        """Resume, after heaters that were switched off in the pause are hot again."""
        self._order("resume", job, {"command": "pause", "action": "resume"})

    def cancel(self, job: str, reason: str) -> None:
        """Cancel."""
        self._order("cancel", job, {"command": "cancel"})

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Switch heaters off; movements cannot be confirmed over REST and are refused."""
        if unknown := sorted(set(options) - set(_HEATERS)):
            raise PrinterError(
                f"OctoPrint cannot confirm {', '.join(unknown)}: use its own GCODE script afterPrintPaused"
            )
        for heater in (_HEATERS[each] for each in options):
            target = self._target(heater, lambda _: True, f"OctoPrint has no reading of the {heater}")
            self._heaters.remember(heater, target)
            self._heat(heater, 0.0)

    def cameras(self) -> tuple[CameraOffer, ...]:
        """The webcams in OctoPrint's settings; their own logins are not told to an API key."""
        webcams = rows(table(self._rest.get("api/settings"), "webcam").get("webcams"))
        found = [
            offer(
                text(each.get("name")),
                text(table(each, "compat").get("snapshot"), 2000),
                text(table(each, "compat").get("stream"), 2000),
                self._rest.url,
                flip_h=each.get("flipH") is True,
                flip_v=each.get("flipV") is True,
                rotate=270 if each.get("rotate90") is True else 0,  # it turns counter-clockwise
            )
            for each in webcams
        ]
        return tuple(each for each in found if each)

    def show(self, message: str) -> None:
        """Show a line on the display; needs the right CONTROL."""
        command = {"command": f"M117 {one_line(message)}"}
        self._rest.checked(self._rest.call("POST", "api/printer/command", command), "show a message")

    def _told(self, job: dict[str, Any], printer: dict[str, Any]) -> Snapshot:
        flags = table(printer, "state", "flags")
        file, progress = table(job, "job", "file"), table(job, "progress")
        done = number(progress.get("completion"), 0, 100)
        phase = _phase(flags)
        if phase in ORDERS:
            self._follow(file, progress)
        else:
            if self._run.job:
                self._ended = "finished" if done is not None and done >= 99.9 else "cancelled"
            self._run.over()
            if phase == "idle" and file.get("name"):
                phase = self._ended
        busy = flags.get("cancelling") or flags.get("finishing")
        return Snapshot(
            phase=phase,
            job=self._run.job,
            file=text(file.get("display") or file.get("name")),
            progress=None if done is None else done / 100,
            remaining_s=number(progress.get("printTimeLeft"), 0, 1e8),
            temperatures=_temperatures(table(printer, "temperature")),
            can=() if self._control or busy else ORDERS.get(phase, ()),
            control=self._control,
            message=text(table(printer, "state").get("error") or job.get("state")),
        )

    def _follow(self, file: dict[str, Any], progress: dict[str, Any]) -> None:
        before = self._run.job
        identity = tuple(str(file.get(each)) for each in ("origin", "path", "date", "size"))
        place, printed = number(progress.get("filepos")), number(progress.get("printTime"))
        if self._run.active(identity, place or 0.0, printed or 0.0, self._clock()) != before:
            self._heaters.forget()

    def _disconnected(self, state: str) -> Snapshot:
        """After an error OctoPrint feeds the printer no more; in every other case nobody knows what it does."""
        self._run.over()
        self._ended = "idle"
        if "error" in state.lower():
            return Snapshot(phase="error", message=state)
        raise PrinterError(f"OctoPrint is not connected to the printer ({state or 'offline'})")

    def _know_rights(self) -> None:
        """Ask now and then what the key may do, so that "cannot pause" is known before it is needed."""
        now = self._clock()
        if now - self._asked < _RIGHTS_S:
            return
        rights = self._rest.get("api/currentuser").get("permissions")
        may = isinstance(rights, list) and "PRINT" in rights
        self._control = "" if may else "the key lacks the right PRINT: it can watch and not pause"
        self._asked = now

    def _order(self, order: str, job: str, command: dict[str, str]) -> None:
        now = self.snapshot()
        if not fits(order, job, now):
            return
        if order == "resume":
            self._heaters.restore(now.temperatures, self._heat)
        self._rest.checked(self._rest.call("POST", "api/job", command), order)

    def _heat(self, heater: str, target: float) -> None:
        """Set a target and see it taken over."""
        if heater == "bed":
            path, command = "api/printer/bed", {"command": "target", "target": target}
        else:
            path, command = "api/printer/tool", {"command": "target", "targets": {"tool0": target}}
        self._rest.checked(self._rest.call("POST", path, command), f"heat the {heater} (right CONTROL)")
        ignored = f"the {heater} was told {target:g} °C and did not take it over"
        self._target(heater, lambda now: abs(now - target) <= 0.5, ignored)

    def _target(self, heater: str, wanted: Callable[[float], bool], otherwise: str) -> float:
        """The target of a heater once it is as wanted; raises PrinterError with `otherwise` when it does not get so."""
        until = time.monotonic() + _CONFIRM_S
        while True:
            reading = self.snapshot().temperatures.get(heater)
            if reading is not None and wanted(reading[1]):
                return reading[1]
            if time.monotonic() > until:
                raise PrinterError(otherwise)
            time.sleep(0.5)


def create(settings: Settings) -> OctoPrint:
    """The driver of these settings."""
    return OctoPrint(settings)


def _phase(flags: Mapping[str, Any]) -> str:
    """What is under way counts as what was before: only a printer at rest is paused, and cancelled when it stopped."""
    if flags.get("paused") or flags.get("resuming"):
        return "paused"
    if any(flags.get(each) for each in ("printing", "pausing", "cancelling", "finishing")):
        return "printing"
    if flags.get("error") or flags.get("closedOrError"):
        return "error"
    return "idle" if flags.get("operational") else "unknown"


def _temperatures(told: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    found = {}
    for sensor in told:
        reading = table(told, sensor)
        actual = number(reading.get("actual"), -300, 3000)
        if actual is not None:
            name = "hotend" if sensor == "tool0" else sensor
            found[name] = (actual, number(reading.get("target"), -300, 3000) or 0.0)
    return found
