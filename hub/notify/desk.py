"""One person's own notifications: where, what and when, and a test. Nothing here reaches another person's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.access import Kind, Principal, Right, may_use
from hub.notify.rules import CHOICES, LEVELS, TEST, Choices
from hub.notify.targets import KINDS, entered, masked
from hub.store.audit import Audit
from hub.store.notify import EXPIRED, WAITING, NoteRow, NotifyStore, TargetRow, new_id
from hub.store.people import People
from hub.store.printers import Printers
from hub.views import NotFound, checked_name

MOST_TARGETS = 10
TEST_EVERY_S = 10.0


@dataclass(frozen=True)
class DeskParts:
    """What desks are made from; `wake` tells the courier that something is to be sent."""

    store: NotifyStore
    printers: Printers
    audit: Audit
    wake: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class TargetCard:
    """A target as its person sees it: never with its address or secret in full.

    `state` is muted, failing, waiting, delivered or new; `since` when that began and `error` why it fails.
    `test` is "", waiting, sent or failed.
    """

    id: str
    kind: str
    label: str
    shown: str
    level: str
    picture: bool
    actions: bool
    muted: bool
    state: str
    since: float | None
    error: str
    waiting: int
    test: str


@dataclass(frozen=True)
class NewTarget:
    """What a person enters for a new target."""

    kind: str
    label: str
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)
    level: str = "warning"
    picture: bool = True
    actions: bool = False


class PersonNotify:
    """The notifications of one person; `session` names the sign-in for the audit log."""

    def __init__(self, parts: DeskParts, person: str, session: str = "") -> None:
        self._parts, self._store = parts, parts.store
        self.person, self.session = person, session

    # Where

    def targets(self) -> list[TargetCard]:
        """This person's targets, oldest first."""
        return [self._card(row) for row in self._store.targets(self.person)]

    def anywhere(self) -> bool:
        """Whether this person is told anywhere."""
        return bool(self._store.targets(self.person))

    def failing(self) -> list[TargetCard]:
        """Those to which nothing gets through."""
        return [self._card(row) for row in self._store.targets(self.person) if row.tries and not row.muted]

    def add(self, new: NewTarget) -> tuple[str, str]:
        """A new target's id and, of a webhook, the secret it is signed with, shown once; raises ValueError."""
        if new.level not in LEVELS:
            raise ValueError(f"level: one of {', '.join(LEVELS)}")
        if len(self._store.targets(self.person)) >= MOST_TARGETS:
            raise ValueError(f"nobody has more than {MOST_TARGETS} targets")
        label = checked_name(new.label)
        made = entered(new.kind, new.address, new.secret)
        row = TargetRow(
            id=new_id(),
            person=self.person,
            kind=new.kind,
            label=label,
            address=made.address,
            secret=made.secret,
            level=new.level,
            picture=new.picture,
            actions=new.actions,
            muted=False,
            created=time.time(),
        )
        self._store.add_target(row)
        self._audit("add_target", row.id, f"{KINDS[row.kind]} {label}: {masked(row)}")
        return row.id, made.secret if row.kind == "webhook" else ""

    def mute(self, target: str, *, muted: bool) -> None:
        """Silence a target, or let it speak again; raises NotFound."""
        self._store.mute(self._own(target).id, time.time(), muted=muted)
        self._audit("mute_target" if muted else "unmute_target", target)

    def remove(self, target: str) -> None:
        """Remove a target with what waits for it; the buttons of what it was sent do nothing any more."""
        self._store.remove_target(self._own(target).id)
        self._audit("remove_target", target)

    def test(self, target: str) -> None:
        """Send a test to a target; `targets` tells what came of it. Raises NotFound, ValueError for too many."""
        row, last, now = self._own(target), self._store.tested(target), time.time()
        if last is not None and (last.state == WAITING or now - last.t < TEST_EVERY_S):
            raise ValueError(f"one test in {TEST_EVERY_S:.0f} seconds is enough")
        self._store.put(row.id, TEST, "info", "this is a test, and it arrived", now)
        self._parts.wake()

    # What and when

    def choices(self) -> Choices:
        """What this person is told of."""
        return self._store.choices(self.person)

    def save(self, choices: Choices) -> None:
        """Keep what this person wants to be told of."""
        self._store.save_choices(self.person, choices)
        self._audit("notify_choices", self.person)

    def printer_choices(self) -> Mapping[str, str]:
        """This person's choices for single printers."""
        return self._store.printer_choices(self.person)

    def choose(self, printer: str, choice: str) -> None:
        """Be told of a printer or not; raises ValueError, NotFound."""
        principal = Principal(Kind.PERSON, self.person, self._parts.printers.rights_of(self.person))
        if not may_use(principal, Right.VIEW, printer):
            raise NotFound
        if choice not in CHOICES:
            raise ValueError("choose one of these")
        self._store.choose(self.person, printer, choice)
        self._audit("notify_printer", printer, choice or "as usual")

    # Inside

    def _own(self, target: str) -> TargetRow:
        row = self._store.target(target)
        if row is None or row.person != self.person:
            raise NotFound
        return row

    def _card(self, row: TargetRow) -> TargetCard:
        waiting = len(self._store.waiting(row.id))
        last = self._store.last_sent(row.id)
        states = ((row.muted, "muted"), (row.tries, "failing"), (waiting, "waiting"), (last, "delivered"))
        return TargetCard(
            id=row.id,
            kind=row.kind,
            label=row.label,
            shown=masked(row),
            level=row.level,
            picture=row.picture,
            actions=row.actions,
            muted=row.muted,
            state=next((state for holds, state in states if holds), "new"),
            since=row.failed if row.tries else last,
            error=row.error,
            waiting=waiting,
            test=_test(self._store.tested(row.id)),
        )

    def _audit(self, action: str, object_: str, detail: str = "") -> None:
        self._parts.audit.add(time.time(), self.person, action, object_, detail, self.session)


def tell_administrators(store: NotifyStore, people: People, text: str, now: float) -> None:
    """An alarm about the hub itself, which is no printer's."""
    for person in people.all():
        if person.role == "admin":
            for row in store.targets(person.name):
                if not row.muted:
                    store.put(row.id, "hub", "alarm", text, now)


def _test(note: NoteRow | None) -> str:
    if note is None:
        return ""
    return "failed" if note.state == EXPIRED else note.state
