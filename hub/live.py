"""What every printer is doing right now: in memory only, rebuilt from the broker after a restart."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from agent.protocol import Frame, State
from hub.regions import Region

HIDDEN_FRAMES = 3


@dataclass
class CameraLive:
    """The newest frame of one camera and what the model made of it, in `took_ms`. Times are hub seconds (monotonic).

    `covered` counts the frames in a row that something right in front of the lens fills.
    """

    frame: Frame | None = None
    received: float = 0.0
    score: float | None = None
    regions: tuple[Region, ...] = ()
    fault: str = ""
    dark: bool = False
    covered: int = 0
    broken: bool = False
    took_ms: float | None = None

    @property
    def hidden(self) -> bool:
        """Whether the lens is covered for longer than a hand or a moving head takes."""
        return self.covered >= HIDDEN_FRAMES

    @property
    def seen_fault(self) -> str:
        """What is wrong with its pictures by the hub's own eyes: dark, covered, broken, or nothing."""
        own = (("dark", self.dark), ("covered", self.hidden), ("broken", self.broken))
        return next((word for word, is_so in own if is_so), "")


@dataclass
class PrinterLive:
    """One printer as of now.

    `offline_since` is when its agent last said goodbye, by itself or by its will. `watch` is "watched", "standing_down" (positively not printing) or "not_watched", told in `watch_reason`.
    `verdict` is ok, suspect, failing or unknown. `certainty` is the score over time, 0 to 1, `suspicion`
    what sets the pace: the same, but for the newest frame seen on its own.
    """

    online: bool = False
    offline_since: float = float("-inf")
    state: State | None = None
    state_received: float = 0.0
    cameras: dict[str, CameraLive] = field(default_factory=dict)
    watch: str = "not_watched"
    watch_reason: str = "nothing was heard of its agent yet"
    verdict: str = "unknown"
    certainty: float | None = None
    suspicion: float | None = None
    refused: dict[str, int] = field(default_factory=dict)


class Live:
    """All printers as of now. Hold `lock` to read or change more than one field at once."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self._printers: dict[str, PrinterLive] = {}

    def printer(self, printer: str) -> PrinterLive:
        """The live state of a printer, made on first use."""
        with self.lock:
            return self._printers.setdefault(printer, PrinterLive())

    def drop(self, printer: str) -> None:
        """Forget a removed printer."""
        with self.lock:
            self._printers.pop(printer, None)

    def changed(self) -> None:
        """Wake everybody who waits for a new frame."""
        with self.lock:
            self.lock.notify_all()

    def newest_frame(self, printer: str, camera: str, after: int, timeout: float) -> Frame | None:
        """The newest frame of a camera once its sequence number differs from `after`; None if none came in time."""

        def fresh() -> Frame | None:
            seen = self.printer(printer).cameras.get(camera)
            return seen.frame if seen and seen.frame and seen.frame.seq != after else None

        with self.lock:
            self.lock.wait_for(lambda: fresh() is not None, timeout)
            return fresh()
