"""Telling one print from the next, also of the same file, where the printer gives prints no name of their own."""

from __future__ import annotations

import secrets
from typing import Any

_SLACK_S = 0.5


class Run:
    """Follows the active print from snapshot to snapshot."""

    def __init__(self) -> None:
        self.job = ""
        self._file: tuple[Any, ...] = ()
        self._name = ""
        self._place = self._printed = self._seen = 0.0

    def active(
        self,
        file: tuple[Any, ...],
        place: float,
        printed_s: float,
        now: float,
        name: str = "",
        asked: float | None = None,
    ) -> str:
        """The id of the running print; new when anything shows that it is not the one seen before.

        `place` in the file and `printed_s` only grow during a print. `name` is the printer's own id of the print, if
        it has one by now: it is taken for the id when it is known from the start, which keeps the id the same for an
        agent that starts in the middle of a print. `asked` is when the question was sent, `now` when the answer had
        come; it is given where `printed_s` runs on in pauses too, and then tells a print that began later.
        """
        gap = now - self._seen
        lost_touch = not name and gap > 30 and printed_s - self._printed < gap - 60
        went_back = place < self._place or printed_s < self._printed
        later = asked is not None and printed_s - self._printed < asked - self._seen - _SLACK_S
        renamed = bool(name and self._name and name != self._name)
        if not self.job or file != self._file or went_back or lost_touch or later or renamed:
            self.job = name or secrets.token_hex(8)
            self._name = ""
        self._file, self._name = file, name or self._name
        self._place, self._printed, self._seen = place, printed_s, now
        return self.job

    def over(self) -> None:
        """No print is active."""
        self.job = self._name = ""
