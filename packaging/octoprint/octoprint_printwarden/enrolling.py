"""Redeeming an enrolment line in the background: its owner may have to confirm a code first."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from agent import enrolment
from agent.enrolment import Credential, EnrolmentError, Ticket
from agent.printers.base import PrinterError


class Enrolling:
    """One attempt. `code` is what the owner is to confirm meanwhile, `trouble` why it failed."""

    def __init__(
        self, ticket: Ticket, display: Callable[[str], None], enrolled: Callable[[Credential], None]
    ) -> None:
        """`display` shows a line on the printer and may raise PrinterError; `enrolled` is given the outcome."""
        self._ticket, self._display, self._enrolled = ticket, display, enrolled
        self.code = self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="printwarden-enrol", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it is under way."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self._enrolled(enrolment.redeem(self._ticket, self._show))
        except (EnrolmentError, OSError) as error:
            self.trouble = str(error)
        self.code = ""

    def _show(self, code: str, _seconds: int) -> None:
        self.code = f"{code[:3]} {code[3:]}"
        with contextlib.suppress(PrinterError):  # a printer without a display, or not connected yet
            self._display(f"Printwarden {self.code}")
