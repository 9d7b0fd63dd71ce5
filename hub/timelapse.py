"""A picture of each running print every now and then: what its time-lapse is made of.

The time between two pictures doubles whenever a print has its full number of them, and every second one goes then, so
a print of ten minutes and one of three days take about the same room. What is kept tells the present interval, so that
a restarted hub goes on as before.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agent.protocol import Frame
from hub.live import Live
from hub.regions import Region
from hub.settings import TimelapseSection
from hub.store.database import StoreError
from hub.store.history import LAPSE, EvidenceRow, History
from hub.store.prints import PrintRow, Prints

TICK_S = 1.0

log = logging.getLogger(__name__)


def interval_of(times: Sequence[float], first: float) -> float:
    """The present interval of a print whose pictures were taken at these times. Pure."""
    gaps = [after - before for before, after in pairwise(times)]
    least = min(gaps, default=first)
    return first * 2.0 ** max(0, math.floor(math.log2(max(least, first) / first)))


@dataclass
class _Reel:
    """What is known of one running print: its pictures, oldest first, and the camera that they are from."""

    pictures: list[EvidenceRow]
    interval: float
    camera: str = ""
    frame: tuple[int, int] = (0, 0)
    broken: bool = False


@dataclass(frozen=True)
class _Shot:
    """The newest frame of a camera and what was found in it."""

    frame: Frame
    score: float | None
    regions: tuple[Region, ...] = field(default=())


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
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timelapse", daemon=True)

    def start(self) -> None:
        """Begin to take pictures, if the settings want any."""
        if self._settings.enabled:
            self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S):
            try:
                self.tick(time.time())
            except Exception:  # supervisor: one print's bad luck must not end the pictures of all others
                log.exception("the time-lapse met an error")

    def tick(self, now: float) -> None:
        """Take what is due at this Unix time."""
        running = self._prints.all_running()
        for gone in set(self._reels) - {row.id for row in running}:
            del self._reels[gone]
        for row in running:
            self._take(row, now)

    def _take(self, row: PrintRow, now: float) -> None:
        reel = self._reels.get(row.id) or self._reels.setdefault(row.id, self._found(row))
        last = reel.pictures[-1].t if reel.pictures else float("-inf")
        if now - last < reel.interval:
            return
        shot = self._newest(row.printer, reel.camera)
        if shot is None or (shot.frame.boot, shot.frame.seq) == reel.frame:
            return
        reel.camera, reel.frame = shot.frame.camera, (shot.frame.boot, shot.frame.seq)
        try:
            self._keep(row, reel, shot, now)
        except (OSError, StoreError) as error:
            if not reel.broken:
                text = f"no pictures for the time-lapse: {error}; watching goes on"
                self._told(row.printer, "storage", "warning", text)
            reel.broken = True
        else:
            reel.broken = False

    def _keep(self, row: PrintRow, reel: _Reel, shot: _Shot, now: float) -> None:
        frame = shot.frame
        kept = self._history.add_evidence(
            row.printer, frame.camera, now, frame.jpeg, score=shot.score, kind=LAPSE, regions=shot.regions
        )
        picture = self._prints.evidence_row(row.printer, kept)
        if picture is not None:
            reel.pictures.append(picture)
        if len(reel.pictures) >= self._settings.pictures:
            self._thin(row, reel)

    def _thin(self, row: PrintRow, reel: _Reel) -> None:
        """Let every second picture go, except those that somebody wants kept, and take half as many from now on."""
        reel.interval *= 2
        present = {each.id: each for each in self._prints.lapse(row)}
        going = [present[each.id] for each in reel.pictures[1::2] if each.id in present]
        self._prints.drop([each for each in going if not each.pinned])
        reel.pictures = reel.pictures[::2]

    def _found(self, row: PrintRow) -> _Reel:
        """What an earlier run of the hub left of a print."""
        pictures = [each for each in self._prints.lapse(row) if not each.pinned]
        interval = interval_of([each.t for each in pictures], self._settings.interval_s)
        return _Reel(pictures, interval, pictures[-1].camera if pictures else "")

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
