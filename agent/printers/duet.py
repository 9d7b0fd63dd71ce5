"""Duet boards (RepRapFirmware 3) over HTTP, standalone or behind a single-board computer, which answers the same way."""

from __future__ import annotations

import contextlib
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.clock import ticks
from agent.http_client import Client, Reply
from agent.printers.base import ORDERS, PrinterError, Snapshot
from agent.printers.driver import HEATERS, Polled
from agent.printers.rest import Rest, number, one_line, rows, table, text, whole

#: What is under way counts as what was before: only a printer at rest is paused.
_PHASES = {
    "idle": "idle",
    "off": "idle",
    "busy": "idle",
    "changingTool": "idle",
    "simulating": "idle",
    "processing": "printing",
    "pausing": "printing",
    "cancelling": "printing",
    "paused": "paused",
    "resuming": "paused",
    "halted": "error",
}
_CODES = {"pause": "M25", "resume": "M24", "cancel": "M0"}
#: A pause waits for the moves that are queued and for the owner's pause.g.
_PAUSED_WITHIN_S = 60.0
_LOOK_AGAIN_S = 0.3


@dataclass(frozen=True)
class Settings:
    """`password` as set with M551; the firmware's own default means that there is none."""

    url: str
    password: str = "reprap"  # noqa: S105 - what the firmware itself calls it when none is set
    ca: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        Client(self.url)


