"""Everything else: an order calls a URL, publishes to a topic or runs a program (smart plugs, home automation).

What became of it is told by an optional look at the state. Without one an order is carried out and then reported as
not confirmed, because nothing here could know.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.printers.action_steps import Broker, Step, carry_out
from agent.printers.base import ORDERS, CameraOffer, PrinterError, Snapshot, fits


@dataclass(frozen=True)
class Look:
    """How to see what the printer does: `step` answers with text, in which the patterns are searched in this order."""

    step: Step = field(default_factory=Step)
    paused: str = ""
    printing: str = ""
    idle: str = ""

    def __post_init__(self) -> None:
        for pattern in (self.paused, self.printing, self.idle):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a pattern: {error}") from error
        if self.step.topic:
            raise ValueError("a topic cannot be looked at: use a url or a command")
        if self.step.given and not (self.paused and (self.printing or self.idle)):
            raise ValueError("give the patterns paused and printing or idle")


@dataclass(frozen=True)
class Settings:
    """What each order does; orders that are left out cannot be given."""

    pause: Step = field(default_factory=Step)
    resume: Step = field(default_factory=Step)
    cancel: Step = field(default_factory=Step)
    state: Look = field(default_factory=Look)
    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        if not (self.pause.given or self.cancel.given):
            raise ValueError("give at least a [pause] or a [cancel] step")
        if not self.broker.host and any(each.topic for each in (self.pause, self.resume, self.cancel)):
            raise ValueError("a topic needs a [broker] table with its host")


class Action:
    """A printer behind something else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        steps = {"pause": settings.pause, "resume": settings.resume, "cancel": settings.cancel}
        self._steps = {order: step for order, step in steps.items() if step.given}
        self._job = ""

    def start(self) -> None:
        """Nothing to open."""

    def stop(self) -> None:
        """Nothing to close."""

    def snapshot(self) -> Snapshot:
        """What the look tells; without one, printing as far as anybody knows."""
        phase = self._look() if self._settings.state.step.given else "printing"
        self._job = (self._job or secrets.token_hex(8)) if phase in ORDERS else ""
        can = tuple(each for each in ORDERS.get(phase, ()) if each in self._steps)
        return Snapshot(phase=phase, job=self._job, can=can)

    def pause(self, job: str, reason: str) -> None:
        """Carry out the step for pausing."""
        self._order("pause", job, reason)

    def resume(self, job: str) -> None:
        """Carry out the step for resuming."""
        self._order("resume", job, "")

    def cancel(self, job: str, reason: str) -> None:
        """Carry out the step for cancelling."""
        self._order("cancel", job, reason)

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Put it into the step for pausing instead."""
        raise PrinterError(f"action: {', '.join(sorted(options))} cannot be done")

    def cameras(self) -> tuple[CameraOffer, ...]:
        """None."""
        return ()

    def show(self, message: str) -> None:
        """Nothing to show on."""
        raise PrinterError("action: there is no display")

    def _look(self) -> str:
        look = self._settings.state
        told = carry_out(look.step, self._settings.broker, {})
        for phase, pattern in (("paused", look.paused), ("printing", look.printing), ("idle", look.idle)):
            if pattern and re.search(pattern, told):
                return phase
        return "unknown"

    def _order(self, order: str, job: str, reason: str) -> None:
        if not fits(order, job, self.snapshot()):
            return
        carry_out(self._steps[order], self._settings.broker, {"order": order, "job": job, "reason": reason})
        if not self._settings.state.step.given:
            raise PrinterError(
                f"the step for {order} was carried out, but nothing here can confirm that it worked"
            )


def create(settings: Settings) -> Action:
    """The driver of these settings."""
    return Action(settings)
