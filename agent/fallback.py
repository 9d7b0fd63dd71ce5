"""What an agent does by itself when its hub stays silent while the printer prints, if its owner wants that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.printers.action_steps import Broker, Step, carry_out
from agent.printers.base import PrinterError, Snapshot
from agent.protocol import FALLBACK_RUN, NOT_PRINTING

ACTIONS = ("none", "pause", "run")
#: The hub counts as gone after 90 s; what is done then can be told to it once it is back.
LEAST_S = 120.0
#: A pause that the printer does not show is asked for again; a step of the owner's own is not.
TRIES = {"none": 0, "pause": 3, "run": 1}
RETRY_S = 120.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """A printer's `[printer.fallback]`: what is done after `after_s` of printing without the hub, once a print.

    `run` is the owner's own step; its topic goes to `broker`.
    """

    action: str = "none"
    after_s: float = 600.0
    run: Step = field(default_factory=Step)
    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action: {self.action!r} is none of {', '.join(ACTIONS)}")
        if self.after_s < LEAST_S:
            raise ValueError(
                f"after_s: must be at least {LEAST_S:g}, a hub that is started again takes a while"
            )
        if (self.action == "run") != self.run.given:
            raise ValueError("action = 'run' and a [printer.fallback.run] table go together")
        if self.run.topic and not self.broker.host:
            raise ValueError("a topic needs a [printer.fallback.broker] table with its host")


class Fallback:
    """Decides when, for one printer. `pause` is given the job and the reason; `report` is as `execute.Report`."""

    def __init__(
        self,
        settings: Settings,
        pause: Callable[[str, str], None],
        report: Callable[[str, str, str, str], None],
    ) -> None:
        self._settings, self._pause, self._report = settings, pause, report
        self._job = ""
        self._since, self._tries = 0.0, 0

    def look(self, now: Snapshot, silent_s: float) -> None:
        """Do what is due, for a printer as it is now and a hub that has been silent for so long (0: it is there)."""
        settings = self._settings
        if not silent_s or (now.job and now.job != self._job):
            self._job, self._since, self._tries = now.job, silent_s, 0
        elif now.phase in NOT_PRINTING:
            self._since = silent_s
        elif now.phase == "paused":
            self._since = silent_s
            if self._tries:  # who resumes it now knows why it was paused
                self._tries = TRIES[settings.action]
        alone_s = silent_s - self._since
        due_s = settings.after_s + self._tries * RETRY_S
        if now.phase == "printing" and self._tries < TRIES[settings.action] and alone_s >= due_s:
            self._tries += 1
            self._act(now, f"the hub had been silent for {alone_s / 60:.0f} min of this print")

    def _act(self, now: Snapshot, reason: str) -> None:
        log.warning("%s: %s", reason, self._settings.action)
        if self._settings.action == "pause":
            self._pause(now.job, reason)
            return
        about = {"order": "fallback", "job": now.job, "reason": reason}
        try:
            carry_out(self._settings.run, self._settings.broker, about)
        except PrinterError as error:
            log.warning("the fallback's step: %s", error)
            self._report(FALLBACK_RUN, "failed", f"{error} ({reason})", now.phase)
        else:
            self._report(FALLBACK_RUN, "confirmed", reason, now.phase)
