"""Three rules over the same scores: this hub's, and two others' as reference. For the evaluation only.

The other two are written from facts about their constants. They get what they are used to: Obico's rule a picture
every 10 s and the mean of an earlier print, PrintGuard's three pictures in a row at one a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.judge import Judgement
from hub.pace import PaceSettings
from hub.policy import PrinterSettings
from hub.replay import PRINTER, Player
from hub.vision import Detection
from hub.workers import scored

NONE, WARN, PAUSE = "none", "warn", "pause"


class Rule(Protocol):
    """A way to decide, and how often it wants a picture."""

    name: str

    def begin(self, known: Sequence[Detection]) -> None:
        """A new print; `known` is an earlier one of the same camera that ended well, possibly empty."""
        ...

    def see(self, t: float, found: Detection) -> tuple[str, float]:
        """What a picture at `t` seconds leads to (none, warn, pause), and after how many seconds the next is wanted."""
        ...

    def resumed(self, t: float) -> None:
        """The owner looked and let the print go on."""
        ...


class Ours:
    """The hub's own judge, policy and pace, played."""

    name = "printwarden"

    def __init__(
        self,
        region_at: float,
        settings: PrinterSettings | None = None,
        pace: PaceSettings | None = None,
    ) -> None:
        self._region_at = region_at
        self._settings, self._pace = settings or PrinterSettings(), pace or PaceSettings()
        self._frames = 0

    def begin(self, known: Sequence[Detection]) -> None:
        self._player, self._frames = Player(self._settings, self._pace), 0
        self._player.remember(known)

    def see(self, t: float, found: Detection) -> tuple[str, float]:
        self._found = found
        judgement, wait = self._judged(t, found)
        kind = judgement.decision.kind
        return (kind if kind in (NONE, WARN) else PAUSE), wait

    def resumed(self, t: float) -> None:
        self._player.phase("paused")
        self._judged(t, self._found)
        self._player.phase("printing")

    def _judged(self, t: float, found: Detection) -> tuple[Judgement, float]:
        self._frames += 1
        frame = self._player.frame(self._frames, t)
        return self._player.judged(scored(PRINTER, frame, t, found, self._region_at))


@dataclass
class _Means:
    """Obico's running values."""

    fast: float = 0.0
    short: float = 0.0
    long: float = 0.0
    frames: int = 0
    lifetime: int = 0


class Obico:
    """Fast mean against the print's and the printer's; 0.38 to 0.78, pausing 1.75 times as hard; once per print."""

    name = "Obico's rule"
    INTERVAL, GRACE = 10.0, 30
    LOW, HIGH, RISE, PAUSE_FACTOR = 0.38, 0.78, 3.8, 1.75
    ALPHA, SHORT, LONG = 2 / 13, 310, 7200

    def __init__(self, sensitivity: float = 1.0, *, grace: int = GRACE) -> None:
        self._sensitivity, self._grace = sensitivity, grace

    def begin(self, known: Sequence[Detection]) -> None:
        self._means = _Means()
        if known:
            self._means.long = sum(each.score for each in known) / len(known)
            self._means.lifetime = self.LONG
        self._warned = self._paused = False

    def see(self, t: float, found: Detection) -> tuple[str, float]:  # noqa: ARG002 - it counts pictures, not seconds
        self.count(found.score)
        if self._means.frames <= self._grace:
            return NONE, self.INTERVAL
        if not self._paused and self.failing(self.PAUSE_FACTOR):
            self._paused = self._warned = True
            return PAUSE, self.INTERVAL
        if not self._warned and self.failing(1.0):
            self._warned = True
            return WARN, self.INTERVAL
        return NONE, self.INTERVAL

    def resumed(self, t: float) -> None:
        """Nothing is forgotten, and a print is paused once only."""

    def count(self, p: float) -> None:
        """Take one picture into the means."""
        m = self._means
        m.frames, m.lifetime = m.frames + 1, m.lifetime + 1
        m.fast = p * self.ALPHA + m.fast * (1 - self.ALPHA)
        m.short += (p - m.short) / (self.SHORT if m.frames >= self.SHORT else m.frames + 1)
        m.long += (p - m.long) / (self.LONG if m.lifetime >= self.LONG else m.lifetime + 1)

    def failing(self, factor: float) -> bool:
        """Whether the means speak for a failure, `factor` times as hard to convince."""
        m = self._means
        height = (m.fast - m.long) * self._sensitivity / factor
        if height < self.LOW:
            return False
        return height > self.HIGH or height > self.RISE * (m.short - m.long)


class PrintGuard:
    """Three pictures in a row at or above one half; it has no baseline and no separate warning."""

    name = "PrintGuard's rule"
    THRESHOLD, IN_A_ROW, COOLDOWN = 0.5, 3, 60.0

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval

    def begin(self, known: Sequence[Detection]) -> None:  # noqa: ARG002 - it learns nothing
        self._streak, self._until = 0, float("-inf")

    def see(self, t: float, found: Detection) -> tuple[str, float]:
        self._streak = self._streak + 1 if found.score >= self.THRESHOLD else 0
        if self._streak < self.IN_A_ROW or t < self._until:
            return NONE, self._interval
        self._until = t + self.COOLDOWN
        return PAUSE, self._interval

    def resumed(self, t: float) -> None:
        """Only its cool-down keeps it quiet."""
