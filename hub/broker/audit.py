"""Tells the hub what the broker refused, without letting a flood of refusals become a flood of work."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Called with an event ("login_refused", "publish_denied", ...), the user name it concerns and details in words.
Audit = Callable[[str, str, str], None]

_PATIENCE = 10.0
_WAITING = 256
_REMEMBERED = 1024


class AuditRelay:
    """Passes events on from the broker's loop on a thread of its own, each kind of one user at most every `pause`."""

    def __init__(self, audit: Audit, clock: Callable[[], float], pause: float = 10.0) -> None:
        self._audit = audit
        self._clock = clock
        self._pause = pause
        self._last: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._queue: queue.Queue[tuple[str, str, str] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="broker-audit", daemon=True)
        self.suppressed = 0

    def start(self) -> None:
        """Begin to pass events on."""
        self._thread.start()

    def stop(self) -> None:
        """Pass on what waits, then end; a hook that hangs is left behind after a while."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_PATIENCE)
        self._thread.join(_PATIENCE)

    def tell(self, event: str, username: str, detail: str) -> None:
        """Pass an event on soon; never blocks, and drops what comes too often."""
        username = username[:64]
        now = self._clock()
        told, held_back = self._last.get((event, username), (now - self._pause, 0))
        if now - told < self._pause:
            self._last[event, username] = (told, held_back + 1)
            self.suppressed += 1
            return
        self._last[event, username] = (now, 0)
        self._last.move_to_end((event, username))
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        more = f" (and {held_back} more like it)" if held_back else ""
        try:
            self._queue.put_nowait((event, username, detail[:200] + more))
        except queue.Full:
            self.suppressed += 1

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            try:
                self._audit(*entry)
            except Exception:  # supervisor: whatever the hub's hook does, the broker must go on telling it
                log.exception("audit hook failed")
