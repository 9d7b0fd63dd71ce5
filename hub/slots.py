"""One slot for each camera that holds its newest frame: a full hub drops old frames, never new ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from agent.protocol import Frame


@dataclass(frozen=True)
class Arrival:
    """A frame and when it reached the hub (monotonic seconds)."""

    printer: str
    frame: Frame
    received: float


class Slots:
    """Frames that wait to be scored. Cameras are served in the order in which they began to wait."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], Arrival] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, arrival: Arrival) -> None:
        """Replace the camera's waiting frame; it keeps its place in the queue."""
        with self._changed:
            key = (arrival.printer, arrival.frame.camera)
            self.dropped += key in self._waiting
            self._waiting[key] = arrival
            self._changed.notify()

    def take(self) -> Arrival | None:
        """Wait for the frame of the camera that waited longest; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.popitem(last=False)[1]

    def waiting(self) -> int:
        """How many cameras have a frame that waits."""
        return len(self._waiting)

    def close(self) -> None:
        """Let every taker go home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
