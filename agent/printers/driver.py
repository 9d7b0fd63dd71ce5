"""What drivers share: an order is given only if it fits what the printer does now, and is seen to work.

`Driver` is for every printer with a state and jobs of its own, `Polled` for those that are asked over HTTP.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from agent.printers.base import CameraOffer, PrinterError, Snapshot, fits
from agent.printers.heaters import SwitchedOff
from agent.printers.rest import Rest
from agent.printers.runs import Run

CONFIRM_S = 15.0
_LOOK_AGAIN_S = 0.3
HEATERS = {"hotend_off_s": "hotend", "bed_off_s": "bed"}


class Driver(ABC):
    """A printer as `base.Printer` wants it. A kind adds `start`, `stop`, `snapshot`, `_give`, and `_set_heater` if it can.

    `name` is what errors call it, `after` the after-pause options that it has, `instead` what to do about the others.
    """

    name: ClassVar[str]
    after: ClassVar[frozenset[str]] = frozenset()
    instead: ClassVar[str] = ""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._run, self._heaters = Run(), SwitchedOff()

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """What the printer does now."""

    def pause(self, job: str, reason: str) -> None:
        """Pause this job and no other."""
        self._order("pause", job)

    def resume(self, job: str) -> None:
        """Resume this job, after what the pause switched off is hot again."""
        self._order("resume", job)

    def cancel(self, job: str, reason: str) -> None:
        """Cancel this job and no other."""
        self._order("cancel", job)

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Do what the kind can do of them and see it done; nothing is begun if there is one that it cannot."""
        if refused := sorted(set(options) - self.after):
            raise PrinterError(f"{self.name} cannot do {', '.join(refused)}: {self.instead}")
        for heater in (name for option, name in HEATERS.items() if option in options):
            unknown = f"{self.name} has no reading of the {heater}"
            self._heaters.remember(heater, self._target(heater, lambda _: True, unknown))
            self._heat(heater, 0.0)

    def cameras(self) -> tuple[CameraOffer, ...]:
        """None."""
        return ()

    def show(self, message: str) -> None:
        """Raise PrinterError."""
        raise PrinterError(f"{self.name} cannot show a message")

    @abstractmethod
    def _give(self, order: str, job: str) -> None:
        """Send an order that fits."""

    def _set_heater(self, heater: str, target: float) -> None:
        """Send a target for "hotend" or "bed"; raises PrinterError."""
        raise PrinterError(f"{self.name} cannot set a heater")

    def _order(self, order: str, job: str) -> None:
        now = self.snapshot()
        if not fits(order, job, now):
            return
        if order == "resume":
            self._heaters.restore(now.temperatures, self._heat)
        self._give(order, job)

    def _follow(self, file: tuple[Any, ...], place: float, printed_s: float, **known: Any) -> None:
        """Tell the running print from the one before; `known` is the rest of what `Run.active` takes."""
        before = self._run.job
        if self._run.active(file, place, printed_s, self._clock(), **known) != before:
            self._another_print()

    def _another_print(self) -> None:
        """What was done to the last print is not to be undone in this one."""
        self._heaters.forget()

    def _heat(self, heater: str, target: float) -> None:
        """Set a target and see it taken over."""
        self._set_heater(heater, target)
        ignored = f"the {heater} was told {target:g} °C and did not take it over"
        self._target(heater, lambda now: abs(now - target) <= 0.5, ignored)

    def _target(self, heater: str, wanted: Callable[[float], bool], otherwise: str) -> float:
        """The target of a heater once it is as wanted; PrinterError with `otherwise` when it does not get so."""
        until = time.monotonic() + CONFIRM_S
        while True:
            reading = self.snapshot().temperatures.get(heater)
            if reading is not None and wanted(reading[1]):
                return reading[1]
            if time.monotonic() > until:
                raise PrinterError(otherwise)
            time.sleep(_LOOK_AGAIN_S)


class Polled(Driver):
    """A printer that is asked anew for every snapshot, so that its restart needs no care."""

    def __init__(self, rest: Rest, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._rest = rest
        self._lock = threading.Lock()

    def start(self) -> None:
        """Nothing to open: every snapshot asks."""

    def stop(self) -> None:
        """Close the kept connection."""
        self._rest.close()

    def snapshot(self) -> Snapshot:
        """What the printer does now; raises PrinterError when it cannot be asked."""
        with self._lock:  # an older answer taken after a newer one would look like another print
            return self._look()

    @abstractmethod
    def _look(self) -> Snapshot:
        """Ask and understand; one thread at a time."""
