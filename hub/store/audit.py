"""The audit log: append-only, each row chained to the one before it by a hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from hub.store.database import Database

_FIELDS = ("id", "t", "actor", "session", "action", "object", "detail", "previous")


@dataclass(frozen=True)
class AuditRow:
    """Who did what to which object from which session."""

    id: int
    t: float
    actor: str
    session: str
    action: str
    object: str
    detail: str
    previous: str
    hash: str


class Audit:
    """The hub's audit log."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, t: float, actor: str, action: str, object_: str = "", detail: str = "", session: str = ""
    ) -> None:
        """Append one row."""
        with self._db.write() as db:
            last = self._db.row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
            row = {
                "id": (last["id"] if last else 0) + 1,
                "t": float(t),
                "actor": actor,
                "session": session,
                "action": action,
                "object": object_,
                "detail": detail,
                "previous": last["hash"] if last else "",
            }
            db.table("audit").insert({**row, "hash": _hash(row)})

    def rows(self, limit: int = 100) -> list[AuditRow]:
        """The newest rows, newest first."""
        return [
            AuditRow(**dict(row))
            for row in self._db.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ?", limit)
        ]

    def verify(self) -> str | None:
        """None if the chain is whole, else a sentence that names the first broken row."""
        previous = ""
        for number, row in enumerate(self._db.rows("SELECT * FROM audit ORDER BY id"), start=1):
            if row["id"] != number:
                return f"row {number} is missing"
            if row["previous"] != previous or row["hash"] != _hash(dict(row)):
                return f"row {number} was changed"
            previous = row["hash"]
        return None


def _hash(row: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps([row[name] for name in _FIELDS]).encode()).hexdigest()
