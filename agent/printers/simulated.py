"""A printer that is only pretended, for the demo and for tests: jobs, temperatures, layers, faults on demand."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from agent.clock import ticks
from agent.printers.base import CameraOffer, PrinterError, Snapshot

FAULTS = ("", "ignores_orders", "refuses_orders", "unreachable")
_CAN = {"printing": ("pause", "cancel"), "paused": ("resume", "cancel")}


@dataclass(frozen=True)
class Settings:
    """`job_s`: how long a print takes; `layers` in it; `delay_s`: from order to obeying; `fault`: one of FAULTS."""

    job_s: float = 3600.0
    layers: int = 200
    delay_s: float = 0.3
    file: str = "benchy.gcode"
    autostart: bool = True
    fault: str = ""

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"fault: {self.fault!r} is none of {', '.join(filter(None, FAULTS))}")


class SimulatedPrinter:
    """A pretended printer. `fault` may be changed while it runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.fault = settings.fault
        self._lock = threading.Lock()
        self._phase, self._number, self._printed = "idle", 0, 0.0
        self._since = ticks()
        self._order: tuple[str, float] | None = None
        self.shown = ""

    def start(self) -> None:
        """Begin the first job if the settings say so."""
        if self._settings.autostart:
            self.begin()

    def stop(self) -> None:
        """Nothing to close."""

    def begin(self) -> None:
        """Start a new job."""
        with self._lock:
            self._number += 1
            self._phase, self._printed, self._since, self._order = "printing", 0.0, ticks(), None

    def snapshot(self) -> Snapshot:
        """What the pretended printer does now; raises PrinterError when its fault is "unreachable"."""
        if self.fault == "unreachable":
            raise PrinterError("simulated printer: no answer")
        with self._lock:
            self._advance()
            printing = self._phase in _CAN
            progress = min(1.0, self._printed / self._settings.job_s)
            target = (60.0, 210.0) if printing else (0.0, 0.0)
            return Snapshot(
                phase=self._phase,
                job=f"{self._settings.file}#{self._number}" if printing else "",
                file=self._settings.file,
                progress=progress,
                remaining_s=self._settings.job_s * (1 - progress),
                layer=int(progress * self._settings.layers),
                layers=self._settings.layers,
                temperatures={
                    "bed": (target[0] or 24.0, target[0]),
                    "hotend": (target[1] or 25.0, target[1]),
                },
                can=_CAN.get(self._phase, ()),
                message=self.shown,
            )

    def pause(self, job: str, reason: str) -> None:
        """Take the order; the phase changes after `delay_s`."""
        self._take("paused", job)

    def resume(self, job: str) -> None:
        """Take the order."""
        self._take("printing", job)

    def cancel(self, job: str, reason: str) -> None:
        """Take the order."""
        self._take("cancelled", job)

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Every option "works"."""

    def cameras(self) -> tuple[CameraOffer, ...]:
        """None."""
        return ()

    def show(self, message: str) -> None:
        """Keep the line for `message`."""
        self.shown = message

    def _take(self, phase: str, job: str) -> None:
        if self.fault == "refuses_orders":
            raise PrinterError("simulated printer: refused the order")
        current = self.snapshot().job
        if job != current:
            raise PrinterError(f"simulated printer: job {job!r} is not running, {current!r} is")
        if self.fault == "ignores_orders":
            return
        with self._lock:
            self._order = (phase, ticks() + self._settings.delay_s)

    def _advance(self) -> None:
        """Bring job progress and a waiting order up to now."""
        now = ticks()
        if self._order is not None and now >= self._order[1]:
            self._pass_time(self._order[1])
            self._phase, self._order = self._order[0], None
        self._pass_time(now)

    def _pass_time(self, until: float) -> None:
        if self._phase == "printing":
            self._printed += max(0.0, until - self._since)
            if self._printed >= self._settings.job_s:
                self._phase = "finished"
        self._since = max(self._since, until)


def create(settings: Settings) -> SimulatedPrinter:
    """The printer of these settings."""
    return SimulatedPrinter(settings)
