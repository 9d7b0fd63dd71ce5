"""From the broker into the hub: every message is verified before anything believes it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agent import topics
from agent.guards import UplinkGuard
from agent.protocol import Ack, read_ack, read_frame, read_state, read_status
from agent.seal import ProtocolError
from agent.topics import Topic
from hub.live import CameraLive, Live
from hub.slots import Arrival, Slots
from hub.store.printers import PrinterRow, Printers

#: So many turns between messages that are believed and outdated ones within so many seconds mean two agents.
CLONE_TURNS = 5
CLONE_S = 60.0

log = logging.getLogger(__name__)


@dataclass
class _Turns:
    """Notices two agents with one credential: each outdates the other's messages, and so they take turns."""

    outdated: bool = False
    times: deque[float] = field(default_factory=lambda: deque(maxlen=CLONE_TURNS))

    def cloned(self, reason: str | None, now: float) -> bool:
        """Whether a verified message makes it one turn too many; `reason` is why it was refused, or None."""
        if reason is not None:
            self.outdated = True
        elif self.outdated:
            self.outdated = False
            self.times.append(now)
            if len(self.times) == CLONE_TURNS and now - self.times[0] <= CLONE_S:
                self.times.clear()
                return True
        return False


@dataclass
class _Known:
    """What is needed to believe one printer's agent."""

    key: bytes
    next_key: bytes | None
    guard: UplinkGuard
    saved_boot: int
    turns: _Turns = field(default_factory=_Turns)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Ingest:
    """Takes messages of all printers. `refused` is told printer and reason of each message that did not verify."""

    def __init__(
        self,
        printers: Printers,
        live: Live,
        slots: Slots,
        acknowledged: Callable[[str, Ack], None],
        refused: Callable[[str, str], None],
        intent: Callable[[Topic, bytes, bool], None],
        promoted: Callable[[str], None],
    ) -> None:
        self._printers, self._live, self._slots = printers, live, slots
        self._acknowledged, self._refused, self._intent = acknowledged, refused, intent
        self._promoted = promoted
        self._known: dict[str, _Known] = {}

    def start(self) -> None:
        """Read the keys of all printers."""
        for row in self._printers.all():
            self.trust(row)

    def trust(self, row: PrinterRow) -> None:
        """Believe this printer's key from now on, and no older boot than it last had."""
        known = self._known.get(row.id)
        guard = known.guard if known and known.key == row.key else UplinkGuard(row.boot)
        self._known[row.id] = _Known(row.key, row.next_key, guard, row.boot)

    def forget(self, printer: str) -> None:
        """Believe nothing of a removed printer."""
        self._known.pop(printer, None)

    def known(self) -> set[str]:
        """The printers whose keys are known."""
        return set(self._known)

    def key_of(self, printer: str) -> bytes | None:
        """A printer's end-to-end key."""
        known = self._known.get(printer)
        return known.key if known else None

    def receive(self, name: str, payload: bytes, retained: bool) -> None:
        """Take one message; called on the connection's thread."""
        topic = topics.parse(name)
        known = self._known.get(topic.printer) if topic else None
        if topic is None or known is None:
            return
        if topic.direction == "intent":
            self._intent(topic, payload, retained)
        elif topic.direction == "up":
            self._receive_up(topic, known, payload, retained)

    def _receive_up(self, topic: Topic, known: _Known, payload: bytes, retained: bool) -> None:
        try:
            with known.lock:
                reason = self._try_keys(topic, known, payload, retained)
                cloned = known.turns.cloned(reason, time.monotonic())
            if cloned:
                self._count_refusal(topic.printer, "cloned")
        except ProtocolError as error:
            reason = error.reason
            log.warning("%s: refused: %s", topic, error)
        if reason is not None:
            self._count_refusal(topic.printer, reason)
        elif known.guard.boot > known.saved_boot:
            known.saved_boot = known.guard.boot
            self._printers.save_boot(topic.printer, known.saved_boot)

    def _try_keys(self, topic: Topic, known: _Known, payload: bytes, retained: bool) -> str | None:
        """As `_believe`; the first message sealed with a printer's next key ends its old one."""
        try:
            return self._believe(topic, known, payload, retained)
        except ProtocolError as error:
            if known.next_key is None or error.reason != "bad_signature":
                raise
        old, known.key = known.key, known.next_key
        try:
            reason = self._believe(topic, known, payload, retained)
        except ProtocolError:
            known.key = old
            raise
        known.next_key = None
        self._promoted(topic.printer)
        return reason

    def _believe(self, topic: Topic, known: _Known, payload: bytes, retained: bool) -> str | None:
        """Verify and use one message; returns why it was refused, if it was. Raises ProtocolError."""
        now = time.monotonic()
        if topic.kind == "frame" and topic.name:
            return self._frame(topic, known, payload, now)
        if topic.kind == "state":
            return self._state(topic.printer, known, payload, retained, now)
        if topic.kind == "status":
            return self._status(topic.printer, known, payload, retained)
        if topic.kind == "ack":
            ack = read_ack(known.key, topic.printer, payload)
            reason = known.guard.refusal("ack", ack.boot, ack.seq)
            if reason is None:
                self._acknowledged(topic.printer, ack)
            return reason
        return None

    def _frame(self, topic: Topic, known: _Known, payload: bytes, now: float) -> str | None:
        frame = read_frame(known.key, topic.printer, topic.name, payload)
        reason = known.guard.refusal(f"frame/{topic.name}", frame.boot, frame.seq)
        if reason is not None:
            return reason
        with self._live.lock:
            camera = self._live.printer(topic.printer).cameras.setdefault(topic.name, CameraLive())
            camera.frame, camera.received = frame, now
            self._live.changed()
        self._slots.put(Arrival(topic.printer, frame, now))
        return None

    def _state(self, printer: str, known: _Known, payload: bytes, retained: bool, now: float) -> str | None:
        state = read_state(known.key, printer, payload)
        reason = known.guard.refusal("state", state.boot, state.seq, retained=retained)
        if reason is not None:
            return reason
        with self._live.lock:
            live = self._live.printer(printer)
            live.state, live.state_received = state, now
            live.online = live.online or not retained
            for status in state.cameras:
                live.cameras.setdefault(status.name, CameraLive()).fault = status.fault
            for gone in set(live.cameras) - {status.name for status in state.cameras}:
                del live.cameras[gone]
        return None

    def _status(self, printer: str, known: _Known, payload: bytes, retained: bool) -> str | None:
        status = read_status(known.key, printer, payload)
        order = 2 * status.session + (not status.online)
        reason = known.guard.refusal("status", status.boot, order, retained=retained)
        if reason is None:
            with self._live.lock:
                live = self._live.printer(printer)
                if live.online and not status.online:
                    live.offline_since = time.monotonic()
                live.online = status.online
        return reason

    def _count_refusal(self, printer: str, reason: str) -> None:
        with self._live.lock:
            refused = self._live.printer(printer).refused
            refused[reason] = refused.get(reason, 0) + 1
        self._refused(printer, reason)
