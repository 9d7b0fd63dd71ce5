"""What every kind of printer offers the agent, and how a kind is found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

#: Kind to module. Each module has a `Settings` dataclass and `create(settings) -> Printer`.
KINDS = {
    "action": "agent.printers.action",
    "bambu": "agent.printers.bambu",
    "camera_only": "agent.printers.camera_only",
    "duet": "agent.printers.duet",
    "elegoo": "agent.printers.elegoo",
    "moonraker": "agent.printers.moonraker",
    "octoprint": "agent.printers.octoprint",
    "prusalink": "agent.printers.prusalink",
    "simulated": "agent.printers.simulated",
}


#: Which orders make sense in which phase.
ORDERS: Mapping[str, tuple[str, ...]] = {"printing": ("pause", "cancel"), "paused": ("resume", "cancel")}
_REACHED = {"pause": "paused", "resume": "printing"}


class PrinterError(Exception):
    """The printer could not be reached or refused; the text names the printer and says why."""


class NotYet(PrinterError):
    """The connection to the printer is still being made."""


@dataclass(frozen=True)
class Snapshot:
    """What a printer says of itself. Fields as in `protocol.State`; `job` is empty when there is none.

    `job` must change with every new print, also of the same file, as far as the printer allows to tell.
    """

    phase: str
    job: str = ""
    file: str = ""
    progress: float | None = None
    remaining_s: float | None = None
    layer: int | None = None
    layers: int | None = None
    temperatures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    can: tuple[str, ...] = ()
    control: str = ""
    message: str = ""


@dataclass(frozen=True)
class CameraOffer:
    """A camera that a printer's own software knows; `settings` is the rest of its `[[printer.camera]]` table."""

    name: str
    settings: Mapping[str, Any]


class Printer(Protocol):
    """One printer. Methods may block for a bounded time; all raise PrinterError.

    The orders return when the printer's software has accepted them. Whether the printer really obeyed is found by
    the caller in later snapshots, never taken from the reply.
    """

    def start(self) -> None:
        """Open connections; must not fail because the printer is off."""
        ...

    def stop(self) -> None:
        """Close connections; may be called twice."""
        ...

    def snapshot(self) -> Snapshot:
        """What the printer does now; raises PrinterError when it cannot be asked."""
        ...

    def pause(self, job: str, reason: str) -> None:
        """Ask to pause this job; raises PrinterError also when another job runs."""
        ...

    def resume(self, job: str) -> None:
        """Ask to resume this job."""
        ...

    def cancel(self, job: str, reason: str) -> None:
        """Ask to cancel this job."""
        ...

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Carry out the after-pause options of `protocol.AFTER_PAUSE`, now, and see that they took effect.

        Waiting for a heater's delay, and for the job to be still paused then, is the caller's part. Raises
        PrinterError that names what was not done; what the printer cannot do is not begun.
        """
        ...

    def cameras(self) -> tuple[CameraOffer, ...]:
        """Cameras that the printer's software knows."""
        ...

    def show(self, message: str) -> None:
        """Show a line on the printer's display, if it has one."""
        ...


def fits(order: str, job: str, now: Snapshot) -> bool:
    """Whether the order is still to be given; raises PrinterError if it is not for what the printer does now."""
    if not job or now.job != job:
        raise PrinterError(
            f"cannot {order}: that job is over, the printer is {now.phase} with another or none"
        )
    if now.phase == _REACHED.get(order):
        return False
    if order not in ORDERS.get(now.phase, ()):
        raise PrinterError(f"cannot {order} while {now.phase}")
    if order not in now.can:
        raise PrinterError(now.control or f"cannot {order}")
    return True


def printer_module(kind: str) -> Any:
    """The module of a kind; raises KeyError for an unknown one."""
    return importlib.import_module(KINDS[kind])