class Duet(Polled):
    """One board. It tells who may ask by the address that logged in, for 8 seconds after the last question."""

    name = "Duet"
    after = frozenset(HEATERS)
    instead = "put it into the printer's own pause.g"

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        super().__init__(Rest(self.name, settings.url, timeout_s=settings.timeout_s, ca=settings.ca), clock)
        self._password = settings.password
        self._logged_in = False
        self._tool, self._tool_heater = -1, -1

    def stop(self) -> None:
        """Give the session back: there are eight of them."""
        if self._logged_in:
            with contextlib.suppress(PrinterError):
                self._rest.call("GET", "rr_disconnect")
            self._logged_in = False
        super().stop()

    def show(self, message: str) -> None:
        """Show a line on the display and in the web interface."""
        plain = one_line(message).replace("'", " ")  # which would change the case of the next letter
        self._code(f'M117 "{plain}"')

    def _look(self) -> Snapshot:
        """State, job and temperatures; raises PrinterError also while the firmware starts or is not there."""
        state, job = self._model("state"), self._model("job")
        status = text(state.get("status"))
        phase = _PHASES.get(status, "")
        if not phase:
            raise PrinterError(f"Duet: the board is {status or 'in no state that it tells'}")
        file = table(job, "file")
        if phase in ORDERS and not file.get("fileName"):
            phase = "unknown"  # the print ended between the two questions
        if phase in ORDERS:
            place, printed = number(job.get("filePosition"), 0), number(job.get("duration"), 0)
            identity = tuple(text(file.get(each)) for each in ("fileName", "lastModified", "size"))
            self._follow(identity, place or 0.0, printed or 0.0)
        else:
            self._run.over()
            phase = _ended(job) if status == "idle" else phase
        left = table(job, "timesLeft")
        return Snapshot(
            phase=phase,
            job=self._run.job,
            file=text(file.get("fileName") or job.get("lastFileName")).rpartition("/")[2],
            progress=_progress(job, file),
            remaining_s=number(left.get("slicer") or left.get("file"), 0, 1e8),
            layer=whole(job.get("layer")),
            layers=whole(file.get("numLayers")),
            temperatures=self._temperatures(state),
            can=() if status == "cancelling" else ORDERS.get(phase, ()),
            message=text(table(state, "messageBox").get("message") or state.get("displayMessage")) or status,
        )

    def _temperatures(self, state: dict[str, Any]) -> dict[str, tuple[float, float]]:
        heat = self._model("heat")
        beds = heat.get("bedHeaters")
        bed = whole(beds[0]) if isinstance(beds, list) and beds else None
        heaters = rows(heat.get("heaters"))
        found = {}
        for name, place in (("hotend", self._heater_of(state.get("currentTool"))), ("bed", bed)):
            heater = heaters[place] if place is not None and 0 <= place < len(heaters) else {}
            actual = number(heater.get("current"), -300, 3000)
            if actual is not None:
                # in standby too what it will be when the print goes on
                target = 0.0 if heater.get("state") == "off" else number(heater.get("active"), 0, 3000)
                found[name] = (actual, target or 0.0)
        return found

    def _heater_of(self, current: Any) -> int | None:
        """The first heater of the tool in use, asked for when the tool changes."""
        tool = whole(current)
        if tool is None:
            return None
        if tool != self._tool:
            numbered = {whole(each.get("number")): each for each in rows(self._model_of("tools"))}
            heaters = numbered.get(tool, {}).get("heaters")
            first = whole(heaters[0]) if isinstance(heaters, list) and heaters else None
            self._tool, self._tool_heater = tool, -1 if first is None else first
        return self._tool_heater

    def _give(self, order: str, job: str) -> None:
        """The firmware cancels a print that is paused and no other, so that cancelling pauses first."""
        if order == "cancel" and self.snapshot().phase == "printing":
            self._code(_CODES["pause"])
            until = time.monotonic() + _PAUSED_WITHIN_S
            while (now := self.snapshot()).phase == "printing" and now.job == job:
                if time.monotonic() > until:
                    raise PrinterError("cannot cancel: the printer did not pause first")
                time.sleep(_LOOK_AGAIN_S)
            if (now.phase, now.job) != ("paused", job):
                raise PrinterError("cannot cancel: that job is over")
        self._code(_CODES[order])

    def _set_heater(self, heater: str, target: float) -> None:
        """A tool is switched off and on and keeps its temperatures."""
        self._code(f"M140 S{target:g}" if heater == "bed" else f"M568 P{self._tool} A{2 if target else 0}")

    def _code(self, code: str) -> None:
        self._checked(f"rr_gcode?gcode={urllib.parse.quote(code)}", repeatable=False)
        reply = self._rest.call("GET", "rr_reply").body[:500].decode("utf-8", "replace").strip()
        if reply.startswith("Error"):
            raise PrinterError(f"Duet: {one_line(reply, 200)}")

    def _model(self, key: str) -> dict[str, Any]:
        return table(self._model_of(key))

    def _model_of(self, key: str) -> Any:
        """A part of the firmware's object model; a board that is short of memory sends none."""
        told = self._rest.parsed(self._checked(f"rr_model?key={key}&flags=d5vn"))
        if "result" not in told:
            raise PrinterError(f"Duet: the board does not tell {key} now")
        return told["result"]

    def _checked(self, path: str, *, repeatable: bool = True) -> Reply:
        """The reply, after logging in when the session has ended."""
        if not self._logged_in:
            self._log_in()
        reply = self._rest.call("GET", path, repeatable=repeatable)
        if reply.status == 401:  # refused before it was looked at, so that nothing is done twice
            self._log_in()
            reply = self._rest.call("GET", path, repeatable=repeatable)
        return self._rest.checked(reply, f"answer {path.partition('?')[0]}")

    def _log_in(self) -> None:
        self._tool = -1
        refusals = {1: "the password is wrong", 2: "too many programs are logged in"}
        told = self._rest.get(f"rr_connect?password={urllib.parse.quote(self._password, safe='')}")
        refused = whole(told.get("err"))
        if refused != 0:
            raise PrinterError(f"Duet: {refusals.get(refused or 0, 'it refuses the login')}")
        self._logged_in = True


def create(settings: Settings) -> Duet:
    """The driver of these settings."""
    return Duet(settings)


def _ended(job: dict[str, Any]) -> str:
    """How the last print ended, as far as the firmware tells."""
    if not job.get("lastFileName") or "lastFileCancelled" not in job or job.get("lastFileSimulated"):
        return "idle"
    if job["lastFileCancelled"]:
        return "cancelled"
    return "error" if job.get("lastFileAborted") else "finished"


def _progress(job: dict[str, Any], file: dict[str, Any]) -> float | None:
    place, size = number(job.get("filePosition"), 0), number(file.get("size"), 0)
    return min(1.0, place / size) if place is not None and size else None
