"""Carries events from the database to people's targets: who is told is decided, what waits is sent, failures are told.

Everything it knows is in the database, so that a kill at any moment loses nothing; a message whose end nobody saw is
sent again. One thread decides, a few send, and each person has one of them at a time, so that a slow target delays
nobody else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.access import Kind, Principal, Right, may_use
from hub.judge import local_minute
from hub.notify import rules
from hub.notify.links import LIFETIME_S, Link, sign
from hub.notify.message import ACTIONS, DeliveryError, Item, Message, compose, newest
from hub.store.history import QUIET, EventRow, History
from hub.store.notify import DROPPED, EXPIRED, NoteRow, NotifyStore, TargetRow
from hub.store.printers import Printers

TICK_S = 1.0
SENDERS = 4
#: Events settle for so long before they are sent: their picture arrives, and what comes together is sent together.
GATHER_S = 1.0
#: Older events are not told any more, and what could not be delivered for so long is given up.
STALE_S = 24 * 3600.0
#: No more than the newest so many wait for one target.
MOST_WAITING = 500
#: From this failed try on, the person's other targets are told of it.
TELL_AFTER = 3
#: How long the end waits for messages that are being sent.
PATIENCE_S = 3.0
#: How far back what was sent counts for the pace.
PACE_S = 12 * 3600.0
KEEP_S, PRUNE_S = 7 * 86_400.0, 3600.0
NAME = "Printwarden"

log = logging.getLogger(__name__)


class Sends(Protocol):
    """Whatever can send a message to a target."""

    def send(self, row: TargetRow, message: Message) -> None: ...


@dataclass(frozen=True)
class CourierParts:
    """What the courier is made from. `link_key` signs the links of buttons; without `public_url` there are none."""

    store: NotifyStore
    printers: Printers
    history: History
    sender: Sends
    link_key: bytes
    public_url: str = ""


class Courier:
    """Sends what people want to be told. `counts` holds messages sent, tries failed and events given up."""

    def __init__(
        self,
        parts: CourierParts,
        clock: Callable[[], float] = time.time,
        begin: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._parts, self._store, self._clock = parts, parts.store, clock
        self.counts: Counter[str] = Counter()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._begin = begin or _on_a_thread
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._pruned = float("-inf")

    def start(self) -> None:
        """Begin, with what an earlier run of the hub left."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not sent yet is sent by the next run."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        end = time.monotonic() + PATIENCE_S
        while self._busy and time.monotonic() < end:  # what is cut off now is sent again by the next run
            time.sleep(0.05)

    def wake(self, *_event: object) -> None:
        """Something happened; fits where listeners to events are wanted."""
        self._woken.set()

    def tick(self, now: float) -> None:
        """Decide about new events, give up old ones, and hand on what may be sent now; `now` is Unix time."""
        self._fan_out(now)
        waiting = _by_target(self._store.waiting())
        targets = {row.id: row for row in self._store.targets()} if waiting else {}
        for identity, notes in waiting.items():
            target = targets.get(identity)
            if target is None:
                self._store.close(notes, DROPPED, now)
                continue
            ready = self._ready(target, self._unexpired(target, notes, now), now)
            if ready:
                self._hand_on(target, ready)
        if now - self._pruned > PRUNE_S:
            self._pruned = now
            self._store.prune(now - KEEP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(TICK_S)
            self._woken.clear()
            try:
                if not self._stopping.is_set():
                    self.tick(self._clock())
            except Exception:  # supervisor: a full disk now must not silence everything later
                log.exception("notifications met an error")

    # Who is told

    def _fan_out(self, now: float) -> None:
        events = self._parts.history.events_after(self._store.looked_at())
        targets = self._by_person() if events else {}
        for event in events:
            told = now - event.t < STALE_S and not event.data.get(QUIET)
            self._store.settle(event, self._told(event, targets) if told else ())

    def _by_person(self) -> dict[str, list[TargetRow]]:
        found: dict[str, list[TargetRow]] = {}
        for row in self._store.targets():
            if not row.muted:
                found.setdefault(row.person, []).append(row)
        return found

    def _told(self, event: EventRow, targets: Mapping[str, Sequence[TargetRow]]) -> list[str]:
        """The targets that are told of an event."""
        found = []
        kinds = rules.SUBJECTS.get(rules.subject(event.kind), (event.kind,))
        for person, rows in targets.items():
            if not self._may(person, Right.VIEW, event.printer):
                continue
            choices = self._store.choices(person)
            chosen = self._store.printer_choices(person).get(event.printer, "")
            for row in rows:
                last = self._store.last_level(row.id, event.printer, kinds)
                if rules.wanted(
                    event.kind,
                    event.level,
                    least=row.level,
                    printer=chosen,
                    choices=choices,
                    troubled=last in ("warning", "alarm"),
                ):
                    found.append(row.id)
        return found

    def _may(self, person: str, right: Right, printer: str) -> bool:
        rights = self._parts.printers.rights_of(person)
        return may_use(Principal(Kind.PERSON, person, rights), right, printer)

    # What is sent now

    def _unexpired(self, target: TargetRow, notes: Sequence[NoteRow], now: float) -> list[NoteRow]:
        """What is neither too old nor too much. What got so because the target fails is given up, loudly."""
        old = [each for each in notes if now - each.t >= STALE_S and target.tries]
        old += [each for each in notes[:-MOST_WAITING] if each not in old]
        if old:
            self._store.close(old, EXPIRED, now)
            self.counts["expired"] += len(old)
            log.warning(
                "gave up %d notifications to %s of %s: %s",
                len(old),
                target.label,
                target.person,
                target.error or f"more than {MOST_WAITING} wait",
                extra=_fields(target),
            )
        return [each for each in notes if each not in old]

    def _ready(self, target: TargetRow, notes: Sequence[NoteRow], now: float) -> list[NoteRow]:
        """What of it may be sent at this moment, as one message. A test goes alone and waits for nothing."""
        tests = [each for each in notes if each.kind == rules.TEST]
        if tests:
            return tests[:1]
        if target.muted or now < target.next_try:
            return []
        choices, minute = self._store.choices(target.person), local_minute(now)
        free = [each for each in notes if not rules.held(each.level, choices, minute)]
        if not free or now - free[0].t < GATHER_S:
            return []
        sent = self._store.sent(target.id, now - PACE_S)
        if now < rules.due_overall(_times(sent)):
            return []
        streams = {_stream(each) for each in free}
        due = (rules.due(_times(each for each in sent if _stream(each) == stream)) for stream in streams)
        return free if now >= min(due) else []

    def _hand_on(self, target: TargetRow, notes: Sequence[NoteRow]) -> None:
        with self._lock:
            if target.person in self._busy or len(self._busy) >= SENDERS:
                return
            self._busy.add(target.person)
        self._begin(lambda: self._deliver(target, notes))

    # Sending, on a thread of its own

    def _deliver(self, target: TargetRow, notes: Sequence[NoteRow]) -> None:
        try:
            self._send(target.id, {each.id for each in notes})
        except Exception:  # supervisor: what goes wrong with one target is not another's matter
            if not self._stopping.is_set():
                log.exception("a notification to target %s met an error", target.id)
                self._failed(target.id, "something went wrong in the hub; its log tells more")
        finally:
            with self._lock:
                self._busy.discard(target.person)
            self.wake()

    def _send(self, identity: str, wanted: Collection[int]) -> None:
        """Send what still waits. Rights are asked for now: what a person may no longer see is dropped."""
        now, target = self._clock(), self._store.target(identity)
        notes = [each for each in self._store.waiting(identity) if each.id in wanted]
        if target is None:
            return
        allowed = [
            each for each in notes if not each.printer or self._may(target.person, Right.VIEW, each.printer)
        ]
        self._store.close([each for each in notes if each not in allowed], DROPPED, now)
        if not allowed:
            return
        try:
            self._parts.sender.send(target, self._message(target, allowed, now))
        except DeliveryError as error:
            self._store.close([each for each in allowed if each.kind == rules.TEST], EXPIRED, now)
            self._failed(target.id, str(error), error.wait_s)
            return
        self.counts["sent"] += 1
        self._store.delivered(target.id, allowed, self._clock())
        if target.tries >= TELL_AFTER:
            self._tell_others(target, f"notifications to {target.label} arrive again")

    def _message(self, target: TargetRow, notes: Sequence[NoteRow], now: float) -> Message:
        items = [self._item(each) for each in notes]
        main = newest(items)
        note = next(each for each in notes if each.id == main.id)
        return compose(
            f"{target.id}-{notes[0].id}-{notes[-1].id}",
            items,
            public_url=self._parts.public_url,
            picture=self._picture(note) if target.picture else None,
            links=self._links(target, note, now),
        )

    def _item(self, note: NoteRow) -> Item:
        row = self._parts.printers.get(note.printer) if note.printer else None
        return Item(
            note.id, note.t, note.printer, row.name if row else NAME, note.kind, note.level, note.text
        )

    def _picture(self, note: NoteRow) -> bytes | None:
        """The picture that was kept for an event."""
        history = self._parts.history
        kept = history.evidence(note.printer, 1, note.event) if note.event else []
        return history.picture(note.printer, kept[0].id) if kept else None

    def _links(self, target: TargetRow, note: NoteRow, now: float) -> dict[str, str]:
        url, key = self._parts.public_url, self._parts.link_key
        actions = ACTIONS.get(note.kind, ())
        if not url or not target.actions or not actions:
            return {}
        if not self._may(target.person, Right.CONTROL, note.printer):
            return {}
        links = [Link(note.id, action, int(now + LIFETIME_S)) for action in actions]
        return {
            each.action: f"{url}/a/"
            + sign(key, each, person=target.person, printer=note.printer, event=note.event)
            for each in links
        }

    def _failed(self, identity: str, error: str, wait_s: float = 0.0) -> None:
        target, now = self._store.target(identity), self._clock()
        self.counts["failed"] += 1
        if target is None:
            return
        tries = target.tries + 1
        self._store.failed(identity, tries, now + max(rules.retry(tries), wait_s), error, now)
        log.warning(
            "notification to %s of %s failed (try %d): %s",
            target.label,
            target.person,
            tries,
            error,
            extra=_fields(target),
        )
        if tries == TELL_AFTER:
            self._tell_others(target, f"notifications to {target.label} do not arrive: {error}")

    def _tell_others(self, target: TargetRow, text: str) -> None:
        """A target that fails cannot tell so itself."""
        for other in self._store.targets(target.person):
            if other.id != target.id and not other.muted and not other.tries:
                self._store.put(other.id, rules.DELIVERY, "warning", text, self._clock())


def _fields(target: TargetRow) -> dict[str, str]:
    """What a line of the log carries of a target."""
    return {"person": target.person, "target": target.id}


def _by_target(notes: Iterable[NoteRow]) -> dict[str, list[NoteRow]]:
    found: dict[str, list[NoteRow]] = {}
    for note in notes:
        found.setdefault(note.target, []).append(note)
    return found


def _stream(note: NoteRow) -> tuple[str, str]:
    """What has a pace of its own: one subject of one printer."""
    return note.printer, rules.subject(note.kind)


def _times(notes: Iterable[NoteRow]) -> list[float]:
    """When messages with these notes were sent, rising."""
    return sorted({each.settled for each in notes if each.settled is not None and each.kind != rules.TEST})


def _on_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="notify-send", daemon=True).start()
