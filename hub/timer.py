"""What must happen without a message: time-outs, the state of the watch, batched writes, retention."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hub.live import PrinterLive
from hub.prints import ACTIVE
from hub.ticker import Ticker
from hub.watch import NOT_WATCHED, watch

if TYPE_CHECKING:
    from hub.app import Hub

TICK_S = 1.0
PRUNE_S = 600.0
ANNOUNCE_S = 5.0
#: So long after its start the hub waits for agents to come back before it calls a print unwatched.
START_S = 45.0
CERTIFICATE_S = 60.0


class Timer:
    """One thread that ticks once a second."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._ticker = Ticker("timer", TICK_S, lambda: self._tick(time.monotonic()), rest_s=0.0)
        self._pruned = self._announced = self._certified = float("-inf")
        self._began = time.monotonic()
        self._alarmed: set[str] = set()
        self._seen_changes = hub.database.foreign_changes()

    def start(self) -> None:
        """Begin to tick."""
        self._ticker.start()

    def stop(self) -> None:
        """Stop ticking and write what was collected."""
        self._ticker.stop()
        self._hub.history.flush()

    def _tick(self, now: float) -> None:
        hub = self._hub
        changes = hub.database.foreign_changes()
        if changes != self._seen_changes:
            self._seen_changes = changes
            hub.registrar.reread()
            hub.renew_certificate()
        for row in hub.printers.all():
            self._watch(row.id, now)
            hub.print_keeper.tick(row.id, time.time())
            hub.announcer.tick(row, now)
        if now - self._announced > ANNOUNCE_S:
            self._announced = now
            hub.announcer.refresh()
            hub.announcer.tick_hub(hub.health(), now)
        if now - self._certified > CERTIFICATE_S:
            self._certified = now
            hub.renew_certificate()
        hub.desk.tick(time.time())
        hub.trials.tick(time.time())
        hub.history.flush()
        if now - self._pruned > PRUNE_S:
            self._pruned = now
            retention = hub.settings.retention
            hub.history.prune(time.time(), days=retention.days, gigabytes=retention.gigabytes)
            hub.prints.prune(time.time(), retention.days)

    def _watch(self, printer: str, now: float) -> None:
        hub, settings = self._hub, self._hub.judge.settings(printer)
        with hub.live.lock:
            live = hub.live.printer(printer)
            state, reason = watch(live, settings, interval=hub.pace.wanted(printer), now=now)
            changed, live.watch = live.watch != state, state
            live.watch_reason = reason
            if state == NOT_WATCHED:
                live.verdict, live.certainty, live.suspicion = "unknown", None, None
        self._tell_watch(printer, state, reason, changed=changed, settled=now - self._began > START_S)
        hub.unwatched.tick(printer, live, settings, now)
        hub.pace.tell(printer, live.suspicion, now)

    def _tell_watch(self, printer: str, state: str, reason: str, *, changed: bool, settled: bool) -> None:
        """Tell a change of the watch, and a print that begins unwatched or that an earlier run of the hub left so."""
        hub = self._hub
        at_risk = state == NOT_WATCHED and (_printing(hub.live.printer(printer)) or _running(hub, printer))
        if changed or (at_risk and settled and printer not in self._alarmed):
            hub.outcomes.watch_changed(printer, state, reason, at_risk=at_risk)
            (self._alarmed.add if at_risk else self._alarmed.discard)(printer)
        elif not at_risk:
            self._alarmed.discard(printer)


def _printing(live: PrinterLive) -> bool:
    return live.state is not None and live.state.phase in ACTIVE


def _running(hub: Hub, printer: str) -> bool:
    return hub.prints.running(printer) is not None
