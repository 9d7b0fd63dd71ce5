"""The code of an enrolment, shown to the one who stands before the printer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.config import load, make_printer
from agent.printers.base import PrinterError
from agent.settings import SettingsError


class Display:
    """The display of the printer whose credential will be in a file, where the settings name one already."""

    def __init__(self, settings: Path, credential: Path, say: Callable[[str], None] = print) -> None:
        self._settings, self._credential, self._say = settings, credential, say

    def ask(self, code: str, seconds: int) -> None:
        """Show a code in the terminal and on the printer, and say what to do with it."""
        shown = f"{code[:3]} {code[3:]}"
        self._say(f"the code is  {shown}")
        self._say(
            f"type it in the viewer, or: printwarden printer confirm PRINTER {code}   (within {seconds // 60} minutes)"
        )
        if not self._settings.exists():
            return  # at a first enrolment no printer is set up yet
        try:
            self._show(f"Printwarden {shown}")
            self._say("the printer's display shows it too")
        except (PrinterError, SettingsError) as error:
            self._say(f"the printer's display does not show it: {error}")

    def _show(self, text: str) -> None:
        """Raises SettingsError where no printer is set up yet, PrinterError where it shows nothing."""
        found = [each for each in load(self._settings).printer if each.credential == self._credential]
        if not found:
            raise SettingsError(f"{self._settings} has no printer with this credential")
        printer = make_printer(found[0])
        printer.start()
        try:
            printer.show(text)
        finally:
            printer.stop()
