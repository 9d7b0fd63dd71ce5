"""Heaters that were switched off during a pause: they must be hot again before the print goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.printers.base import PrinterError

_CLOSE = 5.0


class SwitchedOff:
    """Remembers the targets of the heaters that were switched off."""

    def __init__(self) -> None:
        self._targets: dict[str, float] = {}

    def remember(self, heater: str, target: float) -> None:
        """Note what a heater was set to before it was switched off."""
        if target > 0:
            self._targets[heater] = target

    def forget(self) -> None:
        """Another job: nothing is to be restored."""
        self._targets.clear()

    def restore(
        self, temperatures: Mapping[str, tuple[float, float]], heat: Callable[[str, float], None]
    ) -> None:
        """Return when all are hot; else see that they heat and raise PrinterError telling to resume later."""
        waiting = []
        for heater, before in self._targets.items():
            actual, target = temperatures.get(heater, (0.0, 0.0))
            if target <= 0:
                heat(heater, before)
                target = before
            if actual < target - _CLOSE:
                waiting.append(f"{heater} {actual:.0f} of {target:.0f} °C")
        if waiting:
            raise PrinterError(
                f"switched off in the pause and heating again, resume when hot: {', '.join(waiting)}"
            )
        self._targets.clear()
