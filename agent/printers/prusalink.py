"""Prusa printers through PrusaLink: HTTP with digest, orders named by the job they are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import ticks
from agent.http_client import Client
from agent.http_login import Login
from agent.printers.base import ORDERS, PrinterError, Snapshot
from agent.printers.driver import Polled
from agent.printers.rest import Rest, number, table, text, whole

_PHASES = {
    "IDLE": "idle",
    "READY": "idle",
    "BUSY": "idle",
    "PRINTING": "printing",
    "PAUSED": "paused",
    "FINISHED": "finished",
    "STOPPED": "cancelled",
    "ERROR": "error",
}
_CALLS = {"pause": ("PUT", "/pause"), "resume": ("PUT", "/resume"), "cancel": ("DELETE", "")}


@dataclass(frozen=True)
class Settings:
    """User and password as the printer shows them; `key` instead of them for old firmware."""

    url: str
    user: str = "maker"
    password: str = ""
    key: str = ""
    ca: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if bool(self.password) == bool(self.key):
            raise ValueError("give password or key")
        Client(self.url)


class PrusaLink(Polled):
    """One printer. It has no camera that can be read over the LAN, shows no messages and takes no G-code."""

    name = "PrusaLink"
    instead = "the printer parks and cools by its own rules"

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        login = Login(settings.user, settings.password, scheme="digest") if settings.password else None
        headers = {"X-Api-Key": settings.key} if settings.key else {}
        rest = Rest(
            self.name,
            settings.url,
            headers=headers,
            login=login,
            timeout_s=settings.timeout_s,
            ca=settings.ca,
        )
        super().__init__(rest, clock)
        self._id = ""

    def _look(self) -> Snapshot:
        """State, job and temperatures."""
        status = self._rest.get("api/v1/status")
        printer, job = table(status, "printer"), table(status, "job")
        state = text(printer.get("state")).upper()
        # attention (filament has run out, a crash was felt) stops the print until somebody comes
        phase = _PHASES.get(state, "paused" if state == "ATTENTION" and job else "unknown")
        if phase == "idle" and state == "BUSY" and job:
            phase = "printing"
        file = ""
        if phase in ORDERS:
            file = self._file()
            self._id = text(whole(job.get("id")))
            printed = number(job.get("time_printing"), 0) or 0.0
            # the printer's numbers begin anew when it is switched off, so the time printed counts too
            self._follow((self._id, file), number(job.get("progress"), 0) or 0.0, printed)
        else:
            self._run.over()
        percent = number(job.get("progress"), 0, 100) if phase in ORDERS else None
        readings = (("hotend", "temp_nozzle", "target_nozzle"), ("bed", "temp_bed", "target_bed"))
        return Snapshot(
            phase=phase,
            job=self._run.job,
            file=file,
            progress=None if percent is None else percent / 100,
            remaining_s=number(job.get("time_remaining"), 0, 1e8),
            temperatures={
                name: (actual, number(printer.get(target), -300, 3000) or 0.0)
                for name, reading, target in readings
                if (actual := number(printer.get(reading), -300, 3000)) is not None
            },
            can=() if state in ("ATTENTION", "BUSY") else ORDERS.get(phase, ()),
            message=text(table(printer, "status_printer").get("message")) or state,
        )

    def _file(self) -> str:
        reply = self._rest.call("GET", "api/v1/job")
        if reply.status in (204, 404):
            return ""
        file = table(self._rest.parsed(self._rest.checked(reply, "tell the job")), "file")
        return text(file.get("display_name") or file.get("name"))

    def _give(self, order: str, job: str) -> None:
        """The order names the job's number, which the printer itself checks."""
        method, path = _CALLS[order]
        reply = self._rest.call(method, f"api/v1/job/{self._id}{path}")
        if reply.status == 404:
            raise PrinterError(f"cannot {order}: that job is over")
        self._rest.checked(reply, order)


def create(settings: Settings) -> PrusaLink:
    """The driver of these settings."""
    return PrusaLink(settings)
