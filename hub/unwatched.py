"""What is done about a print that nobody can watch any more, when its owner wants something done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol import NOT_PRINTING
from hub.live import PrinterLive
from hub.policy import PAUSE, PrinterSettings, unwatched_due
from hub.watch import NOT_WATCHED, WATCHED


@dataclass
class _Spell:
    """A time without a watch; `handled` once something was done about it."""

    since: float
    job: str
    handled: bool = False


class Unwatched:
    """Pauses a print that was not watched for as long as its owner allows: once, until it was watched again.

    Whoever resumes it unwatched wants just that. `ordered` is told (printer, action, reason, settings). An agent that
    cannot be reached is waited for.
    """

    def __init__(self, ordered: Callable[[str, str, str, PrinterSettings], None]) -> None:
        self._ordered = ordered
        self._spells: dict[str, _Spell] = {}

    def tick(self, printer: str, live: PrinterLive, settings: PrinterSettings, now: float) -> None:
        """Look at a printer; `now` in the hub's own seconds."""
        state = live.state
        if state is None or live.watch == WATCHED or state.phase in NOT_PRINTING:
            self._spells.pop(printer, None)
            return
        if live.watch != NOT_WATCHED or state.phase != "printing":
            return
        spell = self._spells.get(printer)
        if spell is None or spell.job != state.job:
            spell = self._spells[printer] = _Spell(now, state.job)
        if spell.handled or not live.online or not unwatched_due(settings, spell.since, now):
            return
        spell.handled = True
        minutes = (now - spell.since) / 60
        self._ordered(printer, PAUSE, f"not watched for {minutes:.0f} min: {live.watch_reason}", settings)

    def forget(self, printer: str) -> None:
        """Drop a removed printer."""
        self._spells.pop(printer, None)
