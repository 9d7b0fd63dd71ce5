"""A picture of each running print every now and then: what its time-lapse is made of.

The time between two pictures doubles whenever a print has its full number of them, and every second one goes then, so
a print of ten minutes and one of three days take about the same room. What is kept tells the present interval, so that
a restarted hub goes on as before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from agent.protocol import Frame
from hub.live import Live
from hub.regions import Region
from hub.settings import TimelapseSection
from hub.store.database import StoreError
from hub.store.history import LAPSE, History
from hub.store.prints import PrintRow, Prints
from hub.ticker import Ticker

#: All pictures that are due within this time share one wait for the disk.
TICK_S = 2.0


def interval_of(times: Sequence[float], first: float) -> float:
    """The present interval of a print whose pictures were taken at these times. Pure."""
    gaps = [after - before for before, after in pairwise(times)]
    least = min(gaps, default=first)
    return first * 2.0 ** max(0, math.floor(math.log2(max(least, first) / first)))


@dataclass
class _Reel:
    """What is known of one running print: id and time of its pictures, oldest first, and the camera they are from."""

    pictures: list[tuple[int, float]]
    interval: float
    camera: str = ""
    frame: tuple[int, int] = (0, 0)
    broken: bool = False


@dataclass(frozen=True)
class _Shot:
    """The newest frame of a camera and what was found in it."""

    frame: Frame
    score: float | None
    regions: tuple[Region, ...]


class Timelapse:
    """Takes the pictures on a thread of its own. `told` hears (printer, kind, level, text) when it cannot keep them."""

    def __init__(
        self,
        settings: TimelapseSection,
        prints: Prints,
        history: History,
        live: Live,
        told: Callable[[str, str, str, str], object],
    ) -> None:
        self._settings, self._prints, self._history = settings, prints, history
        self._live, self._told = live, told
        self._reels: dict[int, _Reel] = {}
        self._ticker = Ticker("timelapse", TICK_S, lambda: self.tick(time.time()))

    def start(self) -> None:
        """Begin to take pictures, if the settings want any."""
        if self._settings.enabled:
            self._ticker.start()

    def stop(self) -> None:
        """Take no more."""
        self._ticker.stop()

    def tick(self, now: float) -> None:
        """Take what is due at this Unix time."""
        running = self._prints.all_running()
        for gone in set(self._reels) - {row.id for row in running}:
            del self._reels[gone]
        written = [(row, stored) for row in running if (stored := self._written(row, now)) is not None]
        if not written:
            return
        try:
            ids = self._history.settle_evidence([stored for _, stored in written])
        except StoreError as error:
            for row, _ in written:
                self._trouble(row, error)
            return
        for (row, _), identity in zip(written, ids, strict=True):
            reel = self._reels[row.id]
            reel.pictures.append((identity, now))
            reel.broken = False
            if len(reel.pictures) >= self._settings.pictures:
                self._thin(row, reel)

    def _written(self, row: PrintRow, now: float) -> Mapping[str, Any] | None:
        """The file of a print's next picture, once that is due and there is a new frame."""
        reel = self._reels.get(row.id) or self._reels.setdefault(row.id, self._found(row))
        last = reel.pictures[-1][1] if reel.pictures else float("-inf")
        shot = self._newest(row.printer, reel.camera) if now - last >= reel.interval else None
        if shot is None or (shot.frame.boot, shot.frame.seq) == reel.frame:
            return None
        frame = shot.frame
        reel.camera, reel.frame = frame.camera, (frame.boot, frame.seq)
        try:
            return self._history.write_evidence(
                row.printer,
                frame.camera,
                now,
                frame.jpeg,
                score=shot.score,
                kind=LAPSE,
                regions=shot.regions,
            )
        except OSError as error:
            self._trouble(row, error)
            return None

    def _trouble(self, row: PrintRow, error: Exception) -> None:
        """Tell once that no pictures can be kept, until one can be again."""
        reel = self._reels[row.id]
        if not reel.broken:
            text = f"no pictures for the time-lapse: {error}; watching goes on"
            self._told(row.printer, "storage", "warning", text)
        reel.broken = True

    def _thin(self, row: PrintRow, reel: _Reel) -> None:
        """Let every second picture go, except those that somebody wants kept, and take half as many from now on."""
        reel.interval *= 2
        going = {identity for identity, _ in reel.pictures[1::2]}
        self._prints.drop([each for each in self._prints.lapse(row) if each.id in going and not each.pinned])
        reel.pictures = reel.pictures[::2]

    def _found(self, row: PrintRow) -> _Reel:
        """What an earlier run of the hub left of a print."""
        pictures = [each for each in self._prints.lapse(row) if not each.pinned]
        interval = interval_of([each.t for each in pictures], self._settings.interval_s)
        camera = pictures[-1].camera if pictures else ""
        return _Reel([(each.id, each.t) for each in pictures], interval, camera)

    def _newest(self, printer: str, camera: str) -> _Shot | None:
        """The newest frame of the print's camera, or of the first one that has any, while the printer prints."""
        with self._live.lock:
            live = self._live.printer(printer)
            if not live.online or live.state is None or live.state.phase != "printing":
                return None
            names = [camera] if camera in live.cameras else sorted(live.cameras)
            for name in names:
                seen = live.cameras[name]
                if seen.frame is not None and not seen.fault:
                    return _Shot(seen.frame, seen.score, seen.regions)
        return None
