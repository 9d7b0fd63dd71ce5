"""Detection threads: newest frame out of a slot, through the network, to the judge."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Protocol

from agent.protocol import Frame
from hub.judge import Judge, Scored
from hub.live import Live
from hub.regions import Region, regions
from hub.slots import Arrival, Slots
from hub.vision import Detection, PictureError

log = logging.getLogger(__name__)


class Detects(Protocol):
    """Anything that judges single pictures."""

    def detect(self, jpeg: bytes) -> Detection: ...


def scored(printer: str, frame: Frame, received: float, found: Detection, region_at: float) -> Scored:
    """What the judge gets to know of a detected frame; one that shows nothing says nothing."""
    score = None if found.dark or found.covered else found.score
    where = tuple(regions(found.heat, region_at))
    return Scored(printer, frame, received, score, where, found.heat, found.detail, found.small)


class Workers:
    """`count` threads that share one detector. `counts` holds frames scored, broken and failed.

    `last_ms` is what the network took for the newest frame, `latency_ms` the time since that reached the hub.
    """

    def __init__(
        self, slots: Slots, detector: Detects, judge: Judge, live: Live, count: int, region_at: float
    ) -> None:
        self._slots, self._detector, self._judge, self._live = slots, detector, judge, live
        self._region_at = region_at
        self.counts: Counter[str] = Counter()
        self.last_ms = self.latency_ms = 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"detect-{n}", daemon=True) for n in range(count)
        ]

    def start(self) -> None:
        """Begin to take frames."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the frames under way and end."""
        self._slots.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _run(self) -> None:
        while (arrival := self._slots.take()) is not None:
            try:
                self._score(arrival)
            except Exception:  # supervisor: one printer's bad luck must not end the watch of all others
                self.counts["failed"] += 1
                log.exception("printer %s: a frame could not be scored", arrival.printer)

    def _score(self, arrival: Arrival) -> None:
        frame = arrival.frame
        began = time.perf_counter()
        try:
            found = self._detector.detect(frame.jpeg)
        except PictureError as error:
            self.counts["broken"] += 1
            log.warning("printer %s, camera %s: %s", arrival.printer, frame.camera, error)
            self._note(arrival.printer, frame, broken=True)
            return
        self.last_ms = (time.perf_counter() - began) * 1000
        self.latency_ms = (time.monotonic() - arrival.received) * 1000
        self.counts["scored"] += 1
        each = scored(arrival.printer, frame, arrival.received, found, self._region_at)
        self._note(
            arrival.printer,
            frame,
            score=each.score,
            boxes=each.regions,
            dark=found.dark,
            covered=found.covered,
            took_ms=self.last_ms,
        )
        self._judge.frame(each)

    def _note(
        self,
        printer: str,
        frame: Frame,
        *,
        score: float | None = None,
        boxes: tuple[Region, ...] = (),
        dark: bool = False,
        covered: bool = False,
        broken: bool = False,
        took_ms: float | None = None,
    ) -> None:
        with self._live.lock:
            camera = self._live.printer(printer).cameras.get(frame.camera)
            if camera is not None:
                camera.score, camera.regions, camera.dark, camera.broken = score, boxes, dark, broken
                camera.covered = camera.covered + 1 if covered else 0
                camera.took_ms = took_ms
