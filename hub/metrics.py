"""What `/metrics` shows: all of the hub to its administrator, their own printers to everybody else. No names."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent import __version__
from hub.access import Kind, Principal, Right, may_use
from hub.broker.embedded import COUNTERS
from hub.broker.ports import EmbeddedPort
from hub.exposition import Family, Sample, counter, gauge, render
from hub.watch import NOT_WATCHED, STANDING_DOWN, WATCHED

if TYPE_CHECKING:
    from hub.app import Hub

WATCHES = (WATCHED, STANDING_DOWN, NOT_WATCHED)
DECISION_BOUNDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Reads a running hub; holds no state of its own."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def everything(self) -> str:
        """All there is, of all printers by id."""
        printers = [row.id for row in self._hub.printers.all()]
        return render((*self._hub_wide(printers), *self._of(printers)))

    def of(self, person: str) -> str:
        """The printers that one person may see."""
        printers = self._hub.printers
        principal = Principal(Kind.PERSON, person, printers.rights_of(person))
        return render(self._of([row.id for row in printers.all() if may_use(principal, Right.VIEW, row.id)]))

    def health(self) -> dict[str, object]:
        """Facts for `/healthz`: no names, no secrets."""
        hub = self._hub
        return {
            "status": "ok" if hub.session.connected and hub.isolation.held else "degraded",
            "isolation": hub.isolation.held,
            "broker": hub.session.connected,
            "frames_scored": hub.workers.counts["scored"],
            "frames_dropped": hub.slots.dropped,
            "frames_waiting": hub.slots.waiting(),
            "inference_ms": round(hub.workers.last_ms, 2),
            "latency_ms": round(hub.workers.latency_ms, 2),
            "model": f"{hub.detector.model.name} {hub.detector.model.version} {hub.detector.precision}",
        }

    def _of(self, printers: Collection[str]) -> Iterable[Family]:
        hub = self._hub
        watch, online, certainty = [], [], []
        with hub.live.lock:
            for printer in printers:
                live, labels = hub.live.printer(printer), {"printer": printer}
                watch += [Sample(live.watch == each, {**labels, "watch": each}) for each in WATCHES]
                online.append(Sample(live.online, labels))
                if live.certainty is not None:
                    certainty.append(Sample(live.certainty, labels))
        yield Family("printwarden_printer_watch", "gauge", "1 for the state the watch is in.", tuple(watch))
        yield Family(
            "printwarden_printer_agent_online", "gauge", "Whether its agent is connected.", tuple(online)
        )
        yield Family(
            "printwarden_printer_certainty", "gauge", "How sure it is that the print fails.", tuple(certainty)
        )

    def _hub_wide(self, printers: Collection[str]) -> Iterable[Family]:
        hub = self._hub
        with hub.live.lock:
            watches = [hub.live.printer(printer).watch for printer in printers]
        counted = tuple(Sample(watches.count(each), {"watch": each}) for each in WATCHES)
        model = hub.detector.model
        yield gauge(
            "printwarden_info", "What runs.", 1, version=__version__, model=f"{model.name} {model.version}"
        )
        yield Family("printwarden_printers", "gauge", "Printers by the state of their watch.", counted)
        yield from self._frames()
        yield gauge(
            "printwarden_isolation_held",
            "Whether the hub's last attack on itself failed.",
            hub.isolation.held,
        )
        yield gauge("printwarden_broker_connected", "Whether the hub is logged in.", hub.session.connected)
        yield from self._broker()
        yield from self._notifications()
        yield from self._storage()
        yield from _process()

    def _frames(self) -> Iterable[Family]:
        hub = self._hub
        counts = hub.workers.counts
        yield counter("printwarden_frames_scored_total", "Frames judged by the network.", counts["scored"])
        yield counter("printwarden_frames_broken_total", "Frames that were no picture.", counts["broken"])
        yield counter("printwarden_frames_failed_total", "Frames that met an error.", counts["failed"])
        yield counter(
            "printwarden_frames_dropped_total",
            "Frames replaced by a newer one while they waited.",
            hub.slots.dropped,
        )
        yield gauge("printwarden_frames_waiting", "Cameras whose newest frame waits.", hub.slots.waiting())
        yield gauge(
            "printwarden_inference_seconds",
            "How long the last frame took to be judged.",
            hub.workers.last_ms / 1000,
        )
        yield hub.decisions.family()

    def _broker(self) -> Iterable[Family]:
        if not isinstance(self._hub.port, EmbeddedPort):
            return
        for name, value in sorted(self._hub.port.broker.metrics().items()):
            words = name.replace("_", " ")
            if name in COUNTERS:
                yield counter(f"printwarden_broker_{name}_total", f"Embedded broker: {words}.", value)
            else:
                yield gauge(f"printwarden_broker_{name}", f"Embedded broker: {words} now.", value)

    def _notifications(self) -> Iterable[Family]:
        counts = self._hub.courier.counts
        outcomes = tuple(Sample(counts[each], {"outcome": each}) for each in ("sent", "failed", "expired"))
        yield Family(
            "printwarden_notifications_total",
            "counter",
            "Messages sent, tries failed, events given up.",
            outcomes,
        )
        waiting = len(self._hub.notify_store.waiting())
        yield gauge("printwarden_notifications_waiting", "Events on their way to somebody.", waiting)

    def _storage(self) -> Iterable[Family]:
        data = self._hub.settings.hub.data
        size = sum(path.stat().st_size for path in data.glob("hub.db*"))
        yield gauge("printwarden_database_bytes", "Size of the database.", size)
        yield gauge(
            "printwarden_evidence_bytes", "Size of all kept pictures.", self._hub.history.evidence_bytes()
        )


def _process() -> Iterable[Family]:
    times = os.times()
    yield counter("process_cpu_seconds_total", "CPU time used.", times.user + times.system)
    yield gauge("process_threads", "Threads of Python.", threading.active_count())
    yield gauge("process_start_time_seconds", "When the hub was started.", _STARTED)
    memory = resident_bytes()
    if memory:
        yield gauge("process_resident_memory_bytes", "Memory in use.", memory)


def resident_bytes() -> int:
    """This process's bytes in memory, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


_STARTED = time.time()
