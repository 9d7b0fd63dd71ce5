"""When the hub attacks itself: before it starts, soon after every change, and on a timer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hub.isolation import Report

EVERY_S = 6 * 3600.0
AFTER_CHANGE_S = 5.0

log = logging.getLogger(__name__)


class IsolationError(RuntimeError):
    """The broker in use does not keep tenants apart; the text says what got through."""


class IsolationWatch:
    """Runs the self-attack on its own thread. `held` says how the last one ended; `alarm` is told when it failed."""

    def __init__(self, attack: Callable[[], Report], alarm: Callable[[str], None]) -> None:
        self._attack, self._alarm = attack, alarm
        self._due = threading.Event()
        self._stopping = threading.Event()
        self.held = False
        self.attacking = False
        self.report: Report | None = None
        self._thread = threading.Thread(target=self._run, name="isolation", daemon=True)

    def start(self) -> None:
        """Attack once and wait for the end; raises IsolationError if anything got through."""
        self._attempt()
        if not self.held:
            raise IsolationError(
                f"the broker does not keep printers apart, so the hub does not start:\n{self.report}"
            )
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after an attack that is under way."""
        self._stopping.set()
        self._due.set()
        self._thread.join(timeout=30)

    def soon(self) -> None:
        """Something changed: attack again in a few seconds."""
        self._due.set()

    def _run(self) -> None:
        while True:
            changed = self._due.wait(EVERY_S)
            if self._stopping.wait(AFTER_CHANGE_S if changed else 0):
                return
            self._due.clear()
            try:
                self._attempt()
            except Exception as error:  # supervisor: an attack that cannot be run counts as failed
                self.held = False
                log.exception("the self-attack could not be run")
                self._alarm(f"the self-attack could not be run: {error}")

    def _attempt(self) -> None:
        self.attacking = True
        try:
            self.report = self._attack()
        finally:
            self.attacking = False
        before, self.held = self.held, self.report.held
        if not self.held:
            log.critical("ISOLATION IS BROKEN\n%s", self.report)
            self._alarm("; ".join(f"{each.name}: {each.detail}" for each in self.report.failures))
        elif not before:
            log.info("isolation: every attempt to cross two tenants was refused")
