"""What is to be done after a pause: some of it at once, heaters when their delay is over and the print still paused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.printers.base import Printer, PrinterError, Snapshot

_DELAYED = "_off_s"


@dataclass(frozen=True)
class _Later:
    due: int
    command: str
    job: str
    option: str


class Afterwards:
    """The after-pause options of one printer, on the thread that carries out its commands."""

    def __init__(self, printer: Printer, clock: Callable[[], int]) -> None:
        """`clock` tells milliseconds."""
        self._printer, self._clock = printer, clock
        self._later: list[_Later] = []

    def begin(self, command: str, job: str, options: Mapping[str, float]) -> str:
        """Do what is due at once and note the rest; returns what is to be told of it."""
        now = self._clock()
        self._later = [
            _Later(now + int(delay * 1000), command, job, option)
            for option, delay in options.items()
            if option.endswith(_DELAYED) and delay > 0
        ]
        later = {each.option for each in self._later}
        at_once = {option: value for option, value in options.items() if option not in later}
        words = []
        if at_once:
            try:
                self._printer.after_pause(at_once)
            except PrinterError as error:
                words.append(f", but: {error}")
            else:
                words.append(f"; done after it: {', '.join(sorted(at_once))}")
        if later:
            words.append(f"; to follow: {', '.join(sorted(later))}")
        return "".join(["paused", *words])

    def carry_out(self) -> list[tuple[str, bool, str, str]]:
        """Do what has become due; returns for each: command, whether it worked, what to tell, the phase.

        Nothing is done, and nothing told, once the print goes on or is over. While the printer cannot be reached
        it stays due.
        """
        done = []
        for each in [each for each in self._later if each.due <= self._clock()]:
            try:
                now = self._printer.snapshot()
            except PrinterError:
                continue
            self._later.remove(each)
            if now.phase == "paused" and now.job == each.job:
                done.append(self._do(each, now))
        return done

    def _do(self, each: _Later, now: Snapshot) -> tuple[str, bool, str, str]:
        try:
            self._printer.after_pause({each.option: 0.0})
        except PrinterError as error:
            return each.command, False, f"paused, but {each.option} failed: {error}", now.phase
        return each.command, True, f"paused; done after it: {each.option}", now.phase
