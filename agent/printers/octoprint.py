"""OctoPrint over its REST interface. A key with STATUS, PRINT, SETTINGS_READ and WEBCAM is enough to watch and pause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.clock import ticks
from agent.http_client import Client
from agent.printers.base import ORDERS, CameraOffer, PrinterError, Snapshot
from agent.printers.driver import HEATERS, Polled
from agent.printers.offers import offer
from agent.printers.rest import Rest, number, one_line, rows, table, text

_RIGHTS_S = 300.0


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


class OctoPrint(Polled):
    """One OctoPrint; `rest` answers as its REST interface does."""

    name = "OctoPrint"
    after = frozenset(HEATERS)  # what moves cannot be confirmed over REST
    instead = "use its own GCODE script afterPrintPaused"

    def __init__(self, rest: Rest, clock: Callable[[], float] = ticks) -> None:
        super().__init__(rest, clock)
        self._ended = "idle"
        self._control, self._asked = "", float("-inf")

    def _look(self) -> Snapshot:
        """State, job and temperatures; raises PrinterError also when OctoPrint has lost its printer."""
        job = self._rest.get("api/job")
        printer = self._rest.call("GET", "api/printer?exclude=sd&history=false")
        if printer.status == 409:
            return self._disconnected(text(job.get("state")))
        self._know_rights()
        return self._told(job, self._rest.parsed(self._rest.checked(printer, "tell the state")))

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
        busy = bool(
            flags.get("cancelling") or flags.get("finishing")
        )  # counters begin anew before it is over
        if phase in ORDERS and not (busy and self._run.job):
            identity = tuple(str(file.get(each)) for each in ("origin", "path", "date", "size"))
            place, printed = number(progress.get("filepos")), number(progress.get("printTime"))
            self._follow(identity, place or 0.0, printed or 0.0)
        elif phase not in ORDERS:
            if self._run.job:
                self._ended = "finished" if done is not None and done >= 99.9 else "cancelled"
            self._run.over()
            if phase == "idle" and file.get("name"):
                phase = self._ended
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

    def _give(self, order: str, job: str) -> None:
        """The action is always named: without it OctoPrint would resume a paused print."""
        command = {"command": "cancel"} if order == "cancel" else {"command": "pause", "action": order}
        self._rest.checked(self._rest.call("POST", "api/job", command), order)

    def _set_heater(self, heater: str, target: float) -> None:
        if heater == "bed":
            path, command = "api/printer/bed", {"command": "target", "target": target}
        else:
            path, command = "api/printer/tool", {"command": "target", "targets": {"tool0": target}}
        self._rest.checked(self._rest.call("POST", path, command), f"heat the {heater} (right CONTROL)")


def create(settings: Settings) -> OctoPrint:
    """The driver of these settings."""
    headers = {"X-Api-Key": settings.key}
    return OctoPrint(
        Rest(OctoPrint.name, settings.url, headers=headers, timeout_s=settings.timeout_s, ca=settings.ca)
    )


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
