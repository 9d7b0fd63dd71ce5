"""Where people are told, what they want to be told, and the outbox of what waits to be told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.notify.rules import Choices
from hub.store.database import Database
from hub.store.history import EventRow

WAITING, SENT, EXPIRED, DROPPED = "waiting", "sent", "expired", "dropped"


@dataclass(frozen=True)
class TargetRow:
    """One place where one person is told.

    `address` and `secret` (ntfy's token, or what a webhook is signed with) are secrets. `tries`, `next_try`, `failed`
    (since when) and `error` tell of a delivery that does not get through.
    """

    id: str
    person: str
    kind: str
    label: str
    address: str = field(repr=False)
    secret: str = field(repr=False)
    level: str
    picture: bool
    actions: bool
    muted: bool
    created: float
    tries: int = 0
    next_try: float = 0.0
    failed: float | None = None
    error: str = ""


@dataclass(frozen=True)
class NoteRow:
    """One event on its way to one target. `state` is waiting, sent, expired or dropped."""

    id: int
    target: str
    printer: str
    event: int
    kind: str
    level: str
    text: str
    t: float
    state: str
    settled: float | None


class NotifyStore:
    """Targets, choices and outbox of everybody; nothing here asks who is asking."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # Targets

    def add_target(self, row: TargetRow) -> None:
        """Store a new target."""
        with self._db.write() as db:
            db.table("notify_targets").insert(vars(row))

    def target(self, identity: str) -> TargetRow | None:
        """One target, unless its person is gone or disabled."""
        query = (
            "SELECT notify_targets.* FROM notify_targets JOIN people ON name = person"
            " WHERE disabled = 0 AND notify_targets.id = ?"
        )
        row = self._db.row(query, identity)
        return _target(row) if row else None

    def targets(self, person: str | None = None) -> list[TargetRow]:
        """Targets of one person or of everybody, oldest first."""
        query = (
            "SELECT notify_targets.* FROM notify_targets JOIN people ON name = person"
            " WHERE disabled = 0 AND (? IS NULL OR person = ?) ORDER BY notify_targets.created, notify_targets.id"
        )
        return [_target(row) for row in self._db.rows(query, person, person)]

    def remove_target(self, identity: str) -> None:
        """Delete a target with all that waits for it."""
        with self._db.write() as db:
            db.execute("DELETE FROM notify_targets WHERE id = ?", [identity])

    def mute(self, identity: str, now: float, *, muted: bool) -> None:
        """Silence a target, which drops what waits for it, or let it speak again."""
        with self._db.write() as db:
            db.execute("UPDATE notify_targets SET muted = ? WHERE id = ?", [muted, identity])
            if muted:
                db.execute(
                    "UPDATE notify_outbox SET state = ?, settled = ? WHERE target = ? AND state = ?",
                    [DROPPED, now, identity, WAITING],
                )

    # What people want

    def choices(self, person: str) -> Choices:
        """What a person wants."""
        row = self._db.row("SELECT * FROM notify_people WHERE person = ?", person)
        if row is None:
            return Choices()
        quiet = None if row["quiet_from"] is None else (row["quiet_from"], row["quiet_to"])
        return Choices(frozenset(json.loads(row["subjects"])), quiet, bool(row["alarms_pass"]))

    def save_choices(self, person: str, choices: Choices) -> None:
        """Keep what a person wants."""
        begin, end = choices.quiet or (None, None)
        row = {"person": person, "subjects": json.dumps(sorted(choices.subjects))}
        row |= {"quiet_from": begin, "quiet_to": end, "alarms_pass": choices.alarms_pass}  # type: ignore[dict-item]
        with self._db.write() as db:
            db.table("notify_people").insert(row, replace=True)

    def printer_choices(self, person: str) -> dict[str, str]:
        """What a person chose for single printers."""
        rows = self._db.rows("SELECT printer, choice FROM notify_printers WHERE person = ?", person)
        return {row["printer"]: row["choice"] for row in rows}

    def choose(self, person: str, printer: str, choice: str) -> None:
        """Keep what a person chose for a printer; "" is no choice."""
        with self._db.write() as db:
            db.execute("DELETE FROM notify_printers WHERE person = ? AND printer = ?", [person, printer])
            if choice:
                db.table("notify_printers").insert({"person": person, "printer": printer, "choice": choice})

    # The outbox

    def looked_at(self) -> int:
        """The last event that was looked at."""
        row = self._db.row("SELECT event FROM notify_cursor")
        return int(row["event"]) if row else 0

    def settle(self, event: EventRow, targets: Iterable[str]) -> None:
        """An event was looked at and goes to these targets: both at once, so that a kill loses and doubles nothing."""
        with self._db.write() as db:
            for target in targets:
                db.table("notify_outbox").insert(_note(target, event))
            db.execute("UPDATE notify_cursor SET event = ?", [event.id])

    def put(self, target: str, kind: str, level: str, text: str, now: float) -> int:
        """Something to be told that is no event of a printer; returns its number."""
        row = _note(target, EventRow(0, "", now, kind, level, text, {}))
        with self._db.write() as db:
            return int(db.table("notify_outbox").insert(row).last_pk or 0)

    def last_level(self, target: str, printer: str, kinds: Sequence[str]) -> str:
        """The level of the last thing of these kinds that went to a target about a printer; "" for nothing."""
        row = self._db.row(
            "SELECT level FROM notify_outbox WHERE target = ? AND printer = ? AND state IN ('waiting', 'sent')"  # noqa: S608 - placeholders only
            f" AND kind IN ({', '.join('?' * len(kinds))}) ORDER BY id DESC LIMIT 1",
            target,
            printer,
            *kinds,
        )
        return str(row["level"]) if row else ""

    def waiting(self, target: str | None = None) -> list[NoteRow]:
        """What waits for one target or for all, oldest first."""
        query = "SELECT * FROM notify_outbox WHERE state = ? AND (? IS NULL OR target = ?) ORDER BY id"
        return [NoteRow(**dict(row)) for row in self._db.rows(query, WAITING, target, target)]

    def note(self, identity: int) -> NoteRow | None:
        """One row of the outbox."""
        row = self._db.row("SELECT * FROM notify_outbox WHERE id = ?", identity)
        return NoteRow(**dict(row)) if row else None

    def tested(self, target: str) -> NoteRow | None:
        """The last test of a target."""
        row = self._db.row(
            "SELECT * FROM notify_outbox WHERE target = ? AND kind = 'test' ORDER BY id DESC", target
        )
        return NoteRow(**dict(row)) if row else None

    def close(self, notes: Iterable[NoteRow], state: str, now: float) -> None:
        """Notes came to their end."""
        rows = [(state, now, each.id, WAITING) for each in notes]
        with self._db.write() as db:
            db.conn.executemany(
                "UPDATE notify_outbox SET state = ?, settled = ? WHERE id = ? AND state = ?", rows
            )

    def sent(self, target: str, since: float) -> list[NoteRow]:
        """What was sent to a target since a time, oldest first; notes of one message have the same time."""
        query = (
            "SELECT * FROM notify_outbox WHERE target = ? AND state = ? AND settled > ? ORDER BY settled, id"
        )
        return [NoteRow(**dict(row)) for row in self._db.rows(query, target, SENT, since)]

    def last_sent(self, target: str) -> float | None:
        """When something was last sent to a target."""
        query = "SELECT max(settled) AS t FROM notify_outbox WHERE target = ? AND state = ?"
        row = self._db.row(query, target, SENT)
        return float(row["t"]) if row and row["t"] is not None else None

    def delivered(self, target: str, notes: Iterable[NoteRow], now: float) -> None:
        """A message got through."""
        with self._db.write() as db:
            self.close(notes, SENT, now)
            db.execute(
                "UPDATE notify_targets SET tries = 0, next_try = 0, failed = NULL, error = '' WHERE id = ?",
                [target],
            )

    def failed(self, target: str, tries: int, next_try: float, error: str, now: float) -> None:
        """A message did not get through."""
        with self._db.write() as db:
            db.execute(
                "UPDATE notify_targets SET tries = ?, next_try = ?, failed = ifnull(failed, ?), error = ? WHERE id = ?",
                [tries, next_try, now, error, target],
            )

    def prune(self, before: float) -> None:
        """Forget what came to its end before a time, and used links that have expired."""
        with self._db.write() as db:
            db.execute("DELETE FROM notify_outbox WHERE settled < ?", [before])
            db.execute("DELETE FROM notify_used WHERE expires < ?", [before])

    # Links that are good once

    def use(self, link: str, expires: float) -> bool:
        """Use a link up; False if it was used before."""
        with self._db.write() as db:
            done = db.execute("INSERT OR IGNORE INTO notify_used VALUES (?, ?)", [link, expires])
            return bool(done.rowcount)

    def used(self, link: str) -> bool:
        """Whether a link was used."""
        return self._db.row("SELECT 1 FROM notify_used WHERE link = ?", link) is not None

    def give_back(self, link: str) -> None:
        """Nothing came of its use, so a link may be used again."""
        with self._db.write() as db:
            db.execute("DELETE FROM notify_used WHERE link = ?", [link])


def new_id() -> str:
    """An id for a target."""
    return secrets.token_hex(8)


def _note(target: str, event: EventRow) -> dict[str, Any]:
    return {
        "target": target,
        "printer": event.printer,
        "event": event.id,
        "kind": event.kind,
        "level": event.level,
        "text": event.text,
        "t": event.t,
    }


def _target(row: Any) -> TargetRow:
    values = dict(row)
    flags = {name: bool(values[name]) for name in ("picture", "actions", "muted")}
    return TargetRow(**{**values, **flags})
