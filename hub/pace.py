"""How often the hub wants frames: slow while all is quiet, fast within seconds of suspicion."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent import topics
from agent.protocol import Want, pack_want
from agent.session import Message

HEARTBEAT_S = 25.0
_WISHES_A_RUN = 2**20


@dataclass(frozen=True)
class PaceSettings:
    """Seconds between two frames of a camera: while quiet, while somebody looks, and under suspicion."""

    quiet_s: float = 10.0
    viewed_s: float = 1.0
    suspect_s: float = 0.5
    suspicion: float = 0.0015

    def __post_init__(self) -> None:
        for name in ("quiet_s", "viewed_s", "suspect_s"):
            if not 0.1 <= getattr(self, name) <= 3600:
                raise ValueError(f"{name}: must lie from 0.1 to 3600 seconds")


class Pace:
    """Publishes each printer's wish when it changes, and as a sign of life so that agents know their hub is there."""

    def __init__(
        self,
        settings: PaceSettings,
        key_of: Callable[[str], bytes | None],
        publish: Callable[[Message], None],
    ) -> None:
        self._settings, self._key_of, self._publish = settings, key_of, publish
        self._wanted: dict[str, tuple[float, float]] = {}
        self._viewed: dict[str, float] = {}
        self._sequence = 0
        self._lock = threading.Lock()

    def begin(self, run: int) -> None:
        """Number the wishes of this run of the hub after those of earlier ones; `run` is higher than theirs.

        An agent takes no wish with a lower number than it has had, and the hub's clock may have been set back.
        """
        self._sequence = run * _WISHES_A_RUN

    def looked_at(self, printer: str, now: float) -> None:
        """Somebody watches the live picture at this moment (monotonic seconds)."""
        self._viewed[printer] = now

    def suspects(self, certainty: float | None) -> bool:
        """Whether a printer is worth a closer look."""
        return certainty is not None and certainty >= self._settings.suspicion

    def interval(self, printer: str, certainty: float | None, now: float) -> float:
        """The interval that suits a printer now."""
        if self.suspects(certainty):
            return self._settings.suspect_s
        if now - self._viewed.get(printer, float("-inf")) < 15.0:
            return min(self._settings.viewed_s, self._settings.quiet_s)
        return self._settings.quiet_s

    def tell(self, printer: str, certainty: float | None, now: float) -> None:
        """Publish the wish if it changed or the last one is old."""
        interval = self.interval(printer, certainty, now)
        with self._lock:
            before, told = self._wanted.get(printer, (0.0, float("-inf")))
            key = self._key_of(printer)
            if key is None or (interval == before and now - told < HEARTBEAT_S):
                return
            self._wanted[printer] = (interval, now)
            self._sequence += 1
            viewed = now - self._viewed.get(printer, float("-inf")) < 15.0
            want = Want(seq=self._sequence, interval_ms=int(interval * 1000), watched=viewed)
        self._publish(Message(topics.want(printer), pack_want(key, printer, want), retain=True))

    def wanted(self, printer: str) -> float:
        """The interval last wished for, in seconds."""
        return self._wanted.get(printer, (self._settings.quiet_s, 0.0))[0]

    def forget(self, printer: str) -> None:
        """Drop a printer; its next wish is told anew."""
        with self._lock:
            self._wanted.pop(printer, None)
