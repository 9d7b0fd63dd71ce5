"""Waiting for something to become true, patiently enough for a loaded machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], limit_s: float = 30.0, every_s: float = 0.02) -> T:
    """The first true value of `condition`; fails the test after `limit_s`, telling the last value."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {limit_s:g} s; the last value was {value!r}"
        time.sleep(every_s)
