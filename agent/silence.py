"""How long the hub has been silent, as far as this agent was awake to hear it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: A longer time between two looks means that this process itself stood still; the hub is not to blame for that.
LONGEST_STEP_S = 30.0


class Silence:
    """Counts the seconds since the hub's last sign of life, or since the start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, clock()
        self._heard = threading.Event()
        self._seconds = 0.0

    def heard(self) -> None:
        """A sign of life; may be called on any thread."""
        self._heard.set()

    def look(self) -> float:
        """The seconds up to now, 0 if there was a sign of life since the last look."""
        now = self._clock()
        passed, self._last = min(LONGEST_STEP_S, now - self._last), now
        if self._heard.is_set():
            self._heard.clear()
            self._seconds = 0.0
        else:
            self._seconds += passed
        return self._seconds
