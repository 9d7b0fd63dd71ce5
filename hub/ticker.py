"""A thread that does something every now and then, whatever goes wrong in between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

STOP_S, REST_S = 10.0, 30.0

log = logging.getLogger(__name__)


class Ticker:
    """Calls `tick` every `every_s` seconds, after an error not before `rest_s`. `stopping` is set once it shall end."""

    def __init__(self, name: str, every_s: float, tick: Callable[[], object], rest_s: float = REST_S) -> None:
        self._every_s, self._tick, self._rest_s = every_s, tick, rest_s
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; also when it was never started."""
        self.stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        pause = self._every_s
        while not self.stopping.wait(pause):
            pause = self._every_s
            try:
                self._tick()
            except Exception:  # supervisor: what went wrong at this tick must not end all later ones
                log.exception("%s met an error", self._thread.name)
                pause = max(pause, self._rest_s)
