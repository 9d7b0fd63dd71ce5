"""Tests of the whole line of detection: asked for by people or the command line, carried out by the running hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hub.store.database import Database

#: What nobody carried out in this time is forgotten: the hub was not running.
STALE_S, KEPT = 60.0, 5


@dataclass(frozen=True)
class Stage:
    """One part of the line and what it did."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True)
class TrialRow:
    """One test; `done` is None while it is under way, `stages` holds what is known so far."""

    id: int
    printer: str
    person: str
    asked: float
    done: float | None
    stages: tuple[Stage, ...]

    @property
    def ok(self) -> bool:
        """Whether it is done and every stage did its part."""
        return self.done is not None and all(stage.ok for stage in self.stages)


class TrialStore:
    """The tests of all printers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ask(self, printer: str, person: str, now: float) -> int:
        """Ask for a test; returns its id."""
        with self._db.write() as db:
            row = {"printer": printer, "person": person, "asked": now}
            identity = int(db.table("trials").insert(row).last_pk or 0)
            db.execute(
                "DELETE FROM trials WHERE printer = ? AND id NOT IN"
                " (SELECT id FROM trials WHERE printer = ? ORDER BY id DESC LIMIT ?)",
                [printer, printer, KEPT],
            )
        return identity

    def waiting(self, now: float) -> list[TrialRow]:
        """Tests that nobody has begun."""
        query = "SELECT * FROM trials WHERE done IS NULL AND stages = '[]' AND asked > ? ORDER BY id"
        return [_trial(row) for row in self._db.rows(query, now - STALE_S)]

    def save(self, identity: int, stages: Sequence[Stage], done: float | None) -> None:
        """Keep what is known so far."""
        with self._db.write() as db:
            db.execute(
                "UPDATE trials SET stages = ?, done = ? WHERE id = ?",
                [json.dumps([asdict(stage) for stage in stages]), done, identity],
            )

    def get(self, printer: str, identity: int) -> TrialRow | None:
        """One test of one printer."""
        row = self._db.row("SELECT * FROM trials WHERE printer = ? AND id = ?", printer, identity)
        return _trial(row) if row else None

    def newest(self, printer: str) -> TrialRow | None:
        """The test of a printer that was asked for last."""
        row = self._db.row("SELECT * FROM trials WHERE printer = ? ORDER BY id DESC LIMIT 1", printer)
        return _trial(row) if row else None


def _trial(row: Any) -> TrialRow:
    values = dict(row)
    return TrialRow(**{**values, "stages": tuple(Stage(**each) for each in json.loads(values["stages"]))})
