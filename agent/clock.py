"""The agent's own clock and its boot number."""

from __future__ import annotations

import os
import time
from pathlib import Path

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def ticks() -> float:
    """Seconds that never jump and, where the system can tell, go on during suspend."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class AgentClock:
    """Milliseconds since this object was made; command expiries are given in it."""

    def __init__(self) -> None:
        self._start = ticks()

    def now(self) -> int:
        """Milliseconds since boot."""
        return int((ticks() - self._start) * 1000)


def next_boot(path: Path, now: float) -> int:
    """A boot number higher than every one before, kept in a file.

    Unix seconds are the floor, so that losing the file (a restored card) does not count backwards. Raises OSError if
    the file cannot be written.
    """
    try:
        last = int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        last = 0
    boot = max(last + 1, int(now))
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="ascii") as file:
        file.write(str(boot))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return boot
